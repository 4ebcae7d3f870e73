"""The Lambda function, and where it answers."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from handler.moodle_settings import Address
from infra.aws import errors, function_url
from infra.aws.account import Account, unless_gone
from infra.aws.resources import STAGE, WITHOUT_FUNCTION_URLS

API_SECONDS = 29

_NOT_THERE = {"NotFoundException", "ResourceNotFoundException", "ValidationError"}


def configuration(account: Account) -> dict[str, Any] | None:
    """Return what AWS says about the function; None where there is none."""
    ask = account.client("lambda").get_function_configuration
    return unless_gone(ask, _NOT_THERE, FunctionName=account.names.function)


def refuse_another_way(account: Account) -> None:
    """Leave alone what the template for the browser has made, under the same names.

    Raises
    ------
    errors.MadeFromBrowser
    """
    found = configuration(account)
    if found is None:
        return
    tags = account.client("lambda").list_tags(Resource=found["FunctionArn"])["Tags"]
    made_by = tags.get("aws:cloudformation:stack-name")  # CloudFormation's own; Zappa uses none
    if made_by:
        raise errors.MadeFromBrowser(stack=made_by)


def reserve(account: Account, number: int) -> None:
    """Bound how many requests the function answers at once; below zero there is no bound.

    Raises
    ------
    errors.ConcurrencyRefused
        Where the account has too few.
    """
    client, name = account.client("lambda"), account.names.function
    if number < 0:
        client.delete_function_concurrency(FunctionName=name)
        return
    try:
        client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=number)
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidParameterValueException":
            raise
        reason = error.response["Error"].get("Message", "no reason.")
        raise errors.ConcurrencyRefused(number=number, reason=reason) from error


def addresses(account: Account) -> list[Address]:
    """Return the addresses that there are, the best for Moodle first."""
    found = (find(account) for find in (_function_url, http_api, rest_api))
    return [address for address in found if address]


def _function_url(account: Account) -> Address | None:
    if account.names.region in WITHOUT_FUNCTION_URLS:
        return None
    try:
        url = account.client("lambda").get_function_url_config(FunctionName=account.names.function)
    except ClientError as error:
        if error.response["Error"]["Code"] in _NOT_THERE or function_url.is_forbidden(error):
            return None
        raise
    return Address(url["FunctionUrl"].rstrip("/"), "function URL", 900)


def http_api(account: Account) -> Address | None:
    """Return the address of our stack's HTTP API; None where either is gone."""
    api = http_api_id(account)
    if api is None or not unless_gone(
        account.client("apigatewayv2").get_api, _NOT_THERE, ApiId=api
    ):
        return None
    return Address(_api_url(account, api), "HTTP API", 30)


def rest_api(account: Account) -> Address | None:
    """Return the address of Zappa's API Gateway; None where its stack or the API itself is gone."""
    api = _resource(account, account.names.api_stack, "Api")
    if api is None or not unless_gone(
        account.client("apigateway").get_rest_api, _NOT_THERE, restApiId=api
    ):
        return None
    return Address(f"{_api_url(account, api)}/{STAGE}", "REST API", API_SECONDS)


def http_api_id(account: Account) -> str | None:
    """Return the identifier of our stack's HTTP API; None where there is none."""
    return _resource(account, account.names.stack, "HttpApi")


def _api_url(account: Account, api: str | None) -> str:
    return f"https://{api}.execute-api.{account.names.region}.amazonaws.com"


def _resource(account: Account, stack: str, name: str) -> str | None:
    """Return the identifier of a stack's resource; None where there is none, or not yet."""
    ask = account.client("cloudformation").describe_stack_resource
    found = unless_gone(ask, _NOT_THERE, StackName=stack, LogicalResourceId=name)
    return found["StackResourceDetail"].get("PhysicalResourceId") if found else None
