"""Evaluation: what is measured, on what, and how it ends."""

import json
import subprocess
import sys
import time
from dataclasses import astuple, fields, replace
from pathlib import Path

import numpy as np
import pytest
from sklearn import metrics

from mlcore import Classifier, blend, errors, evaluate, evaluation
from mlcore.evaluation import Measures
from mlcore.parts import Dense
from tests.mlcore.builders import joined, make_course, make_labelled, make_preparation, rows_of

COURSE = make_course(200, minority=0.3, noise=0.5)
MEASURES = [field.name for field in fields(Measures)]


def make_scorer(n_classes=2):
    """Return a classifier that takes features for scores: log-odds, or one score for each class."""
    width = 1 if n_classes == 2 else n_classes
    part = Dense(
        make_preparation(width), (np.eye(width, dtype=np.float32),), (np.zeros(width, np.float32),)
    )
    names = tuple(f"x{i}" for i in range(width))
    return Classifier(tuple(range(n_classes)), names, (1.0,), (part,))


def make_scored(n_samples, n_classes=2, seed=0):
    """Return samples of a scorer's features, many of them equal, that half explain the class."""
    random = np.random.default_rng(seed)
    y = random.integers(0, n_classes, n_samples)
    truth = np.eye(n_classes)[y] if n_classes > 2 else y[:, None] - 0.5
    X = (truth + random.normal(0, 1, truth.shape)).round(1) + 0.01
    return make_labelled(X, y, tuple(range(n_classes)))


def make_random_labels(n_samples):
    random = np.random.default_rng(0)
    return make_labelled(random.uniform(-1, 1, (n_samples, 3)), random.integers(0, 2, n_samples))


def make_obvious(n_samples):
    X = np.random.default_rng(0).uniform(0.3, 1, (n_samples, 2)).round(2)
    y = np.arange(n_samples) % 2
    return make_labelled(np.where(y[:, None], X, -X), y)


@pytest.fixture
def all_tested(monkeypatch):
    """Let a trained model be tested on all samples instead of a fifth."""
    monkeypatch.setattr(evaluation, "TEST_SHARE", 1.0)


@pytest.fixture(scope="module")
def result():
    return evaluate(COURSE, 10)


# figures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_are_those_of_scikit_learn(all_tested, seed):
    dataset = make_scored(150, seed=seed)
    result = evaluate(dataset, 1, make_scorer())
    y, p = dataset.y, 1 / (1 + np.exp(-dataset.X[:, 0].astype(float)))
    best = p > 0.5
    weighted = {"y_true": y, "y_pred": best, "average": "weighted"}
    assert vars(result.iterations[0]) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(y, best),
            "balanced_accuracy": metrics.balanced_accuracy_score(y, best),
            "precision": metrics.precision_score(**weighted),
            "recall": metrics.recall_score(**weighted),
            "f1_score": metrics.f1_score(**weighted),
            "auc": metrics.roc_auc_score(y, p),
            "log_loss": metrics.log_loss(y, p),
            "brier_score": 2 * metrics.brier_score_loss(y, p),  # the sum over both classes
        },
        rel=1e-5,
    )


def test_the_figures_of_three_classes_are_those_of_scikit_learn_and_there_is_no_auc(all_tested):
    dataset = make_scored(150, n_classes=3)
    result = evaluate(dataset, 2, make_scorer(3))
    best = dataset.X.argmax(axis=1)
    expected = metrics.f1_score(dataset.y, best, average="weighted")
    assert result.mean("f1_score") == pytest.approx(expected)
    assert result.mean("auc") is None
    assert result.deviation("auc") is None


def test_the_auc_is_that_of_the_higher_class(all_tested):
    dataset = make_scored(150)
    swapped = replace(dataset, X=-dataset.X, y=1 - dataset.y)
    auc = evaluate(dataset, 1, make_scorer()).mean("auc")
    assert evaluate(swapped, 1, make_scorer()).mean("auc") == pytest.approx(auc)
    assert auc > 0.7


def test_score_and_deviation_are_those_of_the_iterations(result):
    for name in MEASURES:
        values = [getattr(measures, name) for measures in result.iterations]
        assert len(values) == 10
        assert result.mean(name) == pytest.approx(np.mean(values))
        assert result.deviation(name) == pytest.approx(np.std(values))


def test_what_can_be_learned_scores_better_than_the_baseline(result):
    assert result.mean("auc") > 0.6
    assert result.mean("log_loss") < result.report["baseline"]["log_loss"]


def test_what_is_obvious_is_scored_one_without_deviation():
    result = evaluate(make_obvious(80), 5)
    for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1_score", "auc"):
        assert (result.mean(name), result.deviation(name)) == (1, 0)


def test_what_cannot_be_learned_has_an_auc_of_a_half():
    assert evaluate(make_random_labels(500), 10).mean("auc") == pytest.approx(0.5, abs=0.07)


