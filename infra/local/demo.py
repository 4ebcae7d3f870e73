"""`make demo`: all that Moodle does with the backend, on a made-up course."""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn, TypeVar

from handler.auth import users
from infra.lab.course import Course
from infra.local import server
from infra.local.client import Answer, Moodle, Refused

T = TypeVar("T")

_USER = "demonstration"
_SEED = 2026
_TO_PREDICT = 250


class DemoFailed(Exception):
    """The demonstration did not come to its end."""


def run(n_students: int, out: Path) -> int:
    """Run the demonstration.

    Parameters
    ----------
    n_students : int
        Samples to learn from.
    out : Path
        Folder for what is worth a look afterwards.
    """
    if n_students < 20:
        raise DemoFailed("A course of fewer than 20 students teaches nothing: take more.")
    out.mkdir(parents=True, exist_ok=True)
    print(f"Making up a course of {n_students} students, of whom 15 % drop out ...", flush=True)
    course = Course(noise=0.4, seed=_SEED)
    labelled, more = course.labelled(n_students), course.labelled(n_students // 4)
    X, outcomes = course.draw(_TO_PREDICT)
    unlabelled = course.file(X, sample_ids=[f"{1000 + i}-3" for i in range(_TO_PREDICT)])
    began = time.perf_counter()
    entry, password = users.make_entry(_USER)
    with (
        tempfile.TemporaryDirectory() as directory,
        server.running(Path(directory), environ={users.VARIABLE: entry}) as started,
    ):
        moodle = Moodle(started.exchange, _USER, password)
        print(f"The server is up after {time.perf_counter() - began:.1f} s. Asking it:\n")
        try:
            _ask(moodle, labelled, more, unlabelled, outcomes.tolist(), out)
        except Refused as error:
            raise DemoFailed(f"The demonstration failed. {error}") from error
    print(
        f"\nThe evaluation's files are in {out / 'evaluation'}, the model is {out / 'model.zip'}."
    )
    print("The server is stopped. 'make serve' keeps one running for your Moodle.")
    return 0


def _ask(
    moodle: Moodle,
    labelled: bytes,
    more: bytes,
    unlabelled: bytes,
    outcomes: list[int],
    out: Path,
) -> None:
    """Send each of Moodle's requests and print a line about its answer."""
    model = moodle.but(uniqueid="demonstration", dirhash="execution")
    evaluated = model.but(dirhash="evaluation")
    copy = model.but(uniqueid="imported")
    size = f"{len(labelled) / 1e6:.1f} MB"

    print(f"{'request':<15}{'seconds':>8}  what came back")
    _line("version", lambda: moodle.version().content.decode(), lambda version: version)
    _line("training", lambda: model.train(labelled), lambda _: f"learned {size}")
    _line("training", lambda: model.train(more), lambda _: "learned more students, and forgot none")
    predictions = _line(
        "prediction",
        lambda: _predictions(model.prediction(unlabelled)),
        lambda rows: _said(rows, outcomes),
    )
    result = _line(
        "evaluation",
        lambda: evaluated.evaluation(labelled).json,
        lambda answer: (
            f"score {answer['score']:.3f} ± {answer['score_deviation']:.3f}, "
            f"AUC {answer['auc']:.3f}, status {answer['status']}"
        ),
    )
    _line(
        "evaluationlog",
        lambda: _unpack(evaluated.evaluationlog(result["runid"]).content, out / "evaluation"),
        lambda names: f"{len(names)} files; open {out / 'evaluation' / 'report.html'}",
    )
    exported = _line("export", lambda: model.export().content, lambda data: f"{len(data):,} bytes")
    (out / "model.zip").write_bytes(exported)
    _line("import", lambda: copy.import_(exported).content.decode(), lambda answer: answer)
    _line(
        "prediction",
        lambda: _predictions(copy.prediction(unlabelled)),
        lambda rows: _same(rows, predictions),
    )
    for delete in (model.deletemodel, copy.deletemodel):
        _line("deletemodel", delete, lambda answer: answer.content.decode())


def _line(name: str, ask: Callable[[], T], say: Callable[[T], str]) -> T:
    """Ask, and print how long it took and what came back."""
    print(f"{name:<15}", end="", flush=True)
    began = time.perf_counter()
    answer = ask()
    print(f"{time.perf_counter() - began:8.2f}  {say(answer)}", flush=True)
    return answer


def _predictions(answer: Answer) -> list[list[str]]:
    told = answer.json
    if told["status"] != 0:
        _fail(" ".join(told["info"]))
    rows: list[list[str]] = told["predictions"]
    return rows


def _same(rows: list[list[str]], expected: list[list[str]]) -> str:
    if rows != expected:
        _fail("the imported model predicts something else")
    return "the imported model says the same"


def _fail(what: str) -> NoReturn:
    raise DemoFailed(f"\nThe demonstration failed: {what}.")


def _said(rows: list[list[str]], outcomes: list[int]) -> str:
    right = sum(int(row[1]) == outcome for row, outcome in zip(rows, outcomes, strict=True))
    at_risk = sum(row[1] == "1" for row in rows)
    return f"{at_risk} of {len(rows)} new students at risk; {right / len(rows):.0%} right"


def _unpack(data: bytes, folder: Path) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
        names = archive.namelist()
    if not {"report.html", "evaluation.json"} <= set(names):
        _fail("the evaluation has no report or no figures")
    json.loads((folder / "evaluation.json").read_bytes())
    return names
