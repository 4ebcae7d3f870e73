"""What belongs to every request: its line in the log, and its deadline."""

from __future__ import annotations

import secrets

from flask import Flask, Response, request

from handler import deadline, logs


def init_app(app: Flask) -> None:
    """Register what happens before and after each request."""
    app.before_request(_begin)
    app.after_request(_write)
    app.teardown_request(_end)


def _begin() -> None:
    context = request.environ.get("lambda.context")
    logs.begin(
        request=getattr(context, "aws_request_id", None) or secrets.token_hex(8),
        method=request.method,
        endpoint=request.endpoint,
    )
    deadline.begin(request.environ)


def _write(answer: Response) -> Response:
    logs.note(status=answer.status_code, bytes_in=request.content_length or 0)
    logs.write()
    return answer


def _end(_: BaseException | None) -> None:
    logs.end()
    deadline.end()
