"""Stores to test: directories, and S3 as moto plays it, in process or over HTTP."""

import functools
import threading
import uuid
from collections import deque

import pytest
from botocore.httpsession import URLLib3Session
from botocore.loaders import create_loader
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.moto_server import werkzeug_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from handler.store import DirectoryStore, S3Store


@pytest.fixture(scope="session", autouse=True)
def fast_clients():
    """Let boto3 read its description of S3 once, not for every store of every test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", functools.cache(create_loader))
        yield


@pytest.fixture(autouse=True)
def aws_environment(monkeypatch):
    """Keep boto3 away from the developer's own settings and from the network."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def make_bucket():
    name = f"models-{uuid.uuid4().hex}"
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(name, "us-east-1")
    return name


@pytest.fixture
def bucket(monkeypatch):
    """A bucket of moto in this process, which answers one request at a time.

    Real S3 checks a condition and writes in one step; moto does not.
    """
    one_at_a_time = threading.Lock()
    process = botocore_stubber.BotocoreStubber.process_request

    def process_alone(stubber, request):
        with one_at_a_time:
            return process(stubber, request)

    monkeypatch.setattr(botocore_stubber.BotocoreStubber, "process_request", process_alone)
    with mock_aws():
        yield make_bucket()


class QuietHandler(werkzeug_app.MotoRequestHandler):
    def log(self, *_):
        pass


@pytest.fixture(scope="session")
def s3_server():
    """The address of a moto server, which answers one request at a time."""
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    server = make_server("127.0.0.1", 0, app, request_handler=QuietHandler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def remote_bucket(s3_server, monkeypatch):
    """A bucket behind HTTP, for other processes and for faults of the network."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    return make_bucket()


@pytest.fixture(params=["s3", "directory"])
def store(request, tmp_path):
    if request.param == "s3":
        return S3Store(request.getfixturevalue("bucket"), prefix="some/where")
    return DirectoryStore(tmp_path / "models")


@pytest.fixture(params=["s3", "directory"])
def kind_and_place(request, tmp_path):
    """The class and the argument with which any process opens the same store."""
    if request.param == "s3":
        return S3Store, request.getfixturevalue("remote_bucket")
    return DirectoryStore, str(tmp_path)


class Wire:
    """What is between boto3 and S3: does the steps it was given, then lets all pass.

    A step is an answer, an exception, or a function of the real exchange.
    """

    def __init__(self):
        self.steps = deque()
        self.forever = None
        self.sent = []

    def carry(self, request, exchange):
        self.sent.append(request)
        step = self.steps.popleft() if self.steps else self.forever
        if step is None:
            return exchange()
        if isinstance(step, Exception):
            raise step
        return step(exchange) if callable(step) else step


@pytest.fixture
def wire(monkeypatch):
    """Faults to order, without waiting between boto3's attempts."""
    wire = Wire()
    send = URLLib3Session.send
    monkeypatch.setattr(
        URLLib3Session,
        "send",
        lambda session, request: wire.carry(request, lambda: send(session, request)),
    )
    monkeypatch.setattr("time.sleep", lambda _: None)
    return wire
