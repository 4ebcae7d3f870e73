"""How much memory work needs: what would not fit is refused before it starts."""

from __future__ import annotations

from mlcore import errors

_MEGABYTE = 1 << 20
_BASE = 220 * _MEGABYTE  # of a process that has imported all that learns
_PER_CELL = 4  # bytes of a dataset, which is float32
_PER_FITTED_CELL = 38  # bytes beside it: measured with 20 million cells, 930 MB in all


def require(memory: int | None, n_sent: int, n_fitted: int) -> None:
    """Refuse work that does not fit.

    Parameters
    ----------
    memory : int or None
        Bytes that there are for the process; None: as many as it needs.
    n_sent : int
        Cells of the dataset, samples times features.
    n_fitted : int
        Cells to learn from.

    Raises
    ------
    mlcore.errors.TooLittleMemory
    """
    needed = _BASE + _PER_CELL * n_sent + _PER_FITTED_CELL * n_fitted
    if memory is not None and needed > memory:
        raise errors.TooLittleMemory(
            needed=-(-needed // (64 * _MEGABYTE)) * 64, available=memory // _MEGABYTE
        )
