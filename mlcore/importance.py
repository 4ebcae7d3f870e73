r"""Permutation importance: which indicators a classifier relies on, and in what direction.

An indicator has one column or several: ``\core\analytics\indicator\read_actions`` comes with
``…/read_actions/mean``, its mean among the course's samples. They say the same in other words, so
they are exchanged together; one at a time, each would seem unimportant as the other still tells.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from numpy.typing import NDArray

from mlcore.classifier import Classifier
from mlcore.examples import Examples

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

_ROUNDS = 10
_SAMPLES = 500  # drawn in each round
_PREDICTIONS = 4_000  # in each round, which on large data takes a tenth of a second
_FEWEST = 20  # samples that a round looks at whatever they cost
_CELLS = 1 << 20  # predicted at a time: 4 MB
_ROUNDING = 1e-6  # float32 arithmetic does not tell smaller changes of a probability apart


@dataclass(frozen=True)
class Indicator:
    """How much a classifier relies on one indicator.

    Attributes
    ----------
    indicator : str
        Moodle's name.
    features : tuple of str
        The names of its columns that vary.
    importance, importance_deviation : float
        Permutation importance: increase of the log-loss when the indicator's values are dealt out
        anew among the test samples; mean and standard deviation over the rounds. 0 is no use at
        all, and chance makes it a little more or less.
    direction : tuple of float, or None
        For each class: by how much its predicted probability changes when the indicator's value
        becomes higher, on average. None where there is no higher and lower: a group of columns
        without one that has the indicator's own name is a category.
    direction_without_value : tuple of float, or None
        The same when a value goes missing; None where values are always or never missing.
    """

    indicator: str
    features: tuple[str, ...]
    importance: float
    importance_deviation: float
    direction: tuple[float, ...] | None
    direction_without_value: tuple[float, ...] | None


def importance(
    examples: Examples,
    tests: Sequence[tuple[Classifier, Counts]],
    random: np.random.Generator,
    deadline: float | None = None,
) -> tuple[Indicator, ...] | None:
    r"""Measure how much the prediction of held-out samples relies on each indicator [1]_.

    Parameters
    ----------
    examples : Examples
    tests : sequence of (Classifier, ndarray of shape (n_distinct,), int64)
        A classifier and how many of each example it is tested on, for one or more iterations of an
        evaluation. Each round takes the next one.
    random : Generator
    deadline : float or None
        Time (of `time.monotonic`) by which to end, if need be after fewer rounds.

    Returns
    -------
    tuple of Indicator, or None when there was no time at all
        One for each indicator that varies, the most important first.

    Notes
    -----
    The directions come from the same predictions as the importance. With :math:`x` and :math:`x'` a
    sample's own value and the one dealt to it, a direction is the mean of
    :math:`\operatorname{sign}(x' - x) (p' - p)` over all pairs with :math:`x' \ne x`, the average
    predictive comparison [2]_ without its division by the mean difference. A partial dependence
    between, say, the lowest and highest tenth would need predictions of its own, and would say
    nothing of the many indicators that have the same value for nine samples out of ten.

    References
    ----------
    .. [1] L. Breiman, "Random forests", Machine Learning 45 (2001).
    .. [2] A. Gelman, I. Pardoe, "Average predictive comparisons for models with nonlinearity,
       interactions, and variance components", Sociological Methodology 37 (2007).
    """
    groups = _varying(examples)
    if not groups:
        return ()
    columns = list(groups.values())
    own = np.array([_own_column(name, group, examples) for name, group in groups.items()])
    increases: list[Floats] = []
    higher = _Comparison(len(groups), len(examples.classes))
    missing = _Comparison(len(groups), len(examples.classes))
    took = 0.0
    for classifier, counts in islice(cycle(tests), _ROUNDS):
        began = time.monotonic()
        if deadline is not None and began + took > deadline:
            break
        receivers, donors = _deal(examples.X, counts, columns, random)
        X, X_dealt = examples.X[receivers], examples.X[donors]
        changes = _changes(classifier, X, X_dealt, columns)
        increases.append(_increase(classifier, X, examples.y[receivers], changes))

        learned = np.searchsorted(examples.classes, classifier.classes)
        before, after = (np.where(own >= 0, matrix[:, own], np.nan) for matrix in (X, X_dealt))
        higher.add(after > before, after < before, changes, learned)
        missing.add(np.isnan(after), np.isnan(before), changes, learned)
        took = time.monotonic() - began
    if not increases:
        return None
    means, deviations = np.mean(increases, axis=0), np.std(increases, axis=0)
    indicators = list(groups)
    return tuple(
        Indicator(
            indicator=indicators[i],
            features=tuple(examples.feature_names[column] for column in columns[i]),
            importance=float(means[i]),
            importance_deviation=float(deviations[i]),
            direction=higher.mean(i),
            direction_without_value=missing.mean(i),
        )
        for i in np.argsort(-means, kind="stable").tolist()
    )


class _Comparison:
    """Mean change of each class's probability, over pairs of samples that differ in an indicator.

    Pairs in which it becomes less count backwards.
    """

    def __init__(self, n_indicators: int, n_classes: int) -> None:
        self._sums = np.zeros((n_indicators, n_classes))
        self._pairs = np.zeros(n_indicators)

    def add(self, more: Bools, less: Bools, changes: Floats, classes: NDArray[np.intp]) -> None:
        """Take in pairs.

        Parameters
        ----------
        more, less : ndarray of shape (n_pairs, n_indicators), bool
            Where the indicator becomes more and less; where both or neither, it stays as it is.
        changes : ndarray of shape (n_indicators, n_pairs, n_learned_classes), float64
        classes : ndarray of shape (n_learned_classes,), intp
            Which classes these are.
        """
        signs = np.subtract(more, less, dtype=np.float64)
        self._sums[:, classes] += np.einsum("pi,ipc->ic", signs, changes)
        self._pairs += np.abs(signs).sum(axis=0)

    def mean(self, indicator: int) -> tuple[float, ...] | None:
        """Return the mean change for each class, None where no pair differs."""
        if not self._pairs[indicator]:
            return None
        return tuple((self._sums[indicator] / self._pairs[indicator]).tolist())


def _indicators(feature_names: Sequence[str]) -> dict[str, list[int]]:
    """Return the columns of each indicator: its name is what comes before the first slash."""
    columns: dict[str, list[int]] = {}
    for column, name in enumerate(feature_names):
        columns.setdefault(name.partition("/")[0], []).append(column)
    return columns


def _varying(examples: Examples) -> dict[str, list[int]]:
    """Return the columns that vary of each indicator that has such."""
    varies = _differ(examples.X, examples.X[:1]).any(axis=0)
    varying = {
        indicator: [column for column in columns if varies[column]]
        for indicator, columns in _indicators(examples.feature_names).items()
    }
    return {indicator: columns for indicator, columns in varying.items() if columns}


def _own_column(indicator: str, columns: list[int], examples: Examples) -> int:
    """Return the column that says how high the indicator is, -1 where none does."""
    if len(columns) == 1 or examples.feature_names[columns[0]] == indicator:
        return columns[0]
    return -1


def _differ(X: Matrix, others: Matrix) -> Bools:
    """Say where values differ; two missing ones are the same."""
    both_missing = np.isnan(X) & np.isnan(others)
    differ: Bools = np.not_equal(X, others) & ~both_missing
    return differ


def _exchanged(X: Matrix, donors: Matrix, columns: list[list[int]]) -> tuple[Bools, Bools]:
    """Return which columns each indicator has, and which samples would get another value of it.

    Returns
    -------
    members : ndarray of shape (n_indicators, n_features), bool
    exchanged : ndarray of shape (n_indicators, n_samples), bool
    """
    members = np.zeros((len(columns), X.shape[1]), dtype=bool)
    for i, group in enumerate(columns):
        members[i, group] = True
    n_different = members.astype(np.float32) @ _differ(X, donors).T.astype(np.float32)
    return members, n_different > 0


def _changes(classifier: Classifier, X: Matrix, donors: Matrix, columns: list[list[int]]) -> Floats:
    """Return how probabilities change when each sample gets its donor's value of one indicator.

    Most samples of a course have the same values of most indicators, so only those that get another
    value are predicted anew; on real data these are one in seven.

    Parameters
    ----------
    X, donors : ndarray of shape (n_samples, n_features), float32
    columns : list of list of int
        The columns of each indicator.

    Returns
    -------
    ndarray of shape (n_indicators, n_samples, n_classes), float64
    """
    members, exchanged = _exchanged(X, donors, columns)
    original = classifier.predict_proba(X)
    changes = np.zeros((*exchanged.shape, original.shape[1]))
    indicators, samples = np.nonzero(exchanged)
    step = max(1, _CELLS // X.shape[1])
    for begin in range(0, len(samples), step):
        indicator, sample = indicators[begin : begin + step], samples[begin : begin + step]
        mixed = np.where(members[indicator], donors[sample], X[sample])
        change = classifier.predict_proba(mixed) - original[sample]
        changes[indicator, sample] = np.where(np.abs(change) > _ROUNDING, change, 0)
    return changes


def _deal(
    X: Matrix, counts: Counts, columns: list[list[int]], random: np.random.Generator
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw test samples, and for each the one whose values it gets; as many as can be afforded."""
    tested = np.repeat(np.arange(len(counts)), counts)
    receivers = random.choice(tested, min(_SAMPLES, len(tested)), replace=False)
    donors = random.permutation(receivers)
    _, exchanged = _exchanged(X[receivers], X[donors], columns)
    affordable = exchanged.sum(axis=0).cumsum() <= _PREDICTIONS
    affordable[:_FEWEST] = True
    return receivers[affordable], donors[affordable]


def _increase(classifier: Classifier, X: Matrix, y: NDArray[np.int64], changes: Floats) -> Floats:
    """Return by how much changes of the probabilities raise the log-loss; one for each indicator.

    Parameters
    ----------
    changes : ndarray of shape (n_indicators, n_samples, n_classes), float64
    """
    samples = np.flatnonzero(np.isin(y, classifier.classes))  # to others it gives nothing
    true = np.searchsorted(classifier.classes, y[samples])
    p = classifier.predict_proba(X)[samples, true]
    increase: Floats = np.log(p / (p + changes[:, samples, true])).sum(axis=1) / len(y)
    return increase
