"""What a family of learners is, and what the parts that it fits have in common.

A family's module holds both its fitting, which loads LightGBM where it is called, and its fitted
form, which predicts with numpy alone and keeps cold starts short.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mlcore import errors

if TYPE_CHECKING:
    from mlcore.task import Fold, Task

Arrays = Mapping[str, NDArray[Any]]
Setting = Hashable

SMALLEST = 1e-6  # probabilities stay this far from 0, as nothing is ever certain


@dataclass(frozen=True)
class Part(ABC):
    """What a classifier is blended from: a fitted model as plain arrays."""

    kind: ClassVar[str]

    @property
    @abstractmethod
    def from_prior(self) -> bool:
        """Whether an imported model is needed to predict."""

    @abstractmethod
    def predict_proba(
        self, X: NDArray[np.float32], log_prior: NDArray[np.float64] | None
    ) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes).

        `log_prior`, of the same shape, are the logarithms of an imported model's probabilities.
        """

    @abstractmethod
    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return what is to be stored."""

    @classmethod
    @abstractmethod
    def from_arrays(cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool) -> Self:
        """Check and take over what `arrays` returned."""

    def used(self) -> NDArray[np.intp]:
        """Return the places of the features that predictions depend on."""
        return np.zeros(0, dtype=np.intp)

    @property
    def n_cells(self) -> int:
        """How many numbers of 4 bytes it sets aside to predict, beside those that are stored."""
        return 0


class Family(ABC):
    """A kind of learner that competes for a share of the blend.

    Attributes
    ----------
    name : str
    part : type of Part
        What it fits.
    uses_prior : tuple of bool
        Whether it makes use of an imported model where there is one; both are tried.
    group : str
        Families of one group compete for one place in the blend; "" for one of its own.
    fair_after : int
        How many results of `tried` it takes to compare a setting with others.
    quick : Setting
        One that is fitted at once and gives a small part, to try out anything but quality.
    """

    name: ClassVar[str]
    part: ClassVar[type[Part]]
    uses_prior: ClassVar[tuple[bool, ...]] = (True, False)
    group: ClassVar[str] = ""
    fair_after: ClassVar[int] = 1
    quick: ClassVar[Setting]

    @abstractmethod
    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""

    @abstractmethod
    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Part:
        """Fit with one setting, and with an imported model or not."""

    def weighed(self, setting: Setting, weight: float) -> Setting:
        """Return the setting for a part of so much weight: what weighs little may cost little."""
        return setting

    def n_results(self, setting: Setting) -> int:
        """Return how many results `tried` yields at most."""
        return 1

    def tried(
        self, fold: Fold, setting: Setting, from_prior: bool
    ) -> Iterator[tuple[Setting, NDArray[np.float64]]]:
        """Fit on a fold's samples and yield what the held-out ones get.

        Yields
        ------
        setting
            As given, or more exactly, where one fit tries several.
        probabilities : ndarray of shape (n_held_out, n_classes), float64
        """
        tested = fold.tested
        part = self.fit(fold.learned, setting, from_prior)
        yield setting, part.predict_proba(tested.X, tested.log_prior)


def log_true(p: NDArray[np.float64], y: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the logarithms of the probabilities that true classes get.

    Parameters
    ----------
    p : ndarray of shape (n_samples, n_classes)
    y : ndarray of shape (n_samples,)
        Codes of the classes.
    """
    logs: NDArray[np.float64] = np.log(np.clip(p[np.arange(len(y)), y], SMALLEST, 1))
    return logs


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


def require(condition: object, what: str) -> None:
    """Refuse a damaged model file unless a condition holds."""
    if not condition:
        raise errors.DamagedModelFile(what=what)


def vector(
    arrays: Arrays, name: str, dtype: type[np.generic], length: int | None = None
) -> NDArray[Any]:
    """Return a vector of what is stored, checked."""
    array = arrays.get(name)
    require(array is not None and array.ndim == 1 and array.dtype == dtype, f"{name} is missing")
    assert array is not None
    require(length is None or len(array) == length, f"{name} has a wrong size")
    require(np.isfinite(array).all() or name == "threshold", f"{name} is not finite")
    return array


def matrix(
    arrays: Arrays, name: str, dtype: type[np.generic], shape: tuple[int, int]
) -> NDArray[Any]:
    """Return a matrix of what is stored, checked."""
    array = arrays.get(name)
    require(array is not None and array.dtype == dtype, f"{name} is missing")
    assert array is not None
    require(array.shape == shape, f"{name} has a wrong size")
    require(np.isfinite(array).all(), f"{name} is not finite")
    return array
