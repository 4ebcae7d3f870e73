"""Prediction: a classifier and unlabelled samples become classes and scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcore import columns
from mlcore.classifier import Classifier
from mlcore.dataset import Unlabelled

_SAMPLES = 1 << 12  # at a time, as a hundred classes' probabilities take more than the samples


def predict(
    classifier: Classifier, dataset: Unlabelled
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the most probable class of each sample and its probability.

    Columns are matched by name: one that the classifier knows and the dataset lacks has no value,
    and one that it does not know is ignored.

    Returns
    -------
    classes : ndarray of shape (n_samples,), int64
        Class values, as Moodle's targetclasses name them.
    scores : ndarray of shape (n_samples,), float64
        Probability that the class is right, between 0 and 1.

    Raises
    ------
    mlcore.errors.OtherIndicators, mlcore.errors.OtherFeatures
        When the dataset belongs to another model.
    """
    classifier.require_most(dataset.feature_names)
    distinct, which = _distinct(dataset.X)
    distinct = columns.matched(distinct, dataset.feature_names, classifier.feature_names)
    best = np.empty(len(distinct), dtype=np.intp)
    scores = np.empty(len(distinct))
    for begin in range(0, len(distinct), _SAMPLES):
        some = slice(begin, begin + _SAMPLES)
        probabilities = classifier.predict_proba(distinct[some])
        best[some], scores[some] = probabilities.argmax(axis=1), probabilities.max(axis=1)
    return np.array(classifier.classes, dtype=np.int64)[best][which], scores[which]


def _distinct(X: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """Return the distinct rows, and for each row which of them it is: half of a large file repeats.

    The distinct rows are in the order in which they first come.
    """
    content = memoryview(np.ascontiguousarray(X)).cast("B")
    width = X.shape[1] * X.itemsize
    rows: dict[bytes, int] = {}
    found = (
        rows.setdefault(bytes(content[begin : begin + width]), len(rows))
        for begin in range(0, len(content), width)
    )
    which = np.fromiter(found, dtype=np.intp, count=len(X))
    return np.frombuffer(b"".join(rows), dtype=X.dtype).reshape(-1, X.shape[1]), which
