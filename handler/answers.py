"""What Moodle is told of an evaluation: its codes and its fields."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlcore.evaluation import Evaluation

OK = 0
NO_MODEL = 2
LOW_SCORE = 4
NOT_ENOUGH_DATA = 8

# the existing backend's words, typo included
UNTRAINED = "Provided model have not been trained yet"
_LOW_SCORE = (
    "The model predicts not well enough: its score is {score}, and at least {least} is asked for. "
    "Other indicators or another analysis interval may help."
)
_UNRELIABLE = (
    "There is not enough data for a reliable result: from one part of it to another the score "
    "varies by {varies}, and at most {most} is accepted."
)
_TIME_UP = "There was time for {done} of {asked} iterations."

# what the answer to a request that did not fail may tell, by the code that Moodle knows it by
SENTENCES = {OK: _TIME_UP, NO_MODEL: UNTRAINED, LOW_SCORE: _LOW_SCORE, NOT_ENOUGH_DATA: _UNRELIABLE}

# Moodle drops a prediction with a lower score
MIN_PREDICTION_SCORE = 0.6

_MOST_DIGITS = 12  # of a number in a sentence
_ROWS = 1 << 12  # of an answer, at a time

# name in Moodle's answer, name of the measure
_MEASURES = (
    ("score", "f1_score"),
    ("accuracy", "accuracy"),
    ("balanced accuracy", "balanced_accuracy"),
    ("precision", "precision"),
    ("recall", "recall"),
    ("f1_score", "f1_score"),
)


class Predictions(NamedTuple):
    """What was predicted.

    Attributes
    ----------
    sample_ids : list of str
        As they were sent.
    classes : ndarray of shape (n_samples,), int64
        Those predicted, as Moodle calls them.
    scores : ndarray of shape (n_samples,), float64
        The probabilities that these classes are right.
    """

    sample_ids: list[str]
    classes: NDArray[np.int64]
    scores: NDArray[np.float64]

    @property
    def n_unsure(self) -> int:
        """How many of them Moodle drops."""
        return int(np.sum(self.scores < MIN_PREDICTION_SCORE))


def of_predictions(predictions: Predictions | None) -> bytes:
    """Return Moodle's answer as JSON; None stands for a model that was never trained.

    It is made piece by piece: all rows at once would take fifty times the memory of small samples.
    """
    if predictions is None:
        return json.dumps({"status": NO_MODEL, "info": [UNTRAINED]}).encode()
    sample_ids, classes, scores = predictions
    pieces = []
    for begin in range(0, len(sample_ids), _ROWS):
        some = slice(begin, begin + _ROWS)
        rows = [
            [sample_id, str(value), f"{score:.6g}"]
            for sample_id, value, score in zip(
                sample_ids[some], classes[some].tolist(), scores[some].tolist(), strict=True
            )
        ]
        pieces.append(json.dumps(rows)[1:-1])
    head = json.dumps({"status": OK, "info": [], "predictions": []}).removesuffix("]}")
    return f"{head}{', '.join(pieces)}]}}".encode()


def of_evaluation(evaluation: Evaluation, min_score: float, max_deviation: float) -> dict[str, Any]:
    """Return Moodle's answer, all but runid and dir.

    Parameters
    ----------
    evaluation : Evaluation
    min_score : float
        A lower score sets `LOW_SCORE`.
    max_deviation : float
        A larger standard deviation of the score sets `NOT_ENOUGH_DATA`.
    """
    answer: dict[str, Any] = {name: evaluation.mean(measure) for name, measure in _MEASURES}
    deviation = evaluation.deviation("f1_score") or 0.0
    status, info = OK, []
    if answer["score"] < min_score:
        status |= LOW_SCORE
        score, least = told_apart(answer["score"], min_score, 2)
        info.append(_LOW_SCORE.format(score=score, least=least))
    if deviation > max_deviation:
        status |= NOT_ENOUGH_DATA
        varies, most = told_apart(deviation, max_deviation, 3)
        info.append(_UNRELIABLE.format(varies=varies, most=most))
    done = len(evaluation.iterations)
    if done < evaluation.n_asked:
        info.append(_TIME_UP.format(done=done, asked=evaluation.n_asked))
    answer |= _verdict(status, info, min_score, max_deviation, deviation)
    if evaluation.mean("auc") is not None:
        answer["auc"] = evaluation.mean("auc")
        answer["auc_deviation"] = evaluation.deviation("auc")
    return answer


def told_apart(number: float, bound: float, digits: int) -> tuple[str, str]:
    """Return a number and what it is compared with, rounded so that they do not look alike."""
    while digits < _MOST_DIGITS and f"{number:.{digits}f}" == f"{bound:.{digits}f}":
        digits += 1
    return f"{number:.{digits}f}", f"{bound:.{digits}f}"


def without_evaluation(
    status: int, sentence: str, min_score: float, max_deviation: float
) -> dict[str, Any]:
    """Return Moodle's answer where nothing could be evaluated; the measures are 0."""
    nothing: dict[str, Any] = {name: 0.0 for name, _ in _MEASURES}
    return nothing | _verdict(status, [sentence], min_score, max_deviation, 0.0)


def _verdict(
    status: int, info: list[str], min_score: float, max_deviation: float, deviation: float
) -> dict[str, Any]:
    return {
        "status": status,
        "info": info,
        "score_deviation": deviation,
        "min_score": min_score,
        "accepted_deviation": max_deviation,
    }
