"""Logistic regression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.dense import Dense, Layers, fitted, log_loss, targets
from mlcore.families.family import Family, Setting
from mlcore.families.lbfgs import minimize

if TYPE_CHECKING:
    from mlcore.task import Task

_PENALTIES = (0.4, 0.06, 0.01, 3.0)  # C of LogisticRegression, the best guess first
_ITERATIONS = 200
_TOLERANCE = 1e-4  # of the largest slope


class Linear(Family):
    """Logistic regression; a setting is scikit-learn's C, the inverse of the penalty."""

    name = "linear"
    part = Dense
    quick = 1.0

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        if n_samples <= 500:
            return (*_PENALTIES, 30.0)
        return _PENALTIES if n_samples <= 10_000 else _PENALTIES[:1]

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Dense:
        """Fit with one C, and with an imported model or not."""
        penalty = 1 / cast(float, setting)
        return fitted(
            task,
            from_prior,
            lambda values: fit_linear(values, task.y, task.weights, task.n_classes, penalty),
        )


def fit_linear(
    X: NDArray[np.float32],
    y: NDArray[np.intp],
    weights: NDArray[np.float64],
    n_classes: int,
    penalty: float,
) -> tuple[Layers, Layers]:
    """Fit logistic regression by L-BFGS: what scikit-learn's gives, whose import takes a second.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_inputs), float32
        Centred, without NaN.
    y : ndarray of shape (n_samples,), intp
        Codes 0 … n_classes - 1.
    weights : ndarray of shape (n_samples,), float64
        How often each sample was seen.
    n_classes : int
    penalty : float
        Half of it times the squares of the coefficients is added to the sum of the log-losses: the
        inverse of C of `LogisticRegression`.

    Returns
    -------
    weights, biases : list of one ndarray, float32
        Of shape (n_inputs, n_outputs) and (n_outputs,); one output for two classes.
    """
    truth, share = targets(y, weights, n_classes)
    width, n_outputs = X.shape[1], truth.shape[1]
    decay = penalty / weights.sum()

    def loss(numbers: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return the mean of the log-losses with the penalty, and its slope."""
        layer = numbers.reshape(width + 1, n_outputs)
        coefficients, bias = layer[:-1], layer[-1]
        scores = X @ coefficients.astype(np.float32)
        scores += bias.astype(np.float32)
        lost, error = log_loss(scores, truth, share)
        slope = np.vstack([X.T @ error, error.sum(axis=0)]).astype(np.float64)
        slope[:-1] += decay * coefficients
        return lost + decay / 2 * float((coefficients**2).sum()), slope.ravel()

    found = minimize(loss, np.zeros((width + 1) * n_outputs), _ITERATIONS, _TOLERANCE)
    layer = found.reshape(width + 1, n_outputs).astype(np.float32)
    return [layer[:-1]], [layer[-1]]
