"""A Moodle to test with: applications, real servers, and an object that asks as Moodle asks."""

import functools
import io
import json
import os
import re
import signal
import subprocess
import sys
import uuid
import zipfile
from base64 import b64encode
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from handler.app import create_app
from handler.settings import Settings
from infra.lab.course import Course

PROJECT = Path(__file__).parents[2]
AGENT = "MoodleBot/4.5 (+https://site.example/moodle)"
USERS = "default:sshhhh,other:secret"
BOUNDARY = "------------------------62215a4b63c153e4"


# Moodle -------------------------------------------------------------------------------------------


def _refuse(constant):
    raise AssertionError(f"{constant} is not JSON")


@dataclass(frozen=True)
class Answer:
    """What came back, read as strictly as PHP does."""

    status: int
    headers: Mapping[str, str]
    body: bytes

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


@dataclass(frozen=True)
class Moodle:
    """Moodle's client: builds the requests of one model of one site.

    Parameters
    ----------
    exchange : callable
        Takes method, target, headers and body, and returns an Answer.
    """

    exchange: Callable
    user: str = "default"
    password: str = "sshhhh"
    uniqueid: str | None = "4d3fce33e708edeb67dc6220a222057ecb64d3dd"
    dirhash: str | None = "818aba1d274d49706da25c4816a8fd57"
    prefix: str = ""
    agent: str = AGENT

    def but(self, **changes):
        """Return the same Moodle with something changed; a field that is None is not sent."""
        return replace(self, **changes)

    def version(self):
        return self.exchange("GET", f"{self.prefix}/version", {"User-Agent": self.agent}, b"")

    def training(self, dataset):
        return self.post("training", **self._model, dataset=dataset)

    def prediction(self, dataset):
        return self.post("prediction", **self._model, dataset=dataset)

    def evaluation(self, dataset, minscore=0.7, maxdeviation=0.05, niterations=2, trained=None):
        return self.post(
            "evaluation",
            uniqueid=self.uniqueid,
            minscore=minscore,
            maxdeviation=maxdeviation,
            niterations=niterations,
            dirhash=self.dirhash,
            dataset=dataset,
            trainedmodeldirhash=trained,
        )

    def evaluationlog(self, runid):
        return self.get("evaluationlog", **self._model, runid=runid)

    def export(self):
        return self.get("export", **self._model)

    def import_(self, importzip):
        return self.post("import", **self._model, importzip=importzip)

    def deletemodel(self):
        return self.post("deletemodel", uniqueid=self.uniqueid)

    def train(self, dataset):
        """Train, which must succeed, and return this Moodle."""
        assert self.training(dataset).json == {"status": 0, "info": []}
        return self

    def get(self, endpoint, **fields):
        return self.send("GET", f"/{endpoint}?{urlencode(_present(fields))}")

    def post(self, endpoint, **fields):
        content_type = f"multipart/form-data; boundary={BOUNDARY}"
        return self.send("POST", f"/{endpoint}", multipart(fields), {"Content-Type": content_type})

    def send(self, method, target, body=b"", headers=None):
        """Send anything, signed in."""
        credentials = b64encode(f"{self.user}:{self.password}".encode()).decode()
        ours = {"Authorization": f"Basic {credentials}", "User-Agent": self.agent}
        return self.exchange(method, self.prefix + target, {**ours, **(headers or {})}, body)

    @property
    def _model(self):
        return {"uniqueid": self.uniqueid, "dirhash": self.dirhash}


def moodle_of(app, environ=None):
    """Return a Moodle that asks an application in this process."""
    client = app.test_client()

    def exchange(method, target, headers, body):
        answer = client.open(
            target, method=method, headers=headers, data=body, environ_overrides=environ
        )
        return Answer(answer.status_code, answer.headers, answer.data)

    return Moodle(exchange)


def _present(fields):
    return {name: value for name, value in fields.items() if value is not None}


def multipart(fields):
    """Build a body as libcurl does; what is bytes becomes a file."""
    body = b""
    for name, value in _present(fields).items():
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
        if isinstance(value, bytes):
            head += '; filename="1795353914.csv"\r\nContent-Type: application/octet-stream'
        else:
            value = str(value).encode()
        body += head.encode() + b"\r\n\r\n" + value + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


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
        names = ("USERS", "DIR", "S3_BUCKET_NAME", "S3_PREFIX", "VERSION", "MAX_BODY_MB")
        values = {"USERS": USERS, "DIR": str(tmp_path / "models"), **changes}
        assert set(values) <= set(names)
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


def exchange(port, method, target, headers, body):
    """Send a request to a server on this machine, and return its answer."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, target, body, headers)
    answer = connection.getresponse()
    answer = Answer(answer.status, answer.headers, answer.read())
    connection.close()
    return answer


@dataclass
class Server:
    """A ``python -m handler`` that answers."""

    process: subprocess.Popen
    first_line: str
    log: Path

    @property
    def port(self):
        return int(re.search(r":(\d+),", self.first_line)[1])

    @property
    def moodle(self):
        return Moodle(partial(exchange, self.port))

    def stop(self, by=signal.SIGTERM):
        """Stop it, and return its exit status and what it wrote in the end."""
        self.process.send_signal(by)
        rest = self.process.stdout.read()
        return self.process.wait(timeout=10), rest


@contextmanager
def _running(folder, *arguments, module="handler", **environ):
    """Run a server in a clean environment, with its models below a folder."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "MOODLE_MLBACKEND_"))
    }
    environ = {
        "MOODLE_MLBACKEND_PYTHON_DIR": str(folder / "models"),
        "MOODLE_MLBACKEND_PYTHON_USERS": USERS,
        **environ,
    }
    log = folder / f"{uuid.uuid4().hex}.log"
    with (
        log.open("wb") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", *arguments],
            cwd=PROJECT,
            env=inherited | environ,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as process,
    ):
        try:
            line = process.stdout.readline()
            assert line, log.read_text()
            yield Server(process, line, log)
        finally:
            if process.poll() is None:
                process.terminate()


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
    with _running(folder, MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB="1") as server:
        yield server
