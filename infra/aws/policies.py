"""Who may do what on AWS: IAM policies, as plain values."""

from __future__ import annotations

from typing import Any

from handler.auth.known_users import KEY as USERS
from handler.models.reports import FOLDER
from infra.aws.resources import PROJECT, Names, bucket_arn

Policy = dict[str, Any]


def function_trust() -> Policy:
    """Who may take the function's role: Lambda to run it, API Gateway to call it, nobody else.

    Zappa gives API Gateway the same role for its requests. There is no condition on the account for
    which AWS takes it, since neither service is known to name one then; that a role can be handed
    to them within its own account only does the same.
    """
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": ["lambda.amazonaws.com", "apigateway.amazonaws.com"]},
            "Action": "sts:AssumeRole",
        }
    )


def function_access(names: Names) -> Policy:
    """What the function's role allows: its models, users, log, and calling the function."""
    return _policy(
        # Models are read, written and removed, always below this folder; the reports of those that
        # were deleted below another, which a rule of the bucket empties.
        {
            "Sid": "Models",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
            "Resource": [
                bucket_arn(names.models, "models/*"),
                bucket_arn(names.models, f"{FOLDER}/*"),
            ],
        },
        # Who may sign in. The function must not be able to make itself users, or bring back removed
        # ones.
        {
            "Sid": "Users",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": bucket_arn(names.models, USERS),
        },
        # To find a model's runs. Also, without it S3 answers "denied" instead of "no such key"
        # where a model does not exist yet; that answer disregards prefixes, so there is no
        # condition on one. The bucket holds nothing but models and users.
        {
            "Sid": "FindModels",
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": bucket_arn(names.models),
        },
        # One stream for each instance. The group itself is the stack's, with its retention; a
        # function that could make groups would bring it back, without retention, when it is gone.
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": names.arn("logs", f"log-group:{names.log_group}:*"),
        },
        # Not for the function's code, which never does so, but for API Gateway, which has the same
        # role and passes each request on to this one function.
        {
            "Sid": "CallFromApiGateway",
            "Effect": "Allow",
            "Action": "lambda:InvokeFunction",
            "Resource": names.arn("lambda", f"function:{names.function}"),
        },
    )


def installer_trust() -> Policy:
    """Who may take the role of the function that sets everything up: Lambda to run it."""
    return _policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    )


def installer_access(names: Names, function: str, secrets: str) -> Policy:
    """What the role of the function that sets everything up allows (`infra.aws.installer`).

    Parameters
    ----------
    names : Names
    function : str
        The function's name.
    secrets : str
        What the names of SSM parameters with passwords match.
    """
    return _policy(
        # It makes the bucket, or gives an earlier one its settings again; it never removes it.
        {
            "Sid": "Bucket",
            "Effect": "Allow",
            "Action": [
                "s3:CreateBucket",
                "s3:ListBucket",  # else a missing key reads as "denied"
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ],
            "Resource": bucket_arn(names.models),
        },
        {
            "Sid": "Users",
            "Effect": "Allow",
            "Action": ["s3:GetObject", "s3:PutObject"],
            "Resource": bucket_arn(names.models, "config/users"),
        },
        {
            "Sid": "Program",
            "Effect": "Allow",
            "Action": ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
            "Resource": bucket_arn(names.models, "code/*"),
        },
        # Where the admin has put a release's zip into a bucket of the same account.
        {
            "Sid": "Release",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": bucket_arn("*", f"{PROJECT}-*.zip"),
            "Condition": {"StringEquals": {"aws:ResourceAccount": names.account}},
        },
        {
            "Sid": "Password",
            "Effect": "Allow",
            "Action": ["ssm:PutParameter", "ssm:DeleteParameter"],
            "Resource": names.arn("ssm", f"parameter/{secrets}"),
        },
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "Resource": names.arn("logs", f"log-group:/aws/lambda/{function}:*"),
        },
    )


def tls_only(bucket: str) -> Policy:
    """A bucket's own policy: refuse whoever does not encrypt the connection."""
    return _policy(
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket_arn(bucket), bucket_arn(bucket, "*")],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
    )


