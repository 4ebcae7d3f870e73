"""Work in steps: saying each, and on a failure what there is by then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws import status
from infra.aws.account import Account, explained
from infra.aws.errors import CommandFailed


@dataclass(frozen=True)
class Step:
    """A part of the work: what it is, and how it is done."""

    title: str
    work: Callable[[], None]


def announce(steps: Sequence[Step], dry_run: bool) -> None:
    """Print what is going to be done, or would be."""
    print(
        "Nothing is changed now. Without --dry-run this would be done:"
        if dry_run
        else "This is going to be done:"
    )
    for number, step in enumerate(steps, 1):
        print(f"{number}. {step.title}")


def do(account: Account, steps: Sequence[Step], command: str) -> None:
    """Do one step after the other.

    Parameters
    ----------
    account : Account
    steps : sequence of Step
    command : str
        With which to go on after a failure.

    Raises
    ------
    CommandFailed
        After saying what there is.
    """
    for number, step in enumerate(steps, 1):
        print(f"[{number}/{len(steps)}] {step.title}", flush=True)
        try:
            step.work()
        except (CommandFailed, BotoCoreError, ClientError) as error:
            _tell_what_there_is(account, command)
            raise explained(error, account.names.region) from error
        except KeyboardInterrupt:
            _tell_what_there_is(account, command)
            raise


def _tell_what_there_is(account: Account, command: str) -> None:
    print("\nIt stopped here. What there is now:")
    try:
        for line in status.overview(account):
            print(f"  {line}")
    except (CommandFailed, BotoCoreError, ClientError):
        print("  (AWS does not tell at this moment)")
    print(
        f"Run 'python -m infra {command}' again when the cause is removed: it goes on from there. "
        "The cause:",
        flush=True,
    )
