"""Whether the goals were reached, from what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from infra.lab.datasets import DATASETS, Generated
from infra.lab.quality.cache import Cell
from infra.lab.quality.cells import TEST_SHARE
from infra.lab.quality.learners import EXISTING, OURS
from infra.lab.quality.scoring import calibration_error, calibration_error_by_chance

REACHED, NEARLY, MISSED = "✓", "(✓)", "✗"
CALIBRATED = 0.03
CALIBRATED_FROM_ROWS = 1_000

Measured = Mapping[str, Sequence[float]]  # a measure on the same splits, by learner


@dataclass(frozen=True)
class Comparison:
    """Ours against a peer, in one measure on the same splits.

    Attributes
    ----------
    peer : str
    ours, theirs : float
        Means over the splits.
    worse : float
        By how much ours is worse, below 0 where it is better: the mean of the differences.
    paired_error : float
        Standard error of `worse`.
    plain_error : float
        Standard error of `theirs`.
    """

    peer: str
    ours: float
    theirs: float
    worse: float
    paired_error: float
    plain_error: float

    @property
    def reached(self) -> bool:
        """Whether ours is not worse by more than the standard error of the difference."""
        return self.worse <= self.paired_error

    @property
    def mark(self) -> str:
        """`REACHED`, or `NEARLY` where only the error of the peer's mean excuses ours."""
        if self.reached:
            return REACHED
        return NEARLY if self.worse <= self.plain_error else MISSED


@dataclass(frozen=True)
class Calibration:
    """Calibration error of ours, and that of a perfectly calibrated model on as few samples."""

    error: float
    by_chance: float

    @property
    def mark(self) -> str:
        """`REACHED` or `MISSED`."""
        return REACHED if self.error <= CALIBRATED else MISSED


@dataclass(frozen=True)
class Verdict:
    """How ours did on one dataset.

    Attributes
    ----------
    log_loss, auc : Comparison
        With the peer that is best in this measure.
    f1 : Comparison or None
        With the existing backend, when that was measured.
    calibration : Calibration or None
        None for datasets that are too small to tell.
    """

    dataset: str
    n_splits: int
    log_loss: Comparison
    auc: Comparison
    f1: Comparison | None
    calibration: Calibration | None


def by_learner(cells: Sequence[Cell]) -> dict[str, list[Cell]]:
    """Return the cells of one dataset by learner, of the splits that all learners met."""
    splits: dict[str, dict[int, Cell]] = {}
    for cell in cells:
        splits.setdefault(cell["learner"], {})[cell["repeat"]] = cell
    common = sorted(set.intersection(*(set(of_learner) for of_learner in splits.values())))
    return {
        learner: [of_learner[repeat] for repeat in common] for learner, of_learner in splits.items()
    }


def values(cells: Mapping[str, Sequence[Cell]], measure: str) -> dict[str, list[float]]:
    """Return one measure by learner."""
    return {name: [cell[measure] for cell in of_learner] for name, of_learner in cells.items()}


def standard_error(values: Sequence[float]) -> float:
    """Return the standard error of the mean, not a number for a single value."""
    return float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")


def compare(ours: Sequence[float], peers: Measured, higher_is_better: bool = False) -> Comparison:
    """Compare ours with the best of the peers."""
    sign = -1 if higher_is_better else 1
    best = min(peers, key=lambda name: sign * np.mean(peers[name]))
    theirs = peers[best]
    worse = sign * (np.asarray(ours) - np.asarray(theirs))
    return Comparison(
        peer=best,
        ours=float(np.mean(ours)),
        theirs=float(np.mean(theirs)),
        worse=float(worse.mean()),
        paired_error=standard_error(worse.tolist()),
        plain_error=standard_error(theirs),
    )


def judge(dataset: str, cells: Sequence[Cell]) -> Verdict | None:
    """Return how ours did, None unless it and a peer were measured on the same splits."""
    learners = by_learner(cells)
    ours = learners.pop(OURS, [])
    if not ours or not learners:
        return None
    mine = {measure: [cell[measure] for cell in ours] for measure in ("log_loss", "auc", "f1")}
    calibration = f1 = None
    if EXISTING in learners:
        existing = {EXISTING: values(learners, "f1")[EXISTING]}
        f1 = compare(mine["f1"], existing, higher_is_better=True)
    if DATASETS[dataset].rows >= CALIBRATED_FROM_ROWS:
        bins = np.sum([cell["bins"] for cell in ours], axis=0)
        tests = 1.0
        if not isinstance(DATASETS[dataset], Generated):
            # a row is tested several times, but is one piece of evidence only
            tests = len(ours) * TEST_SHARE / (1 - (1 - TEST_SHARE) ** len(ours))
        calibration = Calibration(calibration_error(bins), calibration_error_by_chance(bins, tests))
    return Verdict(
        dataset=dataset,
        n_splits=len(ours),
        log_loss=compare(mine["log_loss"], values(learners, "log_loss")),
        auc=compare(mine["auc"], values(learners, "auc"), higher_is_better=True),
        f1=f1,
        calibration=calibration,
    )
