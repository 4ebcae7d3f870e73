"""The template's own function, asked as CloudFormation asks it."""

import datetime
import json

import boto3
import pytest
from botocore.exceptions import ClientError

from handler.auth.users import Users
from infra.aws import installer
from tests.infra.installing import BUCKET, CODE, TAGS


def user(name="moodle"):
    return {"Bucket": BUCKET, "Name": name, "PasswordParameter": f"password-{name}"}


def users():
    stored = boto3.client("s3").get_object(Bucket=BUCKET, Key="config/users")["Body"].read()
    return stored.decode()


def password(name="moodle"):
    parameter = boto3.client("ssm").get_parameter(Name=f"password-{name}", WithDecryption=True)
    return parameter["Parameter"]


# the bucket ---------------------------------------------------------------------------------------


def test_the_bucket_is_made_with_its_settings_and_stays(installing):
    assert installing.make_bucket() == BUCKET
    s3 = boto3.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == TAGS
    s3.put_object(Bucket=BUCKET, Key="models/m", Body=b"model")
    installing.remove("Bucket", BUCKET, Name=BUCKET)
    assert s3.get_object(Bucket=BUCKET, Key="models/m")["Body"].read() == b"model"


def test_a_stack_that_is_made_again_takes_over_the_bucket(installing):
    installing.make_bucket()
    boto3.client("s3").put_object(Bucket=BUCKET, Key="models/m", Body=b"model")
    installing.remove("Bucket", BUCKET, Name=BUCKET)
    assert installing.make_bucket() == BUCKET
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key="models/m")["Body"].read() == b"model"


def test_an_earlier_bucket_keeps_its_tags_as_aws_wants(installing):
    """Those that CloudFormation gave a bucket of `up` nobody may take away."""
    installing.make_bucket()
    tags = [{"Key": "cloudformation", "Value": "moodle-mlbackend"}]
    s3 = boto3.client("s3")
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": tags})
    installing.make_bucket()
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == tags


def test_another_account_s_bucket_is_not_used(installing, monkeypatch):
    def taken(client, operation, parameters):
        assert operation == "CreateBucket"
        raise ClientError({"Error": {"Code": "BucketAlreadyExists"}}, operation)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", taken)
    reason = installing.failure("Bucket", Name=BUCKET, Settings="{}")
    assert reason.startswith("Another AWS account has a bucket named")


# the code -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_the_code_is_fetched_checked_and_removed(installing, internet, scheme):
    installing.make_bucket()
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key="uploaded/code.zip", Body=CODE)
    source = {} if scheme == "https" else {"Source": f"s3://{BUCKET}/uploaded/code.zip"}
    properties = installing.code(**source)
    assert installing.make("Code", **properties) == "code/1.zip"
    assert s3.get_object(Bucket=BUCKET, Key="code/1.zip")["Body"].read() == CODE
    installing.remove("Code", "code/1.zip", **properties)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="code/1.zip")


def test_a_new_release_is_another_object_until_the_old_one_is_removed(installing, internet):
    installing.make_bucket()
    old, new = installing.code(), installing.code(Key="code/2.zip")
    installing.make("Code", **old)
    answer = installing.ask("Update", "Code", new, "code/1.zip", OldResourceProperties=old)
    assert answer["PhysicalResourceId"] == "code/2.zip"
    listed = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="code/")["Contents"]
    assert [item["Key"] for item in listed] == ["code/1.zip", "code/2.zip"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"Sha256": "0" * 64}, "is not the program that belongs to this template"),
        ({"Source": "/missing.zip"}, "could not be fetched"),
        ({"Source": "ftp://example.org/code.zip"}, "neither https:// nor s3://"),
        ({"Source": "s3://nobody-has-this/code.zip"}, "could not be fetched"),
    ],
)
def test_code_that_cannot_be_used_is_a_sentence_and_no_object(
    installing, internet, changes, sentence
):
    installing.make_bucket()
    if changes.get("Source", "").startswith("/"):
        changes = {"Source": internet.url + changes["Source"]}
    assert sentence in installing.failure("Code", **installing.code(**changes))
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET)


# the user -----------------------------------------------------------------------------------------


def test_the_user_can_sign_in_with_the_password_that_is_shown(installing):
    installing.make_bucket()
    assert installing.make("User", **user()) == "moodle"
    shown = password()
    assert shown["Type"] == "SecureString"
    assert Users.parse(users()).check("moodle", shown["Value"])
    assert shown["Value"] not in users()


def test_the_password_ends_within_a_day(installing, calls):
    installing.make_bucket()
    installing.make("User", **user())
    (sent,) = [given for _, operation, given in calls if operation == "PutParameter"]
    (expiry,) = json.loads(sent["Policies"])
    assert (sent["Tier"], expiry["Type"]) == ("Advanced", "Expiration")
    until = datetime.datetime.fromisoformat(expiry["Attributes"]["Timestamp"])
    left = until - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=23) < left <= datetime.timedelta(hours=24)


def test_other_users_stay_and_an_earlier_one_of_the_name_gets_a_new_password(installing):
    installing.make_bucket()
    other = "other:sha256:salt:" + "0" * 64
    old = "Moodle:sha256:salt:" + "1" * 64
    boto3.client("s3").put_object(Bucket=BUCKET, Key="config/users", Body=f"{other},{old}".encode())
    installing.make("User", **user())
    assert users().split(",")[0] == other
    assert "1" * 64 not in users()
    installing.remove("User", "moodle", **user())
    assert users() == other


def test_an_update_keeps_the_password_and_another_name_is_another_user(installing):
    installing.make_bucket()
    installing.make("User", **user())
    first = users()
    installing.ask("Update", "User", user(), "moodle", OldResourceProperties=user())
    assert users() == first
    answer = installing.ask(
        "Update", "User", user("school"), "moodle", OldResourceProperties=user()
    )
    assert answer["PhysicalResourceId"] == "school"
    installing.remove("User", "moodle", **user())
    assert Users.parse(users()).check("school", password("school")["Value"])
    assert first not in users()


def test_a_change_by_others_at_the_same_moment_is_kept(installing, monkeypatch):
    installing.make_bucket()
    call = installer._but
    s3 = boto3.client("s3")
    others = iter(["other:sha256:salt:" + "0" * 64])

    def slow(entries, name):
        for other in others:
            s3.put_object(Bucket=BUCKET, Key="config/users", Body=other.encode())
        return call(entries, name)

    monkeypatch.setattr(installer, "_but", slow)
    installing.make("User", **user())
    assert [entry.partition(":")[0] for entry in users().split(",")] == ["other", "moodle"]


# all of them --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Code", "User"])
def test_what_is_gone_already_is_removed_without_an_error(installing, internet, kind):
    properties = {"Code": installing.code(), "User": user()}[kind]
    installing.remove(kind, "some name", **properties)


def test_what_nobody_foresaw_is_answered_too(installing):
    answer = installing.ask("Create", "Elephant", {})
    assert answer["Status"] == "FAILED"
    assert "create it again" in answer["Reason"]
