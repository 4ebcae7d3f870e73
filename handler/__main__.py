"""The command line: serve, and make users."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from handler.auth import users
from handler.errors import SettingsError
from handler.settings import Settings

HOST = "127.0.0.1"
PORT = 5000


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "users":
            return _add_user(options.name)
        return _serve(options.host, options.port)
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


def _serve(host: str, port: int) -> int:
    settings = Settings.from_environ()
    if not settings.users and not settings.bucket:  # which may have some
        raise SettingsError(
            f"{users.VARIABLE} is not set, so nobody could sign in: make a user with "
            "'python -m handler users add NAME' and put the line it prints into that variable."
        )
    from handler.server import serve_until_interrupted

    return serve_until_interrupted(settings, host, port)


def _add_user(name: str) -> int:
    try:
        entry, password = users.make_entry(name)
    except ValueError as error:
        raise SettingsError(str(error)) from error
    print(f"Username for Moodle:  {name}")
    print(f"Password for Moodle:  {password}")
    print("The password is shown this once. Add this entry (after a comma, when there are others):")
    print(f"{users.VARIABLE}='{entry}'")
    return 0


if __name__ == "__main__":
    sys.exit(main())
