"""Evaluations made by hand, with the figures that a test is about."""

from datetime import UTC, datetime

import pytest

from handler import answers
from handler.report import Context
from infra.lab.course import Course
from mlcore import read_labelled
from mlcore.evaluation import Evaluation, evaluate
from mlcore.measures import Baseline, Bin, Calibration, ClassSize, Measures, Report


def measures(f1_score=0.8, accuracy=0.8, log_loss=0.4, auc=0.9):
    return Measures(
        accuracy=accuracy,
        balanced_accuracy=0.7,
        precision=0.8,
        recall=0.8,
        f1_score=f1_score,
        auc=auc,
        log_loss=log_loss,
        brier_score=0.2,
    )


REPORT = Report(
    seed="00",
    samples=100,
    distinct_samples=90,
    features=5,
    empty_features=1,
    constant_features=1,
    classes=(ClassSize(0, 80), ClassSize(1, 20)),
    auc_one_vs_rest=(),
    tested_samples=100,
    confusion_matrix=((76, 4), (8, 12)),
    calibration=(Calibration(0, (Bin(100, 0.8, 0.8),)), Calibration(1, (Bin(100, 0.2, 0.2),))),
    baseline=Baseline(class_=0, accuracy=0.8, f1_score=0.71, log_loss=0.5),
    roc=(),
    precision_recall=(),
    counts_by_threshold=(),
    indicators=(),
)


def make(iterations=None, **report):
    """An evaluation of two classes, 80 tests of class 0 and 20 of class 1."""
    iterations = iterations or [measures(), measures()]
    return Evaluation(
        iterations=tuple(iterations),
        n_asked=len(iterations),
        report=Report(**{**vars(REPORT), **report}),
    )


@pytest.fixture(scope="session")
def make_evaluation():
    """Makes an evaluation; keywords replace parts of its report."""
    return make


@pytest.fixture(scope="session")
def make_measures():
    """Makes the measures of an iteration."""
    return measures


@pytest.fixture(scope="session")
def context():
    return Context(
        made=datetime(2026, 11, 25, 12, 30, tzinfo=UTC),
        target=r"\core_course\analytics\target\course_dropout",
        time_splitting=r"\core\analytics\time_splitting\quarters",
    )


def evaluated(course, n_samples, n_iterations):
    evaluation = evaluate(read_labelled(course.labelled(n_samples)), n_iterations)
    return answers.of_evaluation(evaluation, 0.7, 0.05), evaluation


@pytest.fixture(scope="session")
def two_classes():
    """What Moodle is told of a course, and its evaluation."""
    return evaluated(Course(n_features=30, noise=0.3, minority=0.3, unused=0.3, seed=2), 200, 3)


@pytest.fixture(scope="session")
def many_classes():
    """The same of twelve classes."""
    course = Course(
        n_features=12, n_classes=12, noise=0.2, minority=0.9, unused=0.2, missing=0, seed=3
    )
    return evaluated(course, 240, 2)
