"""AWS without an account: moto's services, our gateways and AWS's runtime client for Lambda."""

import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import boto3
import pytest
from moto.awslambda.models import lambda_backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server import werkzeug_app
from werkzeug.wrappers import Response

from handler.auth.users import VARIABLE
from infra.aws import zappa_settings
from infra.aws.resources import Names
from infra.lab.course import Course
from infra.local.client import over_http
from infra.local.gateway.events import FUNCTION_URL, HTTP_API, REST_API, Gateway
from infra.local.gateway.listener import Pool, serving
from infra.local.gateway.runtime import Function, Instance, fetch_client
from infra.package import build
from infra.package.__main__ import can_run
from tests import moto_gaps
from tests.aws.command import PORTS
from tests.conftest import AWS, serve_forever
from tests.handler.conftest import USERS, moodle_at

REGION = AWS["AWS_DEFAULT_REGION"]
NAME = "moodle-mlbackend-production"
RECORDING = Path(__file__).parent / "recording"
GATEWAYS = {"function-url": FUNCTION_URL, "rest-api": REST_API, "http-api": HTTP_API}


def pytest_collection_modifyitems(items):
    for item in items:
        if "deployed" not in getattr(item, "fixturenames", ()):
            continue
        if not can_run("x86_64"):
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
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOODLE"))
    }
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    with pytest.MonkeyPatch.context() as patch:
        moto_gaps.take_over_buckets(patch)
        moto_gaps.allow_change_sets_without_changes(patch)
        moto_gaps.revert_drift(patch)
        with serve_forever(with_function_url_configs(app)) as url:
            yield inherited | AWS | {"AWS_ENDPOINT_URL": url}


@pytest.fixture(scope="session")
def client(environment):
    """Makes clients of boto3 for moto's services."""
    session = boto3.Session("testing", "testing", region_name=REGION)
    return functools.partial(session.client, endpoint_url=environment["AWS_ENDPOINT_URL"])


@pytest.fixture(scope="session")
def names():
    """What all is called in moto's account."""
    return Names(DEFAULT_ACCOUNT_ID, REGION)


class Lambda:
    """Stands behind the addresses of the function: runs what is deployed at the time of a request.

    Parameters
    ----------
    folder : Path
        For the unpacked code and the log.
    environment : dict of str to str
        What leads the function to moto.
    """

    def __init__(self, folder, environment):
        self._folder = folder
        self._environment = environment
        self._changing = threading.Lock()
        self._state = self._instance = self._pool = None

    def function(self):
        """Return the function as it is now, its code unpacked."""
        found = lambda_backends[DEFAULT_ACCOUNT_ID][REGION].get_function(NAME)
        code = self._folder / hashlib.sha256(found.code_bytes).hexdigest()
        if not code.exists():
            with zipfile.ZipFile(BytesIO(found.code_bytes)) as package:
                package.extractall(code)
        client = fetch_client(build.Folders("x86_64"))
        variables = found.environment_vars | self._environment
        return Function(code, client, variables, found.handler, found.timeout)

    def answer(self, gateway, request):
        with self._changing:
            function = self.function()
            if function != self._state:
                self.stop()
                with (self._folder / "log").open("ab") as log:
                    self._instance = Instance(function, log)
                self._state, self._pool = function, Pool([self._instance])
        return self._pool.answer(gateway, request)

    def stop(self):
        if self._instance:
            self._instance.stop()


@pytest.fixture(scope="session")
def made_up_lambda(environment, tmp_path_factory):
    to_moto = {name: environment[name] for name in ("AWS_ENDPOINT_URL", *AWS)}
    made_up_lambda = Lambda(tmp_path_factory.mktemp("lambda"), to_moto)
    yield made_up_lambda
    made_up_lambda.stop()


@pytest.fixture(scope="session")
def doors(made_up_lambda):
    """Where the function's addresses lead, by their kind."""
    with ExitStack() as stack:
        yield {
            kind: Door(
                stack.enter_context(serving(made_up_lambda, gateway, "127.0.0.1", 0)),
                gateway,
            )
            for kind, gateway in GATEWAYS.items()
        }


# The commands -------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def record(tmp_path_factory):
    """The file in which each call of AWS is noted that the commands make."""
    return tmp_path_factory.mktemp("calls") / "record"


@pytest.fixture(scope="session")
def recorded(record):
    """Return all calls so far: service, operation, parameters."""
    return lambda: [json.loads(line) for line in record.read_text().splitlines()]


@pytest.fixture(scope="session")
def run(environment, doors, record):
    """Run a command line in the project and return what it said."""
    recording = {"RECORD_CALLS": str(record), "PYTHONPATH": str(RECORDING)}
    ports = json.dumps({kind: door.port for kind, door in doors.items()})

    def run(*command):
        done = subprocess.run(
            command,
            cwd=build.ROOT,
            env=environment | recording | {PORTS: ports},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    return run


@pytest.fixture(scope="session")
def infra(run):
    """Run ``python -m infra``."""
    return functools.partial(run, sys.executable, "-m", "tests.aws.command")


@pytest.fixture(scope="session")
def zappa(run):
    """Run Zappa's command line."""
    return functools.partial(run, Path(sys.executable).with_name("zappa"))


@pytest.fixture(scope="session")
def settings():
    """A checkout that knows no account; one that the developer's knows, it knows again later."""
    file = zappa_settings.ACCOUNT_FILE
    before = file.read_bytes() if file.exists() else None
    file.unlink(missing_ok=True)
    yield
    file.unlink(missing_ok=True)
    if before is not None:
        file.write_bytes(before)


@pytest.fixture(scope="session")
def announced(infra, settings):
    """What ``up --dry-run`` says in an empty account."""
    return infra("up", "--dry-run")


@pytest.fixture(scope="session")
def deployed(infra, announced, client):
    """What ``up`` says in an empty account."""
    assert not client("s3").list_buckets()["Buckets"], "a dry run does nothing"
    return infra("up")


# The deployed code, for itself --------------------------------------------------------------------


@pytest.fixture(scope="session")
def function(deployed, made_up_lambda):
    """The deployed function, with the users of the tests."""
    function = made_up_lambda.function()
    return replace(function, environment=function.environment | {VARIABLE: USERS})


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
                Door(stack.enter_context(serving(pool, gateway, "127.0.0.1", 0)), gateway)
                for gateway in gateways
            ]

    return start


@dataclass(frozen=True)
class Door:
    """Where a gateway listens."""

    port: int
    gateway: Gateway

    @property
    def moodle(self):
        return moodle_at(over_http(f"http://127.0.0.1:{self.port}"), prefix=self.gateway.prefix)


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
