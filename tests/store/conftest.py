"""Stores to test: directories, and S3 as moto plays it, in process or over HTTP."""

from collections import deque

import pytest
from botocore.httpsession import URLLib3Session

from handler.store import DirectoryStore, S3Store


@pytest.fixture(autouse=True)
def aws_environment(aws, fast_clients):
    """Every test here may use boto3."""


@pytest.fixture
def remote_bucket(s3_server, make_bucket, monkeypatch):
    """A bucket behind HTTP, for other processes and for faults of the network."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    return make_bucket()


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
