"""The fuzzer: a short run over everything, and that it finds what it looks for."""

import contextlib
import hashlib
import importlib.util
import os
import random
import re
import subprocess
import sys

import pytest

import handler.models.models
import handler.parsing
import mlcore.evaluation
from infra.lab.fuzz import hostile_datasets, hostile_models, targets
from infra.lab.fuzz.meter import Meter

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None, reason="atheris is for Linux on x86_64"
)


def fuzz(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "infra.lab.fuzz", *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=600,
    )


@needs_atheris
def test_a_short_run_finds_nothing(tmp_path):
    done = fuzz("dataset", "model", "--inputs", "300", "--folder", str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    for name in ("dataset", "model"):
        row = re.search(
            rf"^{name} +([\d,]+) +\d+ +(\d+) +\d\S* +\d\S* +\d\S* +0$", done.stdout, re.M
        )
        assert row, done.stdout
        assert int(row[1].replace(",", "")) >= 90
        assert int(row[2]) > 100


@needs_atheris
def test_a_target_that_is_not_there_is_refused_with_those_that_are():
    done = fuzz("nonsense")
    assert done.returncode == 2
    assert "dataset, model, request, api" in done.stderr


def garbler(chance):
    def garble(data):
        data = bytearray(data or b"?")
        data[chance.randrange(len(data))] = chance.randrange(256)
        return bytes(data)

    return garble


@pytest.mark.parametrize("name", ["dataset", "model", "request"])
def test_genuine_inputs_and_others_made_from_them_are_no_findings(name, tmp_path, monkeypatch):
    """As the fuzzer does, but guided by chance alone."""
    for module, changed in (
        (handler.parsing, "MAX_ITERATIONS"),
        (handler.models.models, "train"),
        (mlcore.evaluation, "evaluate"),
    ):
        monkeypatch.setattr(module, changed, getattr(module, changed))  # so that it is undone
    target = targets.target(name, str(tmp_path / "models"))
    meter = Meter(target.run, tmp_path)
    chance = random.Random(1)
    known = target.seeds()
    for data in known:
        meter(data)
    for _ in range(60):
        data = target.mutate(chance.choice(known), chance, garbler(chance))
        meter(data)
        known.append(data)
    assert meter.findings == []
    assert meter.inputs == len(known)
    assert meter.slowest > 0
    assert meter.largest > 0


def grow(data):
    bytearray(100 << 20)
    return 0.0


def hang(data):
    hashlib.pbkdf2_hmac("sha256", data, data, 300_000)
    return 0.0


def fail(data):
    return {}[data]


@pytest.mark.parametrize(
    ("run", "what"),
    [
        (grow, r"100 MB, \d+ times the input"),
        (hang, r"\d\.\d s for 100 KB"),
        (fail, r"KeyError at test_fuzz.py:\d+: b'input'"),
    ],
)
def test_what_breaks_a_limit_is_found_and_saved(run, what, tmp_path, monkeypatch):
    monkeypatch.setattr("infra.lab.fuzz.meter.SECONDS", 0.01 if run is hang else 100)
    meter = Meter(run, tmp_path)
    for _ in range(7):
        meter(b"input")
    assert len(meter.findings) == 5  # all alike
    found = re.fullmatch(rf"{what} \((.*)\)", meter.findings[0])
    assert found, meter.findings
    assert (tmp_path / found[1]).read_bytes() == b"input"


def test_the_worst_inputs_are_as_large_as_they_should_be():
    assert all(800_000 < len(data) < 1_200_000 for data in hostile_datasets.large().values())
    assert all(len(data) < 1_100_000 for data in hostile_models.large().values())


def test_changed_models_are_packed_so_that_their_members_can_be_read():
    """Else checksums would stop each of them at the door."""
    chance = random.Random(1)
    (model, *_) = hostile_models.seeds()
    changed = [hostile_models.mutate(model, chance, garbler(chance)) for _ in range(100)]
    readable = 0
    for data in changed:
        with contextlib.suppress(Exception):  # some are garbled as a whole
            readable += hostile_models.unpack(data) != hostile_models.unpack(model)
    assert readable > 70
