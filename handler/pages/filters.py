"""Filters of the templates: times, figures, names and results in words."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from handler.models.manifest import Run
from handler.models.overview import Overview
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


def readable(name: str) -> str:
    """Return a target or an analysis interval as people call it, "" where it is not known."""
    return labels.readable(name)


def title_of(model: Overview) -> str:
    """Return what a model is called, as Moodle does where its target is known."""
    return readable(model.target) or f"A model ({model.uniqueid[:7]})"


def learned(run: Run) -> str:
    """Say from how much a run learned."""
    if run.n_samples:
        return counted(run.n_samples, "row")
    return "rows of another site"


def asked_for(endpoint: str) -> str:
    """Return what a request was for, by the endpoint that it asked."""
    return endpoint.partition("_")[0].capitalize()


def day(seconds: float) -> str:
    """Return the date of a time in seconds since 1970."""
    return f"{datetime.fromtimestamp(seconds, UTC):%d %b %Y}".removeprefix("0")


ALL = (moment, day, counted, asked_for, readable, title_of, learned)