def test_samples_that_are_learned_from_are_not_tested():
    random = np.random.default_rng(0)
    memorable = make_labelled(random.uniform(-1, 1, (300, 30)), random.integers(0, 2, 300))
    assert evaluate(memorable, 4).mean("accuracy") < 0.65


# the same again ----------------------------------------------------------------------------------


def test_the_same_dataset_gives_the_same_result_whatever_the_order_of_its_rows(result):
    backwards = evaluate(rows_of(COURSE, slice(None, None, -1)), 10)
    assert backwards.iterations == result.iterations
    assert backwards.report == result.report


def test_the_iterations_differ(result):
    assert len({astuple(measures) for measures in result.iterations}) > 5


def test_the_recipe_is_chosen_once(monkeypatch):
    chosen = []
    choose = blend.Task.choose
    monkeypatch.setattr(blend.Task, "choose", lambda task: chosen.append(task) or choose(task))
    evaluate(make_obvious(30), 5)
    assert len(chosen) == 1


def test_of_several_classes_each_has_an_auc_against_the_others():
    dataset = make_scored(300, n_classes=3)
    report = evaluate(replace(dataset, classes=(0, 1, 2)), 5, make_scorer(3)).report
    expected = metrics.roc_auc_score(
        dataset.y, make_scorer(3).predict_proba(dataset.X), multi_class="ovr"
    )
    assert np.mean(report["auc_one_vs_rest"]) == pytest.approx(expected, abs=0.05)
    assert evaluate(COURSE, 1).report["auc_one_vs_rest"] == []


def test_a_class_without_a_sample_has_no_auc():
    dataset = replace(make_obvious(40), classes=(-9, 0, 1))
    assert evaluate(dataset, 2).report["auc_one_vs_rest"] == [None, 1, 1]


# time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadline", [-1e9, 0])
def test_without_any_time_one_iteration_is_done(deadline):
    result = evaluate(COURSE, 10, deadline=deadline)
    assert (len(result.iterations), result.n_asked) == (1, 10)
    assert result.report["tested_samples"] == 40


def test_a_deadline_ends_the_iterations_early(monkeypatch):
    def slow(examples):
        def test(counts):
            time.sleep(0.3)
            return np.full((len(counts), 2), 0.5), make_scorer()

        return test

    monkeypatch.setattr(evaluation, "_fresh", slow)
    began = time.monotonic()
    result = evaluate(make_scored(200), 1000, deadline=began + 1)
    assert time.monotonic() < began + 1.1
    assert 2 <= len(result.iterations) < 1000
    assert result.n_asked == 1000


def test_with_time_enough_all_iterations_are_done():
    dataset = make_obvious(30)
    assert len(evaluate(dataset, 7, deadline=time.monotonic() + 60).iterations) == 7


# small and odd data ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "y", [[0, 1], [0, 0, 0], [0, 0, 0, 1], [0, 1, 2], [2, 2, 2, 2, 1, 0]], ids=str
)
def test_fewer_than_two_samples_of_two_classes_are_too_few(y):
    dataset = make_labelled(np.zeros((len(y), 1)), y, classes=(0, 1, 2))
    with pytest.raises(errors.TooFewToEvaluate, match="two samples or more"):
        evaluate(dataset, 10)


def test_two_equal_samples_of_each_class_are_enough():
    result = evaluate(make_labelled(np.ones((4, 3)), [0, 0, 1, 1]), 3)
    assert result.mean("auc") == 0.5
    assert result.report["tested_samples"] == 6


def test_a_class_of_one_sample_is_learned_from_and_not_tested():
    obvious = make_obvious(40)
    single = make_labelled([[0, 0]], [7])
    result = evaluate(replace(joined(obvious, single), classes=(0, 1, 7)), 3)
    assert result.report["classes"][2] == {"class": 7, "samples": 1}
    assert sum(result.report["confusion_matrix"][2]) == 0
    assert result.mean("accuracy") > 0.9


def test_a_class_without_a_sample_is_no_hindrance():
    dataset = replace(make_obvious(40), classes=(-9, 0, 1))
    result = evaluate(dataset, 3)
    assert result.mean("accuracy") == 1
    assert result.mean("auc") is None
    assert result.report["classes"][0] == {"class": -9, "samples": 0}


def test_columns_that_are_empty_or_constant_are_no_hindrance():
    obvious = make_obvious(40)
    odd = [np.full(40, np.nan), np.ones(40), np.where(np.arange(40) == 3, 0.5, np.nan)]
    dataset = make_labelled(np.column_stack([obvious.X, *odd]), obvious.y)
    result = evaluate(dataset, 3)
    assert result.mean("accuracy") == 1
    report = result.report
    # a column with a value and gaps counts as constant
    assert (report["features"], report["empty_features"], report["constant_features"]) == (5, 1, 2)


