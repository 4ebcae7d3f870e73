"""`make serve`: a server on this machine for one's own Moodle."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

from handler.auth import users
from handler.auth.users import Users
from handler.moodle_settings import CHECK, Address
from handler.server import serve_until_interrupted
from handler.settings import Settings
from infra import moodle_settings

_USERNAME = "moodle"


def run(host: str, port: int) -> int:
    """Serve until interrupted, with a user that is made the first time.

    Raises
    ------
    handler.errors.SettingsError
        When the environment's settings cannot be used or the address is taken.
    """
    settings = Settings.from_environ()
    username, password = local_user(settings)
    if not settings.users:
        settings = dataclasses.replace(settings, users=Users.parse(f"{username}:{password}"))
    address = Address(f"http://{f'[{host}]' if ':' in host else host}:{port}")
    lines = [*moodle_settings.entered(address, username, password), moodle_settings.CHOOSE]
    lines += [moodle_settings.TEST, CHECK]
    print("\n".join([*lines, "Ctrl-C stops the server."]), flush=True)
    return serve_until_interrupted(settings, host, port)


def local_user(settings: Settings) -> tuple[str, str]:
    """Return what to sign in with: where the settings have no users, one that is made for it."""
    if settings.users:
        print(f"Users are those of {users.VARIABLE}.")
        return "a user's name", "and the password"
    return _USERNAME, _password(settings.directory / "make-serve-user.json")


def _password(file: Path) -> str:
    """Return the password of the local user; make it the first time."""
    try:
        password: str = json.loads(file.read_text())["password"]
    except FileNotFoundError:
        _, password = users.make_entry(_USERNAME)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump({"username": _USERNAME, "password": password}, out)
    return password
