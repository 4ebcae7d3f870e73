"""What is measured on test samples, and the figures of an evaluation's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from mlcore.curves import PrecisionRecall, Roc, ThresholdCounts, auc, threshold_curves
from mlcore.examples import Examples
from mlcore.families.family import SMALLEST
from mlcore.importance import Indicator

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_BINS = 10  # of the calibration table


@dataclass(frozen=True)
class Measures:
    """What was measured on the test samples of one iteration.

    Precision, recall and F1 are means over the classes, weighted by their samples, as in Moodle's
    own backends. `auc` is that of the higher class's probability, None unless there are two classes
    and test samples of both.
    """

    accuracy: float
    balanced_accuracy: float
    precision: float
    recall: float
    f1_score: float
    auc: float | None
    log_loss: float
    brier_score: float


@dataclass(frozen=True)
class ClassSize:
    """How many samples of the dataset are of a class."""

    class_: int
    samples: int


@dataclass(frozen=True)
class Bin:
    """Mean predicted probability and observed share of the test samples in one bin."""

    samples: int
    predicted: float
    observed: float


@dataclass(frozen=True)
class Calibration:
    """The calibration table of one class; bins without a test sample are left out."""

    class_: int
    bins: tuple[Bin, ...]


@dataclass(frozen=True)
class Baseline:
    """What always guessing the most frequent class would score.

    `log_loss` is that of predicting each class's share among the test samples.
    """

    class_: int
    accuracy: float
    f1_score: float
    log_loss: float


@dataclass(frozen=True)
class LearningPoint:
    """Mean and standard deviation over the iterations, after learning from so many samples."""

    samples: int
    log_loss: float
    log_loss_deviation: float
    f1_score: float
    f1_score_deviation: float


@dataclass(frozen=True)
class BoostingCurve:
    """Log-loss of boosted trees after so many rounds."""

    rounds: tuple[int, ...]
    training_log_loss: tuple[float, ...]
    validation_log_loss: tuple[float, ...]


@dataclass(frozen=True)
class Report:
    """Figures about a dataset and about the test samples of all iterations together.

    Attributes
    ----------
    seed : str
        Drawn from the dataset; hexadecimal.
    samples, distinct_samples : int
    features, empty_features, constant_features : int
    classes : tuple of ClassSize
        In ascending order.
    auc_one_vs_rest : tuple of float or None
        Of more than two classes: mean over the iterations of the AUC of each against the others,
        None where it is not defined.
    tested_samples : int
        A sample counts once for each iteration that tests it.
    confusion_matrix : tuple of tuple of int
        Rows are true classes, columns predicted ones.
    calibration : tuple of Calibration
    baseline : Baseline
    roc, precision_recall, counts_by_threshold : tuple of Roc, PrecisionRecall, ThresholdCounts
        What other thresholds would do (see `mlcore.curves.threshold_curves`).
    indicators : tuple of Indicator, or None
        What the classifiers rely on, the most important first (see `mlcore.importance`); None where
        there was no time.
    learning_curve : tuple of LearningPoint, or None
        Whether more data would help, the fewest samples first; None where there was no time, or for
        a trained model.
    boosting : BoostingCurve or None
        None where there was no time or too little data, or for a trained model.
    """

    seed: str
    samples: int
    distinct_samples: int
    features: int
    empty_features: int
    constant_features: int
    classes: tuple[ClassSize, ...]
    auc_one_vs_rest: tuple[float | None, ...]
    tested_samples: int
    confusion_matrix: tuple[tuple[int, ...], ...]
    calibration: tuple[Calibration, ...]
    baseline: Baseline
    roc: tuple[Roc, ...]
    precision_recall: tuple[PrecisionRecall, ...]
    counts_by_threshold: tuple[ThresholdCounts, ...]
    indicators: tuple[Indicator, ...] | None = None
    learning_curve: tuple[LearningPoint, ...] | None = None
    boosting: BoostingCurve | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the figures under their names, ready for JSON."""
        return asdict(self, dict_factory=_named)


