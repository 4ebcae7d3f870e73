"""The one place that turns errors into answers of HTTP."""

from __future__ import annotations

import logging
import secrets
import traceback

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from handler.errors import (
    AdminError,
    BadRequest,
    BodyTooLarge,
    MethodNotAllowed,
    NotFound,
    TooManyParts,
    Unexpected,
)
from handler.logs import note
from handler.store import StoreError
from mlcore.dataset import printable
from mlcore.errors import MlcoreError

_log = logging.getLogger(__name__)


def init_app(app: Flask) -> None:
    """Register what turns errors into answers."""
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> Response:
    status, allowed = 400, None
    if isinstance(error, AdminError | StoreError):
        status = error.status
    elif isinstance(error, HTTPException):
        allowed = getattr(error, "valid_methods", None)
        error = _of_werkzeug(error)
        status = error.status
    elif not isinstance(error, MlcoreError):
        reference = secrets.token_hex(4)
        note(reference=reference)
        _log.error("reference %s\n%s", reference, _trace(error))
        error = Unexpected(reference=reference)
        status = error.status
    if isinstance(error, StoreError):
        _log.error("the store failed: %r", error.__cause__ or error)
    answer = Response(str(error), status=status, mimetype="text/plain")
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="Moodle machine learning backend"'
    if status == 429:
        answer.headers["Retry-After"] = "60"
    if allowed:
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _trace(error: BaseException) -> str:
    """Return where an error came from and its kind; its message may quote what was sent to us."""
    cause = error.__cause__ or error.__context__
    lines = [_trace(cause), "which led to\n"] if cause else []
    frames = traceback.format_tb(error.__traceback__)
    return "".join([*lines, *frames, type(error).__qualname__, "\n"])


def _of_werkzeug(error: HTTPException) -> AdminError:
    """Say what werkzeug means in our words."""
    if error.code == 404:
        return NotFound()
    if error.code == 405:
        return MethodNotAllowed(method=printable(request.method[:20]))
    if error.code == 413:
        limit = request.max_content_length or 0
        if request.content_length is None or request.content_length > limit:
            return BodyTooLarge(limit=limit >> 20)
        return TooManyParts(limit=request.max_form_parts)
    return BadRequest()
