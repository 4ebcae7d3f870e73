"""How much memory work needs: what would not fit is refused before it starts."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass

from mlcore import errors

MAX_CELLS = 20_000_000  # distinct samples times features; what a fit costs grows with them
LEAST_FEATURES = 50  # what a sample costs where it has fewer
_MEGABYTE = 1 << 20
# of glibc's mallopt: what is larger is returned as soon as it is free, and so is what is free at
# the end of all else, beyond so many bytes
_THRESHOLDS = {-3: 4 * _MEGABYTE, -1: 16 * _MEGABYTE}  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD


def cells(n_features: int, n_classes: int = 2) -> int:
    """Return what one sample costs of `MAX_CELLS`.

    Of more than two classes trees have as many scores, so it costs that many times as much.
    """
    return max(n_features, LEAST_FEATURES) * (n_classes if n_classes > 2 else 1)


def n_threads(cores: float, n_cells: int) -> int:
    """Return how many threads may learn from so many cells, as each needs memory of its own.

    Parameters
    ----------
    cores : float
        Processors that there are, which may be a part of one.
    n_cells : int
        Distinct samples times features.
    """
    return max(1, min(int(cores), MAX_CELLS // max(n_cells, 1)))


def return_freed() -> None:
    """Have memory returned to the system as soon as it is free, where the C library is glibc.

    By itself it raises its thresholds with the size of what is freed, and after a large fit keeps
    a third of the process's memory, in pieces of which later ones find no use.
    """
    if sys.platform == "linux":
        library = ctypes.CDLL(None)
        if hasattr(library, "mallopt"):  # which musl has not
            for threshold in _THRESHOLDS.items():
                library.mallopt(*threshold)


@dataclass(frozen=True)
class Need:
    """What some kind of work needs, as it was measured.

    Attributes
    ----------
    base : int
        Megabytes of a process that has imported all that it needs.
    per_row : int
        Bytes for each sample of a dataset,
    per_cell : int
        and for each of its values,
    per_fitted_cell : int
        and for each of those that are learned from.
    """

    base: int
    per_row: int
    per_cell: int
    per_fitted_cell: int = 0

    def require(self, memory: int | None, shape: tuple[int, ...], n_fitted: int = 0) -> None:
        """Refuse work that does not fit.

        Parameters
        ----------
        memory : int or None
            Bytes that there are for the process; None: as many as it needs.
        shape : tuple of int
            Samples and features of the dataset.
        n_fitted : int
            Cells (samples times features) to learn from.

        Raises
        ------
        mlcore.errors.TooLittleMemory
        """
        n_rows, n_features = shape
        of_row = self.per_row + self.per_cell * n_features
        needed = self.base * _MEGABYTE + n_rows * of_row + n_fitted * self.per_fitted_cell
        if memory is not None and needed > memory:
            raise errors.TooLittleMemory(
                needed=-(-needed // (64 * _MEGABYTE)) * 64, available=memory // _MEGABYTE
            )


# Of 140,000 x 414 samples learning took 367 MB and evaluating 387 MB, of 600,000 x 98 367 and
# 375 MB, of 5,000 x 4,000 500 and 681 MB; of 5,000 x 2,000 evaluating in two threads, which need
# most for each cell, took 540 MB. Predicting took 781 MB of 140,000 x 414, 645 MB of 2,000,000 x 3.
TO_LEARN = Need(base=190, per_row=50, per_cell=4, per_fitted_cell=30)
TO_PREDICT = Need(base=80, per_row=300, per_cell=16)
