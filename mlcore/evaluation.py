"""Evaluation: how well a model that learned from such a dataset would predict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore import errors
from mlcore.classifier import Classifier
from mlcore.dataset import Labelled
from mlcore.examples import Examples
from mlcore.explanation import importance

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

TEST_SHARE = 0.2
_BINS = 10  # of the calibration table
_SMALLEST = 1e-6


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
class Evaluation:
    """Result of `evaluate`.

    Attributes
    ----------
    iterations : tuple of Measures
    n_asked : int
        Iterations that were asked for; fewer were done when time ran out.
    report : dict
        Figures about the dataset and all test samples together, ready for JSON. Its `indicators`
        say what the classifiers rely on (see `mlcore.explanation.importance`).
    """

    iterations: tuple[Measures, ...]
    n_asked: int
    report: dict[str, Any]

    def mean(self, name: str) -> float | None:
        """Return the mean of a measure over the iterations, None where it is not defined."""
        values = self._values(name)
        return float(np.mean(values)) if values else None

    def deviation(self, name: str) -> float | None:
        """Return the standard deviation of a measure over the iterations."""
        values = self._values(name)
        return float(np.std(values)) if values else None

    def _values(self, name: str) -> list[float]:
        values = (getattr(measures, name) for measures in self.iterations)
        return [value for value in values if value is not None]


def evaluate(
    dataset: Labelled,
    n_iterations: int,
    classifier: Classifier | None = None,
    deadline: float | None = None,
) -> Evaluation:
    """Measure how well samples that were not learned from are predicted.

    Each iteration draws four fifths of each class to learn from and tests on the rest. The same
    dataset gives the same result, whatever the order of its rows.

    Parameters
    ----------
    dataset : Labelled
    n_iterations : int
    classifier : Classifier or None
        A trained model to test as it is; None fits a new one in each iteration.
    deadline : float or None
        Time (of `time.monotonic`) by which to end, if need be with fewer iterations (one at least).

    Raises
    ------
    mlcore.errors.TooFewToEvaluate
    mlcore.errors.OtherFeatures, mlcore.errors.OtherClasses
        When `classifier` is for another kind of dataset.
    """
    examples = Examples.of(dataset)
    sizes = [int(examples.counts[examples.y == value].sum()) for value in examples.classes]
    if classifier is None:
        if sum(size >= 2 for size in sizes) < 2:
            raise errors.TooFewToEvaluate
        test: _Test = _fresh(examples)
    else:
        if classifier.classes != examples.classes:
            raise errors.OtherClasses(
                found=list(examples.classes), expected=list(classifier.classes)
            )
        test = _trained(examples, classifier)

    seed = int.from_bytes(
        hashlib.sha256(examples.digests.tobytes() + examples.counts.tobytes()).digest()[:8], "big"
    )
    splits = [
        _split(examples, np.random.default_rng([seed, i]), classifier is not None)
        for i in range(n_iterations)
    ]
    results = list(_run(test, splits, deadline))
    held = np.stack(splits[: len(results)])
    predicted = np.stack([probabilities for probabilities, _ in results])
    tests = [(tested, counts) for (_, tested), counts in zip(results, held, strict=True)]
    random = np.random.default_rng([seed, n_iterations])
    return Evaluation(
        iterations=tuple(
            _measure(examples, p, counts) for p, counts in zip(predicted, held, strict=True)
        ),
        n_asked=n_iterations,
        report={
            **_report(examples, predicted, held),
            "indicators": importance(examples, tests, random, deadline),
        },
    )


# counts to test on, to probabilities of all examples' classes and the classifier they come from
_Test = Callable[[Counts], tuple[Floats, Classifier]]


def _fresh(examples: Examples) -> _Test:
    """Return a test that fits on what is not tested.

    The recipe is chosen once, from what the first iteration learns from.
    """
    from mlcore.blend import Recipe, Task

    present, codes = np.unique(examples.y, return_inverse=True)
    task = Task.of(examples.X, codes, examples.counts.astype(np.float64), len(present))
    columns = np.searchsorted(examples.classes, present)
    recipe: Recipe | None = None

    def test(counts: Counts) -> tuple[Floats, Classifier]:
        nonlocal recipe
        learned = task.weighted((examples.counts - counts).astype(np.float64))
        recipe = recipe or learned.choose()
        classifier = replace(learned.fit(recipe), classes=tuple(present.tolist()))
        tested = counts > 0
        probabilities = np.zeros((len(counts), len(examples.classes)))
        probabilities[np.ix_(tested, columns)] = classifier.predict_proba(examples.X[tested])
        return probabilities, classifier

    return test


def _trained(examples: Examples, classifier: Classifier) -> _Test:
    """Return a test of a trained model."""
    probabilities = classifier.predict_proba(examples.X)
    return lambda counts: (probabilities, classifier)


def _split(examples: Examples, random: np.random.Generator, whole: bool) -> Counts:
    """Draw a fifth of each class to test on, at least one; all but one at most unless `whole`."""
    held = np.zeros(len(examples.counts), dtype=np.int64)
    for value in examples.classes:
        of_class = np.flatnonzero(examples.y == value)
        counts = examples.counts[of_class]
        size = int(counts.sum())
        n_held = min(max(round(TEST_SHARE * size), 1), size if whole else size - 1)
        if n_held > 0:
            held[of_class] = random.multivariate_hypergeometric(counts, n_held, method="marginals")
    return held


def _run(
    test: _Test, splits: list[Counts], deadline: float | None
) -> Iterator[tuple[Floats, Classifier]]:
    """Yield the results of the iterations for which there is time."""
    import joblib

    began = time.monotonic()
    yield test(splits[0])
    longest = time.monotonic() - began
    n_threads = joblib.cpu_count()
    with ThreadPoolExecutor(n_threads) as pool:
        for at in range(1, len(splits), n_threads):
            began = time.monotonic()
            if deadline is not None and began + longest > deadline:
                return
            yield from pool.map(test, splits[at : at + n_threads])
            longest = max(longest, time.monotonic() - began)


def _measure(examples: Examples, probabilities: Floats, counts: Counts) -> Measures:
    from sklearn import metrics

    tested = counts > 0
    y, weights = examples.y[tested], counts[tested]
    p = np.clip(probabilities[tested], _SMALLEST, 1)
    classes = np.array(examples.classes)
    best = classes[p.argmax(axis=1)]
    precision, recall, f1, _ = metrics.precision_recall_fscore_support(
        y, best, sample_weight=weights, average="weighted", zero_division=0
    )
    right = y == best
    present = np.unique(y)
    recalls = [np.average(right[y == value], weights=weights[y == value]) for value in present]
    truth = y[:, None] == classes
    auc = None
    if len(classes) == len(present) == 2:
        auc = float(metrics.roc_auc_score(y == classes[1], p[:, 1], sample_weight=weights))
    return Measures(
        accuracy=float(np.average(right, weights=weights)),
        balanced_accuracy=float(np.mean(recalls)),
        precision=float(precision),
        recall=float(recall),
        f1_score=float(f1),
        auc=auc,
        log_loss=float(-np.average(np.log(p[truth]), weights=weights)),
        brier_score=float(np.average(((p - truth) ** 2).sum(axis=1), weights=weights)),
    )


def _report(examples: Examples, predicted: Floats, held: Counts) -> dict[str, Any]:
    """Return figures about the dataset and the test samples of all iterations together."""
    classes = list(examples.classes)
    sizes = [int(examples.counts[examples.y == value].sum()) for value in classes]
    empty = np.isnan(examples.X).all(axis=0)
    varies = np.fmin.reduce(examples.X, axis=0) < np.fmax.reduce(examples.X, axis=0)
    code = np.searchsorted(classes, examples.y)
    total = held.sum()
    share = np.array([held[:, code == i].sum() for i in range(len(classes))]) / total
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for p, counts in zip(predicted, held, strict=True):
        np.add.at(confusion, (code, p.argmax(axis=1)), counts)
    majority = int(share.argmax())
    auc = [] if len(classes) == 2 else _one_vs_rest(predicted, code, held)
    return {
        "samples": int(examples.counts.sum()),
        "distinct_samples": len(examples.counts),
        "features": examples.X.shape[1],
        "empty_features": int(empty.sum()),
        "constant_features": int((~varies & ~empty).sum()),
        "classes": [
            {"class": value, "samples": size} for value, size in zip(classes, sizes, strict=True)
        ],
        # of several classes: the AUC of each against the others, None where it is not defined
        "auc_one_vs_rest": auc,
        "tested_samples": int(total),
        "confusion_matrix": confusion.tolist(),
        "calibration": [
            {"class": value, "bins": _calibration(predicted[:, :, i], code == i, held)}
            for i, value in enumerate(classes)
        ],
        # what always guessing the most frequent class would score
        "baseline": {
            "class": classes[majority],
            "accuracy": float(share[majority]),
            "f1_score": float(share[majority] * 2 * share[majority] / (1 + share[majority])),
            "log_loss": float(-(share * np.log(np.clip(share, _SMALLEST, 1))).sum()),
        },
    }


def _one_vs_rest(predicted: Floats, code: NDArray[np.intp], held: Counts) -> list[float | None]:
    """Return the mean over the iterations of each class's AUC against all others."""
    from sklearn.metrics import roc_auc_score

    means: list[float | None] = []
    for i in range(predicted.shape[2]):
        values = []
        for p, counts in zip(predicted, held, strict=True):
            is_class, tested = code == i, counts > 0
            if 0 < is_class[tested].sum() < tested.sum():
                values.append(
                    roc_auc_score(is_class[tested], p[tested, i], sample_weight=counts[tested])
                )
        means.append(float(np.mean(values)) if values else None)
    return means


def _calibration(
    predicted: Floats, is_class: NDArray[np.bool_], held: Counts
) -> list[dict[str, float]]:
    """Compare predicted probabilities of one class with its observed share, bin by bin."""
    bins = np.minimum((predicted * _BINS).astype(np.int64), _BINS - 1)
    table = []
    for i in range(_BINS):
        weights = np.where(bins == i, held, 0)
        samples = int(weights.sum())
        if samples:
            table.append(
                {
                    "samples": samples,
                    "predicted": float((weights * predicted).sum() / samples),
                    "observed": float((weights * is_class).sum() / samples),
                }
            )
    return table
