"""AWS to test with: moto's account, what Zappa would make in it, and a record of what was asked."""

import json
import threading
import zipfile
from contextlib import suppress
from io import BytesIO
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from werkzeug.serving import make_server

from handler.app import create_app
from handler.settings import Settings
from infra.aws import function, releases, smoke, stack, zappa_settings
from infra.aws.account import sign_in
from infra.aws.resources import Names
from infra.aws.tools import Tools
from infra.local.client import over_http
from tests import moto_gaps
from tests.conftest import QuietHandler
from tests.infra.installing import Requests, serve_release

REGION = "eu-central-1"
UPLOADED = "moodle-mlbackend-production-1.zip"  # as Zappa calls it, with the time


@pytest.fixture
def names():
    return Names("123456789012", REGION)


@pytest.fixture
def calls(monkeypatch):
    """Every call that any client of boto3 makes: service, operation, parameters."""
    made = []
    call = BaseClient._make_api_call

    def recorded(client, operation, parameters):
        made.append((client.meta.service_model.service_name, operation, parameters))
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made


@pytest.fixture
def settings_file(tmp_path, monkeypatch):
    """A file for the account's names, which is not there yet."""
    file = tmp_path / "zappa_account.json"
    monkeypatch.setattr(zappa_settings, "ACCOUNT_FILE", file)
    return file


@pytest.fixture
def mock_account(aws, fast_clients, settings_file, monkeypatch):
    """moto in place of AWS, without waiting."""
    monkeypatch.setattr(smoke, "_PAUSE_SECONDS", 0)
    monkeypatch.setattr(stack, "_POLL_SECONDS", 0)
    monkeypatch.setattr(smoke, "_SAMPLES", 12)  # trains in a moment
    moto_gaps.take_over_buckets(monkeypatch)
    moto_gaps.allow_change_sets_without_changes(monkeypatch)
    moto_gaps.revert_drift(monkeypatch)
    with mock_aws():
        yield


@pytest.fixture
def account(mock_account):
    return sign_in(REGION)


@pytest.fixture(scope="session")
def internet(tmp_path_factory):
    """A server that has a release, and takes answers as CloudFormation does."""
    with serve_release(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def cloud(aws, monkeypatch):
    """An account with nothing in it."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


@pytest.fixture
def installing(cloud, internet):
    """What asks the template's own function in that account."""
    return Requests(internet)


class FakeTools:
    """Stands in for make and Zappa: keeps their commands, and makes on AWS what Zappa makes.

    Parameters
    ----------
    names : Names
    """

    def __init__(self, names):
        self.names = names
        self.commands = []
        self.broken = {}
        self.code = "first"
        self.runtime = None

    def __call__(self, command, environ):
        assert environ["AWS_DEFAULT_REGION"] == self.names.region
        words = [command[0].rpartition("/")[2], *command[1:]]
        self.commands.append(" ".join(words))
        work = getattr(self, words[1].replace("-", "_"), None)
        if words[0] == "zappa":
            work(self.broken.get(words[1], lambda part: None))
        elif "package" in self.broken:
            self.broken["package"]("it")

    @property
    def settings(self):
        settings = zappa_settings.stage()
        return settings | ({"runtime": self.runtime} if self.runtime else {})

    def client(self, service):
        return boto3.client(service, self.settings["aws_region"])

    def deploy(self, before):
        settings = self.settings
        assert settings["manage_roles"] is False
        self.upload()
        before("function")
        self.client("lambda").create_function(
            FunctionName=self.names.function,
            Runtime=settings["runtime"],
            Role=settings["role_arn"],
            Handler=settings["lambda_handler"],
            MemorySize=settings["memory_size"],
            Code={"S3Bucket": settings["s3_bucket"], "S3Key": UPLOADED},
            Environment={"Variables": settings["aws_environment_variables"]},
        )
        if settings["function_url_enabled"]:
            self.client("lambda").create_function_url_config(
                FunctionName=self.names.function, AuthType="NONE"
            )
        before("api")
        self.make_api()
        self.keep()

    def upload(self):
        code = BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler/aws.py", self.code)
        self.client("s3").put_object(
            Bucket=self.settings["s3_bucket"], Key=UPLOADED, Body=code.getvalue()
        )

    def keep(self):
        """Keep the code, as `zappa_callbacks` does when it is deployed."""
        settings = self.settings
        release = releases.Release(
            content=self.code,
            deployed=f"when it was {self.code}",
            formats=releases.formats(),
            runtime=settings["runtime"],
            handler=settings["lambda_handler"],
            architecture="x86_64",
        )
        releases.keep(self.client("s3"), settings["s3_bucket"], UPLOADED, release)

    def make_api(self):
        """Make the API's stack where there is none, as `zappa_callbacks` lets an update do, too."""
        client = self.client("cloudformation")
        with suppress(ClientError):
            client.describe_stacks(StackName=self.names.api_stack)
            return
        api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": self.names.function}}
        client.create_stack(
            StackName=self.names.api_stack, TemplateBody=json.dumps({"Resources": {"Api": api}})
        )

    def update(self, before):
        before("code")
        settings = self.settings
        client = self.client("lambda")
        found = client.get_function_configuration(FunctionName=self.names.function)
        kept = found["Environment"]["Variables"]
        client.update_function_configuration(
            FunctionName=self.names.function,
            Runtime=settings["runtime"],
            Environment={"Variables": kept | settings["aws_environment_variables"]},
        )
        self.upload()
        client.update_function_code(
            FunctionName=self.names.function, S3Bucket=settings["s3_bucket"], S3Key=UPLOADED
        )
        self.make_api()
        self.keep()

    def undeploy(self, before):
        self.client("cloudformation").delete_stack(StackName=self.names.api_stack)
        before("function")
        self.client("lambda").delete_function(FunctionName=self.names.function)


@pytest.fixture
def zappa(names):
    return FakeTools(names)


@pytest.fixture
def tools(zappa):
    return Tools(REGION, zappa)


@pytest.fixture
def deployed(account, zappa, names):
    """An account with buckets, a function as Zappa makes it, and nobody as a user."""
    account.client("iam").create_role(RoleName=names.role, AssumeRolePolicyDocument="{}")
    for bucket in (names.models, names.uploads):
        account.client("s3").create_bucket(
            Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": names.region}
        )
    zappa_settings.fill(names)
    zappa.deploy(lambda part: None)
    return account


@pytest.fixture
def deployed_server(account, monkeypatch):
    """Every address leads to a server that has the environment that the function has just then."""
    apps = {}

    def answer(environ, start_response):
        variables = function.configuration(account)["Environment"]["Variables"]
        key = json.dumps(variables)
        if key not in apps:
            apps[key] = create_app(Settings.from_environ({"HOME": "/", **variables}))
        environ["PATH_INFO"] = environ["PATH_INFO"].removeprefix("/production")
        return apps[key](environ, start_response)

    server = make_server("127.0.0.1", 0, answer, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(
        smoke,
        "over_http",
        lambda url: over_http(f"http://127.0.0.1:{server.server_port}{urlsplit(url).path}"),
    )
    yield
    server.shutdown()
    thread.join()
    server.server_close()
