"""The Lambda function: where it answers, and changes of its environment that lose nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from handler.moodle_settings import Address
from infra.aws import errors
from infra.aws.account import Account
from infra.aws.resources import STAGE

Environment = dict[str, str]

API_SECONDS = 29

_ATTEMPTS = 6
_PAUSE_SECONDS = 3
_MAX_ENVIRONMENT = 4096  # bytes, as AWS counts them: of the JSON
_CHANGED_MEANWHILE = {"PreconditionFailedException", "ResourceConflictException"}


def configuration(account: Account) -> dict[str, Any] | None:
    """Return what AWS says about the function; None where there is none."""
    try:
        found: dict[str, Any] = account.client("lambda").get_function_configuration(
            FunctionName=account.names.function
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return found


def environment(account: Account) -> Environment:
    """Return the function's environment.

    Raises
    ------
    errors.NotDeployed
    """
    return _environment(_required(account))


def change_environment(account: Account, change: Callable[[Environment], Environment]) -> None:
    """Change the function's environment, and nothing else of it.

    Parameters
    ----------
    account : Account
    change : callable
        Returns the new environment. It is called again when someone else was faster.

    Raises
    ------
    CommandFailed
        When nothing was changed.
    """
    client = account.client("lambda")
    for attempt in range(_ATTEMPTS):
        if attempt:
            time.sleep(_PAUSE_SECONDS)
        found = _required(account)
        old = _environment(found)
        new = change(dict(old))
        if new == old:
            return
        size = len(json.dumps(new).encode())
        if size > _MAX_ENVIRONMENT:
            raise errors.EnvironmentFull(size=size)
        try:
            client.update_function_configuration(
                FunctionName=account.names.function,
                Environment={"Variables": new},
                RevisionId=found["RevisionId"],
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _CHANGED_MEANWHILE:
                raise
            continue
        client.get_waiter("function_updated_v2").wait(FunctionName=account.names.function)
        return
    raise errors.Busy


def addresses(account: Account) -> list[Address]:
    """Return the addresses that there are, the best for Moodle first."""
    return [address for find in (_function_url, _api_gateway) if (address := find(account))]


def _function_url(account: Account) -> Address | None:
    try:
        url = account.client("lambda").get_function_url_config(FunctionName=account.names.function)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ResourceNotFoundException":
            return None
        raise
    return Address(url["FunctionUrl"].rstrip("/"), "function URL", 900)


def _api_gateway(account: Account) -> Address | None:
    try:
        api = account.client("cloudformation").describe_stack_resource(
            StackName=account.names.api_stack, LogicalResourceId="Api"
        )["StackResourceDetail"]
    except ClientError as error:
        if error.response["Error"]["Code"] in {"ValidationError", "ResourceNotFoundException"}:
            return None
        raise
    host = f"{api['PhysicalResourceId']}.execute-api.{account.names.region}.amazonaws.com"
    return Address(f"https://{host}/{STAGE}", "API Gateway", API_SECONDS)


def _required(account: Account) -> dict[str, Any]:
    found = configuration(account)
    if found is None:
        raise errors.NotDeployed(region=account.names.region)
    return found


def _environment(found: dict[str, Any]) -> Environment:
    environment = found.get("Environment", {})
    # Without this, what AWS does not show would count as empty, and a change would erase it.
    if "Error" in environment:
        raise errors.EnvironmentHidden(reason=environment["Error"].get("Message", "no reason."))
    return dict(environment.get("Variables", {}))
