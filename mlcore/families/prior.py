"""The imported model as it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from mlcore.families.family import Arrays, Family, Part, Setting, require

if TYPE_CHECKING:
    from mlcore.task import Task


@dataclass(frozen=True)
class Prior(Part):
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
    def from_arrays(cls, arrays: Arrays, n_features: int, n_classes: int, from_prior: bool) -> Self:
        """Check and take over what `arrays` returned."""
        require(from_prior, "no imported model")
        return cls()


class Imported(Family):
    """The imported model competes with all that refines it."""

    name = "prior"
    part = Prior
    uses_prior = (True,)
    quick = None

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the one setting, None."""
        return (None,)

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Prior:
        """Return the part, which has nothing to fit."""
        return Prior()
