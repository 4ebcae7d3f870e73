"""`python -m infra up`: from an account with nothing in it to the settings for Moodle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from handler.users import VARIABLE
from infra import function, smoke, stack, status, users, zappa_settings
from infra.account import Account, explained
from infra.errors import CommandFailed
from infra.template import BUDGET_USD, LOG_DAYS
from infra.tools import Tools


@dataclass(frozen=True)
class Step:
    """A part of the work: what it is, and how it is done."""

    title: str
    work: Callable[[], None]


def run(account: Account, email: str | None, tools: Tools, dry_run: bool) -> int:
    """Do each step that is needed, from whatever state an earlier run was left in.

    Parameters
    ----------
    account : Account
    email : str, optional
        Where alarms go; empty: nowhere; None: where they went until now.
    tools : Tools
    dry_run : bool
        Only say what would be done.
    """
    print(f"AWS account {account.names.account}, region {account.names.region}.")
    if account.is_root:
        print("These are the rights of the account's owner: docs/deploy.md shows a safer key.")
    steps = plan(account, email, tools)
    if dry_run:
        print("Nothing is changed now. Without --dry-run this would be done:")
        for number, step in enumerate(steps, 1):
            print(f"{number}. {step.title}")
        return 0
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.title}", flush=True)
        try:
            step.work()
        except (CommandFailed, BotoCoreError, ClientError) as error:
            _tell_what_there_is(account)
            raise explained(error, account.names.region) from error
        except KeyboardInterrupt:
            _tell_what_there_is(account)
            raise
    print("Done. 'python -m infra status' shows what there is, at any time.")
    return 0


def plan(account: Account, email: str | None, tools: Tools) -> list[Step]:
    """Return the steps that lead from what there is now to a working server."""
    names = account.names
    new = stack.is_new(stack.status(account))
    found = function.configuration(account)
    has_users = bool(found and users.names(account))
    alarms = (
        f", and alarms on errors and on more than {BUDGET_USD} USD a month to {email}"
        if email
        else ""
    )
    return [
        Step("Build the code for AWS Lambda and check it (make package)", tools.package),
        Step(
            f'{"Make" if new else "Bring up to date"} the stack "{names.stack}": the buckets '
            f"{names.models} and {names.uploads}, the role {names.role}, a log that is kept for "
            f"{LOG_DAYS} days{alarms}",
            lambda: _make_stack(account, email),
        ),
        Step(
            f"Write these names into {zappa_settings.FILE.name}",
            lambda: _fill_settings(account),
        ),
        Step(
            f"Give the function {names.function} today's code (zappa update production)"
            if found
            else f"Make the function {names.function} and its addresses (zappa deploy production)",
            lambda: _deploy(account, tools),
        ),
        Step(
            "Keep the users as they are"
            if has_users
            else f'Make the user "{users.FIRST}" with a random password, which is shown once',
            lambda: _make_first_user(account),
        ),
        Step(
            "Test each address with a small training and prediction",
            lambda: smoke.run(account),
        ),
        Step("Print what to enter in Moodle", tools.print_moodle_settings),
    ]


def _make_stack(account: Account, email: str | None) -> None:
    stack.apply(account, email)
    if email:
        print(f"  AWS has sent a mail to {email}: alarms go there once its link was clicked.")


def _fill_settings(account: Account) -> None:
    if not zappa_settings.fill(account.names):
        print("  they are there already")


def _deploy(account: Account, tools: Tools) -> None:
    """Deploy or update; where a deployment broke off half-way, which Zappa cannot mend, begin anew.

    That is so when there is a function without a sound stack of Zappa's, or the other way round.
    """
    api = stack.settled(account, account.names.api_stack)
    found = function.configuration(account)
    if found and api in stack.USABLE:
        tools.update()
        return
    kept = None
    if found:
        print("  an earlier deployment broke off: removing what it left, then deploying anew")
        kept = function.environment(account).get(VARIABLE)
        tools.undeploy()
    elif api is not None and api not in stack.USABLE:
        stack.delete(account, account.names.api_stack)
    tools.deploy()
    if kept is not None:
        entries = kept
        function.change_environment(account, lambda environment: {VARIABLE: entries} | environment)


def _make_first_user(account: Account) -> None:
    known = users.names(account)
    if known:
        print(f"  there are: {', '.join(known)}")
        return
    password = users.add(account, users.FIRST)
    users.tell(users.FIRST, password)


def _tell_what_there_is(account: Account) -> None:
    print("\nIt stopped here. What there is now:")
    try:
        for line in status.overview(account):
            print(f"  {line}")
    except (CommandFailed, BotoCoreError, ClientError):
        print("  (AWS does not tell at this moment)")
    print(
        "Run 'python -m infra up' again when the cause is removed: it goes on from there. "
        "'python -m infra down' removes all of it. The cause:",
        flush=True,
    )
