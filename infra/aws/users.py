"""The deployed server's users: salted hashes in the bucket's ``config/users``, which it reads.

No change of them touches the function, and they stay when it goes.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from handler.auth.known_users import KEY
from handler.auth.users import make_entry
from handler.errors import UsernameNotForMoodle
from infra.aws import errors
from infra.aws.account import Account

FIRST = "moodle"
_TEMPORARY = "smoke-test-"
_ATTEMPTS = 6
_CHANGED_MEANWHILE = {"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"}

Entries = dict[str, str]


def names(account: Account) -> list[str]:
    """Return the users' names.

    Raises
    ------
    errors.NothingThere
        When there is no bucket.
    """
    return list(_read(account)[0])


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
    """Give a user a new password, and return it; the old one ends within a minute."""
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
        return make_entry(name)
    except UsernameNotForMoodle as error:
        raise errors.BadUserName(reason=error) from error


def _require(entries: Entries, name: str) -> None:
    if name not in entries:
        raise errors.NoSuchUser(name=name, known=", ".join(entries) or "none")


def _change(account: Account, change: Callable[[Entries], None]) -> None:
    """Change the entries; once more from the start when somebody else was faster."""
    for _ in range(_ATTEMPTS):
        entries, etag = _read(account)
        before = dict(entries)
        change(entries)
        if entries == before or _is_written(account, entries, etag):
            return
    raise errors.Busy


def _read(account: Account) -> tuple[Entries, str | None]:
    """Return each user's whole entry by its name, as it is, and the object's etag."""
    try:
        found = account.client("s3").get_object(Bucket=account.names.models, Key=KEY)
    except ClientError as error:
        match error.response["Error"]["Code"]:
            case "NoSuchKey":
                return {}, None
            case "NoSuchBucket":
                raise errors.NothingThere(region=account.names.region) from error
        raise
    entries = map(str.strip, found["Body"].read().decode().split(","))
    return {entry.partition(":")[0]: entry for entry in entries if entry}, found["ETag"]


def _is_written(account: Account, entries: Entries, etag: str | None) -> bool:
    """Write the entries, unless they are not any more those that were read."""
    condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        account.client("s3").put_object(
            Bucket=account.names.models,
            Key=KEY,
            Body=",\n".join(entries.values()).encode(),
            **condition,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _CHANGED_MEANWHILE:
            return False
        raise
    return True
