"""`make serve`: a server on this machine for one's own Moodle."""

from __future__ import annotations

import dataclasses

from handler.auth import users
from handler.auth.users import Users
from handler.moodle_settings import CHECK, Address
from handler.settings import Settings
from infra import moodle_settings


def run(host: str, port: int) -> int:
    """Serve until interrupted, with a user that is made the first time.

    Raises
    ------
    handler.errors.SettingsError
        When the environment's settings cannot be used or the address is taken.
    """
    # here, as what it needs is not installed for a deployment
    from handler.server.serving import serve_until_interrupted

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
    return users.kept_in(settings.directory / "make-serve-user")
