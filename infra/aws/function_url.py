"""Who may invoke the function: everybody through its URL, and nobody past it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError

from infra.aws import errors
from infra.aws.account import explained

# Zappa's name for the statement that a function URL needs beside its own. As Zappa writes it, every
# AWS account may also invoke the function directly, with an event of its own making.
SID = "FunctionURLAllowPublicAccessInvoke"
_CONDITION = "InvokedViaFunctionUrl"


def narrow(client: Any, function: str) -> bool:
    """Restrict the public's right to invoke a function to its URL.

    Parameters
    ----------
    client : boto3 client of Lambda
    function : str
        Name of the function.

    Returns
    -------
    bool
        Whether there was something to restrict.
    """
    wide = [statement for statement in _statements(client, function) if _is_wide(statement)]
    for statement in wide:
        client.remove_permission(FunctionName=function, StatementId=statement["Sid"])
        client.add_permission(
            FunctionName=function,
            StatementId=statement["Sid"],
            Action="lambda:InvokeFunction",
            Principal="*",
            InvokedViaFunctionUrl=True,
        )
    return bool(wide)


def is_forbidden(error: ClientError) -> bool:
    """Say whether somebody above the account's users forbids function URLs."""
    above = (errors.DeniedByOrganization, errors.DeniedByBoundary, errors.DeniedByPolicy)
    return isinstance(explained(error), above)


def do_without_where_forbidden(zappa: Any) -> None:
    """Let Zappa go on without a function URL where an organization, say, forbids it.

    Parameters
    ----------
    zappa : zappa.core.Zappa
    """
    zappa.deploy_lambda_function_url = _or_without(zappa, zappa.deploy_lambda_function_url)
    zappa.update_lambda_function_url = _or_without(zappa, zappa.update_lambda_function_url)


def _or_without(zappa: Any, work: Callable[..., None]) -> Callable[..., None]:
    def work_or_go_on(function_name: str, function_url_config: Any) -> None:
        try:
            work(function_name=function_name, function_url_config=function_url_config)
        except ClientError as error:
            if not is_forbidden(error):
                raise
            reason = error.response["Error"]["Message"]
            if _is_open(zappa.lambda_client, function_name):
                print(f"The function URL stays as it is; to change it is forbidden: {reason}")
                return
            print(
                f"There is no function URL, as it is forbidden: {reason}\nMoodle uses the HTTP API "
                "instead, where a request may take 30 seconds instead of 15 minutes; "
                "docs/deploy.md says what that is enough for."
            )
            with suppress(ClientError):  # one that is there answers 403 to everybody
                zappa.lambda_client.delete_function_url_config(FunctionName=function_name)

    return work_or_go_on


def _is_open(client: Any, function: str) -> bool:
    return any(
        statement["Action"] == "lambda:InvokeFunctionUrl"
        for statement in _statements(client, function)
    )


def _statements(client: Any, function: str) -> list[dict[str, Any]]:
    try:
        policy: dict[str, Any] = json.loads(client.get_policy(FunctionName=function)["Policy"])
    except client.exceptions.ResourceNotFoundException:  # there is no function URL
        return []
    return list(policy["Statement"])


def _is_wide(statement: dict[str, Any]) -> bool:
    # AWS keeps the restriction as a condition with this name in it
    return statement["Sid"] == SID and _CONDITION not in json.dumps(statement)
