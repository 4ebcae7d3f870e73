"""A model in words: what both the list and its own page show."""

from __future__ import annotations

from dataclasses import dataclass, field

from handler import errors
from handler.models.evaluations import KeptEvaluation
from handler.models.manifest import Run
from handler.models.model_id import ModelId
from handler.models.overview import Overview, Part
from handler.pages import filters
from handler.pages.filters import Moment
from handler.report import Verdict, labels

# What values of wrong kinds lead to, in a file that somebody changed.
_DAMAGED = (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError)


@dataclass(frozen=True)
class Snapshot:
    """A run in words."""

    name: str
    changed: Moment
    rows: str
    imported: bool
    sampled: bool
    time_splitting: str
    history: list[tuple[Moment, int]]

    @classmethod
    def of(cls, run: Run) -> Snapshot:
        """Describe a run; its trainings the newest first."""
        return cls(
            name=run.name,
            changed=filters.changed(run),
            rows=filters.rows(run),
            imported=run.imported,
            sampled=run.sampled,
            time_splitting=labels.readable(run.time_splitting),
            history=[
                (filters.moment(training.at), int(training.samples))
                for training in reversed(run.trainings)
            ],
        )


@dataclass(frozen=True)
class State:
    """What predicts under one dirhash, and what one can go back to."""

    dirhash: str
    current: Snapshot
    previous: Snapshot | None


@dataclass(frozen=True)
class Evaluation:
    """An evaluation in words."""

    dirhash: str
    runid: int
    at: Moment
    time_splitting: str
    verdict: Verdict

    @classmethod
    def of(cls, model: ModelId, kept: KeptEvaluation) -> Evaluation:
        """Describe an evaluation."""
        return cls(
            dirhash=model.dirhash,
            runid=kept.runid,
            at=filters.moment(kept.runid / 1000),
            time_splitting=labels.readable(kept.time_splitting),
            verdict=kept.verdict,
        )


@dataclass(frozen=True)
class UsedBy:
    """A Moodle site in words."""

    address: str
    version: str
    seen: float
    at: Moment


@dataclass(frozen=True)
class Described:
    """A model in words.

    Attributes
    ----------
    uniqueid, title : str
    problems : list of str
        Sentences about what cannot be read.
    states : list of State
        The one changed last first.
    evaluations : list of Evaluation
        The newest first.
    predictions, predicted_rows : int
        How often predictions were asked for, and for how many rows in all.
    predicted : Moment or None
        When last.
    sites : list of UsedBy
    """

    uniqueid: str
    title: str
    problems: list[str]
    states: list[State]
    evaluations: list[Evaluation]
    predictions: int = 0
    predicted_rows: int = 0
    predicted: Moment | None = None
    sites: list[UsedBy] = field(default_factory=list)


def described(overview: Overview) -> Described:
    """Describe a model; of a damaged one no more than that it is damaged."""
    try:
        return _described(overview)
    except _DAMAGED:
        return Described(
            uniqueid=overview.uniqueid,
            title=filters.name("", overview.uniqueid),
            problems=[errors.ModelIncomplete.sentence],
            states=[],
            evaluations=[],
        )


def _described(overview: Overview) -> Described:
    trained, evaluations = overview.trained, overview.evaluations
    targets = [part.run.target for part in trained if part.run]
    targets += [kept.target for _, kept in evaluations]
    activity = overview.activity
    return Described(
        uniqueid=overview.uniqueid,
        title=filters.name(next(filter(None, targets), ""), overview.uniqueid),
        problems=overview.problems,
        states=[_state(part) for part in trained],
        evaluations=[Evaluation.of(model, kept) for model, kept in evaluations],
        predictions=int(activity.predictions),
        predicted_rows=int(activity.samples),
        predicted=filters.moment(activity.predicted) if activity.predictions else None,
        sites=[
            UsedBy(address, site.version, float(site.seen), filters.moment(site.seen))
            for address, site in activity.sites.items()
        ],
    )


def _state(part: Part) -> State:
    assert part.manifest
    assert part.manifest.current
    current, previous = part.manifest.current, part.manifest.previous
    return State(
        part.model.dirhash, Snapshot.of(current), Snapshot.of(previous) if previous else None
    )