def deployer() -> Policy:
    """What the person needs who sets up, updates and removes the backend, in any region.

    Nobody should be given this lightly: who may write a role and run code under it can do anything
    in the account.
    """
    names = Names("*", "*")
    return _policy(
        # Our stack, and the one that Zappa makes for the API Gateway.
        {
            "Sid": "Stacks",
            "Effect": "Allow",
            "Action": [
                "cloudformation:CreateChangeSet",
                "cloudformation:CreateStack",
                "cloudformation:DeleteChangeSet",
                "cloudformation:DeleteStack",
                "cloudformation:DescribeChangeSet",
                "cloudformation:DescribeStackEvents",
                "cloudformation:DescribeStackResource",
                "cloudformation:DescribeStacks",
                "cloudformation:ExecuteChangeSet",
                "cloudformation:ListStackResources",
                "cloudformation:UpdateStack",
            ],
            "Resource": [
                names.arn("cloudformation", f"stack/{names.stack}/*"),
                names.arn("cloudformation", f"stack/{names.api_stack}/*"),
                names.arn("cloudformation", f"stack/{names.alarm_stack}/*"),
            ],
        },
        # CloudFormation acts with the caller's rights and reads and sets every property of a
        # bucket, Zappa uploads, `status` counts models and `down` removes everything.
        {
            "Sid": "Buckets",
            "Effect": "Allow",
            "Action": "s3:*",
            "Resource": [bucket_arn(names.models), bucket_arn(names.models, "*")],
        },
        # The function's role. It can be handed to the two services that need it, only.
        {
            "Sid": "Role",
            "Effect": "Allow",
            "Action": [
                "iam:CreateRole",
                "iam:DeleteRole",
                "iam:DeleteRolePolicy",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:PutRolePolicy",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
            ],
            "Resource": names.global_arn("iam", f"role/{names.role}"),
        },
        {
            "Sid": "HandRoleOver",
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": names.global_arn("iam", f"role/{names.role}"),
            "Condition": {
                "StringEquals": {
                    "iam:PassedToService": ["lambda.amazonaws.com", "apigateway.amazonaws.com"]
                }
            },
        },
        # Zappa uses some twenty actions on the function, its versions, address and policy.
        {
            "Sid": "Function",
            "Effect": "Allow",
            "Action": "lambda:*",
            "Resource": [
                names.arn("lambda", f"function:{names.function}"),
                names.arn("lambda", f"function:{names.function}:*"),
            ],
        },
        # API Gateway has random identifiers, which cannot be told in advance; its actions are HTTP
        # methods. The tags are those that CloudFormation gives to what it makes.
        {
            "Sid": "ApiGateway",
            "Effect": "Allow",
            "Action": "apigateway:*",
            "Resource": [
                "arn:aws:apigateway:*::/restapis",
                "arn:aws:apigateway:*::/restapis/*",
                "arn:aws:apigateway:*::/apis",
                "arn:aws:apigateway:*::/apis/*",
                "arn:aws:apigateway:*::/tags/*",
            ],
        },
        # Before it deletes the function, Zappa looks for schedules of it (there are none). This
        # action knows no resources.
        {
            "Sid": "Schedules",
            "Effect": "Allow",
            "Action": "events:ListRuleNamesByTarget",
            "Resource": "*",
        },
        # The function's log: made with its retention, read by `status`, deleted by `down`.
        {
            "Sid": "Log",
            "Effect": "Allow",
            "Action": [
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteRetentionPolicy",
                "logs:FilterLogEvents",
                "logs:ListTagsForResource",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            "Resource": [
                names.arn("logs", f"log-group:{names.log_group}"),
                names.arn("logs", f"log-group:{names.log_group}:*"),
            ],
        },
        # CloudFormation looks for the group among all of them.
        {
            "Sid": "FindLog",
            "Effect": "Allow",
            "Action": "logs:DescribeLogGroups",
            "Resource": "*",
        },
        # What `up --email` adds: an alarm, the topic that mails it, and a budget.
        {
            "Sid": "Alarms",
            "Effect": "Allow",
            "Action": ["cloudwatch:*", "sns:*", "budgets:*"],
            "Resource": [
                names.arn("cloudwatch", f"alarm:{names.alarms}-*"),
                names.arn("sns", names.topic),
                names.arn("sns", f"{names.topic}:*"),
                names.global_arn("budgets", f"budget/{PROJECT}-*"),
            ],
        },
    )


def _policy(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}
