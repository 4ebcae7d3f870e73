"""The complete template: what it asks, makes and tells, as far as that can be read from it."""

import json
from pathlib import Path

import boto3
import pytest
import yaml

from infra.aws import installer, policies
from infra.aws.browser_template import NAMES, Release, as_yaml, browser_template, bucket_calls
from infra.aws.resources import TAGS, WITHOUT_FUNCTION_URLS
from infra.aws.template import template
from tests.infra.iam import allows
from tests.infra.rights import schema

TAG_LIST = [{"Key": key, "Value": value} for key, value in TAGS.items()]
RELEASE = Release("1.2.3", "https://example.org/1.2.3", {"x86_64": "a" * 64, "arm64": "b" * 64})


@pytest.fixture
def made():
    return browser_template(RELEASE)


def texts(value):
    """All texts in a part of a template."""
    if isinstance(value, dict):
        return [text for item in value.items() for part in item for text in texts(part)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [str(value)]


def test_the_text_is_the_template_and_fits_into_a_request(made):
    assert yaml.safe_load(as_yaml(made)) == made
    assert len(as_yaml(made)) <= 51_200


def test_whoever_approves_it_reads_the_installer_s_own_source(made):
    code = made["Resources"]["Installer"]["Properties"]["Code"]["ZipFile"]
    assert code == Path(installer.__file__).read_text()
    assert "  import boto3\n" in as_yaml(made).replace("          import", "  import")


def test_role_and_log_are_those_of_up(made, names):
    account, region = names.account, names.region
    text = json.dumps(made["Resources"]["Role"])
    text = text.replace("${AWS::AccountId}", account).replace("${AWS::Region}", region)

    def resolved(value):
        if isinstance(value, dict) and set(value) == {"Fn::Sub"}:
            return value["Fn::Sub"]
        if isinstance(value, dict):
            return {name: resolved(item) for name, item in value.items()}
        return [resolved(item) for item in value] if isinstance(value, list) else value

    # the boundary is for keys that may make roles, which whoever has the console does not need
    bounded = template(names)["Resources"]["Role"]
    bounded["Properties"]["Tags"] = TAG_LIST  # of up's whole stack
    assert bounded["Properties"].pop("PermissionsBoundary")
    assert resolved(json.loads(text)) == bounded
    log = template(names)["Resources"]["Log"]
    log["Properties"]["Tags"] = TAG_LIST
    assert made["Resources"]["Log"] == log


def test_all_that_takes_tags_is_tagged(made):
    tagged = set()
    for name, resource in made["Resources"].items():
        kind = resource["Type"]
        if not kind.startswith("Custom::") and "Tags" in schema(kind)["properties"]:
            assert resource["Properties"]["Tags"] in (TAGS, TAG_LIST), name
            tagged.add(kind)
    assert "AWS::Lambda::Function" in tagged


def test_the_bucket_is_as_private_as_that_of_up(cloud, names):
    s3 = boto3.client("s3")
    s3.create_bucket(
        Bucket=names.models, CreateBucketConfiguration={"LocationConstraint": names.region}
    )
    for operation, arguments in bucket_calls(names).items():
        getattr(s3, operation)(Bucket=names.models, **arguments)
    bucket = {"Bucket": names.models}
    assert s3.get_bucket_versioning(**bucket)["Status"] == "Enabled"
    blocked = s3.get_public_access_block(**bucket)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (rule,) = s3.get_bucket_encryption(**bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (owner,) = s3.get_bucket_ownership_controls(**bucket)["OwnershipControls"]["Rules"]
    assert owner["ObjectOwnership"] == "BucketOwnerEnforced"
    assert json.loads(s3.get_bucket_policy(**bucket)["Policy"]) == policies.tls_only(names.models)
    declared = template(names)["Resources"]["Models"]["Properties"]["LifecycleConfiguration"]
    rules = s3.get_bucket_lifecycle_configuration(**bucket)["Rules"]
    assert [rule["ID"] for rule in rules] == [rule["Id"] for rule in declared["Rules"]]


def test_a_function_url_is_made_where_there_can_be_one(made):
    listed = texts(made["Conditions"]["LacksFunctionUrls"])
    assert set(WITHOUT_FUNCTION_URLS) <= set(listed)
    of_url = {"FunctionUrl", "OpenFunctionUrl", "InvokeThroughUrl"}
    assert {
        name for name, it in made["Resources"].items() if it.get("Condition") == "HasFunctionUrls"
    } == of_url
    assert made["Outputs"]["HostForLongRequests"]["Condition"] == "HasFunctionUrls"
    invoke = made["Resources"]["InvokeThroughUrl"]["Properties"]
    assert invoke["InvokedViaFunctionUrl"] is True


def test_the_password_stands_nowhere_but_in_its_parameter(made):
    """The outputs lead to it; neither they nor the function's environment hold it."""
    link = made["Outputs"]["Password"]["Value"]["Fn::Sub"]
    assert "/systems-manager/parameters/moodle-mlbackend-password-${UserName}/" in link
    assert "PASSWORD@" in made["Outputs"]["PluginLine"]["Value"]["Fn::Sub"]
    variables = made["Resources"]["Function"]["Properties"]["Environment"]["Variables"]
    assert not any("USERS" in name or "PASSWORD" in name for name in variables)


def test_another_release_is_other_code(made):
    digests = {"x86_64": "c" * 64, "arm64": "d" * 64}
    later = browser_template(Release("1.2.3", RELEASE.address, digests))
    keys = {
        release["Mappings"]["Release"][name]["Key"]
        for release in (made, later)
        for name in ("x86-64", "arm64")
    }
    assert len(keys) == 4


def test_without_a_known_address_the_admin_says_where_the_program_lies():
    parameters = browser_template(Release("1.2.3", "", RELEASE.digests))["Parameters"]
    assert "Default" not in parameters["Source"]


# the installer's rights ---------------------------------------------------------------------------

ACTIONS = {
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
}


def needed(service, operation, parameters):
    """What IAM asks for a call: action and resource."""
    action = f"{service}:{ACTIONS.get(operation, operation)}"
    if service == "ssm":
        region, account = NAMES.region, NAMES.account
        return action, f"arn:aws:ssm:{region}:{account}:parameter/{parameters['Name']}"
    key = parameters.get("Key")
    return action, f"arn:aws:s3:::{parameters['Bucket']}" + (f"/{key}" if key else "")


def test_each_call_of_the_installer_is_allowed_and_each_right_used(installing, calls):
    bucket = NAMES.models.replace("${AWS::AccountId}", "1").replace("${AWS::Region}", "x")
    settings = json.dumps(bucket_calls(NAMES))
    installing.make("Bucket", Name=bucket, Settings=settings, Tags=TAG_LIST)
    user = {"Name": "moodle", "PasswordParameter": "moodle-mlbackend-password-moodle"}
    installing.make("User", Bucket=bucket, **user)
    code = installing.code(Bucket=bucket)
    installing.make("Code", **code)
    installing.remove("User", "moodle", Bucket=bucket, **user)
    installing.remove("Code", code["Key"], **code)

    role = browser_template(RELEASE)["Resources"]["InstallerRole"]["Properties"]
    (written,) = role["Policies"]
    policy = json.loads(json.dumps(written["PolicyDocument"]).replace(NAMES.models, bucket))
    for statement in policy["Statement"]:
        if isinstance(statement["Resource"], dict):
            statement["Resource"] = statement["Resource"]["Fn::Sub"]
    asked = [needed(*call) for call in calls]
    assert [call for call in asked if not allows(policy, *call)] == []
    rights = {
        action
        for statement in policy["Statement"]
        for action in (
            statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        )
    }
    # listing is what turns a missing key into "no such key"; the log is written by Lambda
    unseen = {"s3:ListBucket", "s3:AbortMultipartUpload"}
    unseen |= {"logs:CreateLogStream", "logs:PutLogEvents"}
    assert rights - {action for action, _ in asked} == unseen
