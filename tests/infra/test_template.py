"""What the stack holds, as far as it can be read from its template."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from infra.aws import policies
from infra.aws.resources import PROJECT, STAGE
from infra.aws.template import template

ZAPPA = Path(__file__).parents[2] / "zappa_settings.json"


@pytest.fixture
def resources(names):
    return template(names)["Resources"]


def test_cfn_lint_finds_nothing(names, tmp_path):
    file = tmp_path / "template.json"
    file.write_text(json.dumps(template(names)))
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    command = [cfn_lint, "--regions", names.region, "--", file]
    checked = subprocess.run(command, capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout


def test_the_template_fits_into_a_request(names):
    assert len(json.dumps(template(names))) <= 51_200


@pytest.mark.parametrize("bucket", ["Models", "Uploads"])
def test_buckets_are_encrypted_and_private(resources, bucket):
    properties = resources[bucket]["Properties"]
    (rule,) = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert set(properties["PublicAccessBlockConfiguration"].values()) == {True}
    policy = resources[f"{bucket}Policy"]["Properties"]
    assert policy["Bucket"] == properties["BucketName"]
    assert policy["PolicyDocument"] == policies.tls_only(properties["BucketName"])
    assert {"DaysAfterInitiation": 1} in [
        rule.get("AbortIncompleteMultipartUpload")
        for rule in properties["LifecycleConfiguration"]["Rules"]
    ]


def test_models_are_versioned_and_outlive_the_stack(resources):
    models = resources["Models"]
    assert models["DeletionPolicy"] == models["UpdateReplacePolicy"] == "Retain"
    assert models["Properties"]["VersioningConfiguration"] == {"Status": "Enabled"}
    old = models["Properties"]["LifecycleConfiguration"]["Rules"][0]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 30}
    assert "ExpirationInDays" not in old


def test_a_bucket_that_was_left_behind_can_be_taken_over(resources, names):
    """CloudFormation does so only for literal names and where the bucket is to be retained."""
    assert resources["Models"]["Properties"]["BucketName"] == names.models


def test_the_log_has_an_end(resources, names):
    properties = resources["Log"]["Properties"]
    assert properties == {"LogGroupName": names.log_group, "RetentionInDays": 30}


def test_without_an_address_there_are_no_alarms(names):
    whole = template(names)
    assert whole["Parameters"]["Email"]["Default"] == ""
    conditional = {name for name, it in whole["Resources"].items() if "Condition" in it}
    assert conditional == {"AlarmTopic", "ErrorAlarm", "Budget"}


def test_labels_are_those_that_zappa_makes(names):
    settings = json.loads(ZAPPA.read_text())
    assert settings[STAGE]["project_name"] == PROJECT
    assert names.function == f"{PROJECT}-{STAGE}"


def test_bucket_names_are_short_enough_in_every_region(names):
    longest = type(names)("123456789012", "ap-southeast-1")
    assert len(longest.uploads) <= 63
