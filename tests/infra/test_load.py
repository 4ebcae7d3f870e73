"""The server under load: a short run, and that what must not be would be seen."""

import json
import re
import subprocess
import sys

import pytest
import urllib3

from infra.lab.load import __main__ as load
from infra.lab.load import storm
from infra.lab.load.figures import Figures, Trend
from infra.lab.load.site import Site, WrongAnswer
from infra.local.client import Answer, Moodle


def test_clients_that_share_a_server_get_their_own_answers_and_lose_nothing():
    """Five clients, of which two are of one site; with S3."""
    done = subprocess.run(
        [sys.executable, "-m", "infra.lab.load", "--seconds", "2", "--clients", "5"],
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.match(r"Warm after \d+ requests, 0 errors\.", done.stdout)
    assert re.search(r"^prediction +\d+( +\d+\.\d{3}){4}$", done.stdout, re.M), done.stdout
    assert "Errors and answers that were not the client's own: 0" in done.stdout


def make_site(column, change=lambda rows: rows):
    """Make a site whose server predicts by the sign of a column, and may change what it says."""

    def exchange(method, target, headers, body):
        content = body.split(b"\r\n\r\n")[-1].rpartition(b"\r\n--")[0]
        _, about, _, *lines = content.decode().splitlines()
        classes = re.search(r"(\d+),(\d+)\]", about).groups()
        rows = [line.split(",") for line in lines]
        rows = [[row[0], classes[float(row[1 + column]) > 0], "0.9"] for row in rows]
        told = {"status": 0, "info": [], "predictions": change(rows)}
        return Answer(200, {}, json.dumps(told).encode())

    return Site(3, Moodle(exchange, "us", "secret"), lambda endpoint, seconds: None)


def test_a_right_answer_is_taken():
    make_site(3).predict()


@pytest.mark.parametrize(
    "server",
    [
        (4,),
        (3, lambda rows: rows[:-1]),
        (3, lambda rows: rows[::-1]),
        (3, lambda rows: [[sample, str(int(value) + 2), score] for sample, value, score in rows]),
        (3, lambda rows: [[f"other-{sample}", *rest] for sample, *rest in rows]),
        (3, lambda rows: [[sample, value, "0.4"] for sample, value, _ in rows]),
    ],
    ids=["other model", "a row less", "other order", "other classes", "other samples", "unsure"],
)
def test_an_answer_that_is_not_the_sites_own_is_noticed(server):
    with pytest.raises(WrongAnswer):
        make_site(*server).predict()


def test_a_training_that_was_lost_is_noticed(tmp_path, monkeypatch):
    monkeypatch.setenv("MOODLE_MLBACKEND_PYTHON_DIR", str(tmp_path))
    site, figures = make_site(3), Figures()
    site.learned["version-0"] = 60
    load._check_what_was_learned([site], figures)
    assert figures.errors == ["us: 60 samples were learned, 0 are kept"]


MB = 1_000_000


@pytest.mark.parametrize(
    ("memory", "is_flat"),
    [
        ([10, 200, 250, 200], True),
        ([10, 200, 200, 210], True),
        ([10, 200, 200, 211], False),
        ([10, 400, 400, 420], True),
        ([10, 400, 400, 421], False),
        ([500, 400, 300, 200], True),
    ],
)
def test_memory_is_flat_within_what_chance_explains(memory, is_flat):
    """5 % or 10 MB more than in the second quarter; how it got there does not matter."""
    trend = Trend.of([megabytes * MB for megabytes in memory for _ in range(15)])
    assert trend.is_flat == is_flat
    assert ("GROWING" in str(trend)) != is_flat


@pytest.mark.parametrize(
    ("error", "last", "status"), [(None, 200, 0), ("wrong", 200, 1), (None, 300, 1)]
)
def test_the_exit_status_tells_whether_all_was_well(capsys, error, last, status):
    figures = Figures()
    figures.request("prediction", 0.1)
    if error:
        figures.error(error)
    assert load._report(figures, [200 * MB] * 45 + [last * MB] * 15, 60) == status
    assert (error or "prediction") in capsys.readouterr().out


# the storm ----------------------------------------------------------------------------------------


def test_kills_and_attacks_beside_are_not_noticed_by_honest_clients(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("MOODLE_MLBACKEND_PYTHON_DIR", str(tmp_path))  # the command changes it
    monkeypatch.setattr(storm, "_MEAN_SECONDS", 2.0)
    monkeypatch.setattr(storm, "_ATTACK_SECONDS", 0.5)
    arguments = ["--storm", "--directory", "--seconds", "10", "--clients", "2"]
    assert load.main(arguments) == 0, capsys.readouterr().out
    printed = capsys.readouterr().out
    assert re.search(r"^ +\d+ kill$", printed, re.M), printed
    assert re.search(r"^ +\d+ attack: ", printed, re.M), printed


def test_what_fails_in_passing_is_sent_again_with_the_same_key(monkeypatch):
    monkeypatch.setattr(storm, "_PAUSE_SECONDS", 0)
    answers = [Answer(503, {}, b""), urllib3.exceptions.ProtocolError(), Answer(200, {}, b"")]
    keys, events = [], []

    def exchange(method, target, headers, body):
        keys.append(headers["Idempotency-Key"])
        answer = answers[len(keys) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    ask = storm.patient(exchange, events.append)
    assert ask("POST", "/training", {}, b"").status == 200
    assert len(set(keys)) == 1
    assert events == ["status 503", "ProtocolError"]


def test_what_goes_on_failing_is_told(monkeypatch):
    monkeypatch.setattr(storm, "_PATIENCE_SECONDS", 0)
    ask = storm.patient(lambda *_: Answer(503, {}, b""), lambda _: None)
    assert ask("GET", "/version", {}, b"").status == 503
    assert storm.patient(lambda *_: Answer(500, {}, b""), lambda _: None)("GET", "/", {}, b"")
