"""The Lambda function, and where it answers."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from handler.moodle_settings import Address
from infra.aws.account import Account
from infra.aws.resources import STAGE

API_SECONDS = 29

_NOT_THERE = {"NotFoundException", "ResourceNotFoundException", "ValidationError"}


def configuration(account: Account) -> dict[str, Any] | None:
    """Return what AWS says about the function; None where there is none."""
    try:
        found: dict[str, Any] = account.client("lambda").get_function_configuration(
            FunctionName=account.names.function
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    return found


def addresses(account: Account) -> list[Address]:
    """Return the addresses that there are, the best for Moodle first."""
    return [address for find in (_function_url, api_gateway) if (address := find(account))]


def _function_url(account: Account) -> Address | None:
    try:
        url = account.client("lambda").get_function_url_config(FunctionName=account.names.function)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    return Address(url["FunctionUrl"].rstrip("/"), "function URL", 900)


def api_gateway(account: Account) -> Address | None:
    """Return the address of Zappa's API Gateway; None where its stack or the API itself is gone."""
    try:
        api = account.client("cloudformation").describe_stack_resource(
            StackName=account.names.api_stack, LogicalResourceId="Api"
        )["StackResourceDetail"]["PhysicalResourceId"]
        account.client("apigateway").get_rest_api(restApiId=api)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE:
            return None
        raise
    except KeyError:  # of a stack that was not finished
        return None
    host = f"{api}.execute-api.{account.names.region}.amazonaws.com"
    return Address(f"https://{host}/{STAGE}", "API Gateway", API_SECONDS)
