"""Fitting a small net by L-BFGS.

What scikit-learn's `MLPClassifier` learns, in half its time: for nets and samples as few as these
it spends most of it around the computation, and it computes in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.dense import Dense, Layers, fitted, log_loss, prepared, targets
from mlcore.families.family import Family, Setting
from mlcore.families.lbfgs import minimize

if TYPE_CHECKING:
    from mlcore.task import Task

Floats = NDArray[np.float64]

_SEED = 1
_TOLERANCE = 1e-4  # of the largest slope


@dataclass(frozen=True)
class Layer:
    """Settings of a net of one layer.

    Attributes
    ----------
    decay : float
        Of its connections.
    units : int
    iterations : int
        Of L-BFGS; where there is much noise more of them fit chance.
    """

    decay: float
    units: int = 20
    iterations: int = 30


_FINE = Layer(0.3, units=50, iterations=50)  # for smooth data with little noise


class Net(Family):
    """A net of one layer; a setting is a `Layer`."""

    name = "net"
    part = Dense
    quick = Layer(1.0)

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        if n_samples <= 4_000:
            return (Layer(2.0 if n_samples <= 500 else 3.0), _FINE, Layer(15.0))
        return (Layer(3.0),) if n_samples <= 10_000 else ()

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Dense:
        """Fit with one setting, and with an imported model or not."""
        layer = cast(Layer, setting)
        return fitted(
            task,
            from_prior,
            lambda values: fit_net(values, task.y, task.weights, task.n_classes, layer, _SEED),
        )


def untried(task: Task) -> Layer:
    """Return a setting for samples too few to try any: the more inputs, the stronger its decay."""
    width = len(prepared(task)[0].mean)
    return Layer(min(3.0, width**3 / 400))


def fit_net(
    X: NDArray[np.float32],
    y: NDArray[np.intp],
    weights: Floats,
    n_classes: int,
    setting: Layer,
    seed: int,
) -> tuple[Layers, Layers]:
    """Fit one layer of rectified linear units, and the logistic function or softmax after it.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs), float32
        Centred, without NaN.
    y : ndarray of shape (n_samples,), intp
        Codes 0 … n_classes - 1.
    weights : ndarray of shape (n_samples,), float64
        How often each sample was seen.
    n_classes : int
    setting : Layer
        Half of its decay times the squares of the connections is added to the sum of the
        log-losses: alpha of `MLPClassifier`.
    seed : int

    Returns
    -------
    weights, biases : list of ndarray, float32
        For each layer of shape (n_inputs, n_outputs) and (n_outputs,). The last one has one output
        for two classes.
    """
    n_outputs = 1 if n_classes == 2 else n_classes
    shapes = [(X.shape[1], setting.units), (setting.units, n_outputs)]
    random = np.random.default_rng(seed)
    # Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks"
    bounds = [float(np.sqrt(6 / (n_in + n_out))) for n_in, n_out in shapes]
    start = [random.uniform(-b, b, size) for b, size in zip(bounds, shapes, strict=True)]
    start += [random.uniform(-b, b, n_out) for b, (_, n_out) in zip(bounds, shapes, strict=True)]
    ends = np.cumsum([layer.size for layer in start])
    decay = setting.decay / weights.sum()
    truth, share = targets(y, weights, n_classes)

    def layers(numbers: NDArray[np.float32]) -> Layers:
        pieces = np.split(numbers, ends[:-1])
        return [piece.reshape(layer.shape) for piece, layer in zip(pieces, start, strict=True)]

    def loss(numbers: Floats) -> tuple[float, Floats]:
        """Return the mean of the log-losses with the penalty, and its slope."""
        first, second, first_bias, second_bias = layers(numbers.astype(np.float32))
        hidden = X @ first
        hidden += first_bias
        np.maximum(hidden, 0, out=hidden)
        scores = hidden @ second
        scores += second_bias
        lost, error = log_loss(scores, truth, share)
        back = error @ second.T
        back *= hidden > 0
        slope = np.concatenate(
            [(X.T @ back).ravel(), (hidden.T @ error).ravel(), back.sum(axis=0), error.sum(axis=0)]
        ).astype(np.float64)
        connections = numbers[: ends[1]]
        slope[: ends[1]] += decay * connections
        penalty = decay * float(connections @ connections) / 2
        return lost + penalty, slope

    found = minimize(
        loss, np.concatenate([layer.ravel() for layer in start]), setting.iterations, _TOLERANCE
    )
    first, second, first_bias, second_bias = layers(found.astype(np.float32))
    return [first, second], [first_bias, second_bias]
