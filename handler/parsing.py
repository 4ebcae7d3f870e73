"""Numbers that Moodle sends as text, over HTTP or on a command line."""

from __future__ import annotations

import math

from handler import errors

MAX_ITERATIONS = 1_000  # of an evaluation


def number(name: str, text: str) -> float:
    """Return a finite number.

    Raises
    ------
    handler.errors.BadField
    """
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise errors.BadField(name=name, expected="a number")
    return value


def whole_number(name: str, text: str, low: int, high: int) -> int:
    """Return a whole number in a range.

    Raises
    ------
    handler.errors.BadField
    """
    if not (text.isascii() and text.isdigit() and len(text) < 19 and low <= int(text) <= high):
        raise errors.BadField(name=name, expected=f"a whole number from {low} to {high}")
    return int(text)
