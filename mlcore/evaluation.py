"""Evaluation: how well a model that learned from such a dataset would predict."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore import errors
from mlcore.classifier import SMALLEST, Classifier
from mlcore.curves import threshold_curves
from mlcore.dataset import Labelled
from mlcore.examples import Examples
from mlcore.explanation import importance

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

TEST_SHARE = 0.2
_BINS = 10  # of the calibration table
_HALVINGS = 3  # of what is learned from, for the learning curve
_HALVED = 2  # iterations that it is the mean of
_SPARE = 0.5  # seconds for what has no clock of its own
_FOR_ITERATIONS = 0.6  # of the time left after the first one
_FOR_EXPLANATION = 0.5  # of the time left then; the curves get the rest


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
        say what the classifiers rely on (see `mlcore.explanation.importance`), `roc`,
        `precision_recall` and `counts_by_threshold` what other thresholds would do (see
        `mlcore.curves.threshold_curves`), `learning_curve` whether more data would help, and
        `boosting` how the loss falls round after round. The last two, and `indicators`, are None
        where there was no time for them; the last two also for a trained model.
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
        Time (of `time.monotonic`) by which to end, if need be with fewer iterations (one at least)
        and less of what explains them.

    Raises
    ------
    mlcore.errors.TooFewToEvaluate
    mlcore.errors.OtherFeatures, mlcore.errors.OtherClasses
        When `classifier` is for another kind of dataset.
    """
    examples = Examples.of(dataset)
    sizes = [int(examples.counts[examples.y == value].sum()) for value in examples.classes]
    fits: _Fits | None = None
    if classifier is None:
        if sum(size >= 2 for size in sizes) < 2:
            raise errors.TooFewToEvaluate
        fits = _Fits(examples)
        test: _Test = fits.test
    else:
        if classifier.classes != examples.classes:
            raise errors.OtherClasses(
                found=list(examples.classes), expected=list(classifier.classes)
            )
        test = _trained(examples, classifier)

    digest = hashlib.sha256(examples.digests.tobytes() + examples.counts.tobytes()).digest()[:8]
    seed = int.from_bytes(digest, "big")
    splits = [
        _split(examples, np.random.default_rng([seed, i]), classifier is not None)
        for i in range(n_iterations)
    ]
    deadline = None if deadline is None else deadline - _SPARE
    results, longest = _run(test, splits, deadline)
    held = np.stack(splits[: len(results)])
    predicted = np.stack([probabilities for probabilities, _ in results])
    tests = [(tested, counts) for (_, tested), counts in zip(results, held, strict=True)]
    iterations = tuple(
        _measure(examples, p, counts) for p, counts in zip(predicted, held, strict=True)
    )
    codes = np.searchsorted(examples.classes, examples.y)
    report = {
        "seed": digest.hex(),
        **_report(examples, predicted, held),
        **threshold_curves(examples.classes, codes, predicted, held),
        "indicators": importance(
            examples,
            tests,
            np.random.default_rng([seed, n_iterations]),
            _until(deadline, _FOR_EXPLANATION if fits else 1),
        ),
        "learning_curve": None,
        "boosting": None,
    }
    if fits:
        whole = list(zip(held[:_HALVED], iterations[:_HALVED], strict=True))
        random = np.random.default_rng([seed, n_iterations + 1])
        report["learning_curve"] = _learning_curve(fits, whole, random, longest, deadline)
        if deadline is None or time.monotonic() + longest <= deadline:
            report["boosting"] = fits.boosting(held[0])
    return Evaluation(iterations, n_iterations, report)


# counts to test on, to probabilities of all examples' classes and the classifier they come from
_Test = Callable[[Counts], tuple[Floats, Classifier]]


class _Fits:
    """Tests that fit on what is not tested, by the recipe chosen from what the first one learns."""

    def __init__(self, examples: Examples) -> None:
        from mlcore.blend import Samples
        from mlcore.trials import Recipe

        present, codes = np.unique(examples.y, return_inverse=True)
        self.examples = examples
        self._columns = np.searchsorted(examples.classes, present)
        self._samples = Samples(examples.X, codes, tuple(present.tolist()))
        self._recipe: Recipe | None = None

    def test(self, counts: Counts) -> tuple[Floats, Classifier]:
        """Learn from all that is not tested."""
        return self.test_after(self.examples.counts - counts, counts)

    def test_after(self, learned: Counts, counts: Counts) -> tuple[Floats, Classifier]:
        """Learn from these samples, which may be too few for what the recipe holds."""
        task = self._samples.task(learned.astype(np.float64))
        self._recipe = self._recipe or task.choose()
        classifier = task.fit(task.fallback() or self._recipe)
        tested = counts > 0
        probabilities = np.zeros((len(counts), len(self.examples.classes)))
        probabilities[np.ix_(tested, self._columns)] = classifier.predict_proba(
            self.examples.X[tested]
        )
        return probabilities, classifier

    def boosting(self, counts: Counts) -> dict[str, list[Any]] | None:
        """Return the log-loss of boosted trees by their rounds, None where data is too little."""
        task = self._samples.task((self.examples.counts - counts).astype(np.float64))
        if task.fallback() is not None:
            return None
        assert self._recipe is not None
        curve = task.boosting_curve(self._recipe, counts.astype(np.float64))
        names = ("rounds", "training_log_loss", "validation_log_loss")
        return {
            name: list(values) for name, values in zip(names, zip(*curve, strict=True), strict=True)
        }


