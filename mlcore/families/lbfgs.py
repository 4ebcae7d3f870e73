"""Minimising a smooth function by L-BFGS.

Nocedal and Wright, "Numerical Optimization", 2006, algorithms 7.4 and 7.5. scipy's gives the same
with as many evaluations, but takes 88 MB of a package for AWS Lambda and a third of a second to
import, more than most trainings take.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Function = Callable[[Floats], tuple[float, Floats]]

_MEMORY = 10  # steps that curvature is told from
_LEAST_GAIN = 2e-9  # of the value, which a step must bring to be followed by another
_EVALUATIONS = 20  # of a step at most
_ARMIJO, _WOLFE = 1e-4, 0.9  # of the first slope: what a step must gain, what may be left
_LEAST_CURVATURE = 1e-10


def minimize(function: Function, start: Floats, iterations: int, tolerance: float) -> Floats:
    """Return where a function is smallest, as far as so many iterations lead.

    Parameters
    ----------
    function : callable
        From a place to the value and the gradient there, of the place's shape and float64.
    start : ndarray of shape (n_numbers,), float64
    iterations : int
        At most.
    tolerance : float
        Of the gradient's largest number, below which the search ends.

    Returns
    -------
    ndarray of shape (n_numbers,), float64
    """
    place = start
    value, gradient = function(place)
    steps: deque[tuple[Floats, Floats, float]] = deque(maxlen=_MEMORY)
    for _ in range(iterations):
        if np.abs(gradient).max() <= tolerance:
            break
        direction = _direction(gradient, steps)
        first = 1.0 if steps else min(1.0, 1 / math.sqrt(gradient @ gradient))
        found = _along(function, place, direction, value, float(gradient @ direction), first)
        if found is None:
            break
        there, new_value, new_gradient = found
        step, change = there - place, new_gradient - gradient
        curvature = float(step @ change)
        if curvature > _LEAST_CURVATURE * math.sqrt((step @ step) * (change @ change)):
            steps.append((step, change, 1 / curvature))
        gained = value - new_value
        place, value, gradient = there, new_value, new_gradient
        if gained <= _LEAST_GAIN * max(abs(value), 1):
            break
    return place


def _direction(gradient: Floats, steps: deque[tuple[Floats, Floats, float]]) -> Floats:
    """Return minus the gradient, times the inverse of the curvature that earlier steps met."""
    direction = -gradient
    shares = []
    for step, change, inverse in reversed(steps):
        shares.append(inverse * (step @ direction))
        direction = direction - shares[-1] * change
    if steps:
        _, change, inverse = steps[-1]
        direction /= inverse * (change @ change)
    for (step, change, inverse), share in zip(steps, reversed(shares), strict=True):
        direction += (share - inverse * (change @ direction)) * step
    return direction


def _along(
    function: Function, place: Floats, direction: Floats, value: float, slope: float, size: float
) -> tuple[Floats, float, Floats] | None:
    """Return a place in this direction where the Wolfe conditions hold, its value and gradient.

    None where there is none, as when rounding hides what could still be gained.

    Parameters
    ----------
    function : callable
    place, direction : ndarray
    value, slope : float
        At the beginning.
    size : float
        Of the step to try first.
    """
    low, low_value, low_slope, high = 0.0, value, slope, math.inf
    for _ in range(_EVALUATIONS if slope < 0 else 0):
        there = place + size * direction
        new_value, gradient = function(there)
        new_slope = float(gradient @ direction)
        gap = size - low
        if not new_value <= value + _ARMIJO * size * slope:  # too far; also where it is no number
            high = size
            bend = new_value - low_value - low_slope * gap
            # where the parabola through both values and the first slope is smallest
            best = -low_slope * gap**2 / (2 * bend) if bend > 0 else gap / 2
            size = low + min(max(best, 0.1 * gap), 0.5 * gap)
        elif new_slope < _WOLFE * slope:  # not far enough
            best = gap * new_slope / (low_slope - new_slope) if low_slope < new_slope else math.inf
            low, low_value, low_slope = size, new_value, new_slope
            if high == math.inf:
                size += min(max(best, gap), 4 * gap)
            else:
                size += min(max(best, 0.1 * (high - low)), 0.5 * (high - low))
        else:
            return there, new_value, gradient
    return None
