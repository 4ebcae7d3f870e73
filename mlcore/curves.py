"""Curves over all thresholds: what becomes of test samples when the bar for a class moves."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

_POINTS = 200  # of a line at most
_INVISIBLE = 0.0005  # of an axis: half a pixel of a chart 1,000 pixels wide
_THRESHOLDS = np.arange(127) / 126  # as many as TensorBoard's PR curves have


Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Roc:
    """False positive rate and recall of one class, from (0, 0) to (1, 1)."""

    class_: int
    points: Points


@dataclass(frozen=True)
class PrecisionRecall:
    """Recall and precision of one class; precision is 1 where recall is 0, as in scikit-learn.

    `share` is the share of the tested samples that is of the class.
    """

    class_: int
    share: float
    points: Points


@dataclass(frozen=True)
class ThresholdCounts:
    """What becomes of the tested samples at each of these thresholds for one class."""

    class_: int
    thresholds: tuple[float, ...]
    true_positives: tuple[int, ...]
    false_positives: tuple[int, ...]
    true_negatives: tuple[int, ...]
    false_negatives: tuple[int, ...]


@dataclass(frozen=True)
class Curves:
    """ROC, precision-recall curve and counts by threshold; one of each for a class.

    Points of lines are thinned out as far as the eye cannot tell.
    """

    roc: tuple[Roc, ...]
    precision_recall: tuple[PrecisionRecall, ...]
    counts_by_threshold: tuple[ThresholdCounts, ...]


def threshold_curves(
    classes: tuple[int, ...], y: NDArray[np.intp], p: Floats, counts: Counts
) -> Curves:
    """Return the curves of each class against the others.

    Of two classes there is one curve, that of the higher one. A class is left out when no sample of
    it, or none of the others, was tested.

    Parameters
    ----------
    classes : tuple of int
    y : ndarray of shape (n_tested,), intp
        Which of the classes each tested example has.
    p : ndarray of shape (n_tested, n_classes), float64
        Probabilities.
    counts : ndarray of shape (n_tested,), int64
        How often each was tested.
    """
    roc: list[Roc] = []
    precision_recall: list[PrecisionRecall] = []
    by_threshold: list[ThresholdCounts] = []
    for i in range(len(classes)) if len(classes) > 2 else [1]:
        is_class = y == i
        if is_class.all() or not is_class.any():
            continue
        passed, true, false = _passing(p[:, i], is_class, counts)
        recall, precision = true / true[-1], true[1:] / (true + false)[1:]
        roc.append(Roc(classes[i], _thinned(np.column_stack([false / false[-1], recall]))))
        points = np.column_stack([recall, np.concatenate([[1.0], precision])])
        share = float(true[-1] / (true[-1] + false[-1]))
        precision_recall.append(PrecisionRecall(classes[i], share, _thinned(points)))
        at = np.searchsorted(-passed, -_THRESHOLDS, side="right")
        by_threshold.append(
            ThresholdCounts(
                class_=classes[i],
                thresholds=tuple(_THRESHOLDS.tolist()),
                true_positives=tuple(true[at].tolist()),
                false_positives=tuple(false[at].tolist()),
                true_negatives=tuple((false[-1] - false[at]).tolist()),
                false_negatives=tuple((true[-1] - true[at]).tolist()),
            )
        )
    return Curves(tuple(roc), tuple(precision_recall), tuple(by_threshold))


def auc(p: Floats, is_class: NDArray[np.bool_], counts: Counts) -> float:
    """Return the area under the ROC curve: how often a sample of the class gets more than another.

    Parameters
    ----------
    p : ndarray of shape (n_samples,), float64
        What samples get; those of the class and others.
    is_class : ndarray of shape (n_samples,), bool
    counts : ndarray of shape (n_samples,), int64
        How often each was tested.
    """
    _, true, false = _passing(p, is_class, counts)
    return float(np.trapezoid(true / true[-1], false / false[-1]))


def _passing(
    p: Floats, is_class: NDArray[np.bool_], counts: Counts
) -> tuple[Floats, Counts, Counts]:
    """Return the distinct probabilities, falling, and how many samples are at or above them.

    Returns
    -------
    p : ndarray of shape (n_distinct,), float64
    true, false : ndarray of shape (n_distinct + 1,), int64
        Samples of the class and others; the first is 0, above all probabilities.
    """
    order = np.argsort(-p)
    p, counts = p[order], counts[order]
    last = np.append(p[1:] != p[:-1], True)
    passing = np.cumsum(counts)[last]
    true = np.cumsum(np.where(is_class[order], counts, 0))[last]
    return p[last], np.append(0, true), np.append(0, passing - true)


def _thinned(points: Floats) -> Points:
    """Return the points that a line needs to look the same.

    Ramer, Douglas and Peucker's way: from the line between both ends, the point that is farthest
    from the line so far is added, until none is off visibly.

    Parameters
    ----------
    points : ndarray of shape (n_points, 2), float64
    """
    kept = [0, len(points) - 1]
    farthest: list[tuple[float, int, int, int]] = []

    def look(begin: int, end: int) -> None:
        if end - begin > 1:
            distances = _distances(points[begin + 1 : end], points[begin], points[end])
            at = int(distances.argmax())
            if distances[at] > _INVISIBLE:
                heappush(farthest, (-float(distances[at]), begin, begin + 1 + at, end))

    look(*kept)
    while farthest and len(kept) < _POINTS:
        _, begin, at, end = heappop(farthest)
        kept.append(at)
        look(begin, at)
        look(at, end)
    return tuple((x, y) for x, y in points[sorted(kept)].tolist())


def _distances(points: Floats, begin: Floats, end: Floats) -> Floats:
    """Return how far points are from the straight line between two others."""
    way = end - begin
    length = way @ way
    along = np.clip((points - begin) @ way / length, 0, 1) if length else np.zeros(len(points))
    distances: Floats = np.hypot(*(points - begin - along[:, None] * way).T)
    return distances
