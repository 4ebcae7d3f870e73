"""The verdict on an evaluated model, which the report and the admin's pages show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from handler import answers
from handler.report import labels

if TYPE_CHECKING:
    from mlcore.evaluation import Evaluation


@dataclass(frozen=True)
class Verdict:
    """Whether a model may be used.

    Attributes
    ----------
    level : {"good", "care", "bad"}
    headline : str
    why : str
    """

    level: str
    headline: str
    why: str


def verdict(answer: dict[str, Any], evaluation: Evaluation | None, target: str) -> Verdict:
    """Say whether the model may be used: Moodle's own conditions first, then common sense.

    A model that always guesses the most frequent class often reaches Moodle's score. So a good one
    must be right more often than that, and its score must be higher by more than it varies. Where
    only its score or its probabilities are better, it still tells who is likelier than others.

    Parameters
    ----------
    answer : dict
        What Moodle is told (see `handler.answers`).
    evaluation : Evaluation or None
        None where nothing could be evaluated.
    target : str
        Moodle's name of the target, "" where it is not known.
    """
    if evaluation is None:
        return _not_evaluated(answer)
    baseline = evaluation.report.baseline
    guess = labels.short_label(target, baseline.class_)
    score, deviation = answer["score"], answer["score_deviation"]
    if answer["status"] & answers.LOW_SCORE:
        found, least = answers.told_apart(score, answer["min_score"], 2)
        why = (
            f"Its score is {found}, and this evaluation asks for {least}. "
            "Try other indicators or another analysis interval."
        )
        return Verdict("bad", "No: this model predicts too poorly", why)
    if answer["status"] & answers.NOT_ENOUGH_DATA:
        varies, most = answers.told_apart(deviation, answer["accepted_deviation"], 3)
        why = (
            f"From one part of the data to another its score varies by {varies}, and at "
            f"most {most} is accepted. Evaluate again when more "
            "courses have ended."
        )
        return Verdict("bad", "Not yet: there is too little data to be sure", why)
    accepted = (
        f"Moodle accepts it (score {score:.2f}, at least {answer['min_score']:.2f} asked for)"
    )
    better = score - baseline.f1_score > deviation
    if better and answer["accuracy"] > baseline.accuracy:
        why = (
            f"Its score is {score:.2f} (varying by {deviation:.2f}); this evaluation asks for "
            f"{answer['min_score']:.2f}, and always guessing “{guess}” would get "
            f"{baseline.f1_score:.2f}."
        )
        return Verdict("good", "Yes: this model may be used", why)
    if better or _tells_something(evaluation):
        no_more = "hardly more" if answer["accuracy"] > baseline.accuracy else "no more"
        why = (
            f"{accepted}, but it is {no_more} often right than always guessing “{guess}”. What "
            "it does tell is for whom the rarer outcome is more likely than for others: use its "
            "predictions as hints on whom to look at first."
        )
        return Verdict("care", "With care: it gives hints, not answers", why)
    why = (
        f"{accepted}, but always guessing “{guess}” would do as well (score "
        f"{baseline.f1_score:.2f}): so far the indicators say nothing about the outcome."
    )
    return Verdict("bad", "Better not: it is no better than guessing", why)


def _not_evaluated(answer: dict[str, Any]) -> Verdict:
    what_to_do = (
        "Train the model first (Analytics models › Actions), then evaluate it."
        if answer["status"] == answers.NO_MODEL
        else "Evaluate again when more courses have ended."
    )
    reason = " ".join(sentence.rstrip(".") + "." for sentence in answer["info"])
    return Verdict("bad", "This model could not be evaluated", f"{reason} {what_to_do}")


def _tells_something(evaluation: Evaluation) -> bool:
    """Say whether probabilities beat the bare frequencies of the classes by more than chance."""
    log_loss, deviation = evaluation.mean("log_loss"), evaluation.deviation("log_loss")
    assert log_loss is not None
    assert deviation is not None
    better: bool = log_loss + deviation < evaluation.report.baseline.log_loss
    return better
