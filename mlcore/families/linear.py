"""Logistic regression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mlcore.families.dense import Dense, Layers, fitted
from mlcore.families.family import Family, Setting

if TYPE_CHECKING:
    from mlcore.task import Task

# The solver stops early on purpose. Once and for all, since warnings.catch_warnings is not safe
# where several threads fit at once.
warnings.filterwarnings("ignore", "lbfgs failed to converge")

_PENALTIES = (0.01, 0.06, 0.4, 3.0)  # C of LogisticRegression


class Linear(Family):
    """Logistic regression; a setting is scikit-learn's C, the inverse of the penalty."""

    name = "linear"
    part = Dense
    quick = 1.0

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        if n_samples <= 500:
            return (*_PENALTIES, 30.0)
        return _PENALTIES if n_samples <= 10_000 else _PENALTIES[2:3]

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Dense:
        """Fit with one C, and with an imported model or not."""

        def fit(values: NDArray[np.float32]) -> tuple[Layers, Layers]:
            from sklearn import config_context
            from sklearn.linear_model import LogisticRegression

            # all was checked before
            with config_context(assume_finite=True, skip_parameter_validation=True):
                model = LogisticRegression(C=setting, max_iter=200)
                model.fit(values, task.y, task.weights)
            weights = np.array(model.coef_.T, dtype=np.float32, order="C")
            return [weights], [model.intercept_.astype(np.float32)]

        return fitted(task, from_prior, fit)
