"""The verdict on a model, and where one ends and another begins."""

import pytest

from handler import answers
from handler.report import verdict
from mlcore.measures import Baseline

DROPOUT = r"\core_course\analytics\target\course_dropout"


def told(evaluation, min_score=0.7, max_deviation=0.05):
    answer = answers.of_evaluation(evaluation, min_score, max_deviation)
    return verdict(answer, evaluation, DROPOUT)


@pytest.fixture
def good(make_measures, make_evaluation):
    """Scores of 0.75 and 0.85; always guessing scores 0.71."""
    return make_evaluation(
        [make_measures(0.75, 0.81, 0.4), make_measures(0.85, 0.85, 0.4)],
        baseline=Baseline(0, 0.8, 0.71, 0.5),
    )


def test_a_good_model_may_be_used(good):
    said = told(good)
    assert (said.level, said.headline) == ("good", "Yes: this model may be used")
    assert "score is 0.80 (varying by 0.05)" in said.why
    assert "always guessing “stayed” would get 0.71" in said.why


def test_the_score_that_is_asked_for_is_enough_and_less_is_not(good):
    assert told(good, min_score=good.mean("f1_score")).level == "good"
    said = told(good, min_score=0.81)
    assert (said.level, said.headline) == ("bad", "No: this model predicts too poorly")
    assert "score is 0.80, and this evaluation asks for 0.81" in said.why


def test_the_deviation_that_is_accepted_is_accepted_and_more_is_not(good):
    assert told(good, max_deviation=good.deviation("f1_score")).level == "good"
    said = told(good, max_deviation=0.04)
    assert said.headline == "Not yet: there is too little data to be sure"
    assert "varies by 0.050, and at most 0.040" in said.why


def test_what_looks_alike_is_told_with_more_digits(make_measures, make_evaluation):
    close = make_evaluation([make_measures(0.6979, 0.8)] * 2)
    assert "score is 0.698, and this evaluation asks for 0.700." in told(close).why
    (sentence,) = answers.of_evaluation(close, 0.7, 0.05)["info"]
    assert "its score is 0.698, and at least 0.700 is asked for" in sentence
    varying = make_evaluation([make_measures(0.75), make_measures(0.8306)])
    assert "varies by 0.0403, and at most 0.0400" in told(varying, max_deviation=0.04).why


def test_a_low_score_is_told_before_a_large_deviation(good):
    assert told(good, min_score=0.9, max_deviation=0).headline.startswith("No:")


@pytest.mark.parametrize(
    ("accuracy", "baseline_f1", "level"),
    [
        (0.81, 0.74, "good"),
        (0.81, 0.76, "care"),  # less than it varies by: 0.05
        (0.80, 0.71, "care"),  # right as often as guessing
    ],
)
def test_a_good_model_beats_guessing_in_score_and_in_being_right(
    make_measures, make_evaluation, accuracy, baseline_f1, level
):
    evaluation = make_evaluation(
        [make_measures(0.75, accuracy), make_measures(0.85, accuracy)],
        baseline=Baseline(0, 0.8, baseline_f1, 0.5),
    )
    assert told(evaluation).level == level


def test_who_is_right_no_more_often_is_told_so_and_hardly_more_often_too(
    make_measures, make_evaluation
):
    def why(accuracy):
        return told(make_evaluation([make_measures(0.72, accuracy)] * 2)).why

    assert "it is no more often right than always guessing “stayed”" in why(0.8)
    close = make_evaluation(
        [make_measures(0.72, 0.81)] * 2,
        baseline=Baseline(0, 0.8, 0.72, 0.5),
    )
    assert "it is hardly more often right than" in told(close).why


@pytest.mark.parametrize(("log_loss", "level"), [(0.38, "care"), (0.4, "bad")])
def test_probabilities_must_beat_the_frequencies_by_more_than_they_vary(
    make_measures, make_evaluation, log_loss, level
):
    evaluation = make_evaluation(
        [make_measures(0.7, 0.8, log_loss), make_measures(0.7, 0.8, log_loss + 0.2)],
        baseline=Baseline(0, 0.8, 0.71, 0.59),
    )
    said = told(evaluation, min_score=0.5)
    assert said.level == level
    if level == "bad":
        assert said.headline == "Better not: it is no better than guessing"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        (answers.NO_MODEL, "Train the model first"),
        (answers.NOT_ENOUGH_DATA, "Evaluate again when more courses have ended"),
    ],
)
def test_what_could_not_be_evaluated_is_told_with_what_to_do(status, advice):
    answer = answers.without_evaluation(status, "The reason", 0.7, 0.05)
    said = verdict(answer, None, DROPOUT)
    assert (said.level, said.headline) == ("bad", "This model could not be evaluated")
    assert said.why.startswith(f"The reason. {advice}")
