"""What an evaluation means, in plain words: each function says one thing, and what is known only.

Shares are told as so many of 100. A round 100 or 0 is said only where it is exact.
"""

from __future__ import annotations

from handler.answers import MIN_PREDICTION_SCORE
from handler.report import labels
from mlcore.evaluation import Evaluation
from mlcore.importance import Indicator

USED_FROM = MIN_PREDICTION_SCORE
_CLOSE = 3  # percentage points that probabilities may be off to be taken at their word
_FAR = 10
_FLAT = 0.05  # of the log-loss of knowing nothing: a gain below is not worth waiting for more data


def of_100(share: float) -> str:
    """Return a share as so many of 100."""
    number = round(100 * share)
    if number == 100 and share < 1:
        return "more than 99 of 100"
    if number == 0 and share > 0:
        return "fewer than 1 of 100"
    return f"{number} of 100"


def right(evaluation: Evaluation, target: str) -> str:
    """Say how often the model is right, next to always guessing the most frequent class."""
    accuracy = evaluation.mean("accuracy")
    assert accuracy is not None
    baseline = evaluation.report.baseline
    guess = labels.short_label(target, baseline.class_)
    return (
        f"It is right in {of_100(accuracy)} cases. Always guessing “{guess}” would be right in "
        f"{of_100(baseline.accuracy)}."
    )


def used(evaluation: Evaluation) -> str:
    """Say what is left when Moodle has dropped unsure predictions; of two classes only."""
    calibration = evaluation.report.calibration
    if len(calibration) != 2:
        return ""
    bins = calibration[1].bins
    total = sum(entry.samples for entry in bins)
    sure = [b for b in bins if max(b.predicted, 1 - b.predicted) >= USED_FROM]
    kept = sum(entry.samples for entry in sure)
    if not kept:
        return "Moodle drops predictions that are less than 60 % sure: here all of them."
    correct = sum(
        b.samples * (b.observed if b.predicted >= USED_FROM else 1 - b.observed) for b in sure
    )
    return (
        f"Moodle drops predictions that are less than 60 % sure. It keeps {of_100(kept / total)}, "
        f"and of these {of_100(correct / kept)} are right."
    )


def found(evaluation: Evaluation, target: str, at: int) -> str:
    """Say how many of a class are found and missed; `at` is the place of the class."""
    value, of_class, predicted, both = _counts(evaluation, at)
    who = labels.members(target, value)
    if not of_class:
        return f"There were no {who} to test on."
    if not predicted:
        return f"It finds none of the {who}."
    return f"Of 100 {who} it finds {_number(both / of_class)}{_missed(both, of_class)}."


def _missed(found: int, of_class: int) -> str:
    """Return how many are missed, such that both numbers make 100."""
    number = round(100 * found / of_class)
    return f" and misses {100 - number}" if 0 < number < 100 else ""


def warnings_right(evaluation: Evaluation, target: str, at: int) -> str:
    """Say how many of those that are taken for a class are of it."""
    value, _, predicted, both = _counts(evaluation, at)
    label = labels.short_label(target, value)
    if not predicted:
        return f"It never predicts “{label}”."
    return f"Of 100 that it predicts as “{label}”, {_number(both / predicted)} really are."


def _number(share: float) -> str:
    return of_100(share).removesuffix(" of 100")


def _counts(evaluation: Evaluation, at: int) -> tuple[int, int, int, int]:
    """Return a class, how many samples are of it, are predicted as it, and are both."""
    matrix = evaluation.report.confusion_matrix
    value = evaluation.report.classes[at].class_
    return value, sum(matrix[at]), sum(row[at] for row in matrix), matrix[at][at]


def hardest(evaluation: Evaluation, target: str) -> list[str]:
    """Say what the model misses.

    Of two classes the higher one is what Moodle warns of; of more, the one that is found worst is
    told.
    """
    classes = evaluation.report.classes
    at = 1
    if len(classes) > 2:
        shares = []
        for i in range(len(classes)):
            _, of_class, _, both = _counts(evaluation, i)
            shares.append(both / of_class if of_class else 1.0)
        if min(shares) == 1:
            return ["It found all samples of every class."]
        at = shares.index(min(shares))
    sentences = [found(evaluation, target, at), warnings_right(evaluation, target, at)]
    if len(classes) > 2:
        label = labels.short_label(target, classes[at].class_)
        sentences.insert(0, f"Of the {len(classes)} classes “{label}” is the hardest.")
    return sentences


def ranking(auc: float) -> str:
    """Say how well two classes are told apart."""
    for least, how in (
        (0.9, "very well"),
        (0.8, "well"),
        (0.7, "fairly well"),
        (0.6, "somewhat"),
    ):
        if auc >= least:
            return f"It tells the two groups apart {how}"
    return "It hardly tells the two groups apart"


def calibration(evaluation: Evaluation) -> str:
    """Say whether probabilities come true: half of what they are off, added up over the classes."""
    tables = evaluation.report.calibration
    off = sum(b.samples * abs(b.predicted - b.observed) for table in tables for b in table.bins)
    points = round(100 * off / (2 * evaluation.report.tested_samples))
    number = f"{points} percentage point{'s' if points > 1 else ''}"
    how_far = f"on average they are {number if points else 'less than one percentage point'} off"
    if points <= _CLOSE:
        return f"Its probabilities can be taken at their word: {how_far}."
    if points <= _FAR:
        return f"Its probabilities are roughly right: {how_far}."
    return f"Its probabilities should not be taken at their word: {how_far}."


def more_data(evaluation: Evaluation) -> str:
    """Say whether more data would help: what the second half of it brought, beside chance.

    The learning curve is a mean over two iterations, so chance is what the log-loss varies by from
    one iteration to another, divided by the root of two.
    """
    curve = evaluation.report.learning_curve
    deviation = evaluation.deviation("log_loss")
    if not curve or len(curve) < 2 or len(evaluation.iterations) < 2:
        return "This evaluation cannot tell whether more data would help."
    assert deviation is not None
    half, last = curve[-2:]
    gain, chance = half.log_loss - last.log_loss, deviation / 2**0.5
    worth = _FLAT * evaluation.report.baseline.log_loss
    grew = f"from {half.samples:,} to {last.samples:,} samples"
    if gain > max(chance, worth):
        return f"More data should help: {grew} its error fell by {gain / half.log_loss:.0%}."
    if chance <= worth:
        return f"More data of the same kind would hardly help: {grew} its error hardly fell."
    return f"It is open whether more data would help: {grew} its error fell no more than by chance."


def direction(indicator: Indicator, target: str, classes: list[int]) -> str:
    """Say what a higher value of an indicator makes more likely."""
    changes = indicator.direction
    if changes is None:
        return "has no higher or lower"
    best = max(range(len(classes)), key=lambda i: changes[i])
    if len(classes) == 2:  # as seen from what is warned of
        sign = "more" if changes[1] > 0 else "less"
        return f"higher: “{labels.short_label(target, classes[1])}” {sign} likely"
    return f"higher: “{labels.short_label(target, classes[best])}” more likely"


def without_value(indicator: Indicator, target: str, classes: list[int]) -> str:
    """Say what a missing value of an indicator speaks for, "" where values never go missing."""
    changes = indicator.direction_without_value
    if changes is None:
        return ""
    best = max(range(len(classes)), key=lambda i: changes[i])
    return f"no value: “{labels.short_label(target, classes[best])}” more likely"


def stands_out(indicator: Indicator) -> bool:
    """Say whether an indicator's importance is more than chance."""
    return indicator.importance > indicator.importance_deviation
