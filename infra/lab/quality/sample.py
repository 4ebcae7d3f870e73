"""Whether learning from a sample keeps the quality where there are too many examples.

The same rows are learned at once and in pieces in random order, with room for all of them and for
fewer and fewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from infra.lab.course import Course
from infra.lab.quality.cache import Cell, append, read
from infra.lab.quality.learners import OURS, fingerprint
from infra.lab.quality.scoring import bounded, log_loss
from infra.lab.quality.verdicts import standard_error
from mlcore import Examples, Labelled, train

ROWS, _TEST_ROWS = 50_000, 10_000
LIMITS = (50_000, 20_000, 10_000, 5_000)
N_PIECES = 20
SAME = 1e-6  # predictions this close count as the same
REPEATS, QUICK_REPEATS = 3, 2
_PROTOCOL = 1


@dataclass(frozen=True)
class Sampling:
    """How well is predicted what was learned from at most `limit` examples.

    Attributes
    ----------
    log_loss, auc : float
        Means over the courses.
    worse : (float, float)
        Log-loss above that of learning from all rows, on the same courses, and its standard error.
    apart : float
        How far predictions are from each other at most, learned at once and in pieces.
    """

    limit: int
    log_loss: float
    worse: tuple[float, float]
    auc: float
    apart: float


def measure(cache: Path, repeats: int) -> None:
    """Measure what is missing."""
    key = _key()
    known = {(cell["limit"], cell["repeat"]) for cell in read(cache) if cell["key"] == key}
    for repeat in range(repeats):
        for limit in LIMITS:
            if (limit, repeat) not in known:
                with threadpool_limits(1):
                    measured = _measured(limit, repeat)
                append(cache, {"limit": limit, "repeat": repeat, "key": key, **measured})
                print(f"sample of {limit:>6}{repeat + 1:>3}/{repeats}", flush=True)


def results(cache: Path) -> list[Sampling]:
    """Return what was measured with the present code."""
    cells = {(cell["limit"], cell["repeat"]): cell for cell in read(cache) if cell["key"] == _key()}
    repeats = [i for i in range(REPEATS) if all((limit, i) in cells for limit in LIMITS)]
    return [
        _result(limit, [cells[limit, i] for i in repeats], [cells[LIMITS[0], i] for i in repeats])
        for limit in LIMITS
    ]


def _result(limit: int, sampled: Sequence[Cell], whole: Sequence[Cell]) -> Sampling:
    losses = [cell["log_loss"] for cell in sampled]
    worse = [
        mine["log_loss"] - all_rows["log_loss"]
        for mine, all_rows in zip(sampled, whole, strict=True)
    ]
    return Sampling(
        limit=limit,
        log_loss=float(np.mean(losses)),
        worse=(float(np.mean(worse)), standard_error(worse)),
        auc=float(np.mean([cell["auc"] for cell in sampled])),
        apart=max(cell["apart"] for cell in sampled),
    )


def _key() -> str:
    return f"{_PROTOCOL}-{fingerprint(OURS, ROWS)}"


def _measured(limit: int, repeat: int) -> dict[str, float]:
    course = Course(seed=repeat)
    X, y = course.draw(ROWS)
    test_X, test_y = course.draw(_TEST_ROWS)

    def labelled(rows: NDArray[Any]) -> Labelled:
        return Labelled(X[rows], y[rows], (0, 1), course.feature_names)

    max_cells = limit * len(course.feature_names)
    at_once, _ = train(labelled(np.arange(ROWS)), max_cells=max_cells)
    order = np.random.default_rng(repeat).permutation(ROWS)
    first, *middle, last = (labelled(rows) for rows in np.array_split(order, N_PIECES))
    examples = Examples.of(first, max_cells)
    for piece in middle:  # as train does, but for fitting what the next piece replaces
        examples = examples.learn(Examples.of(piece, max_cells), max_cells)
    in_pieces, _ = train(last, learned=examples, max_cells=max_cells)

    p = bounded(at_once.predict_proba(test_X))
    return {
        "log_loss": log_loss(test_y, p),
        "auc": float(roc_auc_score(test_y, p[:, 1])),
        "apart": float(np.abs(p - bounded(in_pieces.predict_proba(test_X))).max()),
    }
