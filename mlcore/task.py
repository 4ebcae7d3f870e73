"""Weighted samples to learn from, and their division into folds."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import cached_property
from threading import Lock
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from mlcore import columns
from mlcore.classifier import Classifier, before, log_prior, places

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Matrix = NDArray[np.float32]
T = TypeVar("T")

_SEED = 1
# With fewer samples, or fewer of a class, nothing can be held out.
TINY_SAMPLES = 20
TINY_CLASS = 3
_UNSEEN = 0.5  # samples that each class counts as beforehand: Krichevsky and Trofimov, 1981
_MOST_UNITS = 100  # a sample seen more often is dealt to the folds like this many
_FOLDS = 5
_LARGE = 4_000  # distinct samples, beyond which a fold says so much that what lags in it is left
# how many folds are tested for so many distinct samples: of more fewer say enough
_TESTED = ((500, 5), (_LARGE, 3), (7_000, 2), (np.inf, 1))


class Memo:
    """What is made once for each key, also where several threads ask for it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: dict[Hashable, Future[Any]] = {}

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returns, which one thread calls while others wait for it."""
        with self._lock:
            known = key in self._made
            future: Future[T] = self._made.setdefault(key, Future())
        if not known:
            try:
                future.set_result(make())
            except BaseException as error:
                future.set_exception(error)
        return future.result()


@dataclass(frozen=True)
class Samples:
    """All samples that tasks are made of; what does not depend on weights is computed once.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32
    y : ndarray of shape (n_samples,), intp
        Codes: places in `classes`.
    classes : tuple of int
        Class values in ascending order.
    prior : Classifier or None
        An imported model. Its classes are among these; its features are matched by name.
    feature_names : tuple of str
        One for each feature; without any they are the imported model's, or x0, x1, …
    """

    X: Matrix
    y: Indices
    classes: tuple[int, ...]
    prior: Classifier | None = None
    feature_names: tuple[str, ...] = ()
    _memo: Memo = field(default_factory=Memo, init=False, repr=False)

    def __post_init__(self) -> None:
        """Name the features that have no name."""
        names = self.prior.feature_names if self.prior else ()
        names = self.feature_names or names or tuple(f"x{i}" for i in range(self.X.shape[1]))
        object.__setattr__(self, "feature_names", names)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returns, which is called once for each key."""
        return self._memo.once(key, make)

    def task(self, weights: Floats) -> Task:
        """Return the task to learn from these samples.

        A class of fewer than three samples has none to hold out. Where two other classes have
        more, these are told apart as if it were not there, and its probability is its share of all
        samples; with an imported model what that one says, no more in all than there were.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,), float64
            How often each was seen; 0 leaves a sample out.
        """
        sizes = np.bincount(self.y, weights, len(self.classes))
        learned = sizes >= TINY_CLASS
        if self.prior is None:
            if learned.sum() < 2:
                learned = sizes > 0
        elif learned.sum() < 2 or sizes[learned].sum() < TINY_SAMPLES:
            learned[:] = True  # the imported model answers alone
        shares = self._shares(sizes, weights, learned)
        used = np.flatnonzero(learned[self.y] & (weights > 0))
        return Task(
            samples=self,
            used=used,
            weights=weights[used],
            learned=tuple(np.flatnonzero(learned).tolist()),
            shares=tuple(shares.tolist()),
        )

    def _shares(self, sizes: Floats, weights: Floats, learned: NDArray[np.bool_]) -> Floats:
        """Return what `Classifier.shares` is to be."""
        counts = sizes + _UNSEEN
        if self.from_prior is None:
            return np.ones(len(sizes)) / len(sizes) if learned.all() else counts / counts.sum()
        # an imported model is worth some samples beforehand
        shares = counts / (counts.sum() + TINY_SAMPLES)
        rest = 1 - np.delete(shares, self.known).sum()
        expected = weights @ self.from_prior * rest + _UNSEEN
        shares[self.known] = np.minimum(1, counts[self.known] / expected)
        shares[self.known[learned[self.known]]] = 1
        return shares

    @cached_property
    def known(self) -> Indices:
        """Codes of the classes that the imported model knows."""
        return places(self.classes, self.prior)

    @cached_property
    def from_prior(self) -> Floats | None:
        """What the imported model gives to these, of shape (n_samples, n_known)."""
        if self.prior is None:
            return None
        names = self.prior.feature_names
        return self.prior.predict_proba(columns.matched(self.X, self.feature_names, names))


