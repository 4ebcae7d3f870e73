"""All that a model has learned from so far: distinct samples with how often each was seen.

Moodle sends only new samples with each training, so what was learned before has to be kept. Many
samples are alike (half of a large real file), and order carries no meaning, so samples are kept
once, with counts, in the order of a digest of their content. That makes learning in pieces the same
as learning at once, whatever the pieces and their order.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mlcore import columns, errors, modelfile
from mlcore.dataset import MAX_FEATURES, Labelled
from mlcore.memory import MAX_CELLS, cells

KIND = "moodle-examples"
FORMAT = 2
_KEPT_PER_CLASS = 100  # of each class, however rare, when there are too many examples
_RECENT = 3  # trainings that a later file may repeat
# Fewer distinct samples than this are never taken for a repetition: to count some samples twice is
# a lesser evil than to lose a student who is like another one.
_FEWEST_REPEATED = 10
_FEW = 10  # up to which chances are exact
_CHANCE = 1e-6  # of other samples that look the same, below which a file is taken for a repetition
_BLOCK = 256  # samples at a time, which takes little memory
_NO_VALUE = -128  # stands for NaN among hundredths

Counts = NDArray[np.int64]
Digests = NDArray[np.uint64]


@dataclass(frozen=True)
class Examples:
    """Distinct labelled samples with their counts.

    Attributes
    ----------
    X : ndarray of shape (n_distinct, n_features), float32
        NaN where there is no value, or where a sample's file had no such column.
    y : ndarray of shape (n_distinct,), int64
        Class values.
    counts : ndarray of shape (n_distinct,), int64
        How often each was seen; at least 1.
    digests : ndarray of shape (n_distinct,), uint64
        Content digest of each, ascending.
    classes : tuple of int
        The target's classes in ascending order, also those without an example.
    feature_names : tuple of str
        All columns that were ever sent, also those that no longer are.
    target : str
        Moodle's name of what is predicted, "" where it is not known.
    n_samples : int
        How many samples were learned in all, repeated ones counted each time; also those that were
        left out because there were too many.
    recent : tuple of ndarray of shape (n_distinct,), int64
        The counts that each of the latest trainings brought, the newest first.
    recent_sizes : tuple of int
        How many samples each of these had.
    is_rare : bool
        Whether the newest file, if it came once more, could only be one that was sent again.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    counts: Counts
    digests: Digests
    classes: tuple[int, ...]
    feature_names: tuple[str, ...]
    target: str
    n_samples: int
    recent: tuple[Counts, ...] = ()
    recent_sizes: tuple[int, ...] = ()
    is_rare: bool = False

    @classmethod
    def of(cls, dataset: Labelled, max_cells: int = MAX_CELLS) -> Examples:
        """Return the distinct samples of one dataset, a uniform sample of them if too many.

        Digests are as good as random, so the lowest ones are a uniform sample, and the lowest of
        all pieces together are the same whichever piece came first. Classes keep their shares; of
        a very rare class the first hundred stay.
        """
        digests = _digests(dataset.X, dataset.y, dataset.feature_names)
        digests, first, counts = np.unique(digests, return_index=True, return_counts=True)
        is_rare = _is_repeated(counts, counts, counts)
        kept = _kept(dataset.y[first], max_cells, dataset.X.shape[1])
        first, counts = first[kept], counts[kept]
        n_samples = len(dataset.y)
        return cls(
            X=dataset.X[first],
            y=dataset.y[first],
            counts=counts,
            digests=digests[kept],
            classes=dataset.classes,
            feature_names=dataset.feature_names,
            target=dataset.target,
            n_samples=n_samples,
            recent=(counts,),
            recent_sizes=(n_samples,),
            is_rare=is_rare,
        )

    @property
    def sampled(self) -> bool:
        """Whether examples were left out because there were too many."""
        return self.n_samples > int(self.counts.sum())

    @property
    def varying(self) -> NDArray[np.intp]:
        """Places of the columns in which samples differ."""
        lowest, highest = np.fmin.reduce(self.X, axis=0), np.fmax.reduce(self.X, axis=0)
        some_missing = np.isnan(self.X).any(axis=0) & ~np.isnan(lowest)
        return np.flatnonzero((lowest < highest) | some_missing)

    def learn(
        self, new: Examples, max_cells: int = MAX_CELLS, find_repeated: bool = True
    ) -> Examples:
        """Return these examples and the ones of a new file, each sample counted once.

        When the answer to a training is lost, Moodle sends the same samples again later, together
        with new ones. So a file that contains all of a recent one replaces that one, unless the
        samples are so few or so common that new ones may well look the same.

        Parameters
        ----------
        new : Examples
            The file's samples, as `Examples.of` returns them.
        max_cells : int
            How many distinct examples to keep, times features.
        find_repeated : bool
            Whether to look for a recent file in the new one.

        Raises
        ------
        mlcore.errors.OtherIndicators, mlcore.errors.OtherTarget, mlcore.errors.OtherFeatures
            When the file belongs to another model.
        """
        if not _same_target(self.target, new.target):
            raise errors.OtherTarget(found=new.target, expected=self.target)
        columns.require_most(new.feature_names, self.feature_names, self.varying.tolist())
        known, new = _with_common_names(self, new)
        names = (*known.feature_names, *_added(known.feature_names, new.feature_names))
        if len(names) > MAX_FEATURES:
            raise errors.TooManyFeatures(found=len(names), limit=MAX_FEATURES)

        digests, first = np.unique(np.concatenate([known.digests, new.digests]), return_index=True)
        y = np.concatenate([known.y, new.y])[first]
        kept = _kept(y, max_cells, len(names))
        here, there = (np.searchsorted(digests, part.digests) for part in (known, new))

        def spread(counts: Counts, at: NDArray[np.intp]) -> Counts:
            spread = np.zeros(len(digests), dtype=np.int64)
            spread[at] = counts
            return spread

        before = spread(known.counts, here)
        added = left = spread(new.counts, there)
        n_samples = known.n_samples + new.n_samples
        recent, sizes = [added], [new.n_samples]
        for counts, size in zip(known.recent, known.recent_sizes, strict=True):
            earlier = spread(counts, here)
            if find_repeated and _is_repeated(earlier, left, before - earlier + left):
                left = left - earlier
                n_samples -= size
            else:
                recent.append(earlier)
                sizes.append(size)
        return replace(
            known,
            X=_joined(known, new, names, first[kept]),
            y=y[kept],
            counts=(before + left)[kept],
            digests=digests[kept],
            classes=tuple(sorted({*known.classes, *new.classes})),
            feature_names=names,
            target=known.target or new.target,
            n_samples=n_samples,
            recent=tuple(counts[kept] for counts in recent[:_RECENT]),
            recent_sizes=tuple(sizes[:_RECENT]),
            is_rare=_is_repeated(added, added, before + left),
        )

    def _renamed(self, feature_names: tuple[str, ...]) -> Examples:
        """Return the same samples under other names of the columns."""
        digests = _digests(self.X, self.y, feature_names)
        order = np.argsort(digests)
        return replace(
            self,
            X=self.X[order],
            y=self.y[order],
            counts=self.counts[order],
            digests=digests[order],
            feature_names=feature_names,
            recent=tuple(counts[order] for counts in self.recent),
        )

    def to_bytes(self) -> bytes:
        """Return the examples as a model file (see `mlcore.modelfile`)."""
        hundredths, exact = _as_hundredths(self.X)
        arrays: dict[str, NDArray[np.generic]] = {
            "y": self.y.astype(np.int32),
            "counts": self.counts,
            **{f"recent.{i}": counts for i, counts in enumerate(self.recent)},
            # columns lie one after the other, which compresses far better than samples
            "hundredths": np.ascontiguousarray(hundredths.T[exact]),
            "values": np.ascontiguousarray(self.X.T[~exact]),
            "exact": exact,
        }
        facts = {
            "classes": list(self.classes),
            "feature_names": list(self.feature_names),
            "target": self.target,
            "n_samples": self.n_samples,
            "recent_sizes": list(self.recent_sizes),
        }
        return modelfile.write(KIND, FORMAT, facts, arrays)

    @classmethod
    def from_bytes(cls, data: bytes) -> Examples:
        """Read what `to_bytes` wrote.

        Raises
        ------
        mlcore.errors.ModelFileError
        """
        facts, arrays = modelfile.read(data, KIND, FORMAT)
        y, exact = arrays["y"].astype(np.int64), arrays["exact"]
        X = np.empty((len(y), len(exact)), dtype=np.float32)
        X[:, ~exact] = arrays["values"].T
        _from_hundredths(arrays["hundredths"], X, np.flatnonzero(exact))
        feature_names = tuple(facts["feature_names"])
        sizes = tuple(facts["recent_sizes"])
        return cls(
            X=X,
            y=y,
            counts=arrays["counts"],
            digests=_digests(X, y, feature_names),
            classes=tuple(facts["classes"]),
            feature_names=feature_names,
            target=facts["target"],
            n_samples=facts["n_samples"],
            recent=tuple(arrays[f"recent.{i}"] for i in range(len(sizes))),
            recent_sizes=sizes,
        )


