"""Whoever deploys needs the rights that `python -m infra policy` prints; these suffice.

What Zappa asks is recorded in tests/aws, where it runs.
"""

import pytest

from infra.aws import alarms, down, policies, smoke, status, template, up, users
from infra.aws.resources import Names, bucket_arn
from tests.infra.iam import actions, allows, as_list
from tests.infra.rights import OF_ZAPPA, handlers, needed

NAMES = Names("123456789012", "eu-central-1")
POLICY = policies.deployer()


# what the commands ask ----------------------------------------------------------------------------


@pytest.fixture
def asked(account, tools, calls, monkeypatch):
    """What IAM is asked when all commands were used once."""
    monkeypatch.setattr(smoke, "run", lambda account: None)
    assert up.run(account, "me@site.example", tools, dry_run=False, concurrency=5) == 0
    assert up.run(account, None, tools, dry_run=False, concurrency=-1) == 0
    users.add(account, "second")
    status.run(account)
    assert down.run(account, tools, models_too=True, dry_run=False, ask=None) == 0
    return {pair for call in calls for pair in needed(NAMES, *call)}


def test_the_policy_allows_what_the_commands_ask(asked):
    assert not {pair for pair in asked if not allows(POLICY, *pair)}


# what CloudFormation does with the caller's rights ------------------------------------------------

PARTS_OF_ZAPPA = [
    "AWS::ApiGateway::RestApi",
    "AWS::ApiGateway::Resource",
    "AWS::ApiGateway::Method",
]
TYPES = sorted(
    {
        resource["Type"]
        for one in (template.template(NAMES), alarms.template(NAMES, "api"))
        for resource in one["Resources"].values()
    }
    | set(PARTS_OF_ZAPPA)
)
BUCKET = bucket_arn(NAMES.models)
LOG = NAMES.arn("logs", f"log-group:{NAMES.log_group}:log-stream:")
APIS = f"arn:aws:apigateway:{NAMES.region}::"
RESOURCES = {
    "AWS::ApiGateway::Method": [f"{APIS}/restapis/x/resources/y/methods/z"],
    "AWS::ApiGateway::Resource": [f"{APIS}/restapis/x/resources/y"],
    "AWS::ApiGateway::RestApi": [f"{APIS}/restapis/x", f"{APIS}/restapis"],
    "AWS::ApiGatewayV2::Api": [f"{APIS}/apis/x", f"{APIS}/apis"],
    "AWS::ApiGatewayV2::Integration": [f"{APIS}/apis/x/integrations/y"],
    "AWS::ApiGatewayV2::Route": [f"{APIS}/apis/x/routes/y"],
    "AWS::ApiGatewayV2::Stage": [f"{APIS}/apis/x/stages/y"],
    "AWS::CloudWatch::Alarm": [NAMES.arn("cloudwatch", f"alarm:{NAMES.alarms}-errors"), "*"],
    "AWS::IAM::Role": [NAMES.global_arn("iam", f"role/{NAMES.role}")],
    "AWS::Logs::LogGroup": [LOG, "*"],
    "AWS::Logs::MetricFilter": [LOG],
    "AWS::S3::Bucket": [BUCKET, bucket_arn(NAMES.models, "x")],
    "AWS::S3::BucketPolicy": [BUCKET],
    "AWS::SNS::Topic": [NAMES.arn("sns", NAMES.topic)],
}
# What a handler does only for properties that our templates do not have.
NOT_NEEDED = {
    "apigateway:UpdateRestApiPolicy",
    "firehose:TagDeliveryStream",
    "iam:AttachRolePolicy",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DetachRolePolicy",
    "logs:AssociateKmsKey",
    "logs:CreateLogDelivery",
    "logs:DeleteDataProtectionPolicy",
    "logs:DeleteIndexPolicy",
    "logs:DeleteResourcePolicy",
    "logs:DisassociateKmsKey",
    "logs:PutBearerTokenAuthentication",
    "logs:PutDataProtectionPolicy",
    "logs:PutIndexPolicy",
    "logs:PutLogGroupDeletionProtection",
    "logs:PutResourcePolicy",
    "sns:PutDataProtectionPolicy",
}
# Asked about the type's own resources they are allowed, so what is left is about others: a role
# for the bucket's replication, the topic's delivery log, the API's credentials.
ELSEWHERE = {"iam:PassRole", "iam:GetRole", "s3:GetObject", "s3:getObject", "s3:REST.PUT.OBJECT"}


def is_needed(action):
    return action not in NOT_NEEDED | ELSEWHERE and not action.startswith("s3tables:")


@pytest.mark.parametrize("resource_type", TYPES)
def test_the_policy_allows_what_cloudformation_does(resource_type):
    """Listing all resources of a type is done for importing by hand only."""
    steps = handlers(resource_type)
    asked = set().union(*(steps[step] for step in ("create", "read", "update", "delete")))
    denied = {
        action
        for action in filter(is_needed, asked)
        if not any(allows(POLICY, action, resource) for resource in RESOURCES[resource_type])
    }
    assert denied == set()


def test_every_right_is_used(asked):
    """By the commands here, by CloudFormation, or by Zappa, whose use tests/aws records."""
    by_cloudformation = set().union(
        *(permissions for name in TYPES for permissions in handlers(name).values())
    )
    wildcards = {"s3:*", "lambda:*"}  # on our own buckets and the one function only
    unused = actions(POLICY) - {action for action, _ in asked} - by_cloudformation
    assert unused - wildcards == OF_ZAPPA | {"cloudformation:ListStackResources"}  # while it waits


# what must stay out of reach ----------------------------------------------------------------------


def condition_on(action):
    (statement,) = [one for one in POLICY["Statement"] if action in one["Action"]]
    return statement["Condition"]


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy"])
def test_a_role_is_made_within_the_boundary_only(action):
    bounds = "arn:aws:iam::*:policy/moodle-mlbackend-boundary"
    assert condition_on(action) == {"ArnLike": {"iam:PermissionsBoundary": bounds}}
    role = template.template(NAMES)["Resources"]["Role"]["Properties"]
    assert role["PermissionsBoundary"] == bounds.replace("*", NAMES.account)


def test_the_boundary_cannot_be_changed_and_holds_what_the_function_may():
    boundary = NAMES.global_arn("iam", f"policy/{NAMES.boundary}")
    for action in ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicy"):
        assert not allows(POLICY, f"iam:{action}", boundary)
    for action in ("iam:DeleteRolePermissionsBoundary", "iam:AttachRolePolicy"):
        assert not allows(POLICY, action, NAMES.global_arn("iam", f"role/{NAMES.role}"))
    for statement in policies.function_access(NAMES)["Statement"]:
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                assert allows(policies.boundary(NAMES.account), action, resource)


def test_other_rest_apis_can_be_read_only():
    changing = [
        statement
        for statement in POLICY["Statement"]
        if any(resource.endswith("::/restapis/*") for resource in statement["Resource"])
        and statement["Action"] != ["apigateway:GET"]
    ]
    tag = {"aws:ResourceTag/Project": "moodle-mlbackend"}
    assert [statement["Condition"] for statement in changing] == [{"StringEquals": tag}]


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
    assert not allows(POLICY, action, resource)