@dataclass(frozen=True)
class Task:
    """Weighted samples to learn from; `Samples.task` makes one.

    Attributes
    ----------
    samples : Samples
    used : ndarray of shape (n_used,), intp
        Places of the samples that have weight and are of a class to learn, ascending.
    weights : ndarray of shape (n_used,), float64
        Theirs.
    learned, shares : tuple
        See `mlcore.classifier.Classifier`.
    """

    samples: Samples
    used: Indices
    weights: Floats
    learned: tuple[int, ...]
    shares: tuple[float, ...]
    _memo: Memo = field(default_factory=Memo, init=False, repr=False)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return what `make` returns, which is called once for each key."""
        return self._memo.once(key, make)

    def weighted(self, weights: Floats) -> Task:
        """Return the task with other weights, where 0 leaves a sample out."""
        kept = weights > 0
        return replace(self, used=self.used[kept], weights=weights[kept])

    @property
    def n_classes(self) -> int:
        """How many classes are told apart."""
        return len(self.learned)

    @property
    def X(self) -> Matrix:
        """Samples of shape (n_used, n_features); a copy where some are left out."""
        whole = self.samples.X
        return whole if len(self.used) == len(whole) else whole[self.used]

    @cached_property
    def y(self) -> Indices:
        """Their classes' codes, of shape (n_used,): places in `learned`."""
        return np.searchsorted(self.learned, self.samples.y[self.used])

    @cached_property
    def log_prior(self) -> Floats | None:
        """What the imported model says of the learned classes, of shape (n_used, n_classes)."""
        of_all = self.samples.from_prior
        if of_all is None:
            return None
        p = before(of_all[self.used], self.samples.known, self.shares, len(self.used))
        return log_prior(p, self.learned)

    @property
    def sizes(self) -> Floats:
        """How many samples there are of each learned class."""
        return np.bincount(self.y, self.weights, self.n_classes)

    @property
    def is_tiny(self) -> bool:
        """Whether the samples are too few to hold any out."""
        return bool(self.sizes.min() < TINY_CLASS or self.sizes.sum() < TINY_SAMPLES)

    def all_weighted(self, weights: Floats) -> Task:
        """Return all samples of the learned classes, with weights of which some may be 0."""
        used = np.flatnonzero(np.isin(self.samples.y, self.learned))
        return replace(self, used=used, weights=weights[used])

    @property
    def is_large(self) -> bool:
        """Whether the samples are so many that each fold says much."""
        return len(self.y) > _LARGE

    @property
    def _n_tested(self) -> int:
        return next(n for up_to, n in _TESTED if len(self.y) <= up_to)

    def folds(self) -> Iterator[Fold]:
        """Yield fold after fold, the same ones each time; the more samples, the fewer of them.

        A sample seen several times is dealt out to the folds like so many samples, class by class.
        """
        n_folds = max(2, min(_FOLDS, int(self.sizes.min())))
        units = np.clip(np.rint(self.weights), 1, _MOST_UNITS).astype(np.intp)
        owner = np.repeat(np.arange(len(units)), units)
        fold_of = np.empty(len(owner), dtype=np.intp)
        random = np.random.default_rng(_SEED)
        for code in range(self.n_classes):
            of_class = np.flatnonzero(self.y[owner] == code)
            fold_of[of_class] = random.permutation(len(of_class)) % n_folds
        for number in range(min(self._n_tested, n_folds)):
            held = self.weights * np.bincount(owner, fold_of == number, len(units)) / units
            yield Fold(self.weighted(self.weights - held), self.weighted(held))


@dataclass(frozen=True)
class Fold:
    """A division of a task's samples.

    Attributes
    ----------
    learned, tested : Task
        The samples to learn from, and those that are held out.
    """

    learned: Task
    tested: Task
