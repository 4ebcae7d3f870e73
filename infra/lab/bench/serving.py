"""Whole requests: from the first byte that a client sends to the last of the server's answer.

The server is ``python -m handler`` on one core, its store a directory. It has answered a small
training before, as importing the learners is counted with the cold starts. What counts is how long
it keeps the processor busy, where the system tells: other users of the machine do not matter then.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from handler.auth import users
from infra.lab import datasets
from infra.lab.bench import process
from infra.lab.bench.goals import Goal
from infra.lab.course import Course
from infra.local import server
from infra.local.client import Moodle

_WARM = 5  # predictions, of which the fastest counts


def goals() -> Iterator[Goal]:
    """Measure requests."""
    small, few = datasets.small()
    large, many = datasets.large()
    with _server() as (moodle, pid):
        yield _goal(f"train {small}", 0.3, pid, lambda: moodle.but(uniqueid="small").train(few))
        yield _goal("evaluate it ×10", 2, pid, lambda: _evaluate(moodle, few))
        name, some = datasets.middle()
        yield _goal(f"train {name}", 1, pid, lambda: moodle.but(uniqueid="middle").train(some))
        yield _goal("evaluate it ×10", 3.5, pid, lambda: _evaluate(moodle, some))
        course = Course(n_features=422)
        wide = moodle.but(uniqueid="wide").train(course.labelled(5_000))
        samples = course.unlabelled(1_500)
        yield min(
            (
                _goal("predict 422×1500, warm", 0.15, pid, lambda: _predict(wide, samples))
                for _ in range(_WARM)
            ),
            key=lambda goal: goal.measured,
        )
        yield _goal(f"train {large}", 3, pid, lambda: moodle.but(uniqueid="large").train(many))
    with _server() as (moodle, pid):
        yield _goal("evaluate it ×10", 20, pid, lambda: _evaluate(moodle, many))
        peak = process.memory(pid, "VmHWM")
        if peak is None:
            print("The server's memory is not measured: this system does not tell.")
        else:
            yield Goal("  memory of that server, at its peak", peak / process.MB, 400, "MB")


@contextmanager
def _server() -> Iterator[tuple[Moodle, int]]:
    entry, password = users.make_entry("benchmark")
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory())
        with process.one_core():
            started = stack.enter_context(
                server.running(Path(directory), environ={users.VARIABLE: entry})
            )
        moodle = Moodle(started.exchange, "benchmark", password)
        moodle.but(uniqueid="first").train(Course(n_features=5).labelled(100))
        yield moodle, started.process.pid


def _goal(what: str, limit: float, pid: int, work: Callable[[], object]) -> Goal:
    before = process.processor_seconds(pid)
    seconds, _ = process.timed(work)
    after = process.processor_seconds(pid)
    if before is None or after is None:
        return Goal(what, seconds, limit, "s")
    return Goal(what, after - before, limit, "s", aside=f"{seconds:.2f} s by the clock")


def _predict(moodle: Moodle, samples: bytes) -> None:
    answer = moodle.prediction(samples).json
    assert answer["status"] == 0, answer


def _evaluate(moodle: Moodle, data: bytes) -> None:
    answer = moodle.but(uniqueid="evaluated").evaluation(data).json
    assert answer["score"] > 0, answer
