"""A fitted classifier: predicts with numpy alone, and becomes a model file and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore import columns, errors, modelfile
from mlcore.dataset import MAX_CLASSES, MAX_FEATURES, printable
from mlcore.families import PARTS
from mlcore.families.family import SMALLEST, Part

KIND = "moodle-classifier"
FORMAT = 4

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


@dataclass(frozen=True)
class Classifier:
    """Weighted mean of the probabilities of its parts, sharpened.

    The parts tell the learned classes apart. Any other class was too rare to learn anything of it:
    its probability is its share, or what an imported model says, corrected by what was seen here.

    Attributes
    ----------
    classes : tuple of int
        Class values in ascending order.
    feature_names : tuple of str
    weights : tuple of float
        One for each part; their sum is 1.
    parts : tuple of Part
    prior : Classifier or None
        The imported model that this one refines. Its classes are among `classes`.
    sharpness : float
        The power to which the mean is raised before its sum becomes 1 again, at least 1.
    learned : tuple of int
        Places in `classes` of those that the parts tell apart, ascending.
    shares : tuple of float
        The probability of each class, as far as nothing more is known of it. A class that the
        imported model knows has this part of what that model gives it.
    """

    classes: tuple[int, ...]
    feature_names: tuple[str, ...]
    weights: tuple[float, ...]
    parts: tuple[Part, ...]
    prior: Classifier | None = None
    sharpness: float = 1.0
    learned: tuple[int, ...] = ()
    shares: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        """Take it that all classes are learned, and alike, unless told otherwise."""
        n_classes = len(self.classes)
        object.__setattr__(self, "learned", self.learned or tuple(range(n_classes)))
        share = 1 / n_classes if self.prior is None else 1.0
        object.__setattr__(self, "shares", self.shares or (share,) * n_classes)

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
        known = None
        if self.prior is not None:
            names = self.prior.feature_names
            known = self.prior.predict_proba(columns.matched(X, self.feature_names, names))
        p = before(known, self.known, self.shares, len(X))
        logs = None if known is None else log_prior(p, self.learned)
        mean = np.zeros((len(X), len(self.learned)))
        with np.errstate(over="ignore", invalid="ignore"):
            for weight, part in zip(self.weights, self.parts, strict=True):
                mean += weight * part.predict_proba(X, logs)
        if np.isnan(mean).any():
            raise errors.DamagedModelFile(what="its numbers are too large")
        mean **= self.sharpness
        mean /= mean.sum(axis=1, keepdims=True)
        # the classes that were not learned keep what they had, and the others share the rest
        p[:, self.learned] = 0
        p[:, self.learned] = mean * (1 - p.sum(axis=1, keepdims=True))
        p = np.clip(p, SMALLEST, 1)
        return p / p.sum(axis=1, keepdims=True)

    def require_most(self, feature_names: Sequence[str]) -> None:
        """Refuse a file of another model by the names of its columns.

        Raises
        ------
        mlcore.errors.OtherIndicators
            When most of the features that predictions depend on are missing.
        mlcore.errors.OtherFeatures
            When columns without real names are too many or too few.
        """
        used = [part.used() for part in self.parts]
        relied_on = np.unique(np.concatenate([np.zeros(0, np.intp), *used])).tolist()
        columns.require_most(feature_names, self.feature_names, relied_on)
        if self.prior is not None and not relied_on:
            self.prior.require_most(feature_names)

    @property
    def known(self) -> NDArray[np.intp]:
        """Places in `classes` of those that the imported model knows."""
        return places(self.classes, self.prior)

    def to_bytes(self) -> bytes:
        """Return the model file (see `mlcore.modelfile`)."""
        arrays: dict[str, NDArray[Any]] = {}
        facts = self._describe("", arrays)
        return modelfile.write(KIND, FORMAT, facts, arrays)

    def _describe(self, prefix: str, arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
        for i, part in enumerate(self.parts):
            for name, array in part.arrays().items():
                arrays[f"{prefix}part{i}.{name}"] = array
        return {
            "feature_names": list(self.feature_names),
            "classes": list(self.classes),
            "learned": list(self.learned),
            "shares": list(self.shares),
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
        try:
            classifier = cls._from_facts(facts, arrays, None, "", _MAX_PRIORS)
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
        own = sum(part.n_cells for part in self.parts)
        return own + (self.prior._n_cells if self.prior else 0)

    @classmethod
    def _from_facts(
        cls,
        facts: Mapping[str, Any],
        arrays: Mapping[str, NDArray[Any]],
        among: tuple[int, ...] | None,
        prefix: str,
        depth: int,
    ) -> Classifier:
        names = _names(facts.get("feature_names"))
        classes = _classes(facts["classes"], among)
        learned = tuple(_ascending(facts["learned"], "learned classes"))
        if learned[0] < 0 or learned[-1] >= len(classes):
            raise errors.DamagedModelFile(what="learned classes out of range")
        prior = None
        if facts["prior"] is not None:
            if not depth:
                raise errors.DamagedModelFile(what="too many models in one another")
            prior = cls._from_facts(facts["prior"], arrays, classes, f"{prefix}prior.", depth - 1)
        shares = facts["shares"]
        if (
            not isinstance(shares, list)
            or len(shares) != len(classes)
            or not all(type(share) in (int, float) and 0 < share <= 1 for share in shares)
            or np.delete(shares, places(classes, prior)).sum() > 1 + 1e-6
        ):
            raise errors.DamagedModelFile(what="shares out of range")
        weights, parts = [], []
        if len(facts["parts"]) > _MAX_PARTS:
            raise errors.DamagedModelFile(what="too many parts")
        for i, description in enumerate(facts["parts"]):
            weight = description["weight"]
            if type(weight) not in (int, float) or not 0 < weight <= 1:
                raise errors.DamagedModelFile(what="a weight out of range")
            if description["kind"] not in PARTS:
                raise errors.DamagedModelFile(what="an unknown part")
            own = f"{prefix}part{i}."
            stored = {
                name.removeprefix(own): array
                for name, array in arrays.items()
                if name.startswith(own)
            }
            kind = PARTS[description["kind"]]
            from_prior = description["from_prior"]
            if type(from_prior) is not bool or (from_prior and prior is None):
                raise errors.DamagedModelFile(what="no imported model")
            parts.append(kind.from_arrays(stored, len(names), len(learned), from_prior))
            weights.append(float(weight))
        if not abs(sum(weights) - 1) < 1e-6:
            raise errors.DamagedModelFile(what="weights that do not add up")
        sharpness = facts["sharpness"]
        if type(sharpness) not in (int, float) or not 1 <= sharpness <= MAX_SHARPNESS:
            raise errors.DamagedModelFile(what="a sharpness out of range")
        return cls(
            classes,
            names,
            tuple(weights),
            tuple(parts),
            prior,
            float(sharpness),
            learned,
            tuple(map(float, shares)),
        )


def places(classes: tuple[int, ...], prior: Classifier | None) -> NDArray[np.intp]:
    """Return the places in `classes` of those that an imported model knows."""
    return np.searchsorted(classes, () if prior is None else prior.classes)


def before(
    from_prior: NDArray[np.float64] | None,
    known: NDArray[np.intp],
    shares: Sequence[float],
    n_samples: int,
) -> NDArray[np.float64]:
    """Return the probabilities of classes before anything else is said of them.

    Parameters
    ----------
    from_prior : ndarray of shape (n_samples, n_known), float64, or None
        What an imported model gives to the classes at the places `known`.
    known : ndarray of shape (n_known,), intp
    shares : sequence of float
        See `Classifier`.
    n_samples : int

    Returns
    -------
    ndarray of shape (n_samples, n_classes), float64
    """
    p = np.tile(np.asarray(shares, dtype=np.float64), (n_samples, 1))
    if from_prior is not None:
        p[:, known] *= from_prior * (1 - np.delete(p[0], known).sum() if n_samples else 1)
    return p


def log_prior(p: NDArray[np.float64], learned: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the logarithms of the learned classes' probabilities among themselves."""
    some = p[:, learned]
    return np.log(some / some.sum(axis=1, keepdims=True))


def _names(found: Any) -> tuple[str, ...]:
    if (
        not isinstance(found, list)
        or not all(isinstance(name, str) for name in found)
        or not 1 <= len(found) <= MAX_FEATURES
    ):
        raise errors.DamagedModelFile(what="no feature names")
    return tuple(map(printable, found))


def _classes(found: Any, among: tuple[int, ...] | None) -> tuple[int, ...]:
    classes = _ascending(found, "classes")
    if (
        max(map(abs, classes)) > 2**24
        or len(classes) > MAX_CLASSES
        or not (among is None or set(classes) <= set(among))
    ):
        raise errors.DamagedModelFile(what="no classes")
    return tuple(classes)


def _ascending(numbers: Any, what: str) -> list[int]:
    """Return a list of two or more ascending integers as it is."""
    if (
        not isinstance(numbers, list | tuple)
        or not all(type(number) is int for number in numbers)
        or len(numbers) < 2
        or list(numbers) != sorted(set(numbers))
    ):
        raise errors.DamagedModelFile(what=f"no {what}")
    return list(numbers)
