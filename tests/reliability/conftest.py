"""Places to keep models in, and datasets whose rows can be told apart."""

from collections import Counter

import pytest

from tests.handler.conftest import USERS
from tests.reliability.models import Files, Place


@pytest.fixture
def long(request):
    """Whether there is time for some minutes of it."""
    return request.config.getoption("--long")


@pytest.fixture
def files():
    return Files()


@pytest.fixture(params=["s3", "directory"])
def make_place(request, tmp_path):
    """Make new places: buckets of moto's HTTP server, which answers one request at a time, or
    directories."""
    users = {"MOODLE_MLBACKEND_PYTHON_USERS": USERS}
    if request.param == "directory":
        made = iter(range(10**6))
        return lambda: Place(
            {**users, "MOODLE_MLBACKEND_PYTHON_DIR": str(tmp_path / f"models-{next(made)}")}
        )
    request.getfixturevalue("aws")
    request.getfixturevalue("fast_clients")
    remote = {
        **users,
        **request.getfixturevalue("aws_variables"),
        "AWS_ENDPOINT_URL": request.getfixturevalue("s3_server"),
    }
    request.getfixturevalue("monkeypatch").setenv("AWS_ENDPOINT_URL", remote["AWS_ENDPOINT_URL"])
    make_bucket = request.getfixturevalue("make_bucket")
    return lambda: Place({**remote, "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": make_bucket()})


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
