"""The one place that turns errors into answers of HTTP."""

from __future__ import annotations

from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException

from handler import current
from handler.errors import (
    AdminError,
    BadRequest,
    MethodNotAllowed,
    NotFound,
    TooManyParts,
    explained,
    too_large,
)
from handler.store import StoreError
from mlcore.dataset import printable
from mlcore.errors import MlcoreError


def init_app(app: Flask) -> None:
    """Register what turns errors into answers."""
    app.register_error_handler(Exception, _answer)


def _answer(error: Exception) -> Response:
    allowed = getattr(error, "valid_methods", None)
    told = explained(_of_werkzeug(error) if isinstance(error, HTTPException) else error)
    status = 400 if isinstance(told, MlcoreError) else told.status
    _note(told)
    answer = Response(str(told), status=status, mimetype="text/plain")
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="Moodle machine learning backend"'
    if status == 429:
        answer.headers["Retry-After"] = "60"
    if allowed:
        answer.headers["Allow"] = ", ".join(sorted(allowed))
    return answer


def _note(error: AdminError | MlcoreError | StoreError) -> None:
    """Note for the admin's page that a request about a model was refused."""
    if "model" in g and not isinstance(error, StoreError):
        refused = error.without_data if isinstance(error, MlcoreError) else str(error)
        current.note_request(refused=refused)


def _of_werkzeug(error: HTTPException) -> AdminError:
    """Say what werkzeug means in our words."""
    if error.code == 404:
        return NotFound()
    if error.code == 405:
        return MethodNotAllowed(method=printable(request.method[:20]))
    if error.code == 413:
        limit = request.max_content_length or 0
        if request.content_length is None or request.content_length > limit:
            return too_large(limit)
        return TooManyParts(limit=request.max_form_parts)
    return BadRequest()
