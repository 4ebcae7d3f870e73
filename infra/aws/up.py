"""`python -m infra up`: from an account with nothing in it to the settings for Moodle."""

from __future__ import annotations

from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from infra import moodle_settings
from infra.aws import (
    alarms,
    errors,
    function,
    parts,
    releases,
    role_boundary,
    smoke,
    stack,
    told_addresses,
    users,
    zappa_settings,
)
from infra.aws.account import Account, explained
from infra.aws.errors import CommandFailed
from infra.aws.resources import WITHOUT_FUNCTION_URLS
from infra.aws.steps import Step, announce, do
from infra.aws.template import LOG_DAYS, template
from infra.aws.tools import Tools


def run(
    account: Account,
    email: str | None,
    tools: Tools,
    dry_run: bool,
    concurrency: int | None = None,
    previous: bool = False,
) -> int:
    """Do each step that is needed, from whatever state an earlier run was left in.

    Parameters
    ----------
    account : Account
    email : str, optional
        Where alarms go; empty: nowhere; None: where they went until now.
    tools : Tools
    dry_run : bool
        Only say what would be done.
    concurrency : int, optional
        How many requests the function may answer at once; -1: as many as the account allows; None:
        as until now.
    previous : bool
        Go back to the code before today's.
    """
    print(f"AWS account {account.names.account}, region {account.names.region}.")
    function.refuse_another_way(account)
    if account.is_root:
        print("These are the rights of the account's owner: docs/deploy.md shows a safer key.")
    if account.names.region in WITHOUT_FUNCTION_URLS:
        print(
            "Lambda has no function URLs in this region. Moodle uses the HTTP API there, where a "
            "request may take 30 seconds instead of 15 minutes; docs/deploy.md says what that is "
            "enough for."
        )
    passwords: dict[str, str] = {}
    change = _going_back(account) if previous else _coming_up(account, tools, passwords)
    steps = [
        *change,
        Step(
            "Test each address with a small training and prediction",
            lambda: smoke.run(account),
        ),
        *_alarm_steps(account, email),
        *_concurrency_steps(account, concurrency),
        Step("Print what to enter in Moodle", lambda: _tell_moodle(account, passwords)),
    ]
    if dry_run:
        announce(steps, dry_run)
        return 0
    told = told_addresses.read(account)
    do(account, steps, "up")
    print("Done. 'python -m infra status' shows what there is, at any time.")
    addresses = function.addresses(account)
    if warning := told_addresses.warning(told, addresses):
        print(warning)
    told_addresses.write(account, addresses)
    return 0


def _coming_up(account: Account, tools: Tools, passwords: dict[str, str]) -> list[Step]:
    """Return the steps that lead from what there is now to today's code at work."""
    names = account.names
    new = stack.is_new(stack.status(account, account.names.stack))
    missing = parts.missing(account)
    anew = f", and make anew what somebody has deleted: {_parts(missing)}" if missing else ""
    has_users = _has_users(account)
    return [
        Step("Build the code for AWS Lambda and check it", tools.package),
        Step(
            f'{"Make" if new else "Bring up to date"} the stack "{names.stack}": the buckets '
            f"{names.models} and {names.uploads}, the role {names.role}, a log that is kept for "
            f"{LOG_DAYS} days, and an HTTP API whose address fits Moodle's form{anew}",
            lambda: _make_stack(account, missing),
        ),
        Step(
            f"Write these names into {zappa_settings.ACCOUNT_FILE.name}, for Zappa",
            lambda: _fill_settings(account),
        ),
        Step(
            _deployment(account),
            lambda: _deploy(account, tools),
        ),
        Step(
            "Keep the users as they are"
            if has_users
            else f'Make the user "{users.FIRST}" with a random password, which is shown once',
            lambda: _make_first_user(account, passwords),
        ),
    ]


def _going_back(account: Account) -> list[Step]:
    """Return the step to the code before today's."""
    release = releases.previous(account)
    return [
        Step(
            f"Give the function {account.names.function} the code that was deployed "
            f"{release.deployed}, which reads all models that are stored; all else stays",
            lambda: releases.go_back(account, release),
        )
    ]


