"""HTTP requests as the events that AWS makes of them, and answers as AWS reads them.

Three gateways pass requests on to Lambda functions, each in its own way. What is here follows
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
"""

from __future__ import annotations

import base64
import json
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from infra.aws.resources import STAGE

_ACCOUNT = "123456789012"
_REGION = "eu-central-1"

Headers = tuple[tuple[str, str], ...]

# Lambda's limit for what goes in and for what comes out: 6 MiB of JSON, in which bodies are base64.
PAYLOAD_BYTES = 6 << 20


@dataclass(frozen=True)
class Request:
    """An HTTP request, as it was received."""

    method: str
    target: str
    headers: Headers
    body: bytes
    source: str = "192.0.2.1"

    @property
    def path(self) -> str:
        """The part before the question mark."""
        return urlsplit(self.target).path

    @property
    def query(self) -> str:
        """The part after it."""
        return urlsplit(self.target).query


@dataclass(frozen=True)
class Response:
    """An HTTP response, to be sent."""

    status: int
    headers: Headers
    body: bytes


def _message(status: int, text: str) -> Response:
    body = json.dumps({"message": text}).encode()
    return Response(status, (("Content-Type", "application/json"),), body)


@dataclass(frozen=True)
class Gateway:
    """A kind of gateway.

    Parameters
    ----------
    name : str
    domain : str
        What clients know it by.
    prefix : str
        What stands before the path.
    seconds : float
        How long it waits for the function.
    event : callable
        Makes the event of a request to this gateway.
    too_large, too_slow, failed : Response
        What it answers by itself. The words are AWS's, as far as they are known.
    """

    name: str
    domain: str
    prefix: str
    seconds: float
    event: Callable[[Gateway, Request], dict[str, Any]] = field(repr=False)
    too_large: Response = field(repr=False)
    too_slow: Response = field(repr=False)
    failed: Response = field(repr=False)


def _rest_event(gateway: Gateway, request: Request) -> dict[str, Any]:
    """API Gateway's REST API, payload format 1.0; Zappa declares all bodies to be binary."""
    headers = _forwarded(gateway, request, drop=("content-length",))
    query = parse_qsl(request.query, keep_blank_values=True)
    path = request.path.removeprefix(gateway.prefix) or "/"
    return {
        "resource": "/{proxy+}",
        "path": path,
        "httpMethod": request.method,
        "headers": dict(headers),
        "multiValueHeaders": _grouped(headers),
        "queryStringParameters": dict(query) or None,
        "multiValueQueryStringParameters": _grouped(query) or None,
        "pathParameters": {"proxy": path[1:]},
        "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": gateway.domain.partition(".")[0],
            "domainName": gateway.domain,
            "httpMethod": request.method,
            "identity": {"sourceIp": request.source, "userArn": None},
            "path": request.path,
            "protocol": "HTTP/1.1",
            "requestId": str(uuid.uuid4()),
            "requestTimeEpoch": int(time.time() * 1000),
            "resourcePath": "/{proxy+}",
            "stage": STAGE,
        },
        "body": base64.b64encode(request.body).decode() if request.body else None,
        "isBase64Encoded": bool(request.body),
    }


def _http_event(gateway: Gateway, request: Request) -> dict[str, Any]:
    """API Gateway's HTTP API and function URLs, payload format 2.0; only text stays as it is."""
    headers = {
        name.lower(): ",".join(values)
        for name, values in _grouped(_forwarded(gateway, request)).items()
    }
    cookies = headers.pop("cookie", "")
    query = _grouped(parse_qsl(request.query, keep_blank_values=True))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": gateway.domain.partition(".")[0],
            "domainName": gateway.domain,
            "domainPrefix": gateway.domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": request.source,
                "userAgent": headers.get("user-agent", ""),
            },
            "requestId": str(uuid.uuid4()),
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": int(time.time() * 1000),
        },
        "isBase64Encoded": False,
    }
    if cookies:
        event["cookies"] = cookies.split("; ")
    if query:
        event["queryStringParameters"] = {name: ",".join(query[name]) for name in query}
    if request.body:
        is_text = headers.get("content-type", "").startswith(("text/", "application/json"))
        event["body"] = (
            request.body.decode() if is_text else base64.b64encode(request.body).decode()
        )
        event["isBase64Encoded"] = not is_text
    return event


def _forwarded(gateway: Gateway, request: Request, drop: tuple[str, ...] = ()) -> Headers:
    """Return a request's headers as a gateway passes them on."""
    gone = ("host", "connection", "expect", "transfer-encoding", *drop)
    return (
        *((name, value) for name, value in request.headers if name.lower() not in gone),
        ("Host", gateway.domain),
        ("X-Amzn-Trace-Id", f"Root=1-{int(time.time()):08x}-{uuid.uuid4().hex[:24]}"),
        ("X-Forwarded-For", request.source),
        ("X-Forwarded-Port", "443"),
        ("X-Forwarded-Proto", "https"),
    )


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = {}
    for name, value in pairs:
        grouped.setdefault(name, []).append(value)
    return grouped


def response(gateway: Gateway, result: bytes) -> Response:
    """Return what a gateway makes of what a function returned."""
    try:
        answer = json.loads(result)
        headers = {name: [str(value)] for name, value in (answer.get("headers") or {}).items()}
        headers |= answer.get("multiValueHeaders") or {}
        headers |= {"Set-Cookie": answer["cookies"]} if answer.get("cookies") else {}
        body = (answer.get("body") or "").encode()
        if answer.get("isBase64Encoded"):
            body = base64.b64decode(body, validate=True)
        pairs = tuple(
            (_REMAPPED.get(name.lower(), name), value)
            for name, values in headers.items()
            for value in values
            if name.lower() != "content-length"
        )
        return Response(int(answer["statusCode"]), pairs, body)
    except (ValueError, TypeError, KeyError, AttributeError):
        return gateway.failed


# AWS keeps this header for itself, and passes a function's on under another name.
_REMAPPED = {"www-authenticate": "x-amzn-Remapped-WWW-Authenticate"}

FUNCTION_URL = Gateway(
    name="Function URL",
    domain=f"abcdefghij.lambda-url.{_REGION}.on.aws",
    prefix="",
    seconds=900,
    event=_http_event,
    too_large=_message(
        413, "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
    ),
    too_slow=_message(504, "Gateway Timeout"),
    failed=_message(502, "Internal Server Error"),
)
REST_API = Gateway(
    name="API Gateway, REST",
    domain=f"abcdefghij.execute-api.{_REGION}.amazonaws.com",
    prefix=f"/{STAGE}",
    seconds=29,
    event=_rest_event,
    too_large=_message(413, "Request Too Long"),
    too_slow=_message(504, "Endpoint request timed out"),
    failed=_message(502, "Internal server error"),
)
HTTP_API = Gateway(
    name="API Gateway, HTTP",
    domain=f"klmnopqrst.execute-api.{_REGION}.amazonaws.com",
    prefix="",
    seconds=30,
    event=_http_event,
    too_large=_message(413, "Request Entity Too Large"),
    too_slow=_message(503, "Service Unavailable"),
    failed=_message(500, "Internal Server Error"),
)
