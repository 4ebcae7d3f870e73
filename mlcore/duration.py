"""How long learning takes: what would not end in time is refused before it starts."""

from __future__ import annotations

import time

from mlcore import errors
from mlcore.examples import Examples
from mlcore.memory import cells

# Of a whole processor, for each value of each distinct sample and each score that trees learn.
# With 20 million of these, choosing and fitting took 9 to 18 s of one core (98, 414 and 4,000
# features); other processors are slower.
_SECONDS_PER_CELL = 1e-6
_SHORT = 3.0  # seconds, which are never refused: what is done too late is done when asked again


def require(deadline: float | None, examples: Examples, n_features: int, cores: float) -> None:
    """Refuse to choose and fit what would hardly be done in time.

    Parameters
    ----------
    deadline : float or None
        Time (of `time.monotonic`) by which to end; None: there is no hurry.
    examples : Examples
        What is learned from,
    n_features : int
        and how many of its columns.
    cores : float
        Processors that there are, which may be a part of one; more than one are not counted on.

    Raises
    ------
    mlcore.errors.TooLittleTime
    """
    if deadline is None:
        return
    n_cells = len(examples.y) * cells(n_features, len(examples.classes))
    needed = _SECONDS_PER_CELL * n_cells / min(cores, 1)
    left = deadline - time.monotonic()
    if needed > max(left, _SHORT):
        raise errors.TooLittleTime(needed=round(needed), available=max(int(left), 0))
