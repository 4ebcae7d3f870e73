"""The command line: serve, and make users."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path

from handler.auth import users
from handler.auth.users import Users
from handler.errors import ServerNotInstalled, SettingsError, UserNotKept, UsersNotSet
from handler.settings import Settings

HOST = "127.0.0.1"
PORT = 5000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "users":
            return _add_user(options.name)
        return _serve(options.host, options.port, options.make_user)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m handler",
        description="Serve Moodle's analytics over HTTP. Settings come from the environment: see "
        "docs/settings.md.",
    )
    add_address(parser)
    parser.add_argument(
        "--make-user",
        type=Path,
        metavar="FILE",
        help=f"where {users.VARIABLE} is not set: make a user, and keep name and password in FILE",
    )
    commands = parser.add_subparsers(dest="command", title="other commands")
    add = (
        commands.add_parser("users", help="make users and their passwords")
        .add_subparsers(required=True)
        .add_parser(
            "add",
            help="make a user",
            description="Make a user with a random password, and print both what Moodle needs and "
            f"the entry for {users.VARIABLE}.",
        )
    )
    add.add_argument("name", help="letters, digits, '_' and '-'")
    return parser


def add_address(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where to listen."""
    parser.add_argument("--host", default=HOST, help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=_port, default=PORT, help="port (%(default)s); 0: a free one"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text) < 1 << 16):
        raise argparse.ArgumentTypeError("must be a number from 0 to 65535")
    return int(text)


def _serve(host: str, port: int, make_user: Path | None) -> int:
    settings = Settings.from_environ()
    username = "NAME"
    if not settings.users and not settings.bucket:  # which may have some
        username, password = _made_user(make_user)
        settings = dataclasses.replace(settings, users=Users.parse(f"{username}:{password}"))
    try:
        from handler.server.serving import serve_until_interrupted
    except ModuleNotFoundError as error:
        raise ServerNotInstalled from error

    return serve_until_interrupted(settings, host, port, username)


def _made_user(file: Path | None) -> tuple[str, str]:
    if file is None:
        raise UsersNotSet
    try:
        name, password = users.kept_in(file)
    except OSError as error:
        raise UserNotKept(file=file, reason=error.strerror) from error
    print(f"The username and the password for Moodle are in {file}", flush=True)
    return name, password


def _add_user(name: str) -> int:
    entry, password = users.make_entry(name)
    print(f"Username for Moodle:  {name}")
    print(f"Password for Moodle:  {password}")
    print("The password is shown this once. Add this entry (after a comma, when there are others):")
    print(f"{users.VARIABLE}='{entry}'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
