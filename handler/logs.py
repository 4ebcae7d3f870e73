"""The server's log: one JSON line for each request, never data or credentials."""

from __future__ import annotations

import json
import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask, Response, g, has_request_context, request

_log = logging.getLogger(__name__)
_cold = True


def init_app(app: Flask) -> None:
    """Register what writes the line of each request."""
    app.before_request(_begin)
    app.after_request(_write)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure a part of the work of the current request."""
    began = time.perf_counter()
    try:
        yield
    finally:
        if has_request_context():
            stages = g.line.setdefault("seconds", {})
            stages[name] = round(stages.get(name, 0) + time.perf_counter() - began, 4)


def note(**facts: Any) -> None:
    """Add facts to the line of the current request."""
    if has_request_context():
        g.line |= facts


def _begin() -> None:
    global _cold
    context = request.environ.get("lambda.context")
    g.began = time.monotonic()
    g.line = {
        "request": getattr(context, "aws_request_id", None) or secrets.token_hex(8),
        "method": request.method,
        "endpoint": request.endpoint,
        "cold": _cold,
    }
    _cold = False


def _write(answer: Response) -> Response:
    note(
        status=answer.status_code,
        bytes_in=request.content_length or 0,
        total_seconds=round(time.monotonic() - g.began, 4),
    )
    _log.info("%s", json.dumps(g.line))
    return answer
