"""The permissions boundary of the function's role: made once, and changed by nobody."""

from __future__ import annotations

import json
from typing import Any

from infra.aws import errors, policies
from infra.aws.account import Account, unless_gone


def find(account: Account) -> dict[str, Any] | None:
    """Return what AWS says about the policy; None where there is none."""
    arn = account.names.global_arn("iam", f"policy/{account.names.boundary}")
    found = unless_gone(account.client("iam").get_policy, {"NoSuchEntity"}, PolicyArn=arn)
    policy: dict[str, Any] | None = found and found["Policy"]
    return policy


def ensure(account: Account) -> None:
    """Make the policy where there is none.

    It is of the whole account, and serves every region.

    Raises
    ------
    errors.BoundaryDiffers
        Where there is one of that name that says something else.
    """
    iam, names = account.client("iam"), account.names
    wanted = policies.boundary(names.account)
    policy = find(account)
    if policy is None:
        iam.create_policy(
            PolicyName=names.boundary,
            PolicyDocument=json.dumps(wanted),
            Description="The most that Moodle's machine learning backend may ever be allowed",
        )
        return
    found = iam.get_policy_version(PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"])
    if found["PolicyVersion"]["Document"] != wanted:
        raise errors.BoundaryDiffers(policy=names.boundary)
