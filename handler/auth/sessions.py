"""What this server signs for browsers: who signed in, and which change somebody was asked about.

Nothing of it is stored. It is signed with a key that comes from the user's entry in the settings,
so all instances of a deployment agree, and a new password ends it.
"""

from __future__ import annotations

import hashlib

from flask import Response, g, request
from itsdangerous import BadData, URLSafeTimedSerializer

from handler import current, errors
from handler.models.model_id import decoded, encoded

_COOKIE = "moodle-mlbackend"
_SIGNED_IN_SECONDS = 12 * 3600
_CONFIRMATION_SECONDS = 3600


def begin(answer: Response, user: str) -> None:
    """Let a browser stay signed in for some hours, or until it is closed."""
    answer.set_cookie(
        _COOKIE,
        f"{encoded(user)}:{_serializer(user, 'sign-in').dumps(user)}",
        path=_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Lax",
    )


def end(answer: Response) -> None:
    """Sign a browser out."""
    answer.delete_cookie(_COOKIE, path=_path())


def user() -> str | None:
    """Return who signed in with this browser."""
    # The name says whose key it is. Nothing is unpacked before the signature was found right.
    name, _, signed = request.cookies.get(_COOKIE, "").partition(":")
    try:
        serializer = _serializer(decoded(name), "sign-in")
        return str(serializer.loads(signed, max_age=_SIGNED_IN_SECONDS))
    except (BadData, KeyError, UnicodeDecodeError):
        return None


def confirmation(change: str, **facts: str) -> str:
    """Return a token that says what the signed-in user was asked about, to come back with a yes."""
    return str(_serializer(g.user, change).dumps(facts))


def confirmed(change: str) -> dict[str, str]:
    """Return the facts of the token that came with a yes.

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
    users = current.settings().users
    return URLSafeTimedSerializer(
        users.secret(name), salt=purpose, signer_kwargs={"digest_method": hashlib.sha256}
    )


def _path() -> str:
    return request.script_root or "/"  # without a slash at the end, as the stage's root may be
