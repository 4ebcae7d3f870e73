"""Sign-in: HTTP Basic authorization on every endpoint that is not public.

People may sign in to the pages with a form as well. Behind API Gateway and function URLs they must:
both rename the header ``WWW-Authenticate``, without which no browser asks for a password.
"""

from __future__ import annotations

from flask import Flask, g, request
from werkzeug.datastructures import Authorization

from handler import current, errors, logs
from handler.auth import sessions
from handler.auth.known_users import KnownUsers

PAGES = "pages"  # the blueprint of what people look at
MAX_FORM_BYTES = 10 << 10  # of somebody who has not signed in
PUBLIC = {"version", "openapi", f"{PAGES}.style", f"{PAGES}.sign_in"}


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
    is_page = request.blueprint == PAGES
    given = _credentials(request.headers.get("Authorization", ""))
    if given is None or given.type != "basic" or not given.username or given.password is None:
        user = g.session_of = sessions.user() if is_page else None
        if user is None:
            _require_users()
            raise errors.NotSignedIn if is_page else errors.NoCredentials
    else:
        user = given.username
        check(user, given.password, errors.WrongSignIn if is_page else errors.WrongCredentials)
    g.user = user
    logs.note(user=user)


def check(name: str, password: str, wrong: type[errors.AdminError]) -> None:
    """Raise `wrong` unless this is a user's password."""
    with logs.stage("sign-in"):
        if not _require_users().check(name, password):
            raise wrong


def _require_users() -> KnownUsers:
    users = current.users()
    if not users:
        raise errors.NoUsers
    return users
