"""`python -m infra up`: from an account with nothing in it to the settings for Moodle."""

from __future__ import annotations

from handler.auth.users import VARIABLE
from infra import moodle_settings
from infra.aws import function, smoke, stack, users, zappa_settings
from infra.aws.account import Account
from infra.aws.steps import Step, announce, do
from infra.aws.template import BUDGET_USD, LOG_DAYS
from infra.aws.tools import Tools


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
        announce(steps, dry_run)
        return 0
    do(account, steps, "up")
    print("Done. 'python -m infra status' shows what there is, at any time.")
    return 0


def plan(account: Account, email: str | None, tools: Tools) -> list[Step]:
    """Return the steps that lead from what there is now to a working server."""
    names = account.names
    new = stack.is_new(stack.status(account))
    found = function.configuration(account)
    has_users = bool(found and users.names(account))
    passwords: dict[str, str] = {}
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
            lambda: _make_first_user(account, passwords),
        ),
        Step(
            "Test each address with a small training and prediction",
            lambda: smoke.run(account),
        ),
        Step("Print what to enter in Moodle", lambda: _tell_moodle(account, passwords)),
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
