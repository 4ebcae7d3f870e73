"""Prediction: a classifier and unlabelled samples become classes and scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlcore.classifier import Classifier
from mlcore.dataset import Unlabelled


def predict(
    classifier: Classifier, dataset: Unlabelled
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the most probable class of each sample and its probability.

    Returns
    -------
    classes : ndarray of shape (n_samples,), int64
        Class values, as Moodle's targetclasses name them.
    scores : ndarray of shape (n_samples,), float64
        Probability that the class is right, between 0 and 1.

    Raises
    ------
    mlcore.errors.OtherFeatures
    """
    probabilities = classifier.predict_proba(dataset.X)
    best = probabilities.argmax(axis=1)
    return np.array(classifier.classes, dtype=np.int64)[best], probabilities.max(axis=1)
