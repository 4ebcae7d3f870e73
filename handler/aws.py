"""Entry point on AWS Lambda.

Zappa's own entry runs whatever code an event named ``raw_command`` brings, for the convenience of
its command line. Nobody must be able to send us that, so only HTTP requests are passed on.
"""

from __future__ import annotations

from typing import Any

# keys of events that Zappa acts upon other than by answering
_COMMANDS = {
    "Records",
    "awslogs",
    "bot",
    "authorizationToken",
    "command",
    "detail",
    "detail-type",
    "manage",
    "raw_command",
    "triggerSource",
}


class NotHttp(Exception):
    """An event that is no HTTP request."""


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    """Answer an HTTP event of API Gateway (REST, HTTP) or of a function URL.

    Raises
    ------
    NotHttp
        For any other event, which is not looked at further.
    """
    if not _is_http(event):
        raise NotHttp("This function answers HTTP requests only.")
    from zappa.handler import lambda_handler as zappa_handler

    return zappa_handler(event, context)


def _is_http(event: object) -> bool:
    """Say whether an event has the parts of an HTTP request and none that Zappa would act upon."""
    if not isinstance(event, dict):
        return False
    context = event.get("requestContext")
    if not isinstance(context, dict):
        return False
    rest = isinstance(event.get("httpMethod"), str)
    http = event.get("version") == "2.0" and isinstance(context.get("http"), dict)
    return (rest or http) and not _COMMANDS & event.keys()
