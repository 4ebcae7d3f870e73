"""The demonstration and the local server, run as their users run them."""

import json
import os
import re
import signal
import stat
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest

from handler.auth import users
from handler.settings import DIRECTORY

ENDPOINTS = ["version", "training", "prediction", "evaluation", "evaluationlog"]
ENDPOINTS += ["export", "import", "deletemodel"]


def run(*arguments, **environ):
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        env=os.environ | environ,
        capture_output=True,
        text=True,
        timeout=600,
    )


@contextmanager
def serving(directory):
    """Run ``make serve``'s command, and give what it prints up to where it listens."""
    environ = os.environ | {DIRECTORY: str(directory), users.VARIABLE: ""}
    with subprocess.Popen(
        [sys.executable, "-m", "infra", "serve", "--port", "0"],
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        lines = []
        for line in server.stdout:
            lines.append(line)
            if line.startswith("Serving"):
                break
        yield "".join(lines)
        server.send_signal(signal.SIGTERM)


def typed(printed, field):
    return re.search(rf"{field} +(\S+)", printed)[1]


def test_the_demonstration_shows_every_request_and_leaves_the_files(tmp_path):
    out = tmp_path / "out"
    shown = run("infra", "demo", "--students", "60", "--out", str(out))
    assert shown.returncode == 0, shown.stderr
    for endpoint in ENDPOINTS:
        assert re.search(rf"^{endpoint} +\d+\.\d\d  \S", shown.stdout, re.M), endpoint
    assert "the imported model says the same" in shown.stdout
    assert str(out / "evaluation") in shown.stdout
    figures = json.loads((out / "evaluation" / "evaluation.json").read_bytes())
    assert figures["answer"]["status"] in (0, 4, 8, 12)
    assert (out / "model.zip").stat().st_size > 0


def test_the_demonstration_is_the_same_each_time(tmp_path):
    def shown():
        out = run("infra", "demo", "--students", "60", "--out", str(tmp_path)).stdout
        return re.sub(r" +\d+\.\d\d  |after .* s", "", out)  # all but the seconds

    assert shown() == shown()


def test_too_small_a_demonstration_is_refused():
    shown = run("infra", "demo", "--students", "3")
    assert shown.returncode == 1
    assert shown.stderr.count("\n") == 1
    assert "take more" in shown.stderr


def test_serving_makes_a_user_the_first_time_and_keeps_it(tmp_path):
    directory = tmp_path / "models"
    passwords = []
    for _ in range(2):
        with serving(directory) as printed:
            passwords.append(typed(printed, "Password"))
            assert typed(printed, "Username") == "moodle"
            url = re.search(r"http://\S+?(?=,)", printed)[0]
            with urllib.request.urlopen(f"{url}/version") as answer:
                assert answer.read() == b"3.0.5"
    assert passwords[0] == passwords[1]
    assert re.fullmatch("[A-Za-z0-9_-]{20,}", passwords[0])
    kept = directory / "make-serve-user"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("port", ["70000", "-3", "x"])
def test_serving_refuses_a_port_that_is_none(port):
    shown = run("infra", "serve", "--port", port)
    assert shown.returncode == 2
    assert "must be a number from 0 to 65535" in shown.stderr


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path, command):
    taken = tmp_path / "taken"
    taken.write_text("a file")
    place = [] if command == "serve" else ["--out", str(taken)]
    shown = run("infra", command, *place, **{DIRECTORY: str(taken), users.VARIABLE: ""})
    assert shown.returncode == 1
    assert shown.stderr.count("\n") == 1
    assert str(taken) in shown.stderr


@pytest.mark.parametrize(
    "arguments",
    [["infra"], ["infra", "demo"], ["infra", "serve"], ["infra.lab.bench"], ["infra.lab.quality"]],
    ids=" ".join,
)
def test_every_command_explains_itself(arguments):
    shown = run(*arguments, "--help")
    assert shown.returncode == 0
    assert "usage:" in shown.stdout
