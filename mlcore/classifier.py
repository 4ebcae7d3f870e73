"""A fitted classifier: predicts with numpy alone, and becomes a model file and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore import errors, modelfile
from mlcore.dataset import MAX_CLASSES, MAX_FEATURES, printable
from mlcore.parts import KINDS, Part, Trees

KIND = "moodle-classifier"
FORMAT = 3

_MAX_BYTES = 128 << 20  # of an unpacked classifier; a large real one has 1 MB
# What a small file may become in memory. Those that were learned here grow by 2 or 3 unpacked, by
# 9 where a file is small and has thousands of features; their cells take up to 36 times a file.
_FREE_BYTES = 4 << 20
_MAX_RATIO = 10
_FREE_CELLS = 4 << 20
_MAX_CELLS_PER_BYTE = 12  # a cell has 4 bytes
_MAX_PRIORS = 8
_MAX_PARTS = 10
MAX_SHARPNESS = 3.0
SMALLEST = 1e-6  # probabilities stay this far from 0, as nothing is ever certain


@dataclass(frozen=True)
class Classifier:
    """Weighted mean of the probabilities of its parts, sharpened.

    Attributes
    ----------
    classes : tuple of int
        Class values in ascending order.
    feature_names : tuple of str
    weights : tuple of float
        One for each part; their sum is 1.
    parts : tuple of Part
    prior : Classifier or None
        The imported model that this one refines.
    sharpness : float
        The power to which the mean is raised before its sum becomes 1 again, at least 1.
    """

    classes: tuple[int, ...]
    feature_names: tuple[str, ...]
    weights: tuple[float, ...]
    parts: tuple[Part, ...]
    prior: Classifier | None = None
    sharpness: float = 1.0

    def predict_proba(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return class probabilities.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32
            NaN where there is no value.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), float64
            Columns in the order of `classes`.

        Raises
        ------
        mlcore.errors.OtherFeatures
        mlcore.errors.DamagedModelFile
            When an imported model's numbers are so large that nothing can be computed with them.
        """
        if X.shape[1] != len(self.feature_names):
            raise errors.OtherFeatures(found=X.shape[1], expected=len(self.feature_names))
        log_prior = None if self.prior is None else np.log(self.prior.predict_proba(X))
        mean = np.zeros((len(X), len(self.classes)))
        with np.errstate(over="ignore", invalid="ignore"):
            for weight, part in zip(self.weights, self.parts, strict=True):
                mean += weight * part.predict_proba(X, log_prior)
        if np.isnan(mean).any():
            raise errors.DamagedModelFile(what="its numbers are too large")
        mean **= self.sharpness
        mean = np.clip(mean / mean.sum(axis=1, keepdims=True), SMALLEST, 1)
        return mean / mean.sum(axis=1, keepdims=True)

    def to_bytes(self) -> bytes:
        """Return the model file (see `mlcore.modelfile`)."""
        arrays: dict[str, NDArray[Any]] = {}
        facts = self._describe("", arrays)
        names = {"feature_names": list(self.feature_names), "classes": list(self.classes)}
        return modelfile.write(KIND, FORMAT, {**names, **facts}, arrays)

    def _describe(self, prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
        for i, part in enumerate(self.parts):
            for name, array in part.arrays().items():
                arrays[f"{prefix}part{i}.{name}"] = array
        return {
            "parts": [
                {"kind": part.kind, "weight": weight, "from_prior": part.from_prior}
                for weight, part in zip(self.weights, self.parts, strict=True)
            ],
            "sharpness": self.sharpness,
            "prior": self.prior and self.prior._describe(f"{prefix}prior.", arrays),
        }

    @classmethod
    def from_bytes(cls, data: bytes) -> Classifier:
        """Read a model file, perhaps a stranger's.

        Raises
        ------
        mlcore.errors.ModelFileError
        """
        max_bytes = min(_MAX_BYTES, max(_FREE_BYTES, _MAX_RATIO * len(data)))
        facts, arrays = modelfile.read(data, KIND, FORMAT, max_bytes)
        classes, names = facts.get("classes"), facts.get("feature_names")
        if (
            not isinstance(classes, list)
            or not all(type(value) is int and abs(value) <= 2**24 for value in classes)
            or not 2 <= len(classes) <= MAX_CLASSES
            or classes != sorted(set(classes))
        ):
            raise errors.DamagedModelFile(what="no classes")
        if (
            not isinstance(names, list)
            or not all(isinstance(name, str) for name in names)
            or not 1 <= len(names) <= MAX_FEATURES
        ):
            raise errors.DamagedModelFile(what="no feature names")
        feature_names = tuple(map(printable, names))
        try:
            classifier = cls._from_facts(
                facts, arrays, tuple(classes), feature_names, "", _MAX_PRIORS
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise errors.DamagedModelFile(what="its description is incomplete") from error
        described: dict[str, NDArray[Any]] = {}
        classifier._describe("", described)
        if arrays.keys() - described.keys():
            raise errors.DamagedModelFile(what="an unknown member")
        if classifier._n_cells > max(_FREE_CELLS, _MAX_CELLS_PER_BYTE * len(data)):
            raise errors.DamagedModelFile(what="too many thresholds")
        return classifier

    @property
    def _n_cells(self) -> int:
        """How much the trees need to predict."""
        own = sum(part.n_cells for part in self.parts if isinstance(part, Trees))
        return own + (self.prior._n_cells if self.prior else 0)

    @classmethod
    def _from_facts(
        cls,
        facts: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        classes: tuple[int, ...],
        names: tuple[str, ...],
        prefix: str,
        depth: int,
    ) -> Classifier:
        prior = None
        if facts["prior"] is not None:
            if not depth:
                raise errors.DamagedModelFile(what="too many models in one another")
            prior = cls._from_facts(
                facts["prior"], arrays, classes, names, f"{prefix}prior.", depth - 1
            )
        weights, parts = [], []
        if len(facts["parts"]) > _MAX_PARTS:
            raise errors.DamagedModelFile(what="too many parts")
        for i, description in enumerate(facts["parts"]):
            weight = description["weight"]
            if type(weight) not in (int, float) or not 0 < weight <= 1:
                raise errors.DamagedModelFile(what="a weight out of range")
            if description["kind"] not in KINDS:
                raise errors.DamagedModelFile(what="an unknown part")
            own = f"{prefix}part{i}."
            stored = {
                name.removeprefix(own): array
                for name, array in arrays.items()
                if name.startswith(own)
            }
            kind = KINDS[description["kind"]]
            # in format 1 every part made use of an imported model that was there
            from_prior = description.get("from_prior", prior is not None)
            if type(from_prior) is not bool or (from_prior and prior is None):
                raise errors.DamagedModelFile(what="no imported model")
            parts.append(kind.from_arrays(stored, len(names), len(classes), from_prior))
            weights.append(float(weight))
        if not abs(sum(weights) - 1) < 1e-6:
            raise errors.DamagedModelFile(what="weights that do not add up")
        sharpness = facts.get("sharpness", 1.0)  # older formats have none
        if type(sharpness) not in (int, float) or not 1 <= sharpness <= MAX_SHARPNESS:
            raise errors.DamagedModelFile(what="a sharpness out of range")
        return cls(classes, names, tuple(weights), tuple(parts), prior, float(sharpness))
