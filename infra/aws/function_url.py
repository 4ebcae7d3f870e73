"""Who may invoke the function: everybody through its URL, and nobody past it."""

from __future__ import annotations

import json
from typing import Any

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


def _statements(client: Any, function: str) -> list[dict[str, Any]]:
    try:
        policy: dict[str, Any] = json.loads(client.get_policy(FunctionName=function)["Policy"])
    except client.exceptions.ResourceNotFoundException:  # there is no function URL
        return []
    return list(policy["Statement"])


def _is_wide(statement: dict[str, Any]) -> bool:
    # AWS keeps the restriction as a condition with this name in it
    return statement["Sid"] == SID and _CONDITION not in json.dumps(statement)
