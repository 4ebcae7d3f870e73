"""From an empty account to a working server and back, as one types it, against moto's AWS.

The tests follow each other. Of what is typed, only where AWS's addresses lead is not as on AWS.
"""

import base64
import hashlib
import json
import re
import time

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from handler.auth.known_users import KEY
from handler.auth.users import VARIABLE
from infra.aws import function_url, policies, releases, zappa_settings
from infra.lab.course import Course
from tests.aws.conftest import NAME
from tests.infra.iam import allows
from tests.infra.rights import OF_ZAPPA, needed


@pytest.fixture
def public(client):
    """Returns the statements of the function's policy that are about everybody."""

    def public():
        policy = json.loads(client("lambda").get_policy(FunctionName=NAME)["Policy"])
        return {
            statement["Sid"]: statement
            for statement in policy["Statement"]
            if statement["Principal"] == "*"
        }

    return public


@pytest.fixture
def variables(client):
    """Returns the function's environment."""

    def variables():
        found = client("lambda").get_function_configuration(FunctionName=NAME)
        return found["Environment"]["Variables"]

    return variables


@pytest.fixture
def stored_users(client, names):
    """Returns what is stored of the users."""
    s3 = client("s3")
    return lambda: s3.get_object(Bucket=names.models, Key=KEY)["Body"].read().decode()


def password_in(printed):
    return re.search(r"Password +(\S+)\n +The password is shown this once", printed)[1]


# up -----------------------------------------------------------------------------------------------


def test_a_dry_run_says_what_up_does(announced, deployed):
    steps = re.findall(r"^\d\. (.*)", announced, re.M)
    assert len(steps) == 7
    for number, step in enumerate(steps, 1):
        assert f"[{number}/7] {step}\n" in deployed


def test_up_tests_each_address_with_the_deployed_code(deployed):
    for address in (
        r"https://\S+\.on\.aws \(function URL\)",
        r"https://\S+\.amazonaws\.com \(HTTP API\)",
        r"https://\S+/production \(REST API\)",
    ):
        said = r".*\n    /version says 3\.0\.5\n    training: .* s\n    prediction: .* s\n"
        assert re.search(address + said, deployed)


def test_up_says_what_moodle_needs(deployed, client):
    url = client("lambda").get_function_url_config(FunctionName=NAME)["FunctionUrl"]
    (api,) = client("apigateway").get_rest_apis()["items"]
    assert "USERNAME" not in deployed  # as Zappa alone would say it
    printed = deployed[deployed.index("Print what to enter in Moodle") :]
    assert f"Host          {url.removeprefix('https://').strip('/')}" in printed
    assert f"--name=host --set={api['id']}.execute-api.us-east-1.amazonaws.com" in printed
    assert "--name=port --set=443/production" in printed
    assert f"--name=password --set={password_in(deployed)}\n" in printed
    assert "headroom" in deployed  # the size of what was sent


def test_up_leaves_no_way_past_the_function_url(deployed, public):
    assert set(public()) == {"FunctionURLAllowPublicAccess", function_url.SID}
    assert public()[function_url.SID]["InvokedViaFunctionUrl"] is True


def test_up_makes_what_the_settings_say(deployed, client, names, variables):
    configuration = client("lambda").get_function_configuration(FunctionName=NAME)
    assert configuration["Handler"] == "handler.aws.lambda_handler"
    assert configuration["Runtime"] == "python3.13"
    assert configuration["MemorySize"] == 1769
    assert configuration["Timeout"] == 900
    assert configuration["Role"] == names.global_arn("iam", f"role/{names.role}")
    assert variables()["INSTANTIATE_LAMBDA_HANDLER_ON_IMPORT"] == "True"
    assert not client("events").list_rules()["Rules"]  # nothing keeps it warm
    left = client("s3").list_objects_v2(Bucket=names.uploads)["Contents"]
    assert [item["Key"] for item in left if item["Key"].endswith(".zip")] == [releases.CURRENT]


def test_the_code_is_kept_to_come_back_to(deployed, client, names):
    # moto keeps the checksum of the upload's parts for the copy, which has none
    s3 = client("s3", config=Config(response_checksum_validation="when_required"))
    kept = s3.get_object(Bucket=names.uploads, Key=releases.CURRENT)
    digest = base64.b64encode(hashlib.sha256(kept["Body"].read()).digest()).decode()
    function = client("lambda").get_function_configuration(FunctionName=NAME)
    assert digest == function["CodeSha256"]
    release = releases.Release.from_metadata(kept["Metadata"])
    assert (release.runtime, release.handler) == (function["Runtime"], function["Handler"])
    assert release.formats == releases.formats()


@pytest.fixture
def api(deployed, client):
    """The properties of the parts of Zappa's stack, by their type."""
    template = client("cloudformation").get_template(StackName=NAME)["TemplateBody"]
    parts = {}
    for resource in template["Resources"].values():
        parts.setdefault(resource["Type"], []).append(resource["Properties"])
    return parts