def _make_stack(account: Account, missing: list[str]) -> None:
    role_boundary.ensure(account)
    stack.apply(account, account.names.stack, template(account.names), {})
    if left := parts.missing(account):
        raise errors.PartsMissing(stack=account.names.stack, parts=_parts(left))
    if "Models" in missing:
        print(
            "  The bucket with the models had been deleted: in Moodle, choose Clear predictions "
            "for each of the analytics models, so that it is trained anew on all of its data.",
            flush=True,
        )


def _parts(names: list[str]) -> str:
    return ", ".join(stack.PLAIN_NAMES[name] for name in names)


def _alarm_steps(account: Account, email: str | None) -> list[Step]:
    """Return what is to be done about alarms, after all that matters more."""
    there = alarms.are_on(account)
    if email:
        title = (
            f"Set up alarms on errors and on more than {alarms.BUDGET_USD} USD a month to {email}"
        )
    elif email is None and there:
        title = "Bring the alarms up to date"
    elif there:
        title = "Remove the alarms and the budget"
    else:
        return []
    return [Step(title, lambda: _try(account, lambda: _change_alarms(account, email)))]


def _concurrency_steps(account: Account, number: int | None) -> list[Step]:
    if number is None:
        return []
    title = (
        "Let the function answer as many requests at once as the account allows"
        if number < 0
        else f"Let the function answer at most {number} requests at once (reserved concurrency)"
    )
    return [Step(title, lambda: _try(account, lambda: function.reserve(account, number)))]


def _change_alarms(account: Account, email: str | None) -> None:
    if email == "":
        alarms.switch_off(account)
    else:
        alarms.switch_on(account, email)


def _try(account: Account, work: Callable[[], None]) -> None:
    """Do what is not needed; where it fails, say why, and that nothing else is the worse for it."""
    try:
        work()
    except (CommandFailed, BotoCoreError, ClientError) as error:
        print(f"  Not done: {explained(error, account.names.region)}")
        print("  All else works, and stays as it is.", flush=True)


def _fill_settings(account: Account) -> None:
    if not zappa_settings.fill(account.names):
        print("  they are there already")


def _deploy(account: Account, tools: Tools) -> None:
    """Deploy or update; what is missing or broken is made anew, and nothing else.

    Zappa cannot mend a stack of its own that is not sound, but makes one where there is none.
    """
    state = stack.settled(account, account.names.api_stack)
    if state is not None and not _is_sound(account, state):
        print("  removing what is left of the API Gateway", flush=True)
        stack.delete(account, account.names.api_stack)
    if function.configuration(account):
        tools.update()
    else:
        tools.deploy()


def _deployment(account: Account) -> str:
    """Say what `_deploy` is going to do."""
    name = account.names.function
    state = stack.status(account, account.names.api_stack)
    sound = _is_sound(account, state)
    if not function.configuration(account):
        kept = ", behind the address of API Gateway that is there" if sound else ""
        return f"Make the function {name} and its addresses{kept} (zappa deploy production)"
    anew = "" if sound else ", and make its API Gateway anew, under another address"
    return f"Give the function {name} today's code{anew} (zappa update production)"


def _is_sound(account: Account, state: str | None) -> bool:
    """Say whether Zappa's stack, which is in this state, and its API are there."""
    return state in stack.USABLE and function.rest_api(account) is not None


def _has_users(account: Account) -> bool:
    try:
        return bool(users.names(account))
    except errors.NothingThere:
        return False


def _make_first_user(account: Account, passwords: dict[str, str]) -> None:
    known = users.names(account)
    if known:
        print(f"  there are: {', '.join(known)}")
        return
    passwords[users.FIRST] = users.add(account, users.FIRST)
    # at once, as a later step may fail, and nobody can show it again
    users.tell(users.FIRST, passwords[users.FIRST])


def _tell_moodle(account: Account, passwords: dict[str, str]) -> None:
    addresses = [*function.addresses(account), *zappa_settings.domain()]
    name = users.names(account)[0]
    print(moodle_settings.describe(addresses, name, passwords.get(name, "PASSWORD")))
