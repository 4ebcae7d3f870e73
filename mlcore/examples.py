"""All that a model has learned from so far: distinct samples with how often each was seen.

Moodle sends only new samples with each training, so what was learned before has to be kept. Many
samples are alike (half of a large real file), and order carries no meaning, so samples are kept
once, with counts, in the order of a digest of their content. That makes learning in pieces the same
as learning at once, whatever the pieces and their order.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcore import errors, modelfile
from mlcore.dataset import Labelled

KIND = "moodle-examples"
FORMAT = 1
MAX_EXAMPLES = 500_000
_KEPT_PER_CLASS = 100  # of each class, however rare, when there are too many examples
_RECENT = 3  # trainings that a later file may repeat
_ROWS = 256  # at a time, which takes little memory
_NO_VALUE = -128  # stands for NaN among hundredths


@dataclass(frozen=True)
class Examples:
    """Distinct labelled samples with their counts.

    Attributes
    ----------
    X : ndarray of shape (n_distinct, n_features), float32
    y : ndarray of shape (n_distinct,), int64
        Class values.
    counts : ndarray of shape (n_distinct,), int64
        How often each was seen; at least 1.
    digests : ndarray of shape (n_distinct,), S16
        Content digest of each, ascending.
    classes : tuple of int
        The target's classes in ascending order, also those without an example.
    feature_names : tuple of str
    recent : tuple of ndarray of shape (n_distinct,), int64
        The counts that each of the latest trainings brought, the newest first.
    sampled : bool
        Whether examples were left out because there were too many.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    counts: NDArray[np.int64]
    digests: NDArray[np.bytes_]
    classes: tuple[int, ...]
    feature_names: tuple[str, ...]
    recent: tuple[NDArray[np.int64], ...] = ()
    sampled: bool = False

    @classmethod
    def of(cls, dataset: Labelled) -> Examples:
        """Return the distinct samples of one dataset."""
        digests = _digests(dataset.X, dataset.y)
        distinct, first, counts = np.unique(digests, return_index=True, return_counts=True)
        return cls(
            X=dataset.X[first],
            y=dataset.y[first],
            counts=counts,
            digests=distinct,
            classes=dataset.classes,
            feature_names=dataset.feature_names,
            recent=(counts,),
        )

    @property
    def n_samples(self) -> int:
        """How many samples were learned, repeated ones counted each time."""
        return int(self.counts.sum())

    def learn(self, new: Examples, limit: int = MAX_EXAMPLES) -> Examples:
        """Return these examples and the ones of a new file, each sample counted once.

        When the answer to a training is lost, Moodle sends the same samples again later, together
        with new ones. So a file that contains all of a recent one replaces that one, unless the
        samples are so common that new ones may well look the same.

        Parameters
        ----------
        new : Examples
            The file's samples, as `Examples.of` returns them.
        limit : int
            How many distinct examples to keep.

        Raises
        ------
        mlcore.errors.OtherFeatures, mlcore.errors.OtherClasses
            When the file belongs to another shape of model.
        """
        if new.X.shape[1] != self.X.shape[1]:
            raise errors.OtherFeatures(found=new.X.shape[1], expected=self.X.shape[1])
        if new.classes != self.classes:
            raise errors.OtherClasses(found=list(new.classes), expected=list(self.classes))

        digests, first = np.unique(np.concatenate([self.digests, new.digests]), return_index=True)
        here = np.searchsorted(digests, self.digests)
        there = np.searchsorted(digests, new.digests)

        def spread(counts: NDArray[np.int64], at: NDArray[np.intp]) -> NDArray[np.int64]:
            spread = np.zeros(len(digests), dtype=np.int64)
            spread[at] = counts
            return spread

        known = spread(self.counts, here)
        added = left = spread(new.counts, there)
        recent = []
        for earlier in (spread(counts, here) for counts in self.recent):
            if (earlier <= left).all() and not _likely(earlier, left, known - earlier + left):
                left = left - earlier
            else:
                recent.append(earlier)
        joined = replace(
            self,
            X=np.concatenate([self.X, new.X])[first],
            y=np.concatenate([self.y, new.y])[first],
            counts=known + left,
            digests=digests,
            recent=(added, *recent)[:_RECENT],
        )
        return joined.limited(limit)

    def limited(self, limit: int = MAX_EXAMPLES) -> Examples:
        """Return at most about `limit` examples, a uniform sample of each class.

        Digests are as good as random, so the lowest ones are a uniform sample, and the lowest of
        all pieces together are the same whichever piece came first. Classes keep their shares; of
        a very rare class the first hundred stay.
        """
        if len(self.counts) <= limit:
            return self
        kept = np.zeros(len(self.counts), dtype=bool)
        kept[:limit] = True
        for value in self.classes:
            kept[np.flatnonzero(self.y == value)[:_KEPT_PER_CLASS]] = True
        return replace(
            self,
            X=self.X[kept],
            y=self.y[kept],
            counts=self.counts[kept],
            digests=self.digests[kept],
            recent=tuple(counts[kept] for counts in self.recent),
            sampled=True,
        )

    def to_bytes(self) -> bytes:
        """Return the examples as a model file (see `mlcore.modelfile`)."""
        arrays: dict[str, NDArray[np.generic]] = {
            "y": self.y.astype(np.int32),
            "counts": self.counts,
            **{f"recent.{i}": counts for i, counts in enumerate(self.recent)},
        }
        # columns lie one after the other, which compresses far better than rows
        hundredths, exact = _as_hundredths(self.X)
        if exact.all():
            arrays["hundredths"] = np.ascontiguousarray(hundredths.T)
        else:
            arrays["values"] = np.ascontiguousarray(self.X.T)
        return modelfile.write(
            KIND,
            FORMAT,
            {
                "classes": list(self.classes),
                "feature_names": list(self.feature_names),
                "recent": len(self.recent),
                "sampled": self.sampled,
            },
            arrays,
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Examples:
        """Read what `to_bytes` wrote.

        Raises
        ------
        mlcore.errors.ModelFileError
        """
        facts, arrays = modelfile.read(data, KIND, FORMAT)
        if "hundredths" in arrays:
            X = _from_hundredths(arrays["hundredths"].T)
        else:
            X = np.ascontiguousarray(arrays["values"].T)
        y = arrays["y"].astype(np.int64)
        return cls(
            X=X,
            y=y,
            counts=arrays["counts"],
            digests=_digests(X, y),
            classes=tuple(facts["classes"]),
            feature_names=tuple(facts["feature_names"]),
            recent=tuple(arrays[f"recent.{i}"] for i in range(facts["recent"])),
            sampled=facts["sampled"],
        )


def _likely(earlier: NDArray[np.int64], left: NDArray[np.int64], seen: NDArray[np.int64]) -> bool:
    """Say whether a file of other samples would contain an earlier file with more than 1 % chance.

    Parameters
    ----------
    earlier, left, seen : ndarray of shape (n_distinct,), int64
        Counts of the earlier file, of the new one, and of all if the earlier one is in the new one.

    Notes
    -----
    Samples are taken to be drawn at random: each appears Poisson(n p) times in a file of n. For p
    its share of all is used, less what samples seen only once stand for (Good and Turing).
    """
    from scipy.special import gammainc  # P(Poisson(m) >= k) = gammainc(k, m)

    again = earlier > 0
    total = seen.sum()
    share = seen[again] / total * (1 - (seen == 1).sum() / total)
    with np.errstate(divide="ignore"):
        log_chance = np.log(gammainc(earlier[again], left.sum() * share)).sum()
    return bool(log_chance > np.log(0.01))


def _digests(X: NDArray[np.float32], y: NDArray[np.int64]) -> NDArray[np.bytes_]:
    """Return a 128-bit digest of each sample and its class.

    It is that of the sample's hundredths, a quarter of the bytes, where these are all there is.
    """
    digests = bytearray()
    for begin in range(0, len(X), _ROWS):
        some = X[begin : begin + _ROWS]
        codes, exact = _as_hundredths(some)
        targets = y[begin : begin + _ROWS, None].view(np.uint8)
        content = np.hstack([codes.view(np.uint8), targets])
        width = content.shape[1]
        flat = memoryview(content.reshape(-1))
        samples = [flat[at : at + width] for at in range(0, len(flat), width)]
        for i in np.flatnonzero(~exact).tolist():
            samples[i] = memoryview(some[i].tobytes() + targets[i].tobytes())
        for sample in samples:
            digests += hashlib.blake2b(sample, digest_size=16).digest()
    return np.frombuffer(digests, dtype="S16")


def _as_hundredths(X: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return `X` in hundredths, -128 for NaN, and of which rows that says everything."""
    codes = np.empty(X.shape, dtype=np.int8)
    exact = np.empty(len(X), dtype=bool)
    for begin in range(0, len(X), _ROWS):
        rows = slice(begin, begin + _ROWS)
        empty = np.isnan(X[rows])
        with np.errstate(over="ignore"):
            scaled = np.rint(X[rows] * 100)
        inside = np.abs(scaled) <= 127
        exact[rows] = (empty | (inside & (scaled / 100 == X[rows]))).all(axis=1)
        codes[rows] = np.where(inside, scaled, _NO_VALUE)
    return codes, exact


def _from_hundredths(codes: NDArray[np.int8]) -> NDArray[np.float32]:
    values = (np.arange(-128, 128) / 100).astype(np.float32)
    values[0] = np.nan
    # the index wraps round: code -128 is entry 0, code 127 the last
    return values[np.ascontiguousarray(codes).astype(np.intp) + 128]