def _same_target(known: str, found: str) -> bool:
    """Say whether two names of targets may be the same; several are joined by ``|``."""
    if not known or not found:
        return True
    mine, others = ({name.lstrip("\\") for name in text.split("|")} for text in (known, found))
    return bool(mine & others)


def _with_common_names(known: Examples, new: Examples) -> tuple[Examples, Examples]:
    """Return both with the same names where columns are matched by position: the real ones."""
    if not columns.by_position(new.feature_names, known.feature_names):
        return known, new
    if columns.are_real(new.feature_names):
        return known._renamed(new.feature_names), new
    return known, new._renamed(known.feature_names)


def _added(names: tuple[str, ...], others: tuple[str, ...]) -> list[str]:
    """Return the names of the columns that only the others have."""
    known = set(columns.keys(names))
    return [key[0] for key in columns.keys(others) if key not in known]


def _joined(
    known: Examples, new: Examples, names: tuple[str, ...], which: NDArray[np.intp]
) -> NDArray[np.float32]:
    """Return some samples of both, numbered through, with all of these columns."""
    X = np.empty((len(which), len(names)), dtype=np.float32)
    n_known = len(known.y)
    for examples, rows, offset in (
        (known, np.flatnonzero(which < n_known), 0),
        (new, np.flatnonzero(which >= n_known), n_known),
    ):
        at = columns.places(examples.feature_names, names)
        for begin in range(0, len(rows), _BLOCK):
            block = rows[begin : begin + _BLOCK]
            X[block] = examples.X[which[block] - offset][:, at]
        X[np.ix_(rows, at < 0)] = np.nan
    return X


