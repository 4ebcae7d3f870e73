"""Large answers: compressed where the client takes that, and refused where AWS lets none pass."""

from __future__ import annotations

import gzip
import json

from flask import Flask, Response, request

from handler import payload
from handler.errors import AnswerTooLarge

_LARGE = 1 << 20  # bytes of an answer that is worth compressing
_LEVEL = 4  # five times as fast as 9, and hardly larger


def init_app(app: Flask) -> None:
    """Register what looks at each answer."""
    app.before_request(_begin)
    app.after_request(_fit)


def _begin() -> None:
    payload.begin(_is_on_lambda(), compressed=_takes_gzip())


def _fit(answer: Response) -> Response:
    if (answer.content_length or 0) < _LARGE:
        return answer
    if _is_text(answer):
        answer.vary.add("Accept-Encoding")
        if _takes_gzip():
            answer.set_data(gzip.compress(answer.get_data(), _LEVEL, mtime=0))
            answer.headers["Content-Encoding"] = "gzip"
    if _is_on_lambda() and _bytes_on_lambda(answer) > payload.LAMBDA_BYTES:
        error = AnswerTooLarge()
        return Response(str(error), error.status, mimetype="text/plain")
    return answer


def _is_on_lambda() -> bool:
    return "lambda.context" in request.environ


def _takes_gzip() -> bool:
    return request.accept_encodings["gzip"] > 0


def _is_text(answer: Response) -> bool:
    return (answer.mimetype or "").startswith(("text/", "application/json"))


def _bytes_on_lambda(answer: Response) -> int:
    """Return what the answer's body takes there; see `handler.payload`."""
    if _is_text(answer) and "Content-Encoding" not in answer.headers:
        return len(json.dumps(answer.get_data(as_text=True)))
    return len(answer.get_data()) * 4 // 3
