"""What several folders of tests share: moto's S3, in process or over HTTP, and stores to test."""

import threading
import uuid
from contextlib import contextmanager

import hypothesis
import pytest
from botocore.loaders import create_loader
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID, botocore_stubber
from moto.moto_server import werkzeug_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

from handler.store import DirectoryStore, S3Store

hypothesis.settings.register_profile("untimed", deadline=None)  # machines are noisy
hypothesis.settings.load_profile("untimed")

AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


def pytest_addoption(parser):
    parser.addoption("--aws", action="store_true", help="also run what needs an AWS account")
    parser.addoption("--screenshots", metavar="FOLDER", help="keep pictures of pages there")
    parser.addoption("--long", action="store_true", help="let tests/reliability take minutes")


@pytest.fixture(scope="session")
def aws_variables():
    """What a process needs in its environment to use moto's S3."""
    return AWS


@pytest.fixture
def aws(monkeypatch):
    """Keep boto3 away from the developer's own settings and from the network."""
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in AWS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture(scope="session")
def fast_clients():
    """Let boto3 read its descriptions of services once, not for every client of every test."""
    read = {}

    def create_fast_loader(*arguments):
        loader = create_loader(*arguments)  # of its own, as the store changes its loader
        loader._cache = read
        return loader

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("botocore.session.create_loader", create_fast_loader)
        yield


@pytest.fixture(scope="session")
def make_bucket():
    """Make a bucket of moto and return its name."""

    def make():
        name = f"models-{uuid.uuid4().hex}"
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(name, "us-east-1")
        return name

    return make


@pytest.fixture
def bucket(aws, fast_clients, make_bucket, monkeypatch):
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


@contextmanager
def serve_forever(app, request_handler=QuietHandler):
    """Serve a WSGI application, one request at a time, and give its address."""
    server = make_server("127.0.0.1", 0, app, request_handler=request_handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def s3_server():
    """The address of a moto server."""
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    with serve_forever(app) as address:
        yield address


# how a test gets an empty one of each kind
STORES = {
    S3Store: lambda request: S3Store(request.getfixturevalue("bucket"), prefix="some/where"),
    DirectoryStore: lambda request: DirectoryStore(request.getfixturevalue("tmp_path") / "models"),
}


@pytest.fixture(params=STORES, ids=["s3", "directory"])
def store(request):
    return STORES[request.param](request)
