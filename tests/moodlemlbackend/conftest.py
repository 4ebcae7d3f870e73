"""Runs the commands as Moodle does, and reads what Moodle reads."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra.lab.course import Course

PROJECT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """What a command did: what PHP's exec() returns, and standard error."""

    last_line: str
    exit: int
    errors: str

    @property
    def json(self):
        return json.loads(self.last_line)

    @property
    def sentence(self):
        """The sentence of an answer that says what is wrong."""
        assert self.exit == self.json["status"] == 1
        (sentence,) = self.json["info"]
        assert "Traceback" not in sentence
        return sentence


def start(module, *arguments, folder=PROJECT, **environ):
    """Start a command as Moodle does."""
    return subprocess.Popen(
        [sys.executable, "-m", f"moodlemlbackend.{module}", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def done(process):
    out, errors = process.communicate(timeout=300)
    return Done(out.rstrip("\n").rpartition("\n")[2], process.returncode, errors)


def run(module, *arguments, **options):
    return done(start(module, *arguments, **options))


@pytest.fixture(scope="session")
def course():
    """Makes datasets; with up to 15 rows a training takes some milliseconds."""
    return Course(n_features=12, noise=0.2, minority=0.4, unused=0.3, seed=7)


@pytest.fixture
def write(tmp_path):
    """Write a dataset where Moodle would, and return its path."""

    def write(data, name="dataset.csv"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def modeldir(tmp_path):
    """A directory that Moodle made for a model."""
    modeldir = tmp_path / "moodledata" / "models" / "4d3fce33" / "1795353914" / "execution"
    modeldir.mkdir(parents=True)
    return modeldir


@pytest.fixture
def trained(modeldir, course, write):
    """The directory of a trained model."""
    assert run("training", "u", modeldir, write(course.labelled(60))).exit == 0
    return modeldir
