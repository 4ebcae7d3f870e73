"""The template's own function, asked as CloudFormation asks it."""

import datetime
import hashlib
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from moto import mock_aws

from handler.auth.users import Users
from infra.aws import installer

BUCKET = "moodle-mlbackend-123456789012-eu-central-1"
CODE = b"PK the program" * 100_000
SETTINGS = {"put_bucket_versioning": {"VersioningConfiguration": {"Status": "Enabled"}}}


@pytest.fixture
def cloud(aws, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    with mock_aws():
        yield


def certificate(folder):
    """Make a certificate for 127.0.0.1 and return the file that holds it with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    file = folder / "certificate.pem"
    file.write_bytes(
        made.public_bytes(encoding)
        + key.private_bytes(
            encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return file


@pytest.fixture(scope="module")
def internet(tmp_path_factory):
    """A server that has the release, and takes answers as CloudFormation does."""
    file = certificate(tmp_path_factory.mktemp("tls"))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200 if self.path == "/code.zip" else 404)
            self.end_headers()
            self.wfile.write(CODE if self.path == "/code.zip" else b"Not found")

        def do_PUT(self):
            assert not self.headers["Content-Type"]
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.answers.append(json.loads(body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.answers = []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(file))
        yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Stack:
    """Asks as CloudFormation does."""

    def __init__(self, internet):
        self.internet = internet

    def ask(self, request, kind, properties, name=None, **more):
        event = {
            "RequestType": request,
            "ResourceType": f"Custom::{kind}",
            "ResourceProperties": {"ServiceToken": "arn", **properties},
            "ResponseURL": f"{self.internet.url}/answer?signature=x",
            "StackId": "stack",
            "RequestId": "request",
            "LogicalResourceId": kind,
            **({} if name is None else {"PhysicalResourceId": name}),
            **more,
        }
        installer.handler(event, None)
        answer = self.internet.answers.pop()
        assert (answer["StackId"], answer["RequestId"]) == ("stack", "request")
        assert answer["LogicalResourceId"] == kind
        return answer

    def make(self, kind, **properties):
        answer = self.ask("Create", kind, properties)
        assert answer["Status"] == "SUCCESS", answer
        return answer["PhysicalResourceId"]

    def make_bucket(self):
        return self.make("Bucket", Name=BUCKET, Settings=json.dumps(SETTINGS))

    def remove(self, kind, name, **properties):
        answer = self.ask("Delete", kind, properties, name)
        assert answer["Status"] == "SUCCESS", answer

    def failure(self, kind, **properties):
        """Fail to make, and return the sentence; what CloudFormation then removes is no error."""
        answer = self.ask("Create", kind, properties)
        assert answer["Status"] == "FAILED"
        self.remove(kind, answer["PhysicalResourceId"], **properties)
        return answer["Reason"]


@pytest.fixture
def stack(cloud, internet):
    return Stack(internet)


def code(internet, **changes):
    return {
        "Bucket": BUCKET,
        "Key": "code/1.zip",
        "Source": f"{internet.url}/code.zip",
        "Sha256": hashlib.sha256(CODE).hexdigest(),
        **changes,
    }


def user(name="moodle"):
    return {"Bucket": BUCKET, "Name": name, "PasswordParameter": f"password-{name}"}


def users():
    stored = boto3.client("s3").get_object(Bucket=BUCKET, Key="config/users")["Body"].read()
    return stored.decode()


def password(name="moodle"):
    parameter = boto3.client("ssm").get_parameter(Name=f"password-{name}", WithDecryption=True)
    return parameter["Parameter"]


# the bucket ---------------------------------------------------------------------------------------


def test_the_bucket_is_made_with_its_settings_and_stays(stack):
    assert stack.make_bucket() == BUCKET
    s3 = boto3.client("s3")
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    s3.put_object(Bucket=BUCKET, Key="models/m", Body=b"model")
    stack.remove("Bucket", BUCKET, Name=BUCKET)
    assert s3.get_object(Bucket=BUCKET, Key="models/m")["Body"].read() == b"model"


def test_a_stack_that_is_made_again_takes_over_the_bucket(stack):
    stack.make_bucket()
    boto3.client("s3").put_object(Bucket=BUCKET, Key="models/m", Body=b"model")
    stack.remove("Bucket", BUCKET, Name=BUCKET)
    assert stack.make_bucket() == BUCKET
    assert boto3.client("s3").get_object(Bucket=BUCKET, Key="models/m")["Body"].read() == b"model"


def test_another_account_s_bucket_is_not_used(stack, monkeypatch):
    def taken(client, operation, parameters):
        assert operation == "CreateBucket"
        raise ClientError({"Error": {"Code": "BucketAlreadyExists"}}, operation)

    monkeypatch.setattr("botocore.client.BaseClient._make_api_call", taken)
    reason = stack.failure("Bucket", Name=BUCKET, Settings="{}")
    assert reason.startswith("Another AWS account has a bucket named")


# the code -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["https", "s3"])
def test_the_code_is_fetched_checked_and_removed(stack, internet, scheme):
    stack.make_bucket()
    s3 = boto3.client("s3")
    s3.put_object(Bucket=BUCKET, Key="uploaded/code.zip", Body=CODE)
    source = {} if scheme == "https" else {"Source": f"s3://{BUCKET}/uploaded/code.zip"}
    properties = code(internet, **source)
    assert stack.make("Code", **properties) == "code/1.zip"
    assert s3.get_object(Bucket=BUCKET, Key="code/1.zip")["Body"].read() == CODE
    stack.remove("Code", "code/1.zip", **properties)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=BUCKET, Key="code/1.zip")


def test_a_new_release_is_another_object_until_the_old_one_is_removed(stack, internet):
    stack.make_bucket()
    old, new = code(internet), code(internet, Key="code/2.zip")
    stack.make("Code", **old)
    answer = stack.ask("Update", "Code", new, "code/1.zip", OldResourceProperties=old)
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
def test_code_that_cannot_be_used_is_a_sentence_and_no_object(stack, internet, changes, sentence):
    stack.make_bucket()
    if changes.get("Source", "").startswith("/"):
        changes = {"Source": internet.url + changes["Source"]}
    assert sentence in stack.failure("Code", **code(internet, **changes))
    assert "Contents" not in boto3.client("s3").list_objects_v2(Bucket=BUCKET)


# the user -----------------------------------------------------------------------------------------


def test_the_user_can_sign_in_with_the_password_that_is_shown(stack):
    stack.make_bucket()
    assert stack.make("User", **user()) == "moodle"
    shown = password()
    assert shown["Type"] == "SecureString"
    assert Users.parse(users()).check("moodle", shown["Value"])
    assert shown["Value"] not in users()


def test_the_password_ends_within_a_day(stack, calls):
    stack.make_bucket()
    stack.make("User", **user())
    (sent,) = [given for _, operation, given in calls if operation == "PutParameter"]
    (expiry,) = json.loads(sent["Policies"])
    assert (sent["Tier"], expiry["Type"]) == ("Advanced", "Expiration")
    until = datetime.datetime.fromisoformat(expiry["Attributes"]["Timestamp"])
    left = until - datetime.datetime.now(datetime.UTC)
    assert datetime.timedelta(hours=23) < left <= datetime.timedelta(hours=24)


def test_other_users_stay_and_an_earlier_one_of_the_name_gets_a_new_password(stack):
    stack.make_bucket()
    other = "other:sha256:salt:" + "0" * 64
    old = "Moodle:sha256:salt:" + "1" * 64
    boto3.client("s3").put_object(Bucket=BUCKET, Key="config/users", Body=f"{other},{old}".encode())
    stack.make("User", **user())
    assert users().split(",")[0] == other
    assert "1" * 64 not in users()
    stack.remove("User", "moodle", **user())
    assert users() == other


def test_an_update_keeps_the_password_and_another_name_is_another_user(stack):
    stack.make_bucket()
    stack.make("User", **user())
    first = users()
    stack.ask("Update", "User", user(), "moodle", OldResourceProperties=user())
    assert users() == first
    answer = stack.ask("Update", "User", user("school"), "moodle", OldResourceProperties=user())
    assert answer["PhysicalResourceId"] == "school"
    stack.remove("User", "moodle", **user())
    assert Users.parse(users()).check("school", password("school")["Value"])
    assert first not in users()


def test_a_change_by_others_at_the_same_moment_is_kept(stack, monkeypatch):
    stack.make_bucket()
    call = installer._but
    s3 = boto3.client("s3")
    others = iter(["other:sha256:salt:" + "0" * 64])

    def slow(entries, name):
        for other in others:
            s3.put_object(Bucket=BUCKET, Key="config/users", Body=other.encode())
        return call(entries, name)

    monkeypatch.setattr(installer, "_but", slow)
    stack.make("User", **user())
    assert [entry.partition(":")[0] for entry in users().split(",")] == ["other", "moodle"]


# all of them --------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Code", "User"])
def test_what_is_gone_already_is_removed_without_an_error(stack, internet, kind):
    properties = {"Code": code(internet), "User": user()}[kind]
    stack.remove(kind, "some name", **properties)


def test_what_nobody_foresaw_is_answered_too(stack):
    answer = stack.ask("Create", "Elephant", {})
    assert answer["Status"] == "FAILED"
    assert "create it again" in answer["Reason"]
