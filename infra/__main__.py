"""The command line: show all that the backend does, or serve a Moodle from this machine."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from handler.__main__ import add_address
from handler.errors import SettingsError
from infra import demo, serve, server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        if options.command == "demo":
            return demo.run(options.students, options.out)
        return serve.run(options.host, options.port)
    except (SettingsError, demo.DemoFailed, server.NotStarted) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.strerror}: {error.filename}. Choose another place.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    look = commands.add_parser(
        "demo",
        help="do all that Moodle does with a made-up course",
        description="Start a server for a moment, do over HTTP all that Moodle does with a made-up "
        "course, and show what came back.",
    )
    look.add_argument("--students", type=int, default=1_000, help="how many learn (%(default)s)")
    look.add_argument(
        "--out",
        type=Path,
        default=Path("demo"),
        help="folder for the evaluation's files and the exported model (%(default)s)",
    )
    local = commands.add_parser(
        "serve",
        help="serve a Moodle",
        description="Serve until interrupted. The first time a user is made, and what to type into "
        "Moodle's settings is printed.",
    )
    add_address(local)
    return parser


if __name__ == "__main__":
    sys.exit(main())
