"""The function may do what its code does, and nothing else."""

import ast
import inspect
import json

import pytest

from handler.app import create_app
from handler.auth.known_users import KEY
from handler.settings import Settings
from handler.store import S3Store, s3
from infra.aws import policies
from infra.aws.resources import Names, bucket_arn
from infra.lab.course import Course
from tests.handler.conftest import moodle_of
from tests.infra.iam import actions, allows, as_list

NAMES = Names("123456789012", "eu-central-1")


def needed(operation, parameters):
    """What S3 asks IAM before it does something: actions and resources."""
    bucket = parameters["Bucket"]
    if operation == "ListObjectsV2":
        return [("s3:ListBucket", bucket_arn(bucket))]
    if operation == "DeleteObjects":
        keys = [item["Key"] for item in parameters["Delete"]["Objects"]]
        return [("s3:DeleteObject", bucket_arn(bucket, key)) for key in keys]
    assert operation in {"GetObject", "PutObject"}
    return [(f"s3:{operation}", bucket_arn(bucket, parameters["Key"]))]


@pytest.fixture
def moodle(bucket):
    """A server whose users are in the bucket, as on Lambda."""
    S3Store(bucket).put(KEY, b"default:sshhhh")
    settings = Settings.from_environ(
        {"MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": bucket, "HOME": "/"}
    )
    return moodle_of(create_app(settings))


@pytest.fixture
def round_trip(moodle, calls):
    """All that Moodle does, with trainings enough that an old run is removed; what S3 was asked."""
    course = Course(n_features=12, noise=0.2, minority=0.4, unused=0.3, seed=7)
    assert moodle.prediction(course.unlabelled(2)).json["status"] == 2
    for _ in range(3):
        moodle.train(course.labelled(12))
    assert moodle.prediction(course.unlabelled(2)).json["status"] == 0
    runid = moodle.evaluation(course.labelled(12)).json["runid"]
    assert moodle.evaluationlog(runid).files
    exported = moodle.export().body
    assert moodle.but(uniqueid="copy").import_(exported).text == "Ok"
    assert moodle.deletemodel().text == "Ok"
    return [(operation, parameters) for _, operation, parameters in calls]


def test_the_function_may_do_all_that_its_code_asks_of_s3_and_no_more(round_trip):
    (bucket,) = {parameters["Bucket"] for _, parameters in round_trip}
    policy = policies.function_access(NAMES)
    policy = json.loads(json.dumps(policy).replace(NAMES.models, bucket))
    asked = {pair for call in round_trip for pair in needed(*call)}
    refused = {pair for pair in asked if not allows(policy, *pair)}
    assert not refused
    of_logs = {"logs:CreateLogStream", "logs:PutLogEvents"}  # Lambda's runtime, not our code
    of_api_gateway = {"lambda:InvokeFunction"}
    assert actions(policy) == {action for action, _ in asked} | of_logs | of_api_gateway


def test_the_round_trip_makes_every_call_that_the_code_knows(round_trip):
    in_code = {
        node.func.attr
        for node in ast.walk(ast.parse(inspect.getsource(s3)))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Call)
        and getattr(node.func.value.func, "attr", "") == "_connect"
    }
    made = {operation for operation, _ in round_trip}
    assert {name.replace("_", "") for name in in_code} == {name.lower() for name in made}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::moodle-mlbackend-123456789012-eu-central-1/other"),
        ("s3:GetObject", "arn:aws:s3:::moodle-mlbackend-123456789012-eu-central-1-zappa/models/a"),
        (
            "s3:PutObject",
            "arn:aws:s3:::moodle-mlbackend-123456789012-eu-central-1/config/users",
        ),
        (
            "s3:DeleteObject",
            "arn:aws:s3:::moodle-mlbackend-123456789012-eu-central-1/config/users",
        ),
        ("s3:ListBucket", "arn:aws:s3:::another"),
        (
            "s3:DeleteObjectVersion",
            "arn:aws:s3:::moodle-mlbackend-123456789012-eu-central-1/models/a",
        ),
        ("s3:DeleteBucket", "arn:aws:s3:::moodle-mlbackend-123456789012-eu-central-1"),
        ("logs:PutLogEvents", "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/x:y"),
        ("logs:CreateLogGroup", "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/x"),
        ("lambda:InvokeFunction", "arn:aws:lambda:eu-central-1:123456789012:function:other"),
        ("iam:PassRole", "arn:aws:iam::123456789012:role/moodle-mlbackend-eu-central-1"),
    ],
)
def test_the_function_may_not(names, action, resource):
    assert not allows(policies.function_access(names), action, resource)


def test_the_function_may_write_its_own_log(names):
    stream = names.arn("logs", f"log-group:{names.log_group}:log-stream:2026/11/24/[$LATEST]0")
    for action in ("logs:CreateLogStream", "logs:PutLogEvents"):
        assert allows(policies.function_access(names), action, stream)


SERVICES = ["lambda.amazonaws.com", "apigateway.amazonaws.com"]


def test_only_lambda_and_api_gateway_take_the_role():
    (statement,) = policies.function_trust()["Statement"]
    assert statement["Principal"] == {"Service": SERVICES}


def test_the_role_can_be_handed_to_no_other_service():
    (statement,) = [
        statement
        for statement in policies.deployer()["Statement"]
        if "iam:PassRole" in as_list(statement["Action"])
    ]
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": SERVICES}}


def test_api_gateway_may_call_this_function_and_no_other(names):
    """The role's one right that the function's own code does not use."""
    (resource,) = [
        statement["Resource"]
        for statement in policies.function_access(names)["Statement"]
        if "lambda:InvokeFunction" in as_list(statement["Action"])
    ]
    assert resource == names.arn("lambda", "function:moodle-mlbackend-production")


def test_every_statement_says_what_it_is_for(names):
    for policy in (policies.function_access(names), policies.deployer()):
        sids = [statement["Sid"] for statement in policy["Statement"]]
        assert len(sids) == len(set(sids))


def test_the_deployers_policy_fits_into_one_managed_policy():
    assert len(json.dumps(policies.deployer(), separators=(",", ":"))) <= 6144


def test_the_deployer_reaches_nothing_that_is_not_the_backends():
    named = [
        (action, resource)
        for statement in policies.deployer()["Statement"]
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
        if "moodle-mlbackend" not in resource and "changeSet/up-" not in resource
    ]
    # what cannot be named in advance
    assert {action for action, _ in named} == {
        *(f"apigateway:{method}" for method in ("DELETE", "GET", "PATCH", "POST", "PUT")),
        *("apigateway:TagResource", "apigateway:UntagResource"),
        "cloudwatch:DescribeAlarms",
        "cloudwatch:GetMetricStatistics",
        "events:ListRuleNamesByTarget",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
    }
