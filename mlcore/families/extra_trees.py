"""Growing extremely randomised trees, all trees of a fold at once.

The mean of many whole trees with random thresholds suits data of many classes or little noise:
Geurts et al., "Extremely randomized trees", Machine Learning 63, 2006.

Numpy grows a level of all trees at a time. On small data that takes no longer than scikit-learn
takes for one tree after the other, and scikit-learn's import takes longer than most trainings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.family import Setting
from mlcore.families.trees import MAX_DEPTH, Forest, Forests, Growing

if TYPE_CHECKING:
    from mlcore.task import Task

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Matrix = NDArray[np.float32]

_SEED = 1
_LEVELS = 63  # of a feature at most: what a prediction computes grows with them
_LARGEST = np.finfo(np.float32).max
_LEAST, _MOST = 60, 300  # of all trees; the number falls where each takes longer
_SAMPLES = 240_000  # that all learn from together
_TRIES = 6  # to find a split of a node, as most features may be the same in all its samples
# samples of all classes that a leaf holds before any other: without them a few trees would call
# impossible what they have not seen
_BEFOREHAND = 0.05
_ROUNDING = 1e-9  # of sums of weights


@dataclass(frozen=True)
class Growth(Growing):
    """How to grow trees.

    Attributes
    ----------
    draws : int
        How many random splits each node chooses from.
    """

    draws: int


_WHOLE = Growth(1.0, draws=4)  # for many classes and little noise
_CUT = Growth(4.0, draws=8)


class ExtraTrees(Forests):
    """Extremely randomised trees; a setting is a `Growth`."""

    name = "extra trees"
    quick = Growth(5.0, draws=4, weight=0.1)

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        if n_samples > 7_000:
            return ()
        return (_WHOLE, _CUT) if n_samples <= 4_000 else (_WHOLE,)

    def most_trees(self, task: Task) -> int:
        """Return how many trees a forest has that has all the weight."""
        return min(_MOST, max(_LEAST, _SAMPLES // len(task.y)))

    def grow(self, task: Task, setting: Growing, n_trees: int) -> Forest:
        """Grow so many trees."""
        levels = task.samples.once("levels", lambda: Levels.of(task.samples.X))
        of_task = (task.used, task.y, task.weights, task.n_classes)
        return grow(levels, *of_task, cast(Growth, setting), n_trees).forest()


@dataclass(frozen=True)
class Levels:
    """Samples as trees see them: by the level of their values, and only where features vary.

    A feature of which some samples have no value is there twice: missing values are above all
    others, and below them.

    Attributes
    ----------
    numbers : ndarray of shape (n_columns, n_samples), uint8
        The number of each value's level.
    columns : ndarray of shape (n_columns,), intp
        Which feature it is.
    missing : ndarray of shape (n_columns,), int8
        Sign of what a missing value counts as; 0 where none is missing.
    ends : tuple of ndarray, float32
        Where each level ends, halfway to the next one's values.
    """

    numbers: NDArray[np.uint8]
    columns: Indices
    missing: NDArray[np.int8]
    ends: tuple[Matrix, ...]

    @classmethod
    def of(cls, X: Matrix) -> Levels:
        """Find levels: one for each value, or, where a feature has many, for some in a row."""
        numbers, columns, missing, ends = [], [], [], []
        for column, values in enumerate(X.T):
            empty = np.isnan(values)
            gaps = bool(empty.any())
            distinct = np.unique(values[~empty])
            if len(distinct) + gaps < 2:
                continue
            if len(distinct) > _LEVELS:
                distinct = distinct[np.linspace(0, len(distinct) - 1, _LEVELS).astype(np.intp)]
            halfway = (distinct[:-1].astype(np.float64) + distinct[1:]) / 2
            below = np.nextafter(distinct[1:], np.float32(-np.inf))  # halfway may round up to it
            end = np.append(np.minimum(halfway.astype(np.float32), below), _LARGEST)
            number = np.searchsorted(end, values).astype(np.uint8)
            for sign in (1, -1) if gaps else (0,):
                below_all = sign < 0
                number_of_empty = 0 if below_all else len(end)
                numbers.append(np.where(empty, number_of_empty, number + below_all))
                columns.append(column)
                missing.append(sign)
                ends.append(np.append(np.float32(-np.inf), end) if below_all else end)
        return cls(
            np.array(numbers, dtype=np.uint8).reshape(len(numbers), len(X)),
            np.array(columns, dtype=np.intp),
            np.array(missing, dtype=np.int8),
            tuple(ends),
        )


@dataclass(frozen=True)
class Grown:
    """Trees, with the samples that they were grown on.

    A node sends a sample to `left` when its level of `column` is at most `level`, else to the node
    after that. A leaf has no column, -1.

    Attributes
    ----------
    levels : Levels
    n_trees : int
        Their roots are the first nodes.
    column, left : ndarray of shape (n_nodes,), intp
    level : ndarray of shape (n_nodes,), uint8
    value : ndarray of shape (n_nodes, n_classes), float64
        The classes' shares of a node's samples, of which a few are like all others.
    """

    levels: Levels
    n_trees: int
    column: Indices
    left: Indices
    level: NDArray[np.uint8]
    value: Floats

    def forest(self) -> Forest:
        """Return the trees in the form that predicts."""
        here = np.arange(len(self.column))
        inner = self.column >= 0
        column = np.where(inner, self.column, 0)
        ends = np.concatenate([np.zeros(0, np.float32), *self.levels.ends])
        sizes = np.array([len(end) for end in self.levels.ends], dtype=np.intp)
        threshold = np.full(len(here), np.inf, dtype=np.float32)
        starts = np.cumsum(sizes) - sizes
        threshold[inner] = ends[starts[column[inner]] + self.level[inner]]
        feature = np.zeros(len(here), dtype=np.int32)
        feature[inner] = self.levels.columns[column[inner]]
        missing = np.zeros(len(here), dtype=np.int8)
        missing[inner] = self.levels.missing[column[inner]]
        value = np.where(inner[:, None], 0, self.value / self.n_trees)
        if value.shape[1] == 2:
            value = value[:, 1:]
        return Forest(
            roots=np.arange(self.n_trees, dtype=np.int32),
            feature=feature,
            left=np.where(inner, self.left, here).astype(np.int32),
            right=np.where(inner, self.left + 1, here).astype(np.int32),
            threshold=threshold,
            missing=missing,
            value=value,
            n_scores=value.shape[1],
        )


def grow(
    levels: Levels,
    used: Indices,
    y: Indices,
    weights: Floats,
    n_classes: int,
    growth: Growth,
    n_trees: int,
) -> Grown:
    """Grow trees, a level of all of them at a time.

    Parameters
    ----------
    levels : Levels
    used : ndarray of shape (n_samples,), intp
        Which of their samples to learn from.
    y : ndarray of shape (n_samples,), intp
        The classes' codes of those.
    weights : ndarray of shape (n_samples,), float64
        How often each was seen.
    n_classes : int
    growth : Growth
    n_trees : int
    """
    random = np.random.default_rng(_SEED)
    n_columns, n_samples = levels.numbers.shape
    numbers = levels.numbers.ravel()
    # places in `used`, those of each node that still grows in a row
    at = np.tile(np.arange(len(y)), n_trees)
    sizes, tries = np.full(n_trees, len(y)), np.zeros(n_trees, dtype=np.intp)
    nodes = np.arange(n_trees)  # their numbers
    most = 2 * len(at)
    column, left = np.full(most, -1), np.full(most, -1)
    level = np.zeros(most, dtype=np.uint8)
    value = np.zeros((most, n_classes))
    n_nodes = n_trees
    beforehand = _BEFOREHAND * np.bincount(y, weights, n_classes)[:, None] / weights.sum()
    for depth in range(MAX_DEPTH + 1):
        starts = np.cumsum(sizes) - sizes
        mass = np.zeros((n_classes, len(at)))
        mass[y[at], np.arange(len(at))] = weights[at]
        totals = np.add.reduceat(mass, starts, axis=1)
        total = totals.sum(axis=0)
        value[nodes] = ((totals + beforehand) / (total + _BEFOREHAND)).T
        grows = (np.count_nonzero(totals, axis=0) > 1) & (total >= 2 * growth.min_weight)
        grows &= (tries < _TRIES) & (n_columns > 0) & (depth < MAX_DEPTH)
        if not grows.any():
            break
        kept = np.repeat(grows, sizes)
        at, mass = at[kept], mass[:, kept]
        nodes, sizes, tries, totals = nodes[grows], sizes[grows], tries[grows], totals[:, grows]
        starts = np.cumsum(sizes) - sizes
        drawn = random.integers(n_columns, size=(growth.draws, len(nodes)))
        node = np.repeat(np.arange(len(nodes)), sizes)
        seen = numbers[(drawn * n_samples)[:, node] + used[at]]
        lowest = np.minimum.reduceat(seen, starts, axis=1)
        width = np.maximum.reduceat(seen, starts, axis=1) - lowest
        limit = lowest + (random.random(width.shape) * width).astype(np.uint8)
        goes_left = seen <= limit[:, node]
        score = _score(goes_left, mass, starts, sizes, totals, growth.min_weight)
        best, all_nodes = score.argmax(axis=0), np.arange(len(nodes))
        splits = score[best, all_nodes] > 0
        first = n_nodes + 2 * (np.cumsum(splits) - 1)  # of each node's children
        n_nodes += 2 * int(splits.sum())
        column[nodes[splits]] = drawn[best, all_nodes][splits]
        level[nodes[splits]] = limit[best, all_nodes][splits]
        left[nodes[splits]] = first[splits]
        # a node that found no split tries again, as if all its samples went to the left
        goes_right = splits[node] & ~goes_left[best[node], np.arange(len(at))]
        at = at[np.argsort(2 * node + goes_right, kind="stable")]
        n_right = np.add.reduceat(goes_right.astype(np.intp), starts)
        sizes = np.column_stack([sizes - n_right, n_right]).ravel()
        nodes = np.column_stack([np.where(splits, first, nodes), first + 1]).ravel()
        tries = np.repeat(np.where(splits, 0, tries + 1), 2)
        nodes, tries, sizes = nodes[sizes > 0], tries[sizes > 0], sizes[sizes > 0]
    return Grown(
        levels, n_trees, column[:n_nodes], left[:n_nodes], level[:n_nodes], value[:n_nodes]
    )


def _score(
    goes_left: NDArray[np.bool_],
    mass: Floats,
    starts: Indices,
    sizes: Indices,
    totals: Floats,
    min_weight: float,
) -> Floats:
    """Return how pure splits leave both sides, the higher the purer; 0 where one is too small.

    The sum of squares of a side's classes over its weight is what Gini impurity takes from it.

    Parameters
    ----------
    goes_left : ndarray of shape (n_draws, n_samples), bool
    mass : ndarray of shape (n_classes, n_samples), float64
        The weight of each sample, in its class's row.
    starts, sizes : ndarray of shape (n_nodes,), intp
        Where each node's samples are.
    totals : ndarray of shape (n_classes, n_nodes), float64
    min_weight : float

    Returns
    -------
    ndarray of shape (n_draws, n_nodes), float64
    """
    ends = starts + sizes - 1
    left_weight: Any = 0.0
    left_squares: Any = 0.0
    right_squares: Any = 0.0
    for of_class, total in zip(mass, totals, strict=True):
        passed = np.cumsum(goes_left * of_class, axis=1)[:, ends]
        on_the_left = np.diff(passed, axis=1, prepend=0)
        left_weight += on_the_left
        left_squares += on_the_left**2
        right_squares += (total - on_the_left) ** 2
    right_weight = totals.sum(axis=0) - left_weight
    allowed = np.minimum(left_weight, right_weight) >= min_weight - _ROUNDING
    allowed &= np.minimum(left_weight, right_weight) > _ROUNDING
    with np.errstate(divide="ignore", invalid="ignore"):
        score = left_squares / left_weight + right_squares / right_weight
    return np.where(allowed, score, 0)
