"""Whether a few local samples make an imported model better, and never worse.

Several institutions share a model that was trained elsewhere. Each refines it with its own samples;
the result is compared with the import as it is and with a model of the local samples alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from infra.lab.course import Course
from infra.lab.quality.cache import Cell, append, read
from infra.lab.quality.learners import OURS, fingerprint
from infra.lab.quality.scoring import bounded, log_loss
from infra.lab.quality.verdicts import Comparison, compare
from mlcore import Classifier, Labelled, train

_SOURCE_ROWS, _TEST_ROWS = 2_000, 10_000
LOCAL_ROWS = (50, 500, 5_000)
REPEATS, QUICK_REPEATS = 10, 2
_PROTOCOL = 1


@dataclass(frozen=True)
class Scenario:
    """How the institution of an imported model differs from the local one."""

    description: str
    local_options: dict[str, Any]
    other_course: bool = False


SCENARIOS = {
    "same": Scenario("the import was trained on samples of the same kind", {}),
    "shifted": Scenario(
        "locally twice as many drop out, more values are missing and there is more chance",
        {"minority": 0.3, "missing": 0.3, "noise": 1.5},
    ),
    "misleading": Scenario(
        "the import is of a course whose indicators mean other things", {}, other_course=True
    ),
}


@dataclass(frozen=True)
class Refinement:
    """What refining an import with so many local samples did to the log-loss."""

    scenario: str
    n_courses: int
    rows: int
    imported: float
    local: float
    comparison: Comparison


def measure(cache: Path, repeats: int) -> None:
    """Measure what is missing."""
    key = _key()
    known = {(cell["scenario"], cell["repeat"]) for cell in read(cache) if cell["key"] == key}
    for name in SCENARIOS:
        for repeat in range(repeats):
            if (name, repeat) not in known:
                with threadpool_limits(1):
                    losses = _losses(SCENARIOS[name], repeat)
                append(cache, {"scenario": name, "repeat": repeat, "key": key, "losses": losses})
                print(f"refinement, {name:<12}{repeat + 1:>3}/{repeats}", flush=True)


def results(cache: Path) -> list[Refinement]:
    """Return what was measured with the present code."""
    cells = [cell for cell in read(cache) if cell["key"] == _key()]
    return [
        _result(name, rows, of_scenario)
        for name in SCENARIOS
        if (of_scenario := [cell for cell in cells if cell["scenario"] == name])
        for rows in LOCAL_ROWS
    ]


def _result(name: str, rows: int, cells: Sequence[Cell]) -> Refinement:
    losses = {
        model: [cell["losses"][str(rows)][model] for cell in cells]
        for model in ("import", "local", "refined")
    }
    refined = losses.pop("refined")
    means = {model: float(np.mean(of_model)) for model, of_model in losses.items()}
    return Refinement(
        name, len(cells), rows, means["import"], means["local"], compare(refined, losses)
    )


def _key() -> str:
    return f"{_PROTOCOL}-{fingerprint(OURS, _SOURCE_ROWS)}"


def _losses(scenario: Scenario, repeat: int) -> dict[str, dict[str, float]]:
    """Return the log-loss of each model by the number of local samples."""
    local = Course(seed=repeat, **scenario.local_options)
    source = Course(seed=repeat + 1_000 if scenario.other_course else repeat)
    imported, _ = train(_drawn(source, _SOURCE_ROWS))
    samples, test = _drawn(local, max(LOCAL_ROWS)), _drawn(local, _TEST_ROWS)
    losses = {}
    for rows in LOCAL_ROWS:
        few = Labelled(samples.X[:rows], samples.y[:rows], samples.classes, samples.feature_names)
        models = {
            "import": imported,
            "local": train(few)[0],
            "refined": train(few, prior=imported)[0],
        }
        losses[str(rows)] = {name: _loss(model, test) for name, model in models.items()}
    return losses


def _drawn(course: Course, rows: int) -> Labelled:
    X, y = course.draw(rows)
    return Labelled(X, y, (0, 1), course.feature_names)


def _loss(model: Classifier, test: Labelled) -> float:
    return log_loss(test.y, bounded(model.predict_proba(test.X)))
