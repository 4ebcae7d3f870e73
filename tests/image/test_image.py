"""The container, built and run: ``make test-image``."""

import os
import signal

import pytest

SLIM = 130  # MB of python:3.13-slim, which is not to be had here

ASK = """
import sys
from infra.lab.course import Course
from infra.local.client import Moodle, over_http

user, password = sys.argv[1:]
course = Course(n_features=12, noise=0.2, minority=0.4, unused=0.3, seed=7)
moodle = Moodle(over_http("http://127.0.0.1:5000"), user, password, niterations=2)
assert moodle.version().body == b"3.0.5"
assert moodle.training(course.labelled(60)).json["status"] == 0
assert len(moodle.prediction(course.unlabelled(5)).json["predictions"]) == 5
evaluated = moodle.evaluation(course.labelled(60)).json
assert b"report.html" in moodle.evaluationlog(evaluated["runid"]).body
"""


@pytest.fixture
def data(tmp_path):
    """A volume for /data."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    os.chown(folder, 10001, 10001)
    return folder


def test_what_it_says_of_itself(image):
    assert image.config["User"] == "10001:10001"
    assert image.config["Volumes"] == {"/data": {}}
    assert image.config["ExposedPorts"] == {"5000/tcp": {}}
    assert not [
        entry for entry in image.config["Env"] if entry.startswith("MOODLE_MLBACKEND_PYTHON_U")
    ]


def test_it_is_small(image, base):
    """At most 450 MB, with the base that it is meant for."""
    paths = [path for part in ("packages", "app") for path in (image.root / part).rglob("*")]
    ours = sum(path.lstat().st_blocks * 512 for path in paths)
    assert ours / 1e6 + SLIM < 450


def test_nothing_in_it_may_become_another_user(image):
    for path in [image.root / "packages", image.root / "app"]:
        for file in [path, *path.rglob("*")]:
            mode = file.lstat().st_mode
            assert not mode & 0o6000, file
            assert file.is_symlink() or not mode & 0o002, file


def test_it_serves_a_moodle_and_stops_cleanly(image, data):
    with image.running(data) as container:
        container.wait()
        user, _, password = (data / "user").read_text().strip().partition(":")
        container.ask(ASK, user, password)
        os.kill(container.pid, signal.SIGTERM)
        log, _ = container.process.communicate(timeout=60)
        assert container.process.returncode == 0
    assert "/data/user" in log
    assert password not in log
    assert log.endswith("Stopped.\n")
    kept = [data / "user", *(data / "models").rglob("*")]
    assert {path.stat().st_uid for path in kept} == {10001}
    assert not [path for path in kept if path.stat().st_mode & 0o077]


def test_users_are_those_of_the_variable(image, data):
    with image.running(data, MOODLE_MLBACKEND_PYTHON_USERS="default:sshhhh") as container:
        container.wait()
        container.ask(ASK, "default", "sshhhh")
    assert not (data / "user").exists()


def test_moodle_ci_finds_the_user_that_it_expects(ci_image, data):
    with ci_image.running(data) as container:
        container.wait()
        container.ask(ASK, "default", "sshhhh")


def test_nothing_else_is_in_it(image):
    assert {path.name for path in (image.root / "app").iterdir()} == {
        *("LICENSE", "handler", "mlcore", "moodlemlbackend", "webapp.py", "__pycache__")
    }
