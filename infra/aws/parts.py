"""What our stack has made, and somebody may have deleted past it.

CloudFormation notices that only where it is told to look (`infra.aws.stack`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from infra.aws import function, stack
from infra.aws.account import Account, unless_gone

_GONE = {"404", "NoSuchBucket", "NoSuchEntity", "NotFoundException"}


def missing(account: Account) -> list[str]:
    """Return the names in the template of what is not there any more; of no stack, none."""
    if stack.status(account, account.names.stack) not in stack.USABLE:
        return []
    client, names = account.client, account.names
    look: dict[str, Callable[[], bool]] = {
        "Models": partial(_is_there, client("s3").head_bucket, Bucket=names.models),
        "Uploads": partial(_is_there, client("s3").head_bucket, Bucket=names.uploads),
        "Role": partial(_is_there, client("iam").get_role, RoleName=names.role),
        "Log": partial(_has_log, account),
        "HttpApi": lambda: function.http_api(account) is not None,
    }
    return [name for name, is_there in look.items() if not is_there()]


def _is_there(ask: Callable[..., Any], **what: str) -> bool:
    return unless_gone(ask, _GONE, **what) is not None


def _has_log(account: Account) -> bool:
    group = account.names.log_group
    found = account.client("logs").describe_log_groups(logGroupNamePrefix=group)
    return any(one["logGroupName"] == group for one in found["logGroups"])
