"""What there is on AWS, for people to read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import ClientError

from infra.aws import function, stack, users
from infra.aws.account import Account

_DAYS = 7
_ERRORS = 5
_WIDTH = 240
# What the server logs of its own failures, and Lambda of a process that crashed or took too long.
FAILURES = '?"[ERROR]" ?"[CRITICAL]" ?"Task timed out" ?"Runtime."'


@dataclass(frozen=True)
class Stored:
    """What the bucket for the models holds.

    Attributes
    ----------
    models : int
    size : int
        Bytes of all current objects.
    """

    models: int
    size: int

    def __str__(self) -> str:
        plural = "" if self.models == 1 else "s"
        return f"{self.models} model{plural}, {self.size / 1e6:.1f} MB"


def run(account: Account) -> None:
    """Print all that there is, and the last errors."""
    for line in overview(account):
        print(line)
    failures = list(_failures(account))
    if not failures:
        print(_line("Errors", f"none in the last {_DAYS} days"))
    for failure in failures:
        print(_line("Error", failure))


def overview(account: Account) -> Iterator[str]:
    """Say in some lines what there is."""
    yield _line("Account", f"{account.names.account}, region {account.names.region}")
    yield _line("Stack", stack.status(account, account.names.stack) or "none")
    found = function.configuration(account)
    kept = stored(account)
    if found is None:
        yield _line("Function", "none")
    else:
        changed = found["LastModified"][:16].replace("T", " ")
        yield _line(
            "Function",
            f"{account.names.function}, {found.get('State', 'there')}, {found['Runtime']}, "
            f"{found['MemorySize']} MB, changed {changed} UTC",
        )
        for address in function.addresses(account):
            yield _line("Address", f"{address} ({address.name})")
    if found or kept:
        names = users.names(account) if kept else []
        yield _line("Users", ", ".join(names) or "none: every request is refused")
    yield _line("Models", f"{kept}, in the bucket {account.names.models}" if kept else "none")


def stored(account: Account) -> Stored | None:
    """Return what the bucket for the models holds; None where there is no bucket."""
    pages = account.client("s3").get_paginator("list_objects_v2")
    models = size = 0
    try:
        for page in pages.paginate(Bucket=account.names.models):
            for item in page.get("Contents", []):
                models += item["Key"].endswith("/model.json")
                size += item["Size"]
    except ClientError as error:
        if error.response["Error"]["Code"] == "NoSuchBucket":
            return None
        raise
    return Stored(models, size)


def _failures(account: Account) -> Iterator[str]:
    """Say when and how the function failed, the last time last."""
    pages = account.client("logs").get_paginator("filter_log_events")
    latest: deque[dict[str, Any]] = deque(maxlen=_ERRORS)
    try:
        for page in pages.paginate(
            logGroupName=account.names.log_group,
            startTime=int((time.time() - _DAYS * 86_400) * 1000),
            filterPattern=FAILURES,
        ):
            latest.extend(page["events"])
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceNotFoundException":
            raise
    for event in latest:
        lines = event["message"].strip().splitlines() or [""]
        told = " ... ".join(dict.fromkeys([lines[0], lines[-1]]))  # once, where it is one line
        at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
        yield f"{at:%Y-%m-%d %H:%M} UTC: {told.expandtabs(1)[:_WIDTH]}"


def _line(name: str, text: str) -> str:
    return f"{name:<10}{text}"
