"""Growing forests of extremely randomised trees with scikit-learn, as plain arrays.

The mean of many trees with random thresholds suits data that is small or noisy, where boosting
finds chance: Geurts et al., "Extremely randomized trees", Machine Learning 63, 2006.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.family import Family, Setting
from mlcore.families.trees import Forest

if TYPE_CHECKING:
    from sklearn.tree import ExtraTreeRegressor

    from mlcore.task import Fold, Task

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Matrix = NDArray[np.float32]

_LEVELS = 63  # of a feature at most: what a prediction computes grows with them
# More samples or features would cost a tree more than they bring the forest.
_MOST_SAMPLES = 1_500
_MOST_FEATURES = 64  # among which a node chooses
_LARGEST = np.finfo(np.float32).max
_TREES = 25  # for each fold


@dataclass(frozen=True)
class Growth:
    """How to grow trees.

    Attributes
    ----------
    min_weight : float
        The least that the samples of a leaf weigh together.
    max_features : float
        Share of the features among which each node chooses.
    bagging : float
        Share of the samples that a tree learns from.
    """

    min_weight: float
    max_features: float
    bagging: float = 1.0


# Many random trees with small leaves suit many features, careful ones few that are often equal,
# whole ones many classes and little noise.
_RANDOM = Growth(min_weight=4.0, max_features=0.3)
_BAGGED = Growth(min_weight=20.0, max_features=1.0, bagging=0.7)
_WHOLE = Growth(min_weight=1.0, max_features=0.6)


class RandomForest(Family):
    """Extremely randomised trees; a setting is a `Growth`.

    It is grown fold by fold. Each fold's trees have learned all but what the fold tests. Together
    they have learned everything, so that no more need to grow.
    """

    name = "forest"
    part = Forest
    uses_prior = (False,)
    quick = Growth(min_weight=10.0, max_features=0.5, bagging=0.5)

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        return (_RANDOM, _BAGGED, _WHOLE) if n_samples <= 4_000 else ()

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Forest:
        """Return the trees of all folds."""
        return forest([self._grown(fold, setting) for fold in task.folds()])

    def tried(
        self, fold: Fold, setting: Setting, from_prior: bool
    ) -> Iterator[tuple[Setting, Floats]]:
        """Yield what a fold's trees give to the samples that it holds out."""
        yield setting, self._grown(fold, setting).predict_proba(fold.tested.used)

    def _grown(self, fold: Fold, setting: Setting) -> Grown:
        task, growth = fold.learned, cast(Growth, setting)
        levels = task.samples.once("levels", lambda: Levels.of(task.samples.X))
        return fold.whole.once(
            (growth, fold.number),
            lambda: grow(levels, task.used, task.y, task.weights, task.n_classes, _TREES, growth),
        )


@dataclass(frozen=True)
class Levels:
    """Samples as trees see them: by the level of their values, and only where features vary.

    Attributes
    ----------
    columns : ndarray of shape (n_columns,), intp
        The features that vary.
    ends : ndarray of shape (n_levels,), float32
        Where each level of the first of them ends, halfway to the next one's values; then those of
        the next.
    starts : ndarray of shape (n_columns,), intp
        Which is the first of each.
    X : ndarray of shape (n_samples, n_columns), float32
        The number of each value's level; NaN where there is no value.
    """

    columns: Indices
    ends: Matrix
    starts: Indices
    X: Matrix

    @classmethod
    def of(cls, X: Matrix) -> Levels:
        """Find levels: one for each value, or, where a feature has many, for some in a row."""
        with np.errstate(invalid="ignore"):
            empty = np.isnan(X)
            varies = np.fmin.reduce(X, axis=0) < np.fmax.reduce(X, axis=0)
        columns = np.flatnonzero(varies | (empty.any(axis=0) & ~empty.all(axis=0)))
        if not len(columns):
            columns = np.array([0])  # one column without information, since trees need one
        numbers = np.full((len(X), len(columns)), np.nan, dtype=np.float32)
        ends = []
        for column, number in zip(columns, numbers.T, strict=True):
            values = X[~empty[:, column], column]
            distinct = np.unique(values)
            if len(distinct) > _LEVELS:
                distinct = distinct[np.linspace(0, len(distinct) - 1, _LEVELS).astype(np.intp)]
            halfway = (distinct[:-1].astype(np.float64) + distinct[1:]) / 2
            below = np.nextafter(distinct[1:], np.float32(-np.inf))  # halfway may round up to it
            ends.append(np.append(np.minimum(halfway.astype(np.float32), below), _LARGEST))
            number[~empty[:, column]] = np.searchsorted(ends[-1], values)
        sizes = np.array([len(of_column) for of_column in ends])
        return cls(columns, np.concatenate(ends), np.cumsum(sizes) - sizes, numbers)