def test_api_gateway_is_in_the_region(api):
    (rest,) = api["AWS::ApiGateway::RestApi"]
    assert rest["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_api_gateway_may_do_with_the_role_what_zappa_tells_it_to(api, client, names):
    role = client("iam").get_role(RoleName=names.role)["Role"]
    assert role["AssumeRolePolicyDocument"] == policies.function_trust()
    for method in api["AWS::ApiGateway::Method"]:
        integration = method["Integration"]
        assert integration["Credentials"] == role["Arn"]
        called = re.search("functions/(.*)/invocations", integration["Uri"])[1]
        assert allows(policies.function_access(names), "lambda:InvokeFunction", called)


def test_the_settings_hold_names_and_no_secrets(deployed, names, variables, stored_users):
    written = zappa_settings.ACCOUNT_FILE.read_text()
    assert names.models in written
    assert VARIABLE not in variables()
    entry = stored_users()
    assert re.fullmatch(r"moodle:sha256:[0-9a-f]{32}:[0-9a-f]{64}", entry)
    for secret in (entry, password_in(deployed)):
        assert secret not in written
    assert entry not in deployed


# and then -----------------------------------------------------------------------------------------


def test_status(deployed, infra, zappa, client):
    url = client("lambda").get_function_url_config(FunctionName=NAME)["FunctionUrl"]
    shown = infra("status")
    assert re.search(r"^Stack +CREATE_COMPLETE$", shown, re.M)
    assert re.search(r"^Users +moodle$", shown, re.M)
    assert f"{url.rstrip('/')} (function URL)" in shown
    shown = zappa("status", "production")
    assert NAME in shown
    assert url in shown


def test_tail(deployed, zappa, client, names):
    logs = client("logs")
    logs.create_log_stream(logGroupName=names.log_group, logStreamName="instance")
    before = int(time.time() - 60) * 1000  # Zappa does not look at the second that it is
    logs.put_log_events(
        logGroupName=names.log_group,
        logStreamName="instance",
        logEvents=[{"timestamp": before, "message": "a line of the log"}],
    )
    shown = zappa("tail", "production", "--disable-keep-open", "--since", "1h")
    assert "a line of the log" in shown


def test_a_new_user_can_do_its_work_at_once_and_the_code_is_the_same(
    deployed, infra, doors, client, stored_users
):
    def state():
        found = client("lambda").get_function_configuration(FunctionName=NAME)
        return found["CodeSha256"], found["LastModified"], found["Environment"]

    before, users = state(), stored_users()
    password = password_in(infra("users", "add", "second"))
    course = Course(noise=0.2)
    for door in doors.values():
        moodle = door.moodle.but(user="second", password=password, uniqueid="of-second")
        moodle.train(course.labelled(60))
        assert moodle.prediction(course.unlabelled(5)).json["status"] == 0
    assert stored_users().startswith(f"{users},\nsecond:")
    assert state() == before


def test_up_again_updates_and_keeps_users_and_models(deployed, infra, client, variables, public):
    before = variables()
    shown = infra("up")
    assert "(zappa update production)" in shown
    assert "is live" in shown
    assert "nothing to change" in shown
    assert "shown this once" not in shown
    assert shown.count("/version says 3.0.5") == 3
    assert variables() == before
    assert public()[function_url.SID]["InvokedViaFunctionUrl"] is True


def test_zappa_update_is_the_same_and_says_what_moodle_needs(deployed, zappa, public, variables):
    before = variables()
    shown = zappa("update", "production")
    assert "is live" in shown
    assert "--name=port --set=443/production" in shown
    assert "--name=username --set=USERNAME" in shown
    assert variables() == before
    assert public()[function_url.SID]["InvokedViaFunctionUrl"] is True


def test_previous_goes_back_to_the_code_before(deployed, infra, client, names):
    s3 = client("s3")
    found = s3.head_object(Bucket=names.uploads, Key=releases.CURRENT)
    s3.copy_object(  # as if other code had been deployed over it
        Bucket=names.uploads,
        Key=releases.PREVIOUS,
        CopySource={"Bucket": names.uploads, "Key": releases.CURRENT},
        Metadata=found["Metadata"] | {"deployed": "long ago"},
        MetadataDirective="REPLACE",
    )
    shown = infra("up", "--previous")
    assert "[1/3] Give the function" in shown
    assert "the code that was deployed long ago" in shown
    assert shown.count("/version says 3.0.5") == 3
    found = s3.head_object(Bucket=names.uploads, Key=releases.CURRENT)
    assert found["Metadata"]["deployed"] == "long ago"


def test_down_leaves_the_models_and_the_project_as_it_was(
    deployed, infra, client, names, settings, buckets
):
    assert f"The bucket {names.models} remains" in infra("down", "--yes")
    assert buckets() == {names.models}
    assert not zappa_settings.ACCOUNT_FILE.exists()
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client("lambda").get_function(FunctionName=NAME)
    for stack in (names.stack, names.api_stack):  # moto keeps the API of a stack that is gone
        with pytest.raises(ClientError, match="does not exist"):
            client("cloudformation").describe_stacks(StackName=stack)


def test_down_with_models_leaves_nothing(deployed, infra, buckets):
    assert "nothing costs anything" in infra("down", "--models-too", "--yes")
    assert buckets() == set()


@pytest.fixture
def buckets(client):
    """Returns the names of all buckets."""
    return lambda: {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}


def test_the_printed_policy_allows_all_that_was_asked(deployed, recorded, names):
    """Of AWS, by all commands above and by the Zappa that they ran."""
    asked = {pair for call in recorded() for pair in needed(names, *call)}
    policy = policies.deployer()
    assert {pair for pair in asked if not allows(policy, *pair)} == set()
    assert {action for action, _ in asked} >= OF_ZAPPA
