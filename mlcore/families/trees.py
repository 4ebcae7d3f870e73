"""Trees as flat arrays, which boosting and forests have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.family import (
    SMALLEST,
    Arrays,
    Family,
    Part,
    Setting,
    matrix,
    prior_scores,
    probabilities,
    require,
    vector,
)
from mlcore.families.quickscorer import MISSING, QuickScorer, distinct

if TYPE_CHECKING:
    from mlcore.task import Fold, Task

# Which samples walk down the trees: fewer than it takes to make good for the tables of
# `QuickScorer`, and all where trees have more leaves on average than suits these
_FEW_SAMPLES = 200
_LARGE_TREE = 100
_WALKED = 1 << 18  # samples times trees at a time: small enough for the cache
_MAX_NODES = 5_000_000
_FEWEST_TREES = 5  # of a forest
# this share of a forest's trees, and no more than so many, say how good it is
_TRIED, _MOST_TRIED = 0.15, 20
_MAX_TREES = 1_000  # for each score
MAX_DEPTH = 100


@dataclass(frozen=True)
class Trees(Part):
    """Boosted trees, all their nodes in flat arrays.

    A node sends a sample to `right` when its value of `feature` is above `threshold`, else to
    `left`. A leaf sends it to itself. What a missing value does is part of the node, too:
    it counts as minus infinity, plus infinity or zero.

    Attributes
    ----------
    roots : ndarray of shape (n_trees,), int32
        Tree t adds to the score of class t modulo the number of scores.
    feature, left, right : ndarray of shape (n_nodes,), int32
    threshold : ndarray of shape (n_nodes,), float32
    missing : ndarray of shape (n_nodes,), int8
        Sign of what a missing value counts as.
    value : ndarray of shape (n_nodes,), float64
        What a leaf adds; 0 for others.
    n_scores : int
        1 for two classes, else one for each class.
    from_prior : bool
        Whether an imported model's log-odds are the starting score.
    """

    kind: ClassVar[str] = "trees"
    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    threshold: NDArray[np.float32]
    missing: NDArray[np.int8]
    value: NDArray[np.float64]
    n_scores: int
    from_prior: bool = False

    def predict_proba(
        self, X: NDArray[np.float32], log_prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = self.scores(X)
        if self.from_prior:
            assert log_prior is not None
            scores += prior_scores(log_prior)
        return probabilities(scores)

    def used(self) -> NDArray[np.intp]:
        """Return the places of the features that predictions depend on."""
        return np.unique(self.feature[self._inner]).astype(np.intp)

    @property
    def n_cells(self) -> int:
        """How large the tables of `QuickScorer` are: each test times its feature's thresholds."""
        feature, threshold = self.feature[self._inner], self.threshold[self._inner]
        pairs = distinct(np.sort(feature.astype(np.int64) << 32 | threshold.view(np.uint32)))
        return int(np.bincount(pairs >> 32)[feature].sum())

    @property
    def leaf_values(self) -> NDArray[np.float64]:
        """What a leaf adds to its tree's scores, of shape (n_nodes, n_scores_of_a_tree)."""
        return self.value[:, None]

    @property
    def first_scores(self) -> NDArray[np.intp]:
        """Which is the first of each tree's scores."""
        return np.arange(len(self.roots)) % self.n_scores

    def scores(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum of the leaves that each sample reaches, of shape (n_samples, n_scores)."""
        n_leaves = len(self.left) - np.count_nonzero(self._inner)
        if len(X) < _FEW_SAMPLES or n_leaves > _LARGE_TREE * len(self.roots):
            return self._walked(X)
        return self._scorer.scores(X)

    @cached_property
    def _inner(self) -> NDArray[np.bool_]:
        """Which nodes are no leaves."""
        inner: NDArray[np.bool_] = self.left != np.arange(len(self.left))
        return inner

    @cached_property
    def _scorer(self) -> QuickScorer:
        return QuickScorer.of(self)

    def _walked(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the scores of samples that walk down all trees at once, level by level."""
        scores = np.zeros((len(X), self.n_scores))
        if not len(self.roots):
            return scores
        step = max(1, _WALKED // len(self.roots))
        for begin in range(0, len(X), step):
            part = X[begin : begin + step]
            values, has_gaps = part.ravel(), np.isnan(part).any()
            first = np.arange(len(part))[:, None] * part.shape[1]
            at = np.repeat(self.roots[None, :], len(part), axis=0)
            while self._inner[at].any():
                value = values[first + self.feature[at]]
                if has_gaps:
                    value = np.where(np.isnan(value), MISSING[self.missing[at] + 1], value)
                at = np.where(value > self.threshold[at], self.right[at], self.left[at])
            reached = self.leaf_values[at]
            whole = reached.shape[2] == self.n_scores  # and not one score a tree
            for score in range(self.n_scores):
                at_leaf = reached[:, :, score] if whole else reached[:, score :: self.n_scores, 0]
                # one after the other, as `QuickScorer` adds them, to the same last bit
                scores[begin : begin + step, score] = np.cumsum(at_leaf, axis=1)[:, -1]
        return scores

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""
        return {
            "roots": self.roots,
            "feature": self.feature,
            "left": self.left,
            "right": self.right,
            "threshold": self.threshold,
            "missing": self.missing,
            "value": self.value,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool) -> Self:
        """Check and take over what `arrays` returned."""
        n_scores = 1 if n_classes == 2 else n_classes
        feature = vector(arrays, "feature", np.int32)
        n_nodes = len(feature)
        require(n_nodes <= _MAX_NODES, "too many nodes")
        roots = vector(arrays, "roots", np.int32)
        left = vector(arrays, "left", np.int32, n_nodes)
        right = vector(arrays, "right", np.int32, n_nodes)
        threshold = vector(arrays, "threshold", np.float32, n_nodes)
        missing = vector(arrays, "missing", np.int8, n_nodes)
        here = np.arange(n_nodes)
        value = cls._values(arrays, n_nodes, n_scores, len(roots))
        require(len(roots) <= _MAX_TREES * n_scores, "too many trees")
        require(((roots >= 0) & (roots < n_nodes)).all(), "a root out of range")
        require(((feature >= 0) & (feature < n_features)).all(), "a feature out of range")
        require((np.abs(missing.astype(np.int32)) <= 1).all(), "an unknown missing value")
        leaf = (left == here) & (right == here)
        below = (left > here) & (right > here) & (left < n_nodes) & (right < n_nodes)
        require((leaf | below).all(), "a node above its parent")
        children = np.concatenate([roots, left[below], right[below]])
        require((np.bincount(children, minlength=n_nodes) == 1).all(), "a node of several trees")
        level = roots
        for _ in range(MAX_DEPTH):
            level = level[below[level]]
            level = np.concatenate([left[level], right[level]])
        require(not len(level), "a tree too deep")
        return cls(
            roots,
            feature,
            left,
            right,
            threshold,
            missing,
            value,
            n_scores,
            from_prior,
        )

    @staticmethod
    def _values(arrays: Arrays, n_nodes: int, n_scores: int, n_trees: int) -> NDArray[np.float64]:
        require(n_trees % n_scores == 0, "a tree too few")
        return vector(arrays, "value", np.float64, n_nodes)


@dataclass(frozen=True)
class Forest(Trees):
    """Trees of which each gives probabilities, and which are averaged.

    Here `value`, of shape (n_nodes, n_scores), is what a leaf adds to the probability of class 1,
    or to that of each of more than two classes.
    """

    kind: ClassVar[str] = "forest"

    def predict_proba(
        self, X: NDArray[np.float32], log_prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        scores = self.scores(X)
        if self.n_scores == 1:
            return np.hstack([1 - scores, scores])
        scores = np.maximum(scores, SMALLEST)  # each class's trees speak for themselves
        shares: NDArray[np.float64] = scores / scores.sum(axis=1, keepdims=True)
        return shares

    @property
    def leaf_values(self) -> NDArray[np.float64]:
        """What a leaf adds to its tree's scores, of shape (n_nodes, n_scores)."""
        return self.value

    @property
    def first_scores(self) -> NDArray[np.intp]:
        """Which is the first of each tree's scores."""
        return np.zeros(len(self.roots), dtype=np.intp)

    @staticmethod
    def _values(arrays: Arrays, n_nodes: int, n_scores: int, n_trees: int) -> NDArray[np.float64]:
        values = matrix(arrays, "value", np.float64, (n_nodes, n_scores))
        require(((values >= 0) & (values <= 1)).all(), "a probability out of range")
        return values


@dataclass(frozen=True)
class Growing:
    """How to grow a forest.

    Attributes
    ----------
    min_weight : float
        The least that the samples of a leaf weigh together.
    weight : float
        The forest's own in the blend: the less, the fewer trees suffice.
    """

    min_weight: float
    weight: float = field(default=1.0, kw_only=True)


class Forests(Family):
    """Families of forests, of which one becomes a part of the blend; a setting is a `Growing`."""

    part = Forest
    uses_prior = (False,)
    group = "forest"

    @abstractmethod
    def most_trees(self, task: Task) -> int:
        """Return how many trees a forest has that has all the weight."""

    @abstractmethod
    def grow(self, task: Task, setting: Growing, n_trees: int) -> Forest:
        """Grow so many trees; of more than two classes perhaps so many for each."""

    def weighed(self, setting: Setting, weight: float) -> Setting:
        """Return the setting for a part of so much weight."""
        return replace(cast(Growing, setting), weight=weight)

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Forest:
        """Grow a forest."""
        growing = cast(Growing, setting)
        n_trees = max(_FEWEST_TREES, round(growing.weight * self.most_trees(task)))
        return self.grow(task, growing, n_trees)

    def tried(
        self, fold: Fold, setting: Setting, from_prior: bool
    ) -> Iterator[tuple[Setting, NDArray[np.float64]]]:
        """Yield what a few trees give to the samples that a fold holds out."""
        n_trees = min(_MOST_TRIED, round(_TRIED * self.most_trees(fold.learned)))
        trees = self.grow(fold.learned, cast(Growing, setting), n_trees)
        yield setting, trees.predict_proba(fold.tested.X, None)
