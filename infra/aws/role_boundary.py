"""The permissions boundary of the function's role: made once, and changed by nobody."""

from __future__ import annotations

import json

from botocore.exceptions import ClientError

from infra.aws import errors, policies
from infra.aws.account import Account


def ensure(account: Account) -> None:
    """Make the policy where there is none.

    It is of the whole account, and serves every region.

    Raises
    ------
    errors.BoundaryDiffers
        Where there is one of that name that says something else.
    """
    iam, names = account.client("iam"), account.names
    arn = names.global_arn("iam", f"policy/{names.boundary}")
    wanted = policies.boundary(names.account)
    try:
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchEntity":
            raise
        iam.create_policy(
            PolicyName=names.boundary,
            PolicyDocument=json.dumps(wanted),
            Description="The most that Moodle's machine learning backend may ever be allowed",
        )
        return
    found = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]
    if found != wanted:
        raise errors.BoundaryDiffers(policy=names.boundary)
