"""The classifier as an estimator of scikit-learn, for whoever compares it with others."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mlcore.blend import choose, fit
from mlcore.classifier import Classifier
from mlcore.task import Samples
from mlcore.trials import Recipe


class BlendedClassifier(ClassifierMixin, BaseEstimator):
    """Blend of a linear model, a multi-layer perceptron, random trees and boosted trees.

    Missing values (NaN) are welcome. Class weights are never balanced: the probabilities are meant
    to be true.

    Parameters
    ----------
    prior : Classifier or None
        An imported model to start from, with the same features. Its classes are codes 0, 1, …
    recipe : Recipe or None
        What to blend; None chooses by the log-loss of held-out samples.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    recipe_ : Recipe
        The chosen recipe.
    classifier_ : Classifier
        What was learned, in a form that needs numpy only. Its `classes` are 0, 1, …

    Examples
    --------
    >>> import numpy as np
    >>> from mlcore.estimator import BlendedClassifier
    >>> X = np.array([[0.1], [0.2], [0.8], [np.nan]] * 10, dtype=np.float32)
    >>> y = np.array([0, 0, 1, 1] * 10)
    >>> BlendedClassifier().fit(X, y).predict([[0.15], [0.9]])
    array([0, 1])
    """

    def __init__(self, prior: Classifier | None = None, recipe: Recipe | None = None) -> None:
        self.prior = prior
        self.recipe = recipe

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the blend.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Used as float32; NaN where there is no value.
        y : array-like of shape (n_samples,)
            Two or more classes.
        sample_weight : array-like of shape (n_samples,), optional
            How often each sample was seen.

        Returns
        -------
        self
        """
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        if weights.shape != (len(X),) or not (weights >= 0).all():
            raise ValueError("sample_weight must hold one weight, not below 0, for each sample.")
        used = weights > 0
        self.classes_, codes = np.unique(y[used], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("All samples of weight above zero are of one class; two are needed.")
        samples = Samples(X[used], codes, tuple(range(len(self.classes_))), self.prior)
        task = samples.task(weights[used])
        self.recipe_ = self.recipe or choose(task)
        self.classifier_ = fit(task, self.recipe_)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return self.classifier_.predict_proba(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each sample."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
