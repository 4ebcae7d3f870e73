"""Layers of weights, as linear models and nets have: what they see, and how they predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mlcore.families.family import Arrays, Part, matrix, probabilities, require, vector

if TYPE_CHECKING:
    from mlcore.task import Task

_MAX_UNITS = 1_000  # of a layer
_TINY = 16  # samples; fewer of them have a range that is little else than the samples
_LARGEST = np.float32(1e6)  # larger values of indicators, which lie between -1 and 1, count as this
_COLUMNS, _ROWS = 16, 4_096  # at a time, which takes little memory
PRIOR_SCALE = 10.0  # of an imported model's log-odds in fits: penalties hardly count for them

Layers = list[NDArray[np.float32]]


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
        """Learn means and scales from samples, a few columns at a time.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32
        weights : ndarray of shape (n_samples,), float64
            How often each was seen; 0 leaves a sample out.
        """
        used = np.flatnonzero(weights)
        weights = weights[used]
        n_seen = weights.sum()
        varies, flagged = np.zeros((2, X.shape[1]), dtype=bool)
        low, high, fill, empty, mean, scale = np.zeros((6, X.shape[1]))
        for begin in range(0, X.shape[1], _COLUMNS):
            here = slice(begin, begin + _COLUMNS)
            some = X[used, here].astype(np.float64)
            gaps = np.isnan(some)
            flagged[here] = gaps.any(axis=0) & ~gaps.all(axis=0)
            lowest, highest = np.fmin.reduce(some), np.fmax.reduce(some)
            varies[here] = lowest < highest  # not where all are empty: NaN
            low[here], high[here] = _ends(lowest, highest, n_seen)
            some[gaps] = 0
            seen = weights @ ~gaps
            np.divide(weights @ some, seen, out=fill[here], where=seen > 0)
            empty[here] = weights @ gaps / n_seen
            np.copyto(some, fill[here], where=gaps)
            np.clip(some, low[here], high[here], out=some)
            mean[here] = weights @ some / n_seen
            some -= mean[here]
            scale[here] = np.sqrt(weights @ np.square(some, out=some) / n_seen)
        columns = np.flatnonzero(varies)
        flags = np.flatnonzero(flagged)
        if not len(columns) and not len(flags):
            columns = np.array([0])  # one column without information, since fits need one
        # Moodle's values share one scale, -1 to 1. Standardised, a column that hardly ever varies
        # would weigh as much as one that always does, and fits would find chance in it.
        scale = np.maximum(scale[columns], 1)
        return cls(
            columns=columns.astype(np.int32),
            flags=flags.astype(np.int32),
            fill=fill[columns].astype(np.float32),
            low=low[columns].astype(np.float32),
            high=high[columns].astype(np.float32),
            mean=np.concatenate([mean[columns], empty[flags]], dtype=np.float32),
            scale=np.concatenate([scale, np.ones(len(flags))], dtype=np.float32),
        )

    def apply(self, X: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return an array of shape (n_samples, n_columns + n_flags), float32, without NaN."""
        n_columns = len(self.columns)
        prepared = np.empty((len(X), n_columns + len(self.flags)), dtype=np.float32)
        values = np.take(X, self.columns, axis=1, out=prepared[:, :n_columns], mode="clip")
        np.copyto(values, self.fill, where=np.isnan(values))
        np.clip(values, self.low, self.high, out=values)
        prepared[:, n_columns:] = np.isnan(np.take(X, self.flags, axis=1))
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
        columns = vector(arrays, "columns", np.int32)
        flags = vector(arrays, "flags", np.int32)
        for indices in (columns, flags):
            require(((indices >= 0) & (indices < n_features)).all(), "a feature out of range")
            require((np.diff(indices) > 0).all(), "a feature used twice")
        width = len(columns) + len(flags)
        scale = vector(arrays, "scale", np.float32, width)
        require((scale > 0).all(), "a scale that is not positive")
        return cls(
            columns,
            flags,
            vector(arrays, "fill", np.float32, len(columns)),
            vector(arrays, "low", np.float32, len(columns)),
            vector(arrays, "high", np.float32, len(columns)),
            vector(arrays, "mean", np.float32, width),
            scale,
        )


