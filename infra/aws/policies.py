"""IAM policies, by least privilege: who may do what on AWS, as plain values."""

from __future__ import annotations

from typing import Any

from handler.auth.known_users import KEY as USERS
from handler.models.reports import FOLDER
from infra.aws.resources import PROJECT, TAGS, Names, bucket_arn

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
                "s3:GetBucketTagging",
                "s3:ListBucket",  # else a missing key reads as "denied"
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketTagging",
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


def boundary(account: str) -> Policy:
    """The most that any function's role may ever be allowed, in any region of an account.

    It is the roles' permissions boundary. Whoever deploys can make it, and can neither change it
    nor make a role without it: so that key cannot be used to get more rights than it has.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
    """
    names = Names(account, "*")
    return _policy(
        _allow(
            "Models",
            ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
            bucket_arn(names.models),
            bucket_arn(names.models, "*"),
        ),
        _allow(
            "Log",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            names.arn("logs", f"log-group:{names.log_group}:*"),
        ),
        _allow(
            "Function",
            ["lambda:InvokeFunction"],
            names.arn("lambda", f"function:{names.function}"),
        ),
    )


def deployer() -> Policy:
    """What the person needs who sets up, updates and removes the backend, in any region.

    The tests compare this with what the commands and Zappa ask of AWS, and with what CloudFormation
    does for each resource of the templates.
    """
    names = Names("*", "*")
    role = names.global_arn("iam", f"role/{names.role}")
    bounds = names.global_arn("iam", f"policy/{names.boundary}")
    return _policy(
        # Our two stacks, and the one that Zappa makes for its API Gateway.
        _allow(
            "Stacks",
            [
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
                "cloudformation:TagResource",
                "cloudformation:UpdateStack",
            ],
            names.arn("cloudformation", f"stack/{PROJECT}*/*"),
            names.arn("cloudformation", "changeSet/up-*"),
        ),
        # CloudFormation acts with the caller's rights and reads and sets every property of a
        # bucket, Zappa uploads, `status` counts models and `down` removes everything.
        _allow("Buckets", ["s3:*"], bucket_arn(names.models), bucket_arn(names.models, "*")),
        # The function's role, which never gets more than the boundary allows ...
        _allow("Boundary", ["iam:CreatePolicy", "iam:GetPolicy", "iam:GetPolicyVersion"], bounds),
        _allow(
            "BoundedRole",
            [
                "iam:CreateRole",
                "iam:DeleteRolePolicy",
                "iam:PutRolePermissionsBoundary",
                "iam:PutRolePolicy",
            ],
            role,
        )
        | {"Condition": {"ArnLike": {"iam:PermissionsBoundary": bounds}}},
        _allow(
            "Role",
            [
                "iam:DeleteRole",
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:TagRole",
                "iam:UntagRole",
                "iam:UpdateAssumeRolePolicy",
                "iam:UpdateRole",
                "iam:UpdateRoleDescription",
            ],
            role,
        ),
        # ... and can be handed to the two services that need it, only.
        _allow("HandRoleOver", ["iam:PassRole"], role)
        | {
            "Condition": {
                "StringEquals": {
                    "iam:PassedToService": ["lambda.amazonaws.com", "apigateway.amazonaws.com"]
                }
            }
        },
        # Zappa uses some twenty actions on the function, its versions, address and policy.
        _allow(
            "Function",
            ["lambda:*"],
            names.arn("lambda", f"function:{names.function}"),
            names.arn("lambda", f"function:{names.function}:*"),
        ),
        # API Gateway has random identifiers, which cannot be told in advance; its actions are HTTP
        # methods. Zappa looks for keys of the API (there are none).
        _allow("MakeApis", ["apigateway:POST"], *_apis("restapis", "apis")),
        _allow(
            "ReadApis",
            ["apigateway:GET"],
            *_apis("restapis", "restapis/*", "apis", "apis/*", "apikeys", "tags/*"),
        ),
        # Parts of a REST API inherit its tag, so that others are out of reach; those of an HTTP API
        # inherit none.
        # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-tagging-supported-resources.html
        _allow(
            "ChangeRestApi",
            ["apigateway:DELETE", "apigateway:PATCH", "apigateway:POST", "apigateway:PUT"],
            *_apis("restapis/*"),
        )
        | {"Condition": {"StringEquals": {f"aws:ResourceTag/{key}": TAGS[key] for key in TAGS}}},
        _allow(
            "ChangeHttpApi",
            [
                "apigateway:DELETE",
                "apigateway:PATCH",
                "apigateway:POST",
                "apigateway:PUT",
                "apigateway:TagResource",
                "apigateway:UntagResource",
            ],
            *_apis("apis/*", "tags/*"),
        ),
        # The function's log: made with its retention, read by `status` and `zappa tail`, deleted
        # by `down`; failures in it are counted for the alarms.
        _allow(
            "Log",
            [
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteMetricFilter",
                "logs:DeleteRetentionPolicy",
                "logs:DescribeIndexPolicies",
                "logs:DescribeLogStreams",
                "logs:DescribeMetricFilters",
                "logs:FilterLogEvents",
                "logs:GetDataProtectionPolicy",
                "logs:ListTagsForResource",
                "logs:PutMetricFilter",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            names.arn("logs", f"log-group:{names.log_group}"),
            names.arn("logs", f"log-group:{names.log_group}:*"),
        ),
        # What `up --email` adds: alarms, the topic that mails them, and a budget.
        _allow(
            "Alarms",
            [
                "budgets:ModifyBudget",
                "cloudwatch:DeleteAlarms",
                "cloudwatch:ListTagsForResource",
                "cloudwatch:PutMetricAlarm",
                "cloudwatch:TagResource",
                "cloudwatch:UntagResource",
                "sns:CreateTopic",
                "sns:DeleteTopic",
                "sns:GetDataProtectionPolicy",
                "sns:GetTopicAttributes",
                "sns:ListSubscriptionsByTopic",
                "sns:ListTagsForResource",
                "sns:SetTopicAttributes",
                "sns:Subscribe",
                "sns:TagResource",
                "sns:Unsubscribe",
                "sns:UntagResource",
            ],
            names.arn("cloudwatch", f"alarm:{names.alarms}-*"),
            names.arn("sns", names.topic),
            names.arn("sns", f"{names.topic}:*"),
            names.global_arn("budgets", f"budget/{PROJECT}-*"),
        ),
        # These know no resources, or are asked about all: CloudFormation looks for the log and the
        # alarms among all of them, Zappa for schedules of the function (there are none), and
        # `zappa status` counts calls.
        _allow(
            "Look",
            [
                "cloudwatch:DescribeAlarms",
                "cloudwatch:GetMetricStatistics",
                "events:ListRuleNamesByTarget",
                "logs:DescribeLogGroups",
                "logs:DescribeResourcePolicies",
            ],
            "*",
        ),
    )


def _apis(*paths: str) -> list[str]:
    return [f"arn:aws:apigateway:*::/{path}" for path in paths]


def _allow(sid: str, actions: list[str], *resources: str) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": list(resources)}


def _policy(*statements: dict[str, Any]) -> Policy:
    return {"Version": "2012-10-17", "Statement": list(statements)}
