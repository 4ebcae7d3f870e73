"""Times, figures and results, in words."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from handler.models.manifest import Run
from handler.report import labels

_UNITS = (("year", 365 * 86400), ("day", 86400), ("hour", 3600), ("minute", 60))


@dataclass(frozen=True)
class Moment:
    """A point in time.

    Attributes
    ----------
    iso : str
        For machines.
    exact : str
        With date and time of day.
    ago : str
        How long ago, roughly.
    """

    iso: str
    exact: str
    ago: str


def moment(seconds: float) -> Moment:
    """Tell a time that is given in seconds since 1970."""
    utc = datetime.fromtimestamp(seconds, UTC)
    exact = f"{utc:%d %b %Y, %H:%M} UTC".removeprefix("0")
    return Moment(utc.isoformat(timespec="seconds"), exact, _ago(time.time() - seconds))


def _ago(passed: float) -> str:
    for unit, length in _UNITS:
        number = int(passed // length)
        if number >= 1:
            return f"{counted(number, unit)} ago"
    return "just now"


def counted(number: int, noun: str) -> str:
    """Return a number of things: "1 row", "1,204 rows"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def changed(run: Run) -> Moment:
    """Return when a run was made."""
    return moment(int(run.name.partition("-")[0]))


def rows(run: Run) -> str:
    """Say from how much a run learned."""
    if run.n_samples:
        return counted(run.n_samples, "row")
    if run.trainings:
        return f"{counted(run.trainings[-1].samples, 'row')} in its last training"
    return "rows of another site"


def name(target: str, uniqueid: str) -> str:
    """Return what a model is called, as Moodle does where its target is known."""
    return labels.readable(target) if target else f"A model ({uniqueid[:7]})"
