"""How good predicted probabilities are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics

Floats = NDArray[np.float64]

N_BINS = 10
_SMALLEST = 1e-6


def bounded(probabilities: NDArray[Any]) -> Floats:
    """Return probabilities that are at least 1e-6 each and add up to 1 again."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), _SMALLEST, 1)
    return p / p.sum(axis=1, keepdims=True)


def log_loss(y: NDArray[np.intp], p: Floats) -> float:
    """Return the mean negative log-likelihood of the true classes."""
    return float(-np.log(p[np.arange(len(y)), y]).mean())


def measure(y: NDArray[np.intp], p: Floats) -> dict[str, Any]:
    """Return all measures of one test set.

    Parameters
    ----------
    y : ndarray of shape (n_samples,)
        Classes 0, 1, …
    p : ndarray of shape (n_samples, n_classes)
        What `bounded` returned.

    Returns
    -------
    dict
        With ``bins``, the calibration bins of each scored class: samples, sum of the predicted
        probabilities and samples of the class. Sums can be added up over test sets.
    """
    n_classes = p.shape[1]
    predicted = p.argmax(axis=1)
    scored = [1] if n_classes == 2 else list(range(n_classes))
    truth = np.eye(n_classes)[y]
    auc = [metrics.roc_auc_score(truth[:, code], p[:, code]) for code in scored]
    return {
        "log_loss": log_loss(y, p),
        "auc": float(np.mean(auc)),
        "f1": float(metrics.f1_score(y, predicted, average="weighted", zero_division=0)),
        "balanced_accuracy": float(metrics.balanced_accuracy_score(y, predicted)),
        "brier": float(((p - truth) ** 2).sum(axis=1).mean()),
        "bins": [_bins(p[:, code], truth[:, code]).tolist() for code in scored],
    }


def _bins(p: Floats, truth: Floats) -> Floats:
    """Return an array of shape (N_BINS, 3) of bins of equal width."""
    bins = np.minimum((p * N_BINS).astype(np.intp), N_BINS - 1)
    sums = (np.bincount(bins, weights, N_BINS) for weights in (np.ones_like(p), p, truth))
    return np.stack(list(sums), axis=1)


def calibration_error(bins: NDArray[Any]) -> float:
    """Return the expected calibration error.

    The mean over the bins of how far the mean prediction is from the observed share, weighted by
    samples; the mean over the scored classes.

    Parameters
    ----------
    bins : ndarray of shape (n_scored, N_BINS, 3)
        Sums of what `measure` returned.
    """
    bins = np.asarray(bins, dtype=np.float64)
    return float(
        (np.abs(bins[..., 1] - bins[..., 2]).sum(axis=1) / bins[..., 0].sum(axis=1)).mean()
    )


def calibration_error_by_chance(bins: NDArray[Any], tests_per_sample: float) -> float:
    """Return the calibration error to expect where each prediction is the true probability.

    A bin's observed share then scatters around its mean prediction with the deviation of a
    binomial share, whose mean absolute value is √(2/π) times as large.

    Parameters
    ----------
    bins : ndarray of shape (n_scored, N_BINS, 3)
        Sums of what `measure` returned.
    tests_per_sample : float
        How often each of the tested samples is in the sums.
    """
    samples, predicted = bins[..., 0], bins[..., 1]
    mean = predicted / np.maximum(samples, 1)
    deviation = np.sqrt(samples * tests_per_sample * mean * (1 - mean))
    return float((np.sqrt(2 / np.pi) * deviation.sum(axis=1) / samples.sum(axis=1)).mean())
