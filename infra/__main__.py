"""The command line: try the backend on this machine, and run it on AWS."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from handler.__main__ import add_address
from handler.errors import SettingsError
from infra.aws import down, policies, smoke, status, up, users
from infra.aws.account import Account, explained, sign_in
from infra.aws.alarms import BUDGET_USD
from infra.aws.errors import CommandFailed
from infra.aws.tools import Tools
from infra.local import demo, serve, server


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        match options.command:
            case "demo":
                return demo.run(options.students, options.out)
            case "serve":
                return serve.run(options.host, options.port)
            case "policy":
                print(json.dumps(policies.deployer(), indent=2))
                return 0
        return _on_aws(options, sign_in(options.region))
    except (SettingsError, demo.DemoFailed, server.NotStarted, CommandFailed) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.strerror}: {error.filename}. Choose another place.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
        return 130


def _on_aws(options: argparse.Namespace, account: Account) -> int:
    tools = Tools(account.names.region)
    try:
        match options.command:
            case "up":
                return up.run(
                    account,
                    options.email,
                    tools,
                    options.dry_run,
                    options.reserved_concurrency,
                    options.previous,
                )
            case "down":
                ask = None if options.yes else input
                return down.run(account, tools, options.models_too, options.dry_run, ask)
            case "users":
                _change_users(options, account)
            case "smoke":
                smoke.run(account)
                print("The server works at each of its addresses.")
            case "status":
                status.run(account)
    except (BotoCoreError, ClientError) as error:
        raise explained(error, account.names.region) from error
    return 0


def _change_users(options: argparse.Namespace, account: Account) -> None:
    match options.action:
        case "list":
            print("\n".join(users.names(account)) or "There are no users.")
        case "add":
            users.tell(options.name, users.add(account, options.name))
        case "password":
            users.tell(options.name, users.change_password(account, options.name))
        case "remove":
            remaining = users.remove(account, options.name)
            print(f"Removed {options.name}; its models stay in the bucket.")
            if not remaining:
                print("There are no users any more: every request is refused.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
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
    _add_aws_commands(commands)
    return parser


def _add_aws_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    region = argparse.ArgumentParser(add_help=False)
    region.add_argument("--region", help="AWS region, for instance eu-central-1")

    start = commands.add_parser(
        "up",
        parents=[region],
        help="put the backend on AWS, or bring it up to date",
        description="Do all that is needed to run the backend on AWS, test it, and print what to "
        "enter in Moodle. Can be run again at any time, also after it failed. docs/deploy.md tells "
        "what is needed first.",
    )
    start.add_argument(
        "--email",
        help="where to send alarms about errors, and about more than "
        f"{BUDGET_USD} USD a month of the whole account; '' ends them",
    )
    start.add_argument(
        "--reserved-concurrency",
        type=_concurrency,
        metavar="N",
        help="let the function answer at most N requests at once, which bounds what it can cost; "
        "'off' ends that, and new accounts refuse it",
    )
    start.add_argument(
        "--previous",
        action="store_true",
        help="go back to the code that was deployed before today's; again undoes that",
    )
    start.add_argument("--dry-run", action="store_true", help="only say what would be done")

    commands.add_parser(
        "status",
        parents=[region],
        help="show what there is on AWS",
        description="Show the stack, the function, its addresses and users, how many models are "
        "stored, and the last errors.",
    )

    people = commands.add_parser(
        "users",
        help="list, make and remove users, or change a password",
        description="Change who may use the deployed server. Nothing is deployed again: a new user "
        "or password works at once, an old one no longer than a minute.",
    )
    actions = people.add_subparsers(dest="action", required=True, metavar="action")
    actions.add_parser("list", parents=[region], help="list the users' names")
    for action, what in (
        ("add", "make a user with a random password"),
        ("password", "give a user a new random password"),
        ("remove", "remove a user, but not its models"),
    ):
        told = f"{what.capitalize()}."
        one = actions.add_parser(action, parents=[region], help=what, description=told)
        one.add_argument("name", help="letters, digits, '_' and '-'")

    commands.add_parser(
        "smoke",
        parents=[region],
        help="test the deployed server",
        description="Ask /version, train and predict at each address of the deployed server, with "
        "a user and a model that are removed afterwards.",
    )

    stop = commands.add_parser(
        "down",
        parents=[region],
        help="remove the backend from AWS",
        description="Remove everything from AWS but the models, after a question, and say what "
        "remains. Can be run again after it failed.",
    )
    stop.add_argument("--models-too", action="store_true", help="delete the models as well")
    stop.add_argument("--dry-run", action="store_true", help="only say what would be done")
    stop.add_argument("--yes", action="store_true", help="do not ask")

    commands.add_parser(
        "policy",
        help="print the rights that 'up' and the others need",
        description="Print the IAM policy for the user whose access key these commands use.",
    )


def _concurrency(text: str) -> int:
    if text == "off":
        return -1
    if not (text.isascii() and text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError("must be a number from 1 on, or 'off'")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
