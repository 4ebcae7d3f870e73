"""Whoever deploys needs the rights that `python -m infra policy` prints, and these suffice.

What CloudFormation does on behalf of the deployer is not seen here; tests/aws shows it.
"""

import pytest

from infra.aws import down, policies, smoke, status, up, users
from infra.aws.resources import Names, bucket_arn
from tests.infra.iam import allows

NAMES = Names("123456789012", "eu-central-1")
S3_ACTIONS = {
    "DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "HeadBucket": ["s3:ListBucket"],
    "ListObjectsV2": ["s3:ListBucket"],
    "ListObjectVersions": ["s3:ListBucketVersions"],
}
FUNCTION = NAMES.arn("lambda", f"function:{NAMES.function}")
API_STACK = NAMES.arn("cloudformation", f"stack/{NAMES.api_stack}/1")
# Read in Zappa 0.63's source: what it does with our settings, beyond what FakeTools does.
ZAPPA = [
    *(
        (f"lambda:{action}", FUNCTION)
        for action in (
            "AddPermission",
            "DeleteFunctionConcurrency",
            "GetAlias",
            "GetFunction",
            "GetPolicy",
            "ListFunctionUrlConfigs",
            "ListVersionsByFunction",
            "RemovePermission",
            "UpdateFunctionCode",
            "UpdateFunctionUrlConfig",
        )
    ),
    ("lambda:DeleteFunction", f"{FUNCTION}:3"),
    *(
        (f"cloudformation:{action}", API_STACK)
        for action in (
            "CreateStack",
            "DescribeStackResource",
            "ListStackResources",
            "UpdateStack",
        )
    ),
    *((f"apigateway:{method}", "arn:aws:apigateway:eu-central-1::/restapis/x") for method in
      ("GET", "PATCH", "PUT", "DELETE")),
    ("apigateway:POST", "arn:aws:apigateway:eu-central-1::/restapis"),
    ("apigateway:POST", "arn:aws:apigateway:eu-central-1::/restapis/x/deployments"),
    ("s3:PutObject", bucket_arn(NAMES.uploads, "moodle-mlbackend-production-1.zip")),
    ("s3:GetObject", bucket_arn(NAMES.uploads, "moodle-mlbackend-production-template-1.json")),
    ("s3:DeleteObject", bucket_arn(NAMES.uploads, "moodle-mlbackend-production-1.zip")),
    ("events:ListRuleNamesByTarget", "*"),
    ("iam:PassRole", NAMES.global_arn("iam", f"role/{NAMES.role}")),
]  # fmt: skip


def needed(service, operation, sent):
    """What AWS asks IAM before an operation: actions and resources."""
    match service:
        case "sts":
            return []  # everybody may ask who they are
        case "s3":
            objects = sent.get("Key") or ("*" if operation == "DeleteObjects" else "")
            actions = S3_ACTIONS.get(operation, [f"s3:{operation}"])
            return [(action, bucket_arn(sent["Bucket"], objects)) for action in actions]
        case "lambda":
            return [(f"lambda:{operation}", FUNCTION)]
        case "logs":
            group = NAMES.arn("logs", f"log-group:{sent['logGroupName']}:log-stream:")
            return [(f"logs:{operation}", group)]
        case "cloudformation":
            name = sent.get("StackName", NAMES.stack)
            arn = name if ":" in name else NAMES.arn("cloudformation", f"stack/{name}/1")
            return [(f"cloudformation:{operation}", arn)]
        case "apigateway":
            assert operation == "GetRestApi"
            api = f"arn:aws:apigateway:{NAMES.region}::/restapis/{sent['restApiId']}"
            return [("apigateway:GET", api)]
    raise AssertionError(f"{service} is not used by these commands")


@pytest.fixture
def asked(account, tools, calls, monkeypatch):
    """What IAM is asked when all commands were used once."""
    monkeypatch.setattr(smoke, "run", lambda account: None)
    assert up.run(account, "", tools, dry_run=False) == 0
    assert up.run(account, None, tools, dry_run=False) == 0
    users.add(account, "second")
    status.run(account)
    assert down.run(account, tools, models_too=True, dry_run=False, ask=None) == 0
    return {pair for call in calls for pair in needed(*call)}


def test_the_policy_allows_what_the_commands_ask(asked):
    assert not {pair for pair in asked if not allows(policies.deployer(), *pair)}


@pytest.mark.parametrize(("action", "resource"), ZAPPA)
def test_the_policy_allows_what_zappa_asks(action, resource):
    assert allows(policies.deployer(), action, resource)


def test_no_action_on_stacks_is_left_over(asked):
    named = {
        action
        for statement in policies.deployer()["Statement"]
        if statement["Sid"] == "Stacks"
        for action in statement["Action"]
    }
    assert named == {
        action for action, _ in {*asked, *ZAPPA} if action.startswith("cloudformation:")
    }


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::of-somebody-else/x"),
        ("lambda:UpdateFunctionCode", NAMES.arn("lambda", "function:other")),
        ("iam:PutRolePolicy", NAMES.global_arn("iam", "role/admin")),
        ("iam:CreateUser", NAMES.global_arn("iam", "user/x")),
        ("iam:PassRole", NAMES.global_arn("iam", "role/admin")),
        ("cloudformation:DeleteStack", NAMES.arn("cloudformation", "stack/other/1")),
        ("logs:DeleteLogGroup", NAMES.arn("logs", "log-group:/aws/lambda/other")),
    ],
)
def test_the_policy_does_not_reach_what_is_not_the_backends(action, resource):
    assert not allows(policies.deployer(), action, resource)
