"""A Moodle to test with: applications, real servers, and an object that asks as Moodle asks."""

import functools
import io
import json
import re
import zipfile
from contextlib import contextmanager

import pytest

from handler.app import create_app
from handler.settings import VARIABLES, Settings
from infra.lab.course import Course
from infra.local.client import Answer as PlainAnswer
from infra.local.client import Moodle
from infra.local.server import Server as PlainServer
from infra.local.server import running as run_server

USERS = "default:sshhhh,other:secret"


# Moodle -------------------------------------------------------------------------------------------


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


class Answer(PlainAnswer):
    """What came back, read as strictly as PHP does."""

    @property
    def text(self):
        assert self.headers["Content-Type"] == "text/plain; charset=utf-8"
        return self.body.decode()

    @property
    def json(self):
        assert self.status == 200, self.body
        assert self.headers["Content-Type"] == "application/json"
        assert self.body.startswith(b"{")  # no BOM
        return json.loads(self.body, parse_constant=_refuse)

    @property
    def files(self):
        """The members of a zip."""
        assert self.status == 200, self.body
        assert self.headers["Content-Type"] == "application/zip"
        with zipfile.ZipFile(io.BytesIO(self.body)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    @property
    def sentence(self):
        """The text of an error, after a check that an admin may see it."""
        assert 400 <= self.status < 600, self.body
        assert self.status != 500, self.body
        assert re.fullmatch(r"[A-Z][^\n]+\.", self.text)
        assert not re.search(r"[<{]|Traceback|Error\b|(^|\s)/\w", self.text)
        return self.text


def moodle_at(exchange, **options):
    """Return a Moodle with the user of the tests, which sends its requests through `exchange`."""

    def strictly(*request):
        return Answer(**vars(exchange(*request)))

    return Moodle(strictly, "default", "sshhhh", niterations=2, **options)


def moodle_of(app, environ=None):
    """Return a Moodle that asks an application in this process."""
    client = app.test_client()

    def exchange(method, target, headers, body):
        answer = client.open(
            target, method=method, headers=headers, data=body, environ_overrides=environ
        )
        return Answer(answer.status_code, answer.headers, answer.data)

    return moodle_at(exchange)


# datasets -----------------------------------------------------------------------------------------


@pytest.fixture
def course():
    """Makes datasets; with up to 15 rows a training takes some milliseconds."""
    return Course(n_features=12, noise=0.2, minority=0.4, unused=0.3, seed=7)


@pytest.fixture
def make_file():
    """Build a labelled file by hand, of rows like ``"1,0,-0.5,1"`` that end with the target."""

    def make_file(*rows, classes="[0,1]"):
        n_features = rows[0].count(",")
        names = ",".join(f"indicator{i}" for i in range(n_features))
        metadata = f'nfeatures,targetclasses,targettype\n{n_features},"{classes}",discrete'
        return "\n".join([metadata, f"{names},target", *rows, ""]).encode()

    return make_file


# applications in this process ---------------------------------------------------------------------


@pytest.fixture
def make_settings(tmp_path):
    """Read settings from an environment that has users and a directory of its own."""

    def make_settings(**changes):
        names = {name.removeprefix("MOODLE_MLBACKEND_PYTHON_") for name in VARIABLES}
        values = {"USERS": USERS, "DIR": str(tmp_path / "models"), **changes}
        assert set(values) <= names
        return Settings.from_environ(
            {f"MOODLE_MLBACKEND_PYTHON_{name}": value for name, value in values.items()}
        )

    return make_settings


@pytest.fixture
def make_moodle(make_settings, monkeypatch):
    """Give a Moodle its own application with some settings, or the one that is passed.

    What is in `environ` comes with each request, as from a gateway. A `store` takes the place of
    what the settings name.
    """

    def make_moodle(app=None, environ=None, store=None, **settings):
        if store is not None:
            monkeypatch.setattr("handler.app.open_store", lambda settings: store)
        return moodle_of(app or create_app(make_settings(**settings)), environ)

    return make_moodle


@pytest.fixture
def app(make_settings):
    return create_app(make_settings())


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def moodle(make_moodle, app):
    return make_moodle(app)


# stores -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def remote_bucket(s3_server, make_bucket, aws_variables):
    """Variables that lead any process to a bucket of moto's server."""
    return {
        "AWS_ENDPOINT_URL": s3_server,
        "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": make_bucket(),
        **aws_variables,
    }


# servers in processes of their own ----------------------------------------------------------------


class Server(PlainServer):
    """A ``python -m handler`` that answers."""

    @property
    def moodle(self):
        return moodle_at(self.exchange)


@contextmanager
def _running(folder, *arguments, module="handler", **environ):
    """Run a server in a clean environment, with its models below a folder."""
    environ = {"MOODLE_MLBACKEND_PYTHON_USERS": USERS, **environ}
    with run_server(folder, *arguments, module=module, environ=environ) as started:
        yield Server(**vars(started))


@pytest.fixture(scope="session")
def start_server():
    """Run a server: ``with start_server(folder, "--option", VARIABLE="value") as server``."""
    return _running


@pytest.fixture
def running(tmp_path):
    """Run a server with its own folder: ``with running(VARIABLE="value") as server``."""
    return functools.partial(_running, tmp_path)


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A server for all tests, which takes 1 MB."""
    folder = tmp_path_factory.mktemp("server")
    with _running(folder, MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB="1") as started:
        yield started
