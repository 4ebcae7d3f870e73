"""What the stack holds, as far as it can be read from its template."""

import json
from pathlib import Path

import pytest

from infra.aws import alarms, policies
from infra.aws.resources import PROJECT, STAGE
from infra.aws.template import template

ZAPPA = Path(__file__).parents[2] / "zappa_settings.json"


@pytest.fixture
def resources(names):
    return template(names)["Resources"]


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
    for kept in (models, resources["ModelsPolicy"]):
        assert kept["DeletionPolicy"] == kept["UpdateReplacePolicy"] == "Retain"
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


def test_the_http_api_calls_the_function_with_the_function_s_role(resources, names):
    """So it needs no right in the policy of a function that may be deployed anew."""
    integration = resources["HttpApiIntegration"]["Properties"]
    assert integration["IntegrationUri"].endswith(f":function:{names.function}")
    assert integration["CredentialsArn"] == {"Fn::GetAtt": ["Role", "Arn"]}
    assert integration["PayloadFormatVersion"] == "2.0"
    assert resources["HttpApiStage"]["Properties"]["StageName"] == "$default"


def test_every_metric_that_rings_is_about_this_function(names):
    parts = alarms.template(names, "api123")["Resources"]
    rings = {
        (metric["MetricStat"]["Metric"]["Namespace"], metric["MetricStat"]["Metric"]["MetricName"])
        for part in parts.values()
        if part["Type"] == "AWS::CloudWatch::Alarm"
        for metric in part["Properties"]["Metrics"]
        if "MetricStat" in metric
    }
    assert rings == {
        ("AWS/Lambda", "Errors"),
        ("AWS/Lambda", "Throttles"),
        ("AWS/Lambda", "Url5xxCount"),
        ("AWS/ApiGateway", "5XXError"),
        ("AWS/ApiGateway", "5xx"),
        ("MoodleMlbackend", "Failed"),
    }
    counted = parts["FailuresInLog"]["Properties"]
    assert counted["LogGroupName"] == names.log_group
    assert counted["MetricTransformations"][0]["MetricName"] == "Failed"


def test_labels_are_those_that_zappa_makes(names):
    settings = json.loads(ZAPPA.read_text())
    assert settings[STAGE]["project_name"] == PROJECT
    assert names.function == f"{PROJECT}-{STAGE}"


def test_bucket_names_are_short_enough_in_every_region(names):
    longest = type(names)("123456789012", "ap-southeast-1")
    assert len(longest.uploads) <= 63
