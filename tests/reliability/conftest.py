"""Places to keep models in, and datasets whose rows can be told apart."""

import itertools
import shutil
from collections import Counter

import pytest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

from handler.auth.users import VARIABLE as USERS
from handler.settings import BUCKET, DIRECTORY
from tests.handler.conftest import USERS as USERS_OF_TESTS
from tests.reliability.models import Files, Place, undrawn


@pytest.fixture
def long(request):
    """Whether there is time for some minutes of it."""
    return request.config.getoption("--long")


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
    """Like tests.reliability.preload for other processes."""
    monkeypatch.setattr("handler.report.evaluation_log", undrawn)


@pytest.fixture
def files():
    return Files()


@pytest.fixture(params=["s3", "directory"])
def make_place(request):
    """Make new places, empty or as a copy of another."""
    return request.getfixturevalue(f"_make_place_in_{request.param}")


@pytest.fixture
def _make_place_in_s3(aws, fast_clients, aws_variables, s3_server, make_bucket, monkeypatch):
    """Of moto's HTTP server, which answers one request at a time."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]

    def make_place(origin=None):
        bucket = make_bucket()
        if origin is not None:
            source = backend.head_bucket(origin.environ[BUCKET])
            for key in backend.list_objects(source, None, None, None, None)[0]:
                backend.put_object(bucket, key.name, key.value)
        return Place(
            {USERS: USERS_OF_TESTS, BUCKET: bucket, "AWS_ENDPOINT_URL": s3_server, **aws_variables}
        )

    return make_place


@pytest.fixture
def _make_place_in_directory(tmp_path):
    made = itertools.count()

    def make_place(origin=None):
        folder = tmp_path / f"models-{next(made)}"
        if origin is not None:
            shutil.copytree(origin.environ[DIRECTORY], folder)
        return Place({USERS: USERS_OF_TESTS, DIRECTORY: str(folder)})

    return make_place


@pytest.fixture
def place(make_place):
    return make_place()


_COUNTS = pytest.StashKey[Counter]()


@pytest.fixture
def count(request):
    """Count what was run, for the summary: ``count("faults", 3)``."""
    counts = request.config.stash.setdefault(_COUNTS, Counter())

    def count(what, number=1):
        counts[what] += number

    return count


def pytest_terminal_summary(terminalreporter, config):
    for what, number in config.stash.get(_COUNTS, {}).items():
        terminalreporter.write_line(f"tests/reliability: {number} {what}")
