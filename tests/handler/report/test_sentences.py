"""What is said of an evaluation in plain words, and where one sentence ends and another begins."""

import pytest

from handler.report import sentences
from mlcore.importance import Indicator
from mlcore.measures import Bin, Calibration, ClassSize, LearningPoint

DROPOUT = r"\core_course\analytics\target\course_dropout"


@pytest.mark.parametrize(
    ("share", "said"),
    [
        (0, "0 of 100"),
        (0.004, "fewer than 1 of 100"),
        (0.006, "1 of 100"),
        (0.84, "84 of 100"),
        (0.994, "99 of 100"),
        (0.996, "more than 99 of 100"),
        (1, "100 of 100"),
    ],
)
def test_a_round_100_or_0_is_said_only_where_it_is_exact(share, said):
    assert sentences.of_100(share) == said


# how often it is right ----------------------------------------------------------------------------


def test_being_right_stands_beside_guessing(make_evaluation):
    said = sentences.right(make_evaluation(), DROPOUT)
    assert said == (
        "It is right in 80 of 100 cases. Always guessing “stayed” would be right in 80 of 100."
    )


def test_without_a_known_target_classes_are_numbers(make_evaluation):
    assert "“class 0”" in sentences.right(make_evaluation(), "")


def bins(*entries):
    return [
        Calibration(0, []),
        Calibration(1, [Bin(*entry) for entry in entries]),
    ]


def test_only_predictions_that_moodle_uses_are_counted(make_evaluation):
    tables = bins((50, 0.1, 0.1), (20, 0.5, 0.5), (20, 0.41, 0), (10, 0.6, 0.8))
    said = sentences.used(make_evaluation(calibration=tables))
    # 45 of 50 and 8 of 10
    assert said.endswith("It keeps 60 of 100, and of these 88 of 100 are right.")


def test_where_moodle_uses_none_that_is_told(make_evaluation):
    said = sentences.used(make_evaluation(calibration=bins((10, 0.5, 0.5))))
    assert said.endswith("here all of them.")


def test_of_several_classes_what_moodle_uses_is_not_known(many_classes):
    assert sentences.used(many_classes[1]) == ""


# what it misses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        (
            [[76, 4], [8, 12]],
            [
                "Of 100 students who dropped out it finds 60 and misses 40.",
                "Of 100 that it predicts as “dropped out”, 75 really are.",
            ],
        ),
        (
            [[80, 0], [0, 20]],
            [
                "Of 100 students who dropped out it finds 100.",
                "Of 100 that it predicts as “dropped out”, 100 really are.",
            ],
        ),
        (
            [[80, 0], [20, 0]],
            [
                "It finds none of the students who dropped out.",
                "It never predicts “dropped out”.",
            ],
        ),
        (
            [[79, 1], [20, 0]],
            [
                "Of 100 students who dropped out it finds 0.",
                "Of 100 that it predicts as “dropped out”, 0 really are.",
            ],
        ),
        (
            [[80, 0], [0, 0]],
            [
                "There were no students who dropped out to test on.",
                "It never predicts “dropped out”.",
            ],
        ),
        (
            [[0, 0], [1, 999]],
            [
                "Of 100 students who dropped out it finds more than 99.",
                "Of 100 that it predicts as “dropped out”, 100 really are.",
            ],
        ),
    ],
)
def test_of_two_classes_the_higher_one_is_told(make_evaluation, matrix, said):
    assert sentences.hardest(make_evaluation(confusion_matrix=matrix), DROPOUT) == said


def three(matrix):
    return {
        "classes": [ClassSize(value, 10) for value in (0, 5, 7)],
        "confusion_matrix": matrix,
    }


def test_of_several_classes_the_one_that_is_found_worst_is_told(make_evaluation):
    evaluation = make_evaluation(**three([[9, 1, 0], [5, 5, 0], [0, 0, 0]]))
    assert sentences.hardest(evaluation, "") == [
        "Of the 3 classes “class 5” is the hardest.",
        "Of 100 samples of class 5 it finds 50 and misses 50.",
        "Of 100 that it predicts as “class 5”, 83 really are.",
    ]


def test_where_nothing_is_missed_no_class_is_hardest(make_evaluation):
    evaluation = make_evaluation(**three([[9, 0, 0], [0, 9, 0], [0, 0, 0]]))
    assert sentences.hardest(evaluation, "") == ["It found all samples of every class."]


