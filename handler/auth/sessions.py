"""Sessions of browsers (signed cookies), and signed tokens by which a user confirms a change.

Neither is stored. The signing key is derived from the user's entry, so all instances of a
deployment agree, and a new password ends sessions and confirmations.
"""

from __future__ import annotations

import hashlib

from flask import Response, g, request
from itsdangerous import BadData, URLSafeTimedSerializer

from handler import current, errors
from handler.models.model_id import decoded, encoded

_COOKIE = "moodle-mlbackend"
_SESSION_SECONDS = 3600  # it cannot be revoked, so it does not last long
_CONFIRMATION_SECONDS = 3600


def begin(answer: Response, user: str) -> None:
    """Begin a session, or renew it: a cookie that lasts an hour, or until the browser is closed."""
    answer.set_cookie(
        _COOKIE,
        f"{encoded(user)}:{_serializer(user, 'sign-in').dumps(user)}",
        path=_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def end(answer: Response) -> None:
    """End a session: remove its cookie."""
    answer.delete_cookie(_COOKIE, path=_path())


def user() -> str | None:
    """Return whose session the request's cookie is, None without a valid one."""
    # The name says whose key it is. Nothing is unpacked before the signature was found right.
    name, _, signed = request.cookies.get(_COOKIE, "").partition(":")
    try:
        serializer = _serializer(decoded(name), "sign-in")
        return str(serializer.loads(signed, max_age=_SESSION_SECONDS))
    except (BadData, KeyError, UnicodeDecodeError):
        return None


def confirmation(change: str, **facts: str) -> str:
    """Return a token for a form: the signed-in user was asked about this change and these facts."""
    return str(_serializer(g.user, change).dumps(facts))


def confirmed(change: str) -> dict[str, str]:
    """Return the facts of the token that came back with the form.

    Raises
    ------
    handler.errors.NotConfirmed
        When it is not of this user and this change, or too old.
    """
    token = request.form.get("confirmation", "")
    try:
        facts: dict[str, str] = _serializer(g.user, change).loads(
            token, max_age=_CONFIRMATION_SECONDS
        )
    except BadData as error:
        raise errors.NotConfirmed from error
    return facts


def _serializer(name: str, purpose: str) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(
        current.users().secret(name), salt=purpose, signer_kwargs={"digest_method": hashlib.sha256}
    )


def _path() -> str:
    return request.script_root or "/"  # without a slash at the end, as the stage's root may be
