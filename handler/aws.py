"""Entry point on AWS Lambda: passes HTTP requests on to Zappa, and nothing else.

Zappa's own entry also runs whatever code an event named ``raw_command`` brings, calls functions
that other events name, and takes environment variables from ``stageVariables``. Nobody must be able
to send us that.
"""

from __future__ import annotations

import logging
from typing import Any

from zappa.handler import lambda_handler as zappa_handler

# The line of each request (see handler.logs) is told, what libraries say at this level is not.
logging.getLogger("handler").setLevel(logging.INFO)

# The parts of an HTTP request that Zappa reads, in the events of API Gateway and of function URLs:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
# https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
_PARTS = (
    *("requestContext", "headers", "body", "isBase64Encoded"),
    *("httpMethod", "path", "multiValueHeaders"),
    *("queryStringParameters", "multiValueQueryStringParameters"),
    *("version", "rawPath", "rawQueryString", "cookies"),
)


class NotHttp(Exception):
    """An event that is no HTTP request."""

    sentence = "This function answers HTTP requests only."


def lambda_handler(event: object, context: Any) -> Any:
    """Answer an HTTP event of API Gateway (REST, HTTP) or of a function URL.

    Raises
    ------
    NotHttp
        For any other event, which is not looked at further.
    """
    if not isinstance(event, dict) or not _is_http(event):
        raise NotHttp(NotHttp.sentence)
    return zappa_handler({name: event[name] for name in _PARTS if name in event}, context)


def _is_http(event: dict[str, Any]) -> bool:
    """Say whether an event is one that Zappa answers as a request."""
    context = event.get("requestContext")
    if not isinstance(context, dict):
        return False
    if event.get("version") == "2.0":
        return isinstance(context.get("http"), dict)
    return isinstance(event.get("httpMethod"), str) and event["httpMethod"] != ""
