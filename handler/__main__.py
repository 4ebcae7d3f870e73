"""The command line: serve, and make users."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from typing import Any

from handler.app import create_app
from handler.auth import users
from handler.errors import BodyTooLarge, SettingsError
from handler.settings import Settings

HOST = "127.0.0.1"
PORT = 5000
_THREADS = 8


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


def serve(settings: Settings, host: str = HOST, port: int = PORT) -> None:
    """Serve until interrupted.

    Parameters
    ----------
    settings : Settings
    host : str
        Address to listen on.
    port : int
        0 takes a free one; the line that says where the server listens names it.

    Raises
    ------
    OSError, ValueError
        When the address is not to be had.
    """
    import waitress

    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # that requests wait is no news
    _explain_large_bodies(settings.max_body_bytes)
    server = waitress.create_server(
        create_app(settings),
        host=host,
        port=port,
        threads=_THREADS,
        ident=None,
        max_request_body_size=settings.max_body_bytes + 1,  # the smallest that is refused
        inbuf_overflow=settings.max_body_bytes + 1,  # students' data never goes to a disk
    )
    where = f"S3 bucket {settings.bucket}" if settings.bucket else str(settings.directory)
    port = getattr(server, "effective_port", port)
    print(f"Serving Moodle at http://{host}:{port}, models in {where}", flush=True)
    try:
        server.run()
    finally:
        server.close()


def serve_until_interrupted(settings: Settings, host: str, port: int) -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit status.

    Raises
    ------
    SettingsError
        When the address is not to be had.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        serve(settings, host, port)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        raise SettingsError(
            f"Cannot listen on {host}, port {port} ({reason}): choose others with --host and "
            "--port."
        ) from error
    except KeyboardInterrupt:
        pass
    print("Stopped.")
    return 0


def _explain_large_bodies(limit: int) -> None:
    """Let waitress, which refuses them before Flask sees them, do so in our words.

    A client that asks for leave to send such a body (with ``Expect``) gets none.
    """
    from waitress import channel, parser, utilities

    class TooLarge(utilities.RequestEntityTooLarge):
        def to_response(self, ident: str | None = None) -> tuple[str, list[tuple[str, str]], bytes]:
            status, headers, _ = super().to_response(ident)
            return status, headers, str(BodyTooLarge(limit=limit >> 20)).encode()

    class Parser(parser.HTTPRequestParser):
        error: Any

        def received(self, data: bytes) -> int:
            consumed: int = super().received(data)
            if isinstance(self.error, utilities.RequestEntityTooLarge):
                self.error, self.expect_continue = TooLarge(""), False
            return consumed

    channel.HTTPChannel.parser_class = Parser


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