def _named(fields: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return fields by name; `class` cannot be an attribute's name."""
    return {name.rstrip("_"): value for name, value in fields}


@dataclass(frozen=True)
class Tested:
    """What a classifier gave to examples that it was tested on.

    Attributes
    ----------
    y : ndarray of shape (n_tested,), intp
        Codes: places in the examples' classes.
    p : ndarray of shape (n_tested, n_classes), float64
        Probabilities.
    counts : ndarray of shape (n_tested,), int64
        How often each was tested.
    """

    y: NDArray[np.intp]
    p: Floats
    counts: Counts

    @classmethod
    def together(cls, tests: Sequence[Tested]) -> Self:
        """Return several tests as one."""
        names = [field.name for field in fields(cls)]
        return cls(*(np.concatenate([getattr(test, name) for test in tests]) for name in names))


def measure(test: Tested) -> Measures:
    """Measure what was tested."""
    y, weights = test.y, test.counts
    p = np.clip(test.p, SMALLEST, 1)
    n_classes, guess = p.shape[1], p.argmax(axis=1)
    truth, right = y[:, None] == np.arange(n_classes), y == guess
    size = np.bincount(y, weights, n_classes)
    guessed = np.bincount(guess, weights, n_classes)
    hits = np.bincount(y[right], weights[right], n_classes)
    share, present = size / size.sum(), size > 0
    recall = hits / np.maximum(size, 1)
    has_auc = n_classes == 2 and present.all()
    return Measures(
        accuracy=float(np.average(right, weights=weights)),
        balanced_accuracy=float(recall[present].mean()),
        precision=float(share @ (hits / np.maximum(guessed, 1))),
        recall=float(share @ recall),
        f1_score=float(share @ (2 * hits / np.maximum(size + guessed, 1))),
        auc=auc(p[:, 1], truth[:, 1], weights) if has_auc else None,
        log_loss=float(-np.average(np.log(p[truth]), weights=weights)),
        brier_score=float(np.average(((p - truth) ** 2).sum(axis=1), weights=weights)),
    )


def report_of(examples: Examples, tests: Sequence[Tested], seed: str) -> Report:
    """Return figures about the dataset and about the tests of all iterations together."""
    classes = list(examples.classes)
    sizes = [int(examples.counts[examples.y == value].sum()) for value in classes]
    empty = np.isnan(examples.X).all(axis=0)
    varies = np.fmin.reduce(examples.X, axis=0) < np.fmax.reduce(examples.X, axis=0)
    tested = Tested.together(tests)
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (tested.y, tested.p.argmax(axis=1)), tested.counts)
    curves = threshold_curves(examples.classes, tested.y, tested.p, tested.counts)
    return Report(
        seed=seed,
        samples=int(examples.counts.sum()),
        distinct_samples=len(examples.counts),
        features=examples.X.shape[1],
        empty_features=int(empty.sum()),
        constant_features=int((~varies & ~empty).sum()),
        classes=tuple(map(ClassSize, classes, sizes)),
        auc_one_vs_rest=_one_vs_rest(tests) if len(classes) > 2 else (),
        tested_samples=int(tested.counts.sum()),
        confusion_matrix=tuple(map(tuple, confusion.tolist())),
        calibration=tuple(
            Calibration(value, _bins(tested.p[:, i], tested.y == i, tested.counts))
            for i, value in enumerate(classes)
        ),
        baseline=_baseline(classes, tested),
        roc=curves.roc,
        precision_recall=curves.precision_recall,
        counts_by_threshold=curves.counts_by_threshold,
    )


def _baseline(classes: list[int], tested: Tested) -> Baseline:
    share = np.bincount(tested.y, tested.counts, len(classes)) / tested.counts.sum()
    most = int(share.argmax())
    return Baseline(
        class_=classes[most],
        accuracy=float(share[most]),
        f1_score=float(share[most] * 2 * share[most] / (1 + share[most])),
        log_loss=float(-(share * np.log(np.clip(share, SMALLEST, 1))).sum()),
    )


def _one_vs_rest(tests: Sequence[Tested]) -> tuple[float | None, ...]:
    """Return the mean over the iterations of each class's AUC against all others."""
    means: list[float | None] = []
    for i in range(tests[0].p.shape[1]):
        values = []
        for test in tests:
            is_class = test.y == i
            if 0 < is_class.sum() < len(is_class):
                values.append(auc(test.p[:, i], is_class, test.counts))
        means.append(float(np.mean(values)) if values else None)
    return tuple(means)


def _bins(p: Floats, is_class: NDArray[np.bool_], counts: Counts) -> tuple[Bin, ...]:
    """Compare predicted probabilities of one class with its observed share, bin by bin."""
    bins = np.minimum((p * _BINS).astype(np.int64), _BINS - 1)
    table = []
    for i in np.unique(bins).tolist():
        here = bins == i
        weights = counts[here]
        samples = int(weights.sum())
        mean, share = weights @ p[here] / samples, weights @ is_class[here] / samples
        table.append(Bin(samples, float(mean), float(share)))
    return tuple(table)
