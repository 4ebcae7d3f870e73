"""The deployed server's users. They live in the function's environment, as hashes, nowhere else."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from handler.auth import users
from infra.aws import errors, function
from infra.aws.account import Account
from infra.aws.function import Environment

FIRST = "moodle"
_TEMPORARY = "smoke-test-"

Entries = dict[str, str]


def names(account: Account) -> list[str]:
    """Return the users' names."""
    return list(_entries(function.environment(account)))


def add(account: Account, name: str) -> str:
    """Make a user and return its password, which is kept nowhere.

    Raises
    ------
    CommandFailed
        When there is such a user already, or the name is none that Moodle takes.
    """
    entry, password = _new(name)

    def change(entries: Entries) -> None:
        for known in entries:
            if known.casefold() == name.casefold():  # as the server compares them
                raise errors.UserExists(name=known)
        entries[name] = entry

    _change(account, change)
    return password


def change_password(account: Account, name: str) -> str:
    """Give a user a new password, and return it; the old one ends at once."""
    entry, password = _new(name)

    def change(entries: Entries) -> None:
        _require(entries, name)
        entries[name] = entry

    _change(account, change)
    return password


def remove(account: Account, name: str) -> list[str]:
    """Remove a user, and return those that remain. Its models stay in the bucket."""
    remaining: list[str] = []

    def change(entries: Entries) -> None:
        _require(entries, name)
        del entries[name]
        remaining[:] = entries

    _change(account, change)
    return remaining


def tell(name: str, password: str) -> None:
    """Print a user's new password."""
    print(
        f"  Username  {name}\n"
        f"  Password  {password}\n"
        "  The password is shown this once and kept nowhere: enter it in Moodle now.",
        flush=True,
    )


@contextmanager
def temporary(account: Account) -> Iterator[tuple[str, str]]:
    """Make a user with a password for a test, and remove it afterwards.

    One that an interrupted test left behind is removed as well.
    """
    name = f"{_TEMPORARY}{secrets.token_hex(4)}"
    entry, password = _new(name)

    def clear(entries: Entries) -> None:
        for other in [other for other in entries if other.startswith(_TEMPORARY)]:
            del entries[other]

    def change(entries: Entries) -> None:
        clear(entries)
        entries[name] = entry

    _change(account, change)
    try:
        yield name, password
    finally:
        _change(account, clear)


def _new(name: str) -> tuple[str, str]:
    try:
        return users.make_entry(name)
    except ValueError as error:
        raise errors.BadUserName(reason=error) from error


def _require(entries: Entries, name: str) -> None:
    if name not in entries:
        raise errors.NoSuchUser(name=name, known=", ".join(entries) or "none")


def _change(account: Account, change: Callable[[Entries], None]) -> None:
    def changed(environment: Environment) -> Environment:
        entries = _entries(environment)
        change(entries)
        return environment | {users.VARIABLE: ",".join(entries.values())}

    function.change_environment(account, changed)


def _entries(environment: Environment) -> Entries:
    """Return each user's whole entry by its name, as it is."""
    entries = filter(None, environment.get(users.VARIABLE, "").split(","))
    return {entry.partition(":")[0].strip(): entry.strip() for entry in entries}
