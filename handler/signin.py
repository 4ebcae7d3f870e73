"""Sign-in: HTTP Basic authorization on every endpoint that is not public."""

from __future__ import annotations

from flask import Flask, current_app, g, request
from werkzeug.datastructures import Authorization

from handler import errors, logs
from handler.users import Users

PUBLIC = {"version", "openapi"}


def init_app(app: Flask) -> None:
    """Ask for credentials before anything of a request's body is read."""
    app.before_request(_sign_in)


def _credentials(header: str) -> Authorization | None:
    """Read the header, also as Python clients send it that take bytes for text.

    The existing backend's public tests are such a client: ``b'Basic dXNlcjpwYXNz'``.
    """
    if header.startswith("b'") and header.endswith("'"):
        header = header[2:-1]
    return Authorization.from_header(header)


def _sign_in() -> None:
    if request.endpoint is None or request.endpoint in PUBLIC:
        return  # no endpoint: the answer is 404 or 405 for everybody
    users: Users = current_app.config["SETTINGS"].users
    if not users:
        raise errors.NoUsers
    given = _credentials(request.headers.get("Authorization", ""))
    if given is None or given.type != "basic" or not given.username or given.password is None:
        raise errors.NoCredentials
    with logs.stage("sign-in"):
        if not users.check(given.username, given.password):
            raise errors.WrongCredentials
    g.user = given.username
    logs.note(user=given.username)