def _trained(examples: Examples, classifier: Classifier) -> _Test:
    """Return a test of a trained model."""
    probabilities = classifier.predict_proba(examples.X)
    return lambda counts: (probabilities, classifier)


def _split(examples: Examples, random: np.random.Generator, whole: bool) -> Counts:
    """Draw a fifth of each class to test on, at least one; all but one at most unless `whole`."""
    return _drawn(
        examples,
        examples.counts,
        lambda size: min(max(round(TEST_SHARE * size), 1), size if whole else size - 1),
        random,
    )


def _drawn(
    examples: Examples, counts: Counts, size: Callable[[int], int], random: np.random.Generator
) -> Counts:
    """Draw from samples so many of each class as `size` says of how many there are."""
    drawn = np.zeros(len(counts), dtype=np.int64)
    for value in examples.classes:
        of_class = np.flatnonzero(examples.y == value)
        n_drawn = size(int(counts[of_class].sum()))
        if n_drawn > 0:
            drawn[of_class] = random.multivariate_hypergeometric(
                counts[of_class], n_drawn, method="marginals"
            )
    return drawn


def _run(
    test: _Test, splits: list[Counts], deadline: float | None
) -> tuple[list[tuple[Floats, Classifier]], float]:
    """Return the results of the iterations for which there is time, and how long one took."""
    import joblib

    began = time.monotonic()
    results = [test(splits[0])]
    longest = time.monotonic() - began
    until = _until(deadline, _FOR_ITERATIONS)
    n_threads = joblib.cpu_count()
    with ThreadPoolExecutor(n_threads) as pool:
        for at in range(1, len(splits), n_threads):
            began = time.monotonic()
            if until is not None and began + longest > until:
                break
            results += pool.map(test, splits[at : at + n_threads])
            longest = max(longest, time.monotonic() - began)
    return results, longest


def _until(deadline: float | None, share: float) -> float | None:
    """Return when so much of the time left will have passed."""
    if deadline is None:
        return None
    now = time.monotonic()
    return now + share * (deadline - now)


def _learning_curve(
    fits: _Fits,
    whole: list[tuple[Counts, Measures]],
    random: np.random.Generator,
    longest: float,
    deadline: float | None,
) -> list[dict[str, Any]] | None:
    """Return how well is predicted what was learned from fewer and fewer samples.

    Parameters
    ----------
    whole : list of (Counts, Measures)
        What iterations tested, and what was measured of it.
    longest : float
        Seconds that an iteration took, the choice of the recipe included; a curve takes less.

    Returns
    -------
    list of dict, or None when there was no time
        Each with means and standard deviations over the iterations, the fewest samples first.
    """
    import joblib

    curves: list[list[tuple[int, Measures]]] = []
    with ThreadPoolExecutor(joblib.cpu_count()) as pool:
        for counts, measures in whole:
            began = time.monotonic()
            if deadline is not None and began + longest > deadline:
                break
            learned = fits.examples.counts - counts
            shares = _halves(fits.examples, learned, random)
            results = pool.map(lambda share, counts=counts: fits.test_after(share, counts), shares)
            curves.append(
                [
                    (int(learned.sum()), measures),
                    *(
                        (int(share.sum()), _measure(fits.examples, p, counts))
                        for share, (p, _) in zip(shares, results, strict=True)
                    ),
                ]
            )
    return [
        {
            "samples": point[0][0],
            **{
                name + suffix: float(statistic([getattr(measures, name) for _, measures in point]))
                for name in ("log_loss", "f1_score")
                for suffix, statistic in (("", np.mean), ("_deviation", np.std))
            },
        }
        for point in reversed(list(zip(*curves, strict=True)))
    ] or None


def _halves(examples: Examples, learned: Counts, random: np.random.Generator) -> list[Counts]:
    """Return half of each class, half of that and so on, but at least one sample of each."""
    shares = [learned]
    for _ in range(_HALVINGS):
        share = _drawn(examples, shares[-1], lambda size: max(size // 2, min(size, 1)), random)
        if share.sum() == shares[-1].sum():
            break
        shares.append(share)
    return shares[1:]


def _measure(examples: Examples, probabilities: Floats, counts: Counts) -> Measures:
    from sklearn import metrics

    tested = counts > 0
    y, weights = examples.y[tested], counts[tested]
    p = np.clip(probabilities[tested], SMALLEST, 1)
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
            "log_loss": float(-(share * np.log(np.clip(share, SMALLEST, 1))).sum()),
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
