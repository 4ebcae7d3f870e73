"""AWS without an account: moto's services, our gateways and AWS's runtime client for Lambda."""

import functools
import json
import os
import re
import subprocess
import sys
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path

import boto3
import pytest
from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server import werkzeug_app
from werkzeug.wrappers import Response

from infra.gateway.events import FUNCTION_URL, HTTP_API, REST_API
from infra.gateway.runtime import Function, Instance, fetch_client
from infra.gateway.server import Pool, serving
from infra.package import build
from infra.package.__main__ import can_run
from mlcore.synthetic import Course
from tests.conftest import AWS, serve_forever
from tests.handler.conftest import USERS, Answer, Moodle

REGION = AWS["AWS_DEFAULT_REGION"]
NAME = "moodle-mlbackend-production"
GATEWAYS = {"function-url": FUNCTION_URL, "rest-api": REST_API, "http-api": HTTP_API}


def pytest_collection_modifyitems(items):
    if can_run("x86_64"):
        return
    for item in items:
        if "deployed" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.skip(reason="the package is for Linux on x86_64"))


# AWS's services -----------------------------------------------------------------------------------


def with_function_url_configs(app):
    """Add to moto the one call of Zappa's that it lacks: ListFunctionUrlConfigs."""

    def answer(environ, start_response):
        asked = re.fullmatch(r"/2021-10-31/functions/([^/]+)/urls", environ["PATH_INFO"])
        if not asked:
            return app(environ, start_response)
        name = asked[1].rpartition(":")[2]
        config = lambda_backends[DEFAULT_ACCOUNT_ID][REGION].get_function(name).url_config
        found = [config.to_dict()] if config else []
        body = json.dumps({"FunctionUrlConfigs": found})
        return Response(body, mimetype="application/json")(environ, start_response)

    return answer


@pytest.fixture(scope="session")
def environment():
    """What leads a process to moto, and to nothing of the developer's."""
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    with serve_forever(with_function_url_configs(app)) as url:
        yield AWS | {"AWS_ENDPOINT_URL": url}


@pytest.fixture(scope="session")
def client(environment):
    """Makes clients of boto3 for moto's services."""
    session = boto3.Session("testing", "testing", region_name=REGION)
    return functools.partial(session.client, endpoint_url=environment["AWS_ENDPOINT_URL"])


@pytest.fixture(scope="session")
def names(client):
    """The buckets and the role, which on AWS are those of the stack."""
    trust = {"Version": "2012-10-17", "Statement": []}
    role = client("iam").create_role(RoleName="role", AssumeRolePolicyDocument=json.dumps(trust))
    for bucket in ("uploads", "models"):
        client("s3").create_bucket(Bucket=bucket)
    return {"uploads": "uploads", "models": "models", "role": role["Role"]["Arn"]}


# Zappa --------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def settings(names, tmp_path_factory):
    """The project's settings for Zappa, with the account's names filled in."""
    stages = json.loads((build.PROJECT / "zappa_settings.json").read_text())
    stage = stages["production"]
    stage |= {
        "aws_region": REGION,
        "s3_bucket": names["uploads"],
        "role_arn": names["role"],
        "delete_s3_zip": False,  # it is what is to be seen
    }
    stage["aws_environment_variables"] |= {
        "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": names["models"],
        "MOODLE_MLBACKEND_PYTHON_USERS": USERS,
    }
    file = tmp_path_factory.mktemp("settings") / "zappa_settings.json"
    file.write_text(json.dumps(stages))
    return file


@pytest.fixture(scope="session")
def zappa(environment, settings):
    """Run Zappa's command line and return what it said."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOODLE"))
    }

    def zappa(*arguments):
        done = subprocess.run(
            [Path(sys.executable).with_name("zappa"), *arguments, "--settings_file", settings],
            cwd=build.PROJECT,
            env=inherited | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return zappa


@pytest.fixture(scope="session")
def deployed(zappa):
    """What ``zappa deploy`` said."""
    return zappa("deploy", "production")


# Lambda -------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def code(deployed, client, names, tmp_path_factory):
    """The zip that was deployed, unpacked."""
    s3 = client("s3")
    (uploaded,) = [
        item["Key"]
        for item in s3.list_objects_v2(Bucket=names["uploads"])["Contents"]
        if item["Key"].endswith(".zip")
    ]
    folder = tmp_path_factory.mktemp("task")
    s3.download_file(names["uploads"], uploaded, str(folder / "package.zip"))
    with zipfile.ZipFile(folder / "package.zip") as package:
        package.extractall(folder / "task")
    return folder / "task"


@pytest.fixture(scope="session")
def function(code, client, environment):
    """The deployed function, as Lambda knows it."""
    configuration = client("lambda").get_function_configuration(FunctionName=NAME)
    return Function(
        code,
        fetch_client(build.Folders("x86_64")),
        configuration["Environment"]["Variables"] | environment,
        configuration["Handler"],
        configuration["Timeout"],
    )


@pytest.fixture(scope="session")
def log(tmp_path_factory):
    """Where the function's output goes, which on AWS is CloudWatch."""
    return tmp_path_factory.mktemp("log") / "cloudwatch.log"


@pytest.fixture(scope="session")
def instance(function, log):
    with log.open("ab") as output:
        instance = Instance(function, output)
        yield instance
        instance.stop()


@pytest.fixture(scope="session")
def start(function, log):
    """Run instances of the deployed function behind gateways, and give the door of each."""

    @contextmanager
    def start(*gateways, instances=1, **changes):
        with ExitStack() as stack, log.open("ab") as output:
            pool = [Instance(replace(function, **changes), output) for _ in range(instances)]
            for instance in pool:
                stack.callback(instance.stop)
            pool = Pool(pool)
            yield [
                Door(stack.enter_context(serving(pool, gateway, "127.0.0.1", 0)), gateway.prefix)
                for gateway in gateways
            ]

    return start


@dataclass(frozen=True)
class Door:
    """Where a gateway listens."""

    port: int
    prefix: str

    @property
    def moodle(self):
        return Moodle(self._exchange, prefix=self.prefix)

    def _exchange(self, method, target, headers, body):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        answer = Answer(answer.status, answer.headers, answer.read())
        connection.close()
        return answer


@pytest.fixture(scope="session", params=GATEWAYS)
def door(request, start):
    """The door of each kind of gateway; two instances share the work."""
    with start(GATEWAYS[request.param], instances=2) as (door,):
        yield door


@pytest.fixture
def moodle(door, request):
    return door.moodle.but(uniqueid=request.node.name)


@pytest.fixture
def course():
    return Course(n_features=12, noise=0.2, minority=0.4, unused=0.3, seed=7)
