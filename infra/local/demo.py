"""`make demo`: all that Moodle does with the backend, on a made-up course."""

from __future__ import annotations

import io
import json
import tempfile
import time
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from infra.lab.course import Course
from infra.local import server
from infra.local.client import Moodle, Refused

T = TypeVar("T")

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
    with tempfile.TemporaryDirectory() as directory, server.running(Path(directory)) as (moodle, _):
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
    model = {"uniqueid": "demonstration", "dirhash": "execution"}
    evaluation = {"uniqueid": "demonstration", "dirhash": "evaluation"}
    copy = {"uniqueid": "imported", "dirhash": "execution"}
    size = f"{len(labelled) / 1e6:.1f} MB"

    print(f"{'request':<15}{'seconds':>8}  what came back")
    _line("version", lambda: moodle.get("version").decode(), lambda version: version)
    _line(
        "training",
        lambda: _ok(moodle.json("training", **model, dataset=labelled)),
        lambda answer: f"learned {size}",
    )
    _line(
        "training",
        lambda: _ok(moodle.json("training", **model, dataset=more)),
        lambda answer: "learned more students, and forgot none",
    )
    predictions = _line(
        "prediction",
        lambda: _ok(moodle.json("prediction", **model, dataset=unlabelled))["predictions"],
        lambda rows: _said(rows, outcomes),
    )
    result = _line(
        "evaluation",
        lambda: moodle.json(
            "evaluation",
            **evaluation,
            minscore="0.7",
            maxdeviation="0.05",
            niterations="10",
            dataset=labelled,
        ),
        lambda answer: (
            f"score {answer['score']:.3f} ± {answer['score_deviation']:.3f}, "
            f"AUC {answer['auc']:.3f}, status {answer['status']}"
        ),
    )
    _line(
        "evaluationlog",
        lambda: _unpack(
            moodle.get("evaluationlog", **evaluation, runid=str(result["runid"])),
            out / "evaluation",
        ),
        lambda names: f"{len(names)} files; open {out / 'evaluation' / 'report.html'}",
    )
    exported = _line(
        "export", lambda: moodle.get("export", **model), lambda data: f"{len(data):,} bytes"
    )
    (out / "model.zip").write_bytes(exported)
    _line(
        "import",
        lambda: moodle.post("import", **copy, importzip=exported).decode(),
        lambda answer: answer,
    )
    _line(
        "prediction",
        lambda: _ok(moodle.json("prediction", **copy, dataset=unlabelled))["predictions"],
        lambda rows: _same(rows, predictions),
    )
    for uniqueid in ("demonstration", "imported"):
        _line("deletemodel", partial(_delete, moodle, uniqueid), str)


def _delete(moodle: Moodle, uniqueid: str) -> str:
    return moodle.post("deletemodel", uniqueid=uniqueid).decode()


def _line(name: str, ask: Callable[[], T], say: Callable[[T], str]) -> T:
    """Ask, and print how long it took and what came back."""
    print(f"{name:<15}", end="", flush=True)
    began = time.perf_counter()
    answer = ask()
    print(f"{time.perf_counter() - began:8.2f}  {say(answer)}", flush=True)
    return answer


def _ok(answer: dict[str, Any]) -> dict[str, Any]:
    if answer["status"] != 0:
        _fail(" ".join(answer["info"]))
    return answer


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
