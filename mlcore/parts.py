"""The fitted parts of a classifier, as plain arrays that numpy alone can predict with.

Each part turns samples into class probabilities. Fitting them is the business of `mlcore.blend`;
here nothing heavier than numpy is imported, which keeps cold starts short.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from mlcore import errors
from mlcore.quickscorer import QuickScorer, distinct

Arrays = Mapping[str, NDArray[Any]]

_MAX_NODES = 5_000_000
_MAX_TREES = 1_000  # for each score
_MAX_DEPTH = 100
_MAX_UNITS = 1_000  # of a layer
_TINY = 16  # samples; fewer of them have a range that is little else than the samples
_LARGEST = np.float32(1e6)  # larger values of indicators, which lie between -1 and 1, count as this


class Part(Protocol):
    """What a classifier is blended from."""

    kind: ClassVar[str]

    @property
    def from_prior(self) -> bool:
        """Whether an imported model is needed to predict."""

    def predict_proba(
        self, X: NDArray[np.float32], log_prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes).

        `log_prior`, of the same shape, are the logarithms of an imported model's probabilities.
        """

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""


@dataclass(frozen=True)
class Preparation:
    """Turns indicator values into centred columns without gaps, as linear models and nets need.

    Attributes
    ----------
    columns : ndarray of shape (n_columns,), int32
        The features that vary, which are the only ones used.
    flags : ndarray of shape (n_flags,), int32
        The features of which some samples have no value: each gets a 0/1 column for that.
    fill : ndarray of shape (n_columns,), float32
        Stands in for a missing value: the feature's mean.
    low, high : ndarray of shape (n_columns,), float32
        The range of the samples learned from. Values beyond it count as its end, since a line
        drawn on from there would say anything with certainty. Of very few samples, whose range
        is little else than the samples, only the power of two that it stays within; 1 or more.
    mean, scale : ndarray of shape (n_columns + n_flags,), float32
    """

    columns: NDArray[np.int32]
    flags: NDArray[np.int32]
    fill: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]

    @classmethod
    def of(cls, X: NDArray[np.float32], weights: NDArray[np.float64]) -> Preparation:
        """Learn means and scales from weighted samples."""
        with np.errstate(invalid="ignore"):
            empty = np.isnan(X)
            low = np.fmin.reduce(X, axis=0)
            high = np.fmax.reduce(X, axis=0)
        columns = np.flatnonzero(low < high)  # false where all are empty: NaN
        some = empty.any(axis=0) & ~empty.all(axis=0)
        flags = np.flatnonzero(some)
        if not len(columns) and not len(flags):
            columns = np.array([0])  # one column without information, since fits need one
        absent = np.take(empty, columns, axis=1)
        ends = [np.clip(np.nan_to_num(end[columns]), -_LARGEST, _LARGEST) for end in (low, high)]
        if weights.sum() < _TINY:
            size = np.exp2(np.ceil(np.log2(np.maximum(np.abs(ends).max(axis=0), 1))))
            ends = [-size, size]
        total = weights @ ~absent
        sums = weights @ np.where(absent, 0, np.take(X, columns, axis=1))
        fill = np.divide(sums, total, out=np.zeros_like(sums), where=total > 0)
        unscaled = cls(
            columns=columns.astype(np.int32),
            flags=flags.astype(np.int32),
            fill=fill.astype(np.float32),
            low=ends[0],
            high=ends[1],
            mean=np.zeros(len(columns) + len(flags), dtype=np.float32),
            scale=np.ones(len(columns) + len(flags), dtype=np.float32),
        )
        prepared = unscaled.apply(X).astype(np.float64)
        mean = weights @ prepared / weights.sum()
        prepared -= mean
        scale = np.sqrt(weights @ np.square(prepared, out=prepared) / weights.sum())
        # Moodle's values share one scale, -1 to 1. Standardised, a column that hardly ever varies
        # would weigh as much as one that always does, and fits would find chance in it.
        scale = np.maximum(scale, 1)
        return replace(unscaled, mean=mean.astype(np.float32), scale=scale.astype(np.float32))

    def apply(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an array of shape (n_samples, n_columns + n_flags), float32, without NaN."""
        values = np.take(X, self.columns, axis=1)
        values = np.where(np.isnan(values), self.fill, values)
        np.clip(values, self.low, self.high, out=values)
        flags = np.isnan(np.take(X, self.flags, axis=1))
        prepared = np.hstack([values, flags], dtype=np.float32)
        prepared -= self.mean
        prepared /= self.scale
        return prepared

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""
        return {
            "columns": self.columns,
            "flags": self.flags,
            "fill": self.fill,
            "low": self.low,
            "high": self.high,
            "mean": self.mean,
            "scale": self.scale,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int) -> Preparation:
        """Check and take over what `arrays` returned."""
        columns = _vector(arrays, "columns", np.int32)
        flags = _vector(arrays, "flags", np.int32)
        for indices in (columns, flags):
            _require(((indices >= 0) & (indices < n_features)).all(), "a feature out of range")
            _require((np.diff(indices) > 0).all(), "a feature used twice")
        width = len(columns) + len(flags)
        scale = _vector(arrays, "scale", np.float32, width)
        _require((scale > 0).all(), "a scale that is not positive")
        return cls(
            columns,
            flags,
            _vector(arrays, "fill", np.float32, len(columns)),
            _vector(arrays, "low", np.float32, len(columns)),
            _vector(arrays, "high", np.float32, len(columns)),
            _vector(arrays, "mean", np.float32, width),
            scale,
        )


def inputs(
    prepared: NDArray[np.float32], log_prior: NDArray[np.float64] | None
) -> NDArray[np.float32]:
    """Return what `Dense` computes with: prepared features and an imported model's log-odds."""
    if log_prior is None:
        return prepared
    odds = (log_prior - log_prior[:, :1])[:, 1:]
    return np.hstack([prepared, odds], dtype=np.float32)


@dataclass(frozen=True)
class Dense:
    """A linear model (one layer) or a net with rectified linear units (several).

    Attributes
    ----------
    preparation : Preparation
    weights : tuple of ndarray of shape (n_inputs, n_outputs), float32
    biases : tuple of ndarray of shape (n_outputs,), float32
        The last layer has one output for two classes, else one for each class.
    from_prior : bool
        Whether an imported model's log-odds are among the inputs.
    """

    kind: ClassVar[str] = "dense"
    preparation: Preparation
    weights: tuple[NDArray[np.float32], ...]
    biases: tuple[NDArray[np.float32], ...]
    from_prior: bool = False

    def predict_proba(
        self, X: NDArray[np.float32], log_prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        values = inputs(self.preparation.apply(X), log_prior if self.from_prior else None)
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            if layer:
                values = np.maximum(values, 0)
            values = values @ weights + biases
        return probabilities(values.astype(np.float64))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""
        stored = self.preparation.arrays()
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            stored[f"weights.{layer}"] = weights
            stored[f"biases.{layer}"] = biases
        return stored

    @classmethod
    def from_arrays(
        cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool
    ) -> Dense:
        """Check and take over what `arrays` returned."""
        preparation = Preparation.from_arrays(arrays, n_features)
        width = len(preparation.mean) + (n_classes - 1 if from_prior else 0)
        weights, biases = [], []
        for layer in range(sum(name.startswith("biases.") for name in arrays)):
            bias = _vector(arrays, f"biases.{layer}", np.float32)
            _require(len(bias) <= _MAX_UNITS, "a layer too wide")
            weights.append(_matrix(arrays, f"weights.{layer}", np.float32, (width, len(bias))))
            biases.append(bias)
            width = len(bias)
        outputs = 1 if n_classes == 2 else n_classes
        _require(biases and width == outputs, "a layer of the wrong size")
        return cls(preparation, tuple(weights), tuple(biases), from_prior)


@dataclass(frozen=True)
class Trees:
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
        scores = self._scorer.scores(X)
        if self.from_prior:
            assert log_prior is not None
            scores += prior_scores(log_prior)
        return probabilities(scores)

    @property
    def n_cells(self) -> int:
        """How large the tables of `QuickScorer` are: each test times its feature's thresholds."""
        inner = self.left != np.arange(len(self.left))
        feature, threshold = self.feature[inner], self.threshold[inner]
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

    @cached_property
    def _scorer(self) -> QuickScorer:
        return QuickScorer.of(self)

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
    def from_arrays(
        cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool
    ) -> Trees:
        """Check and take over what `arrays` returned."""
        n_scores = 1 if n_classes == 2 else n_classes
        feature = _vector(arrays, "feature", np.int32)
        n_nodes = len(feature)
        _require(n_nodes <= _MAX_NODES, "too many nodes")
        roots = _vector(arrays, "roots", np.int32)
        left = _vector(arrays, "left", np.int32, n_nodes)
        right = _vector(arrays, "right", np.int32, n_nodes)
        threshold = _vector(arrays, "threshold", np.float32, n_nodes)
        missing = _vector(arrays, "missing", np.int8, n_nodes)
        here = np.arange(n_nodes)
        value = cls._values(arrays, n_nodes, n_scores, len(roots))
        _require(len(roots) <= _MAX_TREES * n_scores, "too many trees")
        _require(((roots >= 0) & (roots < n_nodes)).all(), "a root out of range")
        _require(((feature >= 0) & (feature < n_features)).all(), "a feature out of range")
        _require((np.abs(missing.astype(np.int32)) <= 1).all(), "an unknown missing value")
        leaf = (left == here) & (right == here)
        below = (left > here) & (right > here) & (left < n_nodes) & (right < n_nodes)
        _require((leaf | below).all(), "a node above its parent")
        children = np.concatenate([roots, left[below], right[below]])
        _require((np.bincount(children, minlength=n_nodes) == 1).all(), "a node of several trees")
        level = roots
        for _ in range(_MAX_DEPTH):
            level = level[below[level]]
            level = np.concatenate([left[level], right[level]])
        _require(not len(level), "a tree too deep")
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
        _require(n_trees % n_scores == 0, "a tree too few")
        return _vector(arrays, "value", np.float64, n_nodes)


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
        scores = self._scorer.scores(X)
        return scores if self.n_scores > 1 else np.hstack([1 - scores, scores])

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
        values = _matrix(arrays, "value", np.float64, (n_nodes, n_scores))
        _require(((values >= 0) & (values <= 1)).all(), "a probability out of range")
        return values


@dataclass(frozen=True)
class Prior:
    """The imported model as it is."""

    kind: ClassVar[str] = "prior"
    from_prior: bool = True

    def predict_proba(
        self, X: NDArray[np.float32], log_prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        assert log_prior is not None
        return np.exp(log_prior)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""
        return {}

    @classmethod
    def from_arrays(
        cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool
    ) -> Prior:
        """Check and take over what `arrays` returned."""
        _require(from_prior, "no imported model")
        return cls()


KINDS: dict[str, type[Dense] | type[Trees] | type[Prior]] = {
    part.kind: part for part in (Dense, Trees, Forest, Prior)
}


def probabilities(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn scores into probabilities: one column by the logistic function, more by softmax.

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
    """
    if scores.shape[1] == 1:
        scores = np.hstack([np.zeros_like(scores), scores])
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


def prior_scores(log_prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the scores from which boosting starts: one column for two classes, else all."""
    return log_prior if log_prior.shape[1] > 2 else log_prior[:, 1:] - log_prior[:, :1]


def _require(condition: object, what: str) -> None:
    if not condition:
        raise errors.DamagedModelFile(what=what)


def _vector(
    arrays: Arrays, name: str, dtype: type[np.generic], length: int | None = None
) -> NDArray[Any]:
    array = arrays.get(name)
    _require(array is not None and array.ndim == 1 and array.dtype == dtype, f"{name} is missing")
    assert array is not None
    _require(length is None or len(array) == length, f"{name} has a wrong size")
    _require(np.isfinite(array).all() or name == "threshold", f"{name} is not finite")
    return array


def _matrix(
    arrays: Arrays, name: str, dtype: type[np.generic], shape: tuple[int, int]
) -> NDArray[Any]:
    array = arrays.get(name)
    _require(array is not None and array.dtype == dtype, f"{name} is missing")
    assert array is not None
    _require(array.shape == shape, f"{name} has a wrong size")
    _require(np.isfinite(array).all(), f"{name} is not finite")
    return array
