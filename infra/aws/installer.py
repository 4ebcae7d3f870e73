"""What the template for the browser runs in the account, as no template can do it by itself.

CloudFormation calls `handler` for each of its resources ``Custom::Bucket``, ``Custom::Code`` and
``Custom::User``. This file stands in the template as it is, so it uses the standard library and
boto3 alone.
"""

import datetime
import hashlib
import json
import secrets
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

Properties = dict[str, Any]

USERS = "config/users"
_ATTEMPTS = 5  # to change the users while somebody else does so, too
_PASSWORD_HOURS = 24
_NOTHING = "nothing"  # what a resource is called that was not made
_GONE = {"NoSuchBucket", "ParameterNotFound"}


class Failed(Exception):
    """A sentence for the stack's events."""


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks, and answer whatever happens: without an answer it waits on."""
    answer = {
        "Status": "SUCCESS",
        "PhysicalResourceId": event.get("PhysicalResourceId", _NOTHING),
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    try:
        make, remove = _RESOURCES[event["ResourceType"]]
        properties = event["ResourceProperties"]
        if event["RequestType"] != "Delete":
            answer["PhysicalResourceId"] = make(properties, event.get("OldResourceProperties", {}))
        elif event["PhysicalResourceId"] != _NOTHING:
            _remove(remove, event["PhysicalResourceId"], properties)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
        answer |= {"Status": "FAILED", "Reason": _reason(error)}
    _send(event["ResponseURL"], answer)


def _remove(remove: Callable[[str, Properties], None], name: str, properties: Properties) -> None:
    try:
        remove(name, properties)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _GONE:
            raise


def _reason(error: Exception) -> str:
    if isinstance(error, Failed):
        return str(error)
    return (
        f"{type(error).__name__}: {error}. Delete this stack and create it again; if this comes "
        "again, ask whoever gave you the template."
    )


def _send(url: str, answer: dict[str, Any]) -> None:
    # without a Content-Type, as the address is signed for none
    headers = {"Content-Type": ""}
    data = json.dumps(answer).encode()
    request = urllib.request.Request(url, data, headers, method="PUT")  # noqa: S310 (AWS's own)
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310


def make_bucket(properties: Properties, old: Properties) -> str:
    """Make the bucket for the models, or take over the one that an earlier stack left."""
    s3 = boto3.client("s3")
    bucket: str = properties["Name"]
    region = s3.meta.region_name
    place = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    try:
        s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else place))
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "BucketAlreadyExists":
            raise Failed(
                f"Another AWS account has a bucket named {bucket}, which should be yours alone: "
                "create the stack in another region."
            ) from error
        if code != "BucketAlreadyOwnedByYou":
            raise
    settings = json.loads(properties["Settings"])
    for operation, argument in settings.items():
        getattr(s3, operation)(Bucket=bucket, **argument)
    try:
        s3.get_bucket_tagging(Bucket=bucket)  # those of a stack of before must not be replaced
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchTagSet":
            raise
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": properties["Tags"]})
    return bucket


def keep_bucket(bucket: str, properties: Properties) -> None:
    """Leave the bucket: deleting the stack costs no model."""


def fetch_code(properties: Properties, old: Properties) -> str:
    """Copy the release's zip into the bucket, once its content is known to be right."""
    key: str = properties["Key"]
    source: str = properties["Source"]
    path = Path(tempfile.gettempdir(), "code.zip")
    digest = hashlib.sha256()
    try:
        with _opened(source) as stream, path.open("wb") as file:
            while block := stream.read(1 << 20):
                digest.update(block)
                file.write(block)
    except (OSError, ValueError, ClientError) as error:
        raise Failed(
            f"The program could not be fetched from {source} ({error}): check the address in the "
            "stack's parameters, then try again."
        ) from error
    if digest.hexdigest() != properties["Sha256"]:
        raise Failed(
            f"What lies at {source} is not the program that belongs to this template: take both "
            "from the same release, then try again."
        )
    boto3.client("s3").upload_file(str(path), properties["Bucket"], key)
    return key


def _opened(source: str) -> Any:
    address = urllib.parse.urlsplit(source)
    if address.scheme == "s3":
        found = boto3.client("s3").get_object(Bucket=address.netloc, Key=address.path[1:])
        return found["Body"]
    if address.scheme != "https":
        raise ValueError("it begins with neither https:// nor s3://")
    return urllib.request.urlopen(source, timeout=60)  # noqa: S310


def remove_code(key: str, properties: Properties) -> None:
    """Remove a zip that no function is made from any more."""
    boto3.client("s3").delete_object(Bucket=properties["Bucket"], Key=key)


def make_user(properties: Properties, old: Properties) -> str:
    """Make a user with a random password, which is readable in the console for a day."""
    name: str = properties["Name"]
    if name == old.get("Name"):
        return name
    password, salt = secrets.token_urlsafe(24), secrets.token_hex(16)
    digest = hashlib.sha256((salt + password).encode()).hexdigest()
    entry = f"{name}:sha256:{salt}:{digest}"
    _change_users(properties["Bucket"], lambda others: [*_but(others, name), entry])
    until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=_PASSWORD_HOURS)
    expiry = {"Timestamp": until.strftime("%Y-%m-%dT%H:%M:%SZ")}
    boto3.client("ssm").put_parameter(
        Name=properties["PasswordParameter"],
        Description=f"The password of {name}, until {expiry['Timestamp']}",
        Value=password,
        Type="SecureString",
        Overwrite=True,
        Tier="Advanced",  # only this one ends by itself
        Policies=json.dumps([{"Type": "Expiration", "Version": "1.0", "Attributes": expiry}]),
    )
    return name


def remove_user(name: str, properties: Properties) -> None:
    """Remove a user and what is left of its password."""
    _change_users(properties["Bucket"], lambda others: _but(others, name))
    boto3.client("ssm").delete_parameter(Name=properties["PasswordParameter"])


def _but(entries: list[str], name: str) -> list[str]:
    return [entry for entry in entries if entry.partition(":")[0].casefold() != name.casefold()]


def _change_users(bucket: str, change: Callable[[list[str]], list[str]]) -> None:
    """Change the list of users on condition that nobody else did so meanwhile."""
    s3 = boto3.client("s3")
    for _ in range(_ATTEMPTS):
        try:
            found = s3.get_object(Bucket=bucket, Key=USERS)
            text, condition = found["Body"].read().decode(), {"IfMatch": found["ETag"]}
        except s3.exceptions.NoSuchKey:
            text, condition = "", {"IfNoneMatch": "*"}
        entries = [entry.strip() for entry in text.split(",") if entry.strip()]
        try:
            data = ",".join(change(entries)).encode()
            s3.put_object(Bucket=bucket, Key=USERS, Body=data, **condition)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] not in (409, 412):
                raise
        else:
            return
    raise Failed("Others change the users at the same moment: try again in a minute.")


_RESOURCES: dict[
    str, tuple[Callable[[Properties, Properties], str], Callable[[str, Properties], None]]
] = {
    "Custom::Bucket": (make_bucket, keep_bucket),
    "Custom::Code": (fetch_code, remove_code),
    "Custom::User": (make_user, remove_user),
}