@pytest.mark.parametrize(
    ("auc", "how"),
    [(1, "very well"), (0.9, "very well"), (0.89, "well"), (0.8, "well"), (0.79, "fairly well")],
)
def test_how_well_classes_are_told_apart(auc, how):
    assert sentences.ranking(auc) == f"It tells the two groups apart {how}"


def test_hardly_better_than_chance_is_told_so():
    assert sentences.ranking(0.6).endswith("somewhat")
    assert sentences.ranking(0.59) == "It hardly tells the two groups apart"


# probabilities ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "said"),
    [
        (0, "can be taken at their word: on average they are less than one percentage point off."),
        (0.01, "can be taken at their word: on average they are 1 percentage point off."),
        (0.03, "can be taken at their word: on average they are 3 percentage points off."),
        (0.04, "are roughly right: on average they are 4 percentage points off."),
        (0.1, "are roughly right: on average they are 10 percentage points off."),
        (0.11, "should not be taken at their word: on average they are 11 percentage points off."),
    ],
)
def test_probabilities_are_compared_with_what_came_true(make_evaluation, off, said):
    tables = [
        Calibration(0, [Bin(100, 0.75 - off, 0.75)]),
        Calibration(1, [Bin(100, 0.25 + off, 0.25)]),
    ]
    assert sentences.calibration(make_evaluation(calibration=tables)) == f"Its probabilities {said}"


# more data ----------------------------------------------------------------------------------------


def curve(*losses):
    return [LearningPoint(1000 * 2**i, loss, 0.01, 0.8, 0.01) for i, loss in enumerate(losses)]


def said_of(make_evaluation, make_measures, losses, deviation):
    """The log-loss of knowing nothing is 0.5, so a gain of 0.025 is worth something."""
    iterations = [make_measures(log_loss=0.3 + by) for by in (-deviation, deviation)]
    return sentences.more_data(
        make_evaluation(iterations, learning_curve=losses and curve(*losses))
    )


@pytest.mark.parametrize(
    ("losses", "deviation", "beginning"),
    [
        (
            (0.5, 0.4, 0.3),
            0.01,
            "More data should help: from 2,000 to 4,000 samples its error fell",
        ),
        ((0.4, 0.374), 0.01, "More data should help"),
        ((0.4, 0.376), 0.01, "More data of the same kind would hardly help"),
        ((0.4, 0.41), 0.01, "More data of the same kind would hardly help"),
        ((0.4, 0.376), 0.04, "It is open whether more data would help"),
        ((0.4, 0.34), 0.08, "More data should help"),  # 0.06 is more than 0.08 / √2
        ((0.4, 0.35), 0.08, "It is open whether more data would help"),
        ((0.4,), 0.01, "This evaluation cannot tell"),
        (None, 0.01, "This evaluation cannot tell"),
    ],
)
def test_more_data_helps_when_its_second_half_helped_beyond_chance(
    make_evaluation, make_measures, losses, deviation, beginning
):
    assert said_of(make_evaluation, make_measures, losses, deviation).startswith(beginning)


def test_with_one_iteration_chance_is_not_known(make_evaluation, make_measures):
    evaluation = make_evaluation([make_measures()], learning_curve=curve(0.5, 0.3))
    assert sentences.more_data(evaluation).startswith("This evaluation cannot tell")


# indicators ---------------------------------------------------------------------------------------


def indicator(deviation=0.0, direction=None, without_value=None):
    return Indicator("a", ("a",), 0.1, deviation, direction, without_value)


@pytest.mark.parametrize(
    ("direction", "classes", "said"),
    [
        ([-0.1, 0.1], [0, 1], "higher: “dropped out” more likely"),
        ([0.1, -0.1], [0, 1], "higher: “dropped out” less likely"),
        ([-0.1, 0.0, 0.1], [0, 1, 2], "higher: “class 2” more likely"),
        (None, [0, 1], "has no higher or lower"),
    ],
)
def test_a_direction_is_told(direction, classes, said):
    assert sentences.direction(indicator(direction=direction), DROPOUT, classes) == said


def test_a_missing_value_is_told_where_values_go_missing():
    def said(direction):
        return sentences.without_value(indicator(without_value=direction), DROPOUT, [0, 1])

    assert said([-0.1, 0.1]) == "no value: “dropped out” more likely"
    assert said([0.1, -0.1]) == "no value: “stayed” more likely"
    assert said(None) == ""


@pytest.mark.parametrize(("deviation", "stands_out"), [(0.09, True), (0.1, False), (0.2, False)])
def test_an_indicator_stands_out_when_its_importance_is_more_than_chance(deviation, stands_out):
    assert sentences.stands_out(indicator(deviation)) is stands_out