def _ends(
    lowest: NDArray[np.float64], highest: NDArray[np.float64], n_seen: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the range that values are kept within, of columns with such values."""
    low, high = (np.clip(np.nan_to_num(end), -_LARGEST, _LARGEST) for end in (lowest, highest))
    if n_seen < _TINY:
        high = np.exp2(np.ceil(np.log2(np.maximum(np.maximum(np.abs(low), np.abs(high)), 1))))
        low = -high
    return low, high


def inputs(
    prepared: NDArray[np.float32], log_prior: NDArray[np.float64] | None
) -> NDArray[np.float32]:
    """Return what `Dense` computes with: prepared features and an imported model's log-odds."""
    if log_prior is None:
        return prepared
    odds = (log_prior - log_prior[:, :1])[:, 1:]
    return np.hstack([prepared, odds], dtype=np.float32)


@dataclass(frozen=True)
class Dense(Part):
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

    def used(self) -> NDArray[np.intp]:
        """Return the places of the features that predictions depend on."""
        return np.union1d(self.preparation.columns, self.preparation.flags).astype(np.intp)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""
        stored = self.preparation.arrays()
        for layer, (weights, biases) in enumerate(zip(self.weights, self.biases, strict=True)):
            stored[f"weights.{layer}"] = weights
            stored[f"biases.{layer}"] = biases
        return stored

    @classmethod
    def from_arrays(cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool) -> Self:
        """Check and take over what `arrays` returned."""
        preparation = Preparation.from_arrays(arrays, n_features)
        width = len(preparation.mean) + (n_classes - 1 if from_prior else 0)
        weights, biases = [], []
        for layer in range(sum(name.startswith("biases.") for name in arrays)):
            bias = vector(arrays, f"biases.{layer}", np.float32)
            require(len(bias) <= _MAX_UNITS, "a layer too wide")
            weights.append(matrix(arrays, f"weights.{layer}", np.float32, (width, len(bias))))
            biases.append(bias)
            width = len(bias)
        outputs = 1 if n_classes == 2 else n_classes
        require(biases and width == outputs, "a layer of the wrong size")
        return cls(preparation, tuple(weights), tuple(biases), from_prior)


def prepared(task: Task) -> tuple[Preparation, NDArray[np.float32]]:
    """Return a task's preparation, and what it makes of the samples."""

    def prepare() -> tuple[Preparation, NDArray[np.float32]]:
        X, used = task.samples.X, task.used
        weights = np.zeros(len(X))
        weights[used] = task.weights
        preparation = Preparation.of(X, weights)
        values = np.empty((len(used), len(preparation.mean)), dtype=np.float32)
        for begin in range(0, len(used), _ROWS):
            here = slice(begin, begin + _ROWS)
            values[here] = preparation.apply(X[used[here]])
        return preparation, values

    return task.once("prepared", prepare)


def fitted(
    task: Task,
    from_prior: bool,
    fit: Callable[[NDArray[np.float32]], tuple[Layers, Layers]],
) -> Dense:
    """Return what `fit` makes of a task's inputs.

    Parameters
    ----------
    task : Task
    from_prior : bool
        Whether an imported model's log-odds are among the inputs.
    fit : callable
        From inputs, an array of shape (n_samples, n_inputs), float32, to weights and biases.
    """
    preparation, values = prepared(task)
    width = values.shape[1]
    values = inputs(values, task.log_prior if from_prior else None)
    values[:, width:] *= PRIOR_SCALE
    weights, biases = fit(values)
    weights[0][width:] *= PRIOR_SCALE
    return Dense(preparation, tuple(weights), tuple(biases), from_prior)


def targets(
    y: NDArray[np.intp], weights: NDArray[np.float64], n_classes: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return which class each sample is of, and its share of all weight.

    Returns
    -------
    truth : ndarray of shape (n_samples, n_outputs), float32
    share : ndarray of shape (n_samples, 1), float32
    """
    truth = y[:, None] == (1 if n_classes == 2 else np.arange(n_classes))
    return truth.astype(np.float32), (weights / weights.sum()).astype(np.float32)[:, None]


def log_loss(
    scores: NDArray[np.floating[Any]], truth: NDArray[np.float32], share: NDArray[np.float32]
) -> tuple[float, NDArray[np.floating[Any]]]:
    """Return the mean log-loss of scores, and its slope at each.

    Parameters
    ----------
    scores, truth : ndarray of shape (n_samples, n_outputs), float32
        One output for two classes, which the logistic function turns into a probability; else one
        for each class.
    share : ndarray of shape (n_samples, 1), float32
    """
    if scores.shape[1] == 1:
        log_of_sum = np.logaddexp(0, scores)
        losses, error = log_of_sum - truth * scores, np.exp(scores - log_of_sum)
    else:
        log_p = scores - scores.max(axis=1, keepdims=True)
        log_p -= np.log(np.exp(log_p).sum(axis=1, keepdims=True))
        losses, error = -truth * log_p, np.exp(log_p)
    error -= truth
    error *= share
    return float((losses * share).sum()), error