# a trained model ---------------------------------------------------------------------------------


def test_a_trained_model_is_tested_as_it_is(monkeypatch):
    monkeypatch.setattr(evaluation, "_fresh", None)
    result = evaluate(make_scored(500), 10, make_scorer())
    assert len(result.iterations) == 10
    assert result.report["tested_samples"] == 10 * 100
    assert result.mean("auc") == pytest.approx(0.76, abs=0.05)


def test_a_trained_model_can_be_tested_on_a_single_sample():
    dataset = make_labelled([[0.5]], [1], classes=(0, 1))
    result = evaluate(dataset, 2, make_scorer())
    assert result.mean("accuracy") == 1
    assert result.mean("auc") is None


def test_a_trained_model_of_another_shape_is_refused():
    with pytest.raises(errors.OtherFeatures, match="12 features and the trained model has 1"):
        evaluate(COURSE, 2, make_scorer())
    with pytest.raises(errors.OtherClasses):
        evaluate(make_scored(50), 2, make_scorer(3))


# the report --------------------------------------------------------------------------------------


def test_the_report_counts_the_dataset(result):
    report = result.report
    assert report["samples"] == 200
    assert report["distinct_samples"] <= 200
    assert report["features"] == 12
    sizes = np.bincount(COURSE.y).tolist()
    assert report["classes"] == [{"class": i, "samples": size} for i, size in enumerate(sizes)]


def test_each_iteration_tests_a_fifth_of_each_class(result):
    assert result.report["tested_samples"] == 10 * 40
    rows = np.sum(result.report["confusion_matrix"], axis=1)
    assert rows.tolist() == [10 * 28, 10 * 12]


def test_the_confusion_matrix_agrees_with_the_accuracy(result):
    matrix = np.array(result.report["confusion_matrix"])
    assert matrix.sum() == result.report["tested_samples"]
    assert np.trace(matrix) / matrix.sum() == pytest.approx(result.mean("accuracy"))
    recalls = np.diag(matrix) / matrix.sum(axis=1)
    assert recalls.mean() == pytest.approx(result.mean("balanced_accuracy"))


def test_the_calibration_table_holds_every_tested_sample(result):
    for i, of_class in enumerate(result.report["calibration"]):
        bins = of_class["bins"]
        samples = [row["samples"] for row in bins]
        assert of_class["class"] == i
        assert sum(samples) == 400
        assert np.average([row["observed"] for row in bins], weights=samples) == pytest.approx(
            [0.7, 0.3][i]
        )
        predicted = [row["predicted"] for row in bins]
        assert predicted == sorted(predicted)
        assert len({int(p * 10) for p in predicted}) == len(bins)


def test_true_probabilities_are_found_calibrated(all_tested):
    random = np.random.default_rng(0)
    X = random.normal(0, 2, (4000, 1)).round(2)
    dataset = make_labelled(X, X[:, 0] + random.logistic(0, 1, 4000) > 0)
    for of_class in evaluate(dataset, 1, make_scorer()).report["calibration"]:
        for row in of_class["bins"]:
            assert row["predicted"] == pytest.approx(row["observed"], abs=0.08)


def test_the_baseline_is_the_most_frequent_class_always():
    course = make_course(100, minority=0.2)
    baseline = evaluate(course, 1).report["baseline"]
    y, guess = np.repeat([0, 1], [16, 4]), np.zeros(20)
    assert baseline["class"] == 0
    assert baseline["accuracy"] == pytest.approx(0.8)
    assert baseline["f1_score"] == pytest.approx(metrics.f1_score(y, guess, average="weighted"))
    assert baseline["log_loss"] == pytest.approx(metrics.log_loss(y, np.tile([0.8, 0.2], (20, 1))))


@pytest.mark.parametrize(
    "dataset",
    [
        make_obvious(30),
        make_labelled(np.full((9, 2), np.nan), [0, 0, 0, 1, 1, 1, 5, 5, 5]),
        replace(make_obvious(30), classes=(0, 1, 9)),
    ],
)
def test_the_report_is_json_without_nan(dataset):
    result = evaluate(dataset, 3)
    assert json.loads(json.dumps(result.report, allow_nan=False)) == result.report
    json.dumps([vars(measures) for measures in result.iterations], allow_nan=False)


def test_evaluating_says_nothing(capfd):
    evaluate(make_random_labels(120), 12)
    assert capfd.readouterr() == ("", "")


def test_evaluating_in_several_threads_warns_of_nothing():
    """In a process of its own, as pytest has filters of its own."""
    code = """
from concurrent.futures import ThreadPoolExecutor
from mlcore import evaluate, read_labelled
from mlcore.synthetic import Course
dataset = read_labelled(Course(n_features=8).labelled(120))
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda _: evaluate(dataset, 3), range(4)))
"""
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-W", "ignore::UserWarning:joblib", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")
