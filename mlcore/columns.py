"""Columns go by name: which column of a file is which of a model's.

Names that occur several times are told apart by their order of appearance. Files without real names
(``input-0``, ``input-1``, … or none at all, as some clients of the existing backend send) go by
position, when they have as many columns.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from mlcore import errors

Names = Sequence[str]
Matrix = NDArray[np.float32]

_NO_NAME = re.compile(r"\s*(input-[0-9]+)?\s*")
_NAMED = 3  # missing indicators in a sentence


def keys(names: Names) -> list[tuple[str, int]]:
    """Return each name with how often it came before."""
    seen: Counter[str] = Counter()
    found = []
    for name in names:
        found.append((name, seen[name]))
        seen[name] += 1
    return found


def are_real(names: Names) -> bool:
    """Say whether columns can be told by these names."""
    return not all(_NO_NAME.fullmatch(name) for name in names)


def by_position(names: Names, others: Names) -> bool:
    """Say whether columns are matched by position, as one of both has no real names.

    Raises
    ------
    mlcore.errors.OtherFeatures
        When they are and there are not as many of both.
    """
    if are_real(names) and are_real(others):
        return False
    if len(names) != len(others):
        raise errors.OtherFeatures(found=len(names), expected=len(others))
    return True


def places(names: Names, wanted: Names) -> NDArray[np.intp]:
    """Return where each wanted column is among the named ones, -1 where it is not.

    Raises
    ------
    mlcore.errors.OtherFeatures
        When columns without real names are too many or too few.
    """
    if by_position(names, wanted):
        return np.arange(len(wanted))
    found = {key: place for place, key in enumerate(keys(names))}
    return np.array([found.get(key, -1) for key in keys(wanted)], dtype=np.intp)


def matched(X: Matrix, names: Names, wanted: Names) -> Matrix:
    """Return samples with the wanted columns; one that is not there has no value (NaN).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_names), float32
    names, wanted : sequence of str

    Returns
    -------
    ndarray of shape (n_samples, n_wanted), float32
        `X` itself where nothing has to change.
    """
    at = places(names, wanted)
    if np.array_equal(at, np.arange(X.shape[1])):
        return X
    found = X[:, at]
    found[:, at < 0] = np.nan
    return found


def require_most(names: Names, known: Names, relied_on: Collection[int]) -> None:
    """Refuse a file of another model.

    Parameters
    ----------
    names : sequence of str
        The file's columns.
    known : sequence of str
        The model's.
    relied_on : collection of int
        Places in `known` of the columns that say something.

    Raises
    ------
    mlcore.errors.OtherIndicators
        When fewer than half of these are in the file.
    mlcore.errors.OtherFeatures
    """
    at = places(names, known)
    missing = [known[place] for place in relied_on if at[place] < 0]
    if 2 * len(missing) > len(relied_on):
        named = ", ".join(dict.fromkeys(missing[:_NAMED]))
        raise errors.OtherIndicators(
            missing=len(missing), known=len(relied_on), names=named[: 80 * _NAMED]
        )