def _kept(y: NDArray[np.int64], max_cells: int, n_features: int) -> NDArray[np.bool_]:
    """Say which samples are kept, of those in the order of their digests."""
    classes = np.unique(y)
    kept = np.zeros(len(y), dtype=bool)
    kept[: max(1, max_cells // cells(n_features, len(classes)))] = True
    if not kept.all():
        for value in classes:
            kept[np.flatnonzero(y == value)[:_KEPT_PER_CLASS]] = True
    return kept


def _is_repeated(earlier: Counts, left: Counts, seen: Counts) -> bool:
    """Say whether a file contains an earlier one, which other samples hardly ever would.

    Parameters
    ----------
    earlier, left, seen : ndarray of shape (n_distinct,), int64
        Counts of the earlier file, of the new one, and of all if the earlier one is in the new one.

    Notes
    -----
    Samples are taken to be drawn at random: each appears Poisson(n p) times in a file of n. For p
    its share of all is used, less what samples seen only once stand for (Good and Turing). Of 50
    distinct samples that come again as they are, each has a chance of 0.63 at most, and all
    together 1e-10.
    """
    again = earlier > 0
    if again.sum() < _FEWEST_REPEATED or (earlier > left).any():
        return False
    total = seen.sum()
    share = seen[again] / total * (1 - (seen == 1).sum() / total)
    with np.errstate(divide="ignore"):
        log_chance = np.log(_as_often(earlier[again], left.sum() * share)).sum()
    return bool(log_chance < np.log(_CHANCE))


def _as_often(counts: Counts, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the chance that Poisson variables are at least so high.

    From `_FEW` on it is the approximation of Wilson and Hilferty, "The Distribution of Chi-Square",
    1931: chances above 1e-3 are right within 10 %, smaller ones come out too large.

    Parameters
    ----------
    counts : ndarray of shape (n,), int64
        Above 0.
    means : ndarray of shape (n,), float64
    """
    chances = np.empty(len(counts))
    few = counts < _FEW
    term, below = np.exp(-means[few]), np.zeros(few.sum())
    for k in range(_FEW):
        below += np.where(k < counts[few], term, 0)
        term = term * means[few] / (k + 1)
    chances[few] = 1 - below
    n = counts[~few].astype(np.float64)
    z = 3 * np.sqrt(n) * (np.cbrt(means[~few] / n) - 1 + 1 / (9 * n))
    chances[~few] = [math.erfc(-value / math.sqrt(2)) / 2 for value in z.tolist()]
    return np.clip(chances, 0, 1)


def _mixed(numbers: Digests) -> Digests:
    """Return numbers in which each bit of the given ones counts (the end of SplitMix64)."""
    numbers = (numbers ^ (numbers >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    numbers = (numbers ^ (numbers >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: Digests = numbers ^ (numbers >> np.uint64(31))
    return mixed


def _hashes(keys: Digests, values: NDArray[np.float32]) -> Digests:
    """Return a hash of each column's key and value; 0 where there is no value."""
    hashes = _mixed(keys ^ np.ascontiguousarray(values).view(np.uint32))
    return np.where(np.isnan(values), np.uint64(0), hashes)


def _digests(
    X: NDArray[np.float32], y: NDArray[np.int64], feature_names: tuple[str, ...]
) -> Digests:
    """Return a 64-bit digest of each sample and its class.

    It is made of a sum of hashes, each of a column's name and value, so that it depends neither on
    the order of the columns nor on those without a value. Two of a million distinct samples have
    the same with a chance of 3e-8.
    """
    keys = np.array(
        [
            int.from_bytes(hashlib.blake2b(f"{name}\n{n}".encode(), digest_size=8).digest())
            for name, n in columns.keys(feature_names)
        ],
        dtype=np.uint64,
    )
    tables = _hashes(keys[:, None], _HUNDREDTHS)
    offsets = np.arange(len(keys)) * tables.shape[1]
    sums = np.empty(len(X), dtype=np.uint64)
    for begin in range(0, len(X), _BLOCK):
        block = X[begin : begin + _BLOCK]
        codes, exact = _coded(block)
        found = np.take(tables, codes.view(np.uint8) + offsets).sum(axis=1, dtype=np.uint64)
        odd = np.flatnonzero(~exact.all(axis=1))
        found[odd] = _hashes(keys, block[odd]).sum(axis=1, dtype=np.uint64)
        sums[begin : begin + _BLOCK] = found
    return _mixed(sums + _mixed(y.view(np.uint64) + np.uint64(1)))


# by the bytes that stand for them: 0 … 127, then -128, which is no value, … -1
_HUNDREDTHS = (np.arange(256).astype(np.uint8).view(np.int8) / 100).astype(np.float32)
_HUNDREDTHS[_NO_VALUE] = np.nan


def _coded(block: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return values in hundredths, -128 for NaN, and where that says everything."""
    empty = np.isnan(block)
    with np.errstate(over="ignore"):
        scaled = np.rint(block * 100)
    inside = np.abs(scaled) <= 127
    exact = empty | (inside & (scaled / 100 == block))
    with np.errstate(invalid="ignore"):
        codes = np.where(inside, scaled, _NO_VALUE).astype(np.int8)
    return codes, exact


def _as_hundredths(X: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """Return `X` in hundredths, and of which columns that says everything."""
    codes = np.empty(X.shape, dtype=np.int8)
    exact = np.ones(X.shape[1], dtype=bool)
    for begin in range(0, len(X), _BLOCK):
        codes[begin : begin + _BLOCK], of_block = _coded(X[begin : begin + _BLOCK])
        exact &= of_block.all(axis=0)
    return codes, exact


def _from_hundredths(codes: NDArray[np.int8], X: NDArray[np.float32], at: NDArray[np.intp]) -> None:
    """Fill columns of `X`, which lie one after the other in `codes`."""
    for begin in range(0, len(X), _BLOCK):
        some = codes[:, begin : begin + _BLOCK].view(np.uint8)
        X[begin : begin + _BLOCK, at] = np.take(_HUNDREDTHS, some).T