@dataclass(frozen=True)
class Grown:
    """Fitted trees, with the samples that they were fitted on."""

    levels: Levels
    trees: tuple[ExtraTreeRegressor, ...]

    def predict_proba(self, which: Indices) -> Floats:
        """Return the mean of the trees' probabilities for some of the samples."""
        X = self.levels.X[which]
        mean = np.mean([tree.predict(X, check_input=False) for tree in self.trees], axis=0)
        return np.stack([1 - mean, mean], axis=1) if mean.ndim == 1 else mean


def grow(
    levels: Levels,
    used: Indices,
    y: Indices,
    weights: Floats,
    n_classes: int,
    n_trees: int,
    growth: Growth,
) -> Grown:
    """Grow trees.

    Parameters
    ----------
    levels : Levels
    used : ndarray of shape (n_samples,), intp
        Which of their samples to learn from.
    y : ndarray of shape (n_samples,), intp
        The classes' codes of those.
    weights : ndarray of shape (n_samples,), float64
        How often each was seen.
    n_classes, n_trees : int
    growth : Growth
    """
    from sklearn import config_context
    from sklearn.tree import ExtraTreeRegressor

    share = min(growth.bagging, _MOST_SAMPLES / len(y))
    max_features = min(growth.max_features, _MOST_FEATURES / len(levels.columns))
    # The squared error of the classes' shares is their Gini impurity, and a regression's fit has
    # less around it than a classification's.
    truth = (y[:, None] == np.arange(n_classes)).astype(np.float64)
    trees = []
    for number in range(n_trees):
        bag = np.random.default_rng(number).permutation(len(y))
        bag = np.sort(bag[: math.ceil(share * len(y))])
        tree = ExtraTreeRegressor(
            max_features=max_features,
            min_weight_fraction_leaf=min(growth.min_weight / weights[bag].sum(), 0.5),
            random_state=number,
        )
        target = truth[bag, 1] if n_classes == 2 else truth[bag]
        with config_context(skip_parameter_validation=True):
            trees.append(tree.fit(levels.X[used[bag]], target, weights[bag], check_input=False))
    return Grown(levels, tuple(trees))


def forest(grown: Sequence[Grown]) -> Forest:
    """Return trees that were grown on some of the same samples, in a form that needs numpy only."""
    levels = grown[0].levels
    trees = [tree.tree_ for some in grown for tree in some.trees]
    sizes = [tree.node_count for tree in trees]
    roots = np.cumsum(sizes) - sizes
    begin = np.repeat(roots, sizes)
    here = np.arange(len(begin))

    def nodes(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(tree, name) for tree in trees])

    inner = nodes("children_left") >= 0
    column = np.where(inner, nodes("feature"), 0)
    # numbers of levels are whole, so that what a threshold lets pass its whole part does, too
    level = np.where(inner, nodes("threshold"), 0).astype(np.intp)
    value = np.where(inner[:, None], 0, nodes("value")[:, :, 0]) / len(trees)
    return Forest(
        roots=roots.astype(np.int32),
        feature=np.where(inner, levels.columns[column], 0).astype(np.int32),
        left=np.where(inner, begin + nodes("children_left"), here).astype(np.int32),
        right=np.where(inner, begin + nodes("children_right"), here).astype(np.int32),
        threshold=np.where(inner, levels.ends[levels.starts[column] + level], np.float32(np.inf)),
        missing=np.where(inner, np.where(nodes("missing_go_to_left"), -1, 1), 0).astype(np.int8),
        value=value,
        n_scores=value.shape[1],
    )
