"""Evaluation: how well a model that learned from such a dataset would predict."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcore import columns, duration, errors
from mlcore.classifier import Classifier
from mlcore.dataset import Labelled
from mlcore.examples import Examples
from mlcore.importance import importance
from mlcore.measures import (
    BoostingCurve,
    LearningPoint,
    Measures,
    Report,
    Tested,
    measure,
    report_of,
)
from mlcore.memory import MAX_CELLS, TO_LEARN, cells, n_threads

if TYPE_CHECKING:
    from mlcore.task import Task
    from mlcore.trials import Recipe

Counts = NDArray[np.int64]

TEST_SHARE = 0.2
_HALVINGS = 3  # of what is learned from, for the learning curve
_HALVED = 2  # iterations that it is the mean of
_MOST_TESTED = 5_000_000  # examples in all iterations, of which each keeps how often it tests them
_SPARE = 0.5  # seconds for what has no clock of its own
_FOR_ITERATIONS = 0.6  # of the time left after the choice of what to blend
_FOR_CURVES = 0.2  # of it; the importance gets the rest


@dataclass(frozen=True)
class Evaluation:
    """Result of `evaluate`.

    Attributes
    ----------
    iterations : tuple of Measures
    n_asked : int
        Iterations that were asked for; fewer were done when time ran out.
    report : Report
    """

    iterations: tuple[Measures, ...]
    n_asked: int
    report: Report

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
    memory: int | None = None,
    cores: float = 1.0,
) -> Evaluation:
    """Measure how well samples that were not learned from are predicted.

    Each iteration draws four fifths of each class to learn from and tests on the rest. The same
    dataset gives the same result, whatever the order of its rows.

    Parameters
    ----------
    dataset : Labelled
        It is let go once its distinct samples are known: less memory for who does not hold it.
    n_iterations : int
    classifier : Classifier or None
        A trained model to test as it is; None fits a new one in each iteration.
    deadline : float or None
        Time (of `time.monotonic`) by which to end, if need be with fewer iterations (one at least)
        and less of what explains them.
    memory : int or None
        Bytes that there are for the process; None: as many as it needs.
    cores : float
        Processors that there are, which may be a part of one; iterations share them.

    Raises
    ------
    mlcore.errors.TooLittleMemory
    mlcore.errors.TooLittleTime
        When not even one iteration would end by the deadline.
    mlcore.errors.TooFewToEvaluate
    mlcore.errors.OtherIndicators, mlcore.errors.OtherFeatures
        When `classifier` is for another kind of dataset.
    """
    if classifier is not None:
        dataset = _as_known(dataset, classifier)
    max_cells = min(MAX_CELLS, _MOST_TESTED // n_iterations * cells(dataset.X.shape[1]))
    examples = Examples.of(dataset, max_cells)
    TO_LEARN.require(memory, dataset.X.shape, examples.X.size)
    del dataset
    sizes = [int(examples.counts[examples.y == value].sum()) for value in examples.classes]
    fits: _Fits | None = None
    if classifier is None:
        if sum(size >= 2 for size in sizes) < 2:
            raise errors.TooFewToEvaluate
        duration.require(deadline, examples, len(examples.feature_names), cores)
        fits = _Fits(examples)
        test: _Test = fits.test
    else:
        test = _trained(examples, classifier)

    digest = hashlib.sha256(examples.digests.tobytes() + examples.counts.tobytes()).digest()[:8]
    seed = int.from_bytes(digest, "big")
    splits = [
        _split(examples, np.random.default_rng([seed, i]), classifier is not None)
        for i in range(n_iterations)
    ]
    randoms = [np.random.default_rng([seed, n_iterations + i]) for i in (0, 1)]
    end = math.inf if deadline is None else deadline - _SPARE
    threads = n_threads(cores, examples.X.size)
    began = time.monotonic()
    if fits is not None:
        fits.choose(splits[0], threads)
    now = time.monotonic()
    # choosing takes longer than an iteration
    longest, left = now - began, end - now
    until = now + _FOR_ITERATIONS * left
    latest = until + _FOR_CURVES * left - longest

    def iteration(number: int) -> _Result | None:
        """Return what the test of a split says; None when there is no time, but for the first."""
        nonlocal longest
        began = time.monotonic()
        if number and began + longest > until:
            return None
        result = test(splits[number])
        longest = max(longest, time.monotonic() - began)
        return result

    with ThreadPoolExecutor(threads) as pool:
        # in this order, so that curves begin as soon as a thread has no iteration left to do
        results = [pool.submit(iteration, number) for number in range(n_iterations)]
        found: dict[str, Future[Any]] = {}
        if fits is not None:
            few = list(zip(splits, results, strict=True))[:_HALVED]
            found["learning_curve"] = pool.submit(_learning_curve, fits, few, randoms[1], latest)
            found["boosting"] = pool.submit(fits.boosting, splits[0], latest)
        in_time = [
            (future.result(), counts) for future, counts in zip(results, splits, strict=True)
        ]
        done = [(*result, counts) for result, counts in in_time if result is not None]
        fitted = [(classifier, counts) for _, classifier, counts in done]
        found["indicators"] = pool.submit(importance, examples, fitted, randoms[0], end)
        tests = [test for test, _, _ in done]
        iterations = tuple(map(measure, tests))
        report = report_of(examples, tests, digest.hex())
    explained = {name: future.result() for name, future in found.items()}
    return Evaluation(iterations, n_iterations, replace(report, **explained))


# what comes of a test, and the classifier that was tested
_Result = tuple[Tested, Classifier]
# counts to test on, to what comes of it
_Test = Callable[[Counts], _Result]


class _Fits:
    """Tests that fit on what is not tested, by a recipe that is chosen once."""

    def __init__(self, examples: Examples) -> None:
        from mlcore.task import Samples

        present, codes = np.unique(examples.y, return_inverse=True)
        self.examples = examples
        self._columns = np.searchsorted(examples.classes, present)
        self._codes = self._columns[codes]
        classes = tuple(present.tolist())
        self._samples = Samples(examples.X, codes, classes, None, examples.feature_names)
        self._recipe: Recipe

    def choose(self, counts: Counts, threads: int) -> None:
        """Choose the recipe from all that one iteration does not test."""
        from mlcore import blend

        self._recipe = blend.choose(self._task(self.examples.counts - counts), threads)

    def test(self, counts: Counts) -> _Result:
        """Learn from all that is not tested."""
        return self.test_after(self.examples.counts - counts, counts)

    def test_after(self, learned: Counts, counts: Counts) -> _Result:
        """Learn from these samples, which may be too few for what the recipe holds."""
        from mlcore import blend

        task = self._task(learned)
        classifier = blend.fit(task, blend.fallback(task) if task.is_tiny else self._recipe)
        tested = np.flatnonzero(counts)
        p = np.zeros((len(tested), len(self.examples.classes)))
        p[:, self._columns] = classifier.predict_proba(self.examples.X[tested])
        return Tested(self._codes[tested], p, counts[tested]), classifier

    def boosting(self, counts: Counts, latest: float) -> BoostingCurve | None:
        """Return the log-loss of boosted trees by their rounds.

        None where data is too little, or the time is later than `latest` (of `time.monotonic`).
        """
        from mlcore.families.boosting import curve

        task = self._task(self.examples.counts - counts)
        if task.is_tiny or time.monotonic() > latest:
            return None
        points = curve(task, self._recipe, counts.astype(np.float64))
        return BoostingCurve(*map(tuple, zip(*points, strict=True)))

    def _task(self, learned: Counts) -> Task:
        return self._samples.task(learned.astype(np.float64))


def _as_known(dataset: Labelled, classifier: Classifier) -> Labelled:
    """Return a dataset with the columns of a trained model, and its classes beside its own."""
    classifier.require_most(dataset.feature_names)
    names = classifier.feature_names
    return replace(
        dataset,
        X=columns.matched(dataset.X, dataset.feature_names, names),
        feature_names=names,
        classes=tuple(sorted({*dataset.classes, *classifier.classes})),
    )


def _trained(examples: Examples, classifier: Classifier) -> _Test:
    """Return a test of a trained model."""
    p = np.zeros((len(examples.y), len(examples.classes)))
    known, codes = (np.searchsorted(examples.classes, y) for y in (classifier.classes, examples.y))
    p[:, known] = classifier.predict_proba(examples.X)

    def test(counts: Counts) -> _Result:
        tested = np.flatnonzero(counts)
        return Tested(codes[tested], p[tested], counts[tested]), classifier

    return test


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


def _learning_curve(
    fits: _Fits,
    iterations: Iterable[tuple[Counts, Future[_Result | None]]],
    random: np.random.Generator,
    latest: float,
) -> tuple[LearningPoint, ...] | None:
    """Return how well is predicted what was learned from fewer and fewer samples.

    Parameters
    ----------
    iterations : iterable of (Counts, Future)
        What iterations test, and what comes of it; None where there is no time.
    latest : float
        Time (of `time.monotonic`) at which a curve may begin, which takes less than an iteration.

    Returns
    -------
    tuple of LearningPoint, or None when there was no time
        With means and standard deviations over the iterations, the fewest samples first.
    """
    curves: list[list[tuple[int, Measures]]] = []
    for counts, future in iterations:
        result = future.result()
        if result is None or time.monotonic() > latest:
            break
        measures = measure(result[0])
        learned = fits.examples.counts - counts
        curve = [(int(learned.sum()), measures)]
        for share in _halves(fits.examples, learned, random):
            test, _ = fits.test_after(share, counts)
            curve.append((int(share.sum()), measure(test)))
        curves.append(curve)
    points = reversed(list(zip(*curves, strict=True)))
    return tuple(_learning_point(list(point)) for point in points) or None


def _learning_point(measured: list[tuple[int, Measures]]) -> LearningPoint:
    """Return the means over the iterations of what was measured after so many samples."""
    log_losses = [measures.log_loss for _, measures in measured]
    scores = [measures.f1_score for _, measures in measured]
    return LearningPoint(
        samples=measured[0][0],
        log_loss=float(np.mean(log_losses)),
        log_loss_deviation=float(np.std(log_losses)),
        f1_score=float(np.mean(scores)),
        f1_score_deviation=float(np.std(scores)),
    )


def _halves(examples: Examples, learned: Counts, random: np.random.Generator) -> list[Counts]:
    """Return half of each class, half of that and so on, but at least one sample of each."""
    shares = [learned]
    for _ in range(_HALVINGS):
        share = _drawn(examples, shares[-1], lambda size: max(size // 2, min(size, 1)), random)
        if share.sum() == shares[-1].sum():
            break
        shares.append(share)
    return shares[1:]
