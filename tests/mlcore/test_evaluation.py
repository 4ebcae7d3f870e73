"""Evaluation: what is measured, on what, and how it ends."""

import json
import subprocess
import sys
import time
from dataclasses import astuple, fields, replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics

from mlcore import Classifier, blend, errors, evaluation, importance
from mlcore.evaluation import evaluate
from mlcore.families import boosting
from mlcore.families.dense import Dense
from mlcore.measures import ClassSize, Measures
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
    assert result.mean("log_loss") < result.report.baseline.log_loss


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
    choose = blend.choose
    monkeypatch.setattr(blend, "choose", lambda *args: chosen.append(args) or choose(*args))
    evaluate(make_obvious(30), 5)
    assert len(chosen) == 1


def test_of_several_classes_each_has_an_auc_against_the_others():
    dataset = make_scored(300, n_classes=3)
    report = evaluate(replace(dataset, classes=(0, 1, 2)), 5, make_scorer(3)).report
    expected = metrics.roc_auc_score(
        dataset.y, make_scorer(3).predict_proba(dataset.X), multi_class="ovr"
    )
    assert np.mean(report.auc_one_vs_rest) == pytest.approx(expected, abs=0.05)
    assert evaluate(COURSE, 1).report.auc_one_vs_rest == ()


def test_a_class_without_a_sample_has_no_auc():
    dataset = replace(make_obvious(40), classes=(-9, 0, 1))
    assert evaluate(dataset, 2).report.auc_one_vs_rest == (None, 1, 1)


# time --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deadline", [-1e9, 0])
def test_without_any_time_one_iteration_is_done(deadline):
    result = evaluate(COURSE, 10, deadline=deadline)
    assert (len(result.iterations), result.n_asked) == (1, 10)
    assert result.report.tested_samples == 40


SECONDS = {"choose": 3, "fit": 1, "_deal": 0.25, "curve": 2}
FIRST = SECONDS["choose"] + SECONDS["fit"] + 0.5  # less is too little for one iteration


@pytest.fixture
def clock(monkeypatch, quick_choice):
    """A clock that only work moves: a choice, a fit, a round of importance, a boosting curve."""
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)

    def let_take_time(owner, name):
        work = getattr(owner, name)

        def slow(*arguments):
            clock.now += SECONDS[name]
            return work(*arguments)

        monkeypatch.setattr(owner, name, slow)

    let_take_time(blend, "choose")
    let_take_time(blend, "fit")
    let_take_time(boosting, "curve")
    let_take_time(importance, "_deal")
    for module in (evaluation, importance):
        monkeypatch.setattr(module, "time", clock)
    return clock


PARTS = ["indicators", "learning_curve", "boosting"]


def done_by(clock, deadline, classifier=None):
    """Return how many iterations, and what else, an evaluation did until then."""
    clock.now = 0.0
    result = evaluate(make_scored(60), 10, classifier, deadline)
    assert result.n_asked == 10
    return len(result.iterations), [part for part in PARTS if getattr(result.report, part)]


def test_it_ends_by_the_deadline_when_one_iteration_can_be_done(clock):
    n_before, parts_before = 1, 1
    for deadline in np.arange(FIRST, 32, 1.3):
        n_iterations, parts = done_by(clock, deadline)
        assert clock.now <= deadline
        assert n_iterations >= n_before
        assert parts == PARTS[: len(parts)]
        assert len(parts) >= parts_before
        n_before, parts_before = n_iterations, len(parts)
    assert (n_before, parts_before) == (10, 3)


def test_iterations_come_first_then_the_importance_then_the_curves(clock):
    assert done_by(clock, 0) == (1, [])
    assert done_by(clock, FIRST + 1) == (1, PARTS[:1])
    assert done_by(clock, 12) == (3, PARTS[:2])
    assert done_by(clock, 30) == done_by(clock, 1000) == (10, PARTS)


def test_a_learning_curve_of_one_iteration_has_no_deviation(quick_choice):
    curve = evaluate(COURSE, 1).report.learning_curve
    assert [point.log_loss_deviation for point in curve] == [0] * 4


def test_a_trained_model_is_explained_until_the_deadline(clock):
    assert done_by(clock, 1.8, make_scorer()) == (10, PARTS[:1])
    assert clock.now == 5 * SECONDS["_deal"]


def test_with_time_enough_all_iterations_are_done():
    dataset = make_obvious(30)
    assert len(evaluate(dataset, 7, deadline=time.monotonic() + 3600).iterations) == 7


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
    assert result.report.tested_samples == 6


def test_a_class_of_one_sample_is_learned_from_and_not_tested():
    obvious = make_obvious(40)
    single = make_labelled([[0, 0]], [7])
    result = evaluate(replace(joined(obvious, single), classes=(0, 1, 7)), 3)
    assert result.report.classes[2] == ClassSize(7, 1)
    assert sum(result.report.confusion_matrix[2]) == 0
    assert result.mean("accuracy") > 0.9


def test_a_class_without_a_sample_is_no_hindrance():
    dataset = replace(make_obvious(40), classes=(-9, 0, 1))
    result = evaluate(dataset, 3)
    assert result.mean("accuracy") == 1
    assert result.mean("auc") is None
    assert result.report.classes[0] == ClassSize(-9, 0)


def test_columns_that_are_empty_or_constant_are_no_hindrance():
    obvious = make_obvious(40)
    odd = [np.full(40, np.nan), np.ones(40), np.where(np.arange(40) == 3, 0.5, np.nan)]
    dataset = make_labelled(np.column_stack([obvious.X, *odd]), obvious.y)
    result = evaluate(dataset, 3)
    assert result.mean("accuracy") == 1
    report = result.report
    # a column with a value and gaps counts as constant
    assert (report.features, report.empty_features, report.constant_features) == (5, 1, 2)


# a trained model ---------------------------------------------------------------------------------


def test_a_trained_model_is_tested_as_it_is(monkeypatch):
    monkeypatch.setattr(evaluation, "_Fits", None)
    result = evaluate(make_scored(500), 10, make_scorer())
    assert len(result.iterations) == 10
    assert result.report.tested_samples == 10 * 100
    assert result.mean("auc") == pytest.approx(0.76, abs=0.05)


def test_a_trained_model_can_be_tested_on_a_single_sample():
    dataset = make_labelled([[0.5]], [1], classes=(0, 1))
    result = evaluate(dataset, 2, make_scorer())
    assert result.mean("accuracy") == 1
    assert result.mean("auc") is None


def test_a_trained_model_meets_columns_by_name_and_classes_that_it_does_not_know():
    dataset = make_scored(60)
    expected = evaluate(dataset, 2, make_scorer())
    wider = replace(
        dataset,
        X=np.hstack([np.ones((60, 1), np.float32), dataset.X]),
        feature_names=("new", *dataset.feature_names),
    )
    assert evaluate(wider, 2, make_scorer()).iterations == expected.iterations
    more = replace(dataset, y=np.where(np.arange(60) < 6, 5, dataset.y), classes=(0, 1, 5))
    report = evaluate(more, 2, make_scorer()).report
    assert report.classes[2] == ClassSize(5, 6)
    assert report.confusion_matrix[2][2] == 0


def test_a_trained_model_of_another_kind_is_refused():
    with pytest.raises(errors.OtherIndicators):
        evaluate(COURSE, 2, make_scorer())


# the report --------------------------------------------------------------------------------------


def test_the_report_counts_the_dataset(result):
    report = result.report
    assert report.samples == 200
    assert report.distinct_samples <= 200
    assert report.features == 12
    sizes = np.bincount(COURSE.y).tolist()
    assert list(report.classes) == [ClassSize(i, size) for i, size in enumerate(sizes)]


def test_each_iteration_tests_a_fifth_of_each_class(result):
    assert result.report.tested_samples == 10 * 40
    rows = np.sum(result.report.confusion_matrix, axis=1)
    assert rows.tolist() == [10 * 28, 10 * 12]


def test_the_confusion_matrix_agrees_with_the_accuracy(result):
    matrix = np.array(result.report.confusion_matrix)
    assert matrix.sum() == result.report.tested_samples
    assert np.trace(matrix) / matrix.sum() == pytest.approx(result.mean("accuracy"))
    recalls = np.diag(matrix) / matrix.sum(axis=1)
    assert recalls.mean() == pytest.approx(result.mean("balanced_accuracy"))


def test_the_calibration_table_holds_every_tested_sample(result):
    for i, of_class in enumerate(result.report.calibration):
        bins = of_class.bins
        samples = [row.samples for row in bins]
        assert of_class.class_ == i
        assert sum(samples) == 400
        assert np.average([row.observed for row in bins], weights=samples) == pytest.approx(
            [0.7, 0.3][i]
        )
        predicted = [row.predicted for row in bins]
        assert predicted == sorted(predicted)
        assert len({int(p * 10) for p in predicted}) == len(bins)


def test_true_probabilities_are_found_calibrated(all_tested):
    random = np.random.default_rng(0)
    X = random.normal(0, 2, (4000, 1)).round(2)
    dataset = make_labelled(X, X[:, 0] + random.logistic(0, 1, 4000) > 0)
    for of_class in evaluate(dataset, 1, make_scorer()).report.calibration:
        for row in of_class.bins:
            assert row.predicted == pytest.approx(row.observed, abs=0.08)


def test_the_baseline_is_the_most_frequent_class_always():
    course = make_course(100, minority=0.2)
    baseline = evaluate(course, 1).report.baseline
    y, guess = np.repeat([0, 1], [16, 4]), np.zeros(20)
    assert baseline.class_ == 0
    assert baseline.accuracy == pytest.approx(0.8)
    assert baseline.f1_score == pytest.approx(metrics.f1_score(y, guess, average="weighted"))
    assert baseline.log_loss == pytest.approx(metrics.log_loss(y, np.tile([0.8, 0.2], (20, 1))))


def test_the_seed_is_that_of_the_dataset(result):
    seeds = {evaluate(make_scored(20, seed=i), 1, make_scorer()).report.seed for i in range(3)}
    assert len(seeds) == 3
    assert {len(bytes.fromhex(seed)) for seed in seeds | {result.report.seed}} == {8}


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
    figures = json.loads(json.dumps(result.report.as_json(), allow_nan=False))
    assert figures["baseline"]["class"] == result.report.baseline.class_
    assert figures["classes"] == [
        {"class": size.class_, "samples": size.samples} for size in result.report.classes
    ]
    json.dumps([vars(measures) for measures in result.iterations], allow_nan=False)


def test_evaluating_says_nothing(capfd):
    evaluate(make_random_labels(120), 12)
    assert capfd.readouterr() == ("", "")


def test_several_processors_give_the_same_result():
    dataset = make_scored(120)
    assert evaluate(dataset, 5, cores=3.5) == evaluate(dataset, 5)


def test_evaluating_in_several_threads_warns_of_nothing():
    """In a process of its own, as pytest has filters of its own."""
    code = """
from concurrent.futures import ThreadPoolExecutor
from mlcore import read_labelled
from mlcore.evaluation import evaluate
from infra.lab.course import Course
dataset = read_labelled(Course(n_features=8).labelled(120))
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda _: evaluate(dataset, 3, cores=2), range(4)))
"""
    shown = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert (shown.returncode, shown.stdout, shown.stderr) == (0, "", "")


# curves over all thresholds -----------------------------------------------------------------------


def points_of(curve):
    return np.array(curve.points).T


def distances_to(line, points):
    """Return how far each point is from a line of points."""
    begin, way = line[:-1], np.diff(line, axis=0)
    beside = points[:, None] - begin
    along = np.clip((beside * way).sum(axis=2) / np.maximum((way**2).sum(axis=1), 1e-30), 0, 1)
    return np.linalg.norm(beside - along[:, :, None] * way, axis=2).min(axis=1)


def check_curves(report):
    """Check what holds for the curves of any evaluation."""
    tested = np.sum(report.confusion_matrix, axis=1)
    for roc in report.roc:
        fpr, tpr = points_of(roc)
        assert roc.points[0] == (0, 0)
        assert roc.points[-1] == (1, 1)
        assert (np.diff(fpr) >= 0).all()
        assert (np.diff(tpr) >= 0).all()
        assert len(fpr) <= 200
    for curve in report.precision_recall:
        recall, precision = points_of(curve)
        assert curve.points[0] == (0, 1)
        assert curve.points[-1] == (1, pytest.approx(curve.share))
        assert (np.diff(recall) >= 0).all()
        assert ((precision >= 0) & (precision <= 1)).all()
        assert len(recall) <= 200
    for counts in report.counts_by_threshold:
        rows = {name: np.array(row) for name, row in vars(counts).items() if name != "class_"}
        np.testing.assert_allclose(rows.pop("thresholds"), np.linspace(0, 1, 127), atol=1e-12)
        assert {row.shape for row in rows.values()} == {(127,)}
        assert {row.dtype for row in rows.values()} == {np.dtype(int)}
        assert (np.array(list(rows.values())) >= 0).all()
        of_class = tested[[entry.class_ for entry in report.classes].index(counts.class_)]
        assert (rows["true_positives"] + rows["false_negatives"] == of_class).all()
        others = report.tested_samples - of_class
        assert (rows["false_positives"] + rows["true_negatives"] == others).all()
    names = ("roc", "precision_recall", "counts_by_threshold")
    drawn = [[curve.class_ for curve in getattr(report, name)] for name in names]
    classes = [entry.class_ for entry in report.classes]
    expected = [
        value
        for value, of_class in zip(classes, tested, strict=True)
        if 0 < of_class < report.tested_samples and (len(classes) > 2 or value == classes[1])
    ]
    assert drawn == [expected] * 3


@pytest.mark.parametrize(("n_samples", "n_classes"), [(40, 2), (3000, 2), (900, 3), (500, 4)])
def test_the_curves_are_those_of_scikit_learn(all_tested, n_samples, n_classes):
    dataset, scorer = make_scored(n_samples, n_classes), make_scorer(n_classes)
    report = evaluate(dataset, 2, scorer).report
    check_curves(report)
    probabilities = scorer.predict_proba(dataset.X)
    assert len(report.roc) == (1 if n_classes == 2 else n_classes)
    for roc, curve in zip(report.roc, report.precision_recall, strict=True):
        is_class, p = dataset.y == roc.class_, probabilities[:, roc.class_]
        fpr, tpr = points_of(roc)
        area = metrics.auc(fpr, tpr)
        assert area == pytest.approx(metrics.roc_auc_score(is_class, p), abs=1e-3)
        every = np.column_stack(metrics.roc_curve(is_class, p, drop_intermediate=False)[:2])
        assert distances_to(np.array(roc.points), every).max() < 0.002
        assert distances_to(every, np.array(roc.points)).max() < 1e-9

        assert curve.share == pytest.approx(is_class.mean())
        precision, recall, _ = metrics.precision_recall_curve(is_class, p)
        every = np.column_stack([recall, precision])[::-1]
        assert distances_to(np.array(curve.points), every).max() < 0.004
        assert distances_to(every, np.array(curve.points)).max() < 1e-9


def test_counts_by_threshold_are_those_of_probabilities_at_or_above_it(all_tested):
    dataset = make_labelled([[0], [0], [0.5], [3], [-3], [-9]], [0, 1, 1, 1, 0, 0])
    (counts,) = evaluate(dataset, 3, make_scorer()).report.counts_by_threshold
    assert counts.class_ == 1
    p = make_scorer().predict_proba(dataset.X)[:, 1]
    assert p[0] == counts.thresholds[63] == 0.5
    for i, threshold in enumerate(counts.thresholds):
        assert counts.true_positives[i] == 3 * ((p >= threshold) & (dataset.y == 1)).sum()
        assert counts.false_positives[i] == 3 * ((p >= threshold) & (dataset.y == 0)).sum()


def test_the_curves_are_of_all_iterations_together(result):
    check_curves(result.report)
    (counts,) = result.report.counts_by_threshold
    at_half = (
        (counts.true_negatives[63], counts.false_positives[63]),
        (counts.false_negatives[63], counts.true_positives[63]),
    )
    assert at_half == result.report.confusion_matrix


def test_of_one_class_there_are_no_curves():
    dataset = make_labelled([[0.5], [0.7]], [1, 1], classes=(0, 1))
    report = evaluate(dataset, 2, make_scorer()).report
    assert report.roc == report.precision_recall == report.counts_by_threshold == ()


# the learning curve -------------------------------------------------------------------------------


def test_the_learning_curve_ends_with_all_that_is_learned_from(result):
    curve = result.report.learning_curve
    assert np.bincount(COURSE.y).tolist() == [141, 59]
    assert [point.samples for point in curve] == [19, 39, 79, 160]
    for name in ("log_loss", "f1_score"):
        values = [getattr(measures, name) for measures in result.iterations[:2]]
        assert getattr(curve[-1], name) == pytest.approx(np.mean(values))
        assert getattr(curve[-1], f"{name}_deviation") == pytest.approx(np.std(values))


def test_more_samples_are_better_where_there_is_much_to_learn():
    X = np.random.default_rng(0).uniform(-1, 1, (600, 2)).round(2)
    curve = evaluate(make_labelled(X, X.prod(axis=1) > 0), 2).report.learning_curve
    assert curve[-1].log_loss < 0.5 * curve[0].log_loss
    assert curve[-1].f1_score > curve[0].f1_score


def test_each_share_is_half_of_each_class_of_the_one_before_and_none_of_what_is_tested(
    monkeypatch, quick_choice
):
    fitted = []
    test_after = evaluation._Fits.test_after

    def watched(fits, learned, counts):
        sizes = [int(learned[fits.examples.y == value].sum()) for value in (0, 1)]
        fitted.append((learned, counts, sizes))
        assert (learned + counts <= fits.examples.counts).all()
        return test_after(fits, learned, counts)

    monkeypatch.setattr(evaluation._Fits, "test_after", watched)
    evaluate(joined(COURSE, COURSE), 2)
    wholes, shares = fitted[:2], fitted[2:]
    for i, whole in enumerate(wholes):
        curve = [whole, *shares[3 * i : 3 * i + 3]]
        for (more, tested, of_more), (fewer, also_tested, of_fewer) in pairwise(curve):
            assert (tested == also_tested).all()
            assert (fewer <= more).all()
            assert of_fewer == [size // 2 for size in of_more]


@pytest.mark.parametrize(
    ("y", "samples"),
    [
        ([0, 0, 1, 1], [2]),
        ([0] * 20 + [1] * 2, [3, 5, 9, 17]),
        ([0] * 20 + [1] * 5, [3, 5, 10, 20]),
        ([0] * 50 + [1] * 50 + [2], [11, 21, 41, 81]),
    ],
    ids=str,
)
def test_each_share_keeps_a_sample_of_each_class(y, samples):
    X = np.random.default_rng(0).uniform(-1, 1, (len(y), 2)).round(2)
    curve = evaluate(make_labelled(X, y), 2).report.learning_curve
    assert [point.samples for point in curve] == samples


@pytest.mark.parametrize("n_rare", [1, 2, 3])
def test_a_rare_class_leaves_the_measures_of_the_others_as_they_are(n_rare):
    """What is learned from holds one or two samples of the class."""
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (400, 2)).round(2)
    y = (X[:, 0] > 0) ^ (X[:, 1] > 0)
    with_rare = make_labelled(np.vstack([X, X[:n_rare]]), np.append(y, [2] * n_rare))
    result, without = evaluate(with_rare, 2), evaluate(make_labelled(X, y), 2)
    assert without.mean("accuracy") > 0.9
    assert result.mean("accuracy") == pytest.approx(without.mean("accuracy"), abs=0.05)
    assert result.mean("log_loss") == pytest.approx(without.mean("log_loss"), abs=0.12)


# the boosting curve -------------------------------------------------------------------------------


def test_the_boosting_curve_shows_that_learning_by_heart_is_no_use():
    random = np.random.default_rng(0)
    memorable = make_labelled(random.uniform(-1, 1, (300, 30)), random.integers(0, 2, 300))
    boosting = evaluate(memorable, 1).report.boosting
    assert list(boosting.rounds) == list(range(10, 10 * len(boosting.rounds) + 1, 10))
    training, validation = boosting.training_log_loss, boosting.validation_log_loss
    assert len(training) == len(validation) == len(boosting.rounds)
    assert list(training) == sorted(training, reverse=True)
    assert training[-1] < 0.6 < validation[-1]


def test_too_little_data_has_no_boosting_curve():
    assert evaluate(make_obvious(12), 3).report.boosting is None


def test_a_trained_model_has_neither_learning_nor_boosting_curve():
    report = evaluate(make_scored(100), 3, make_scorer()).report
    check_curves(report)
    assert report.learning_curve is report.boosting is None
    assert report.roc


# whatever comes -----------------------------------------------------------------------------------


def check_report(report):
    """Check what holds for any report."""
    assert json.loads(json.dumps(report.as_json(), allow_nan=False))["seed"] == report.seed
    check_curves(report)
    if report.learning_curve is not None:
        samples = [point.samples for point in report.learning_curve]
        assert samples == sorted(set(samples))
        assert samples[-1] < report.samples
    if report.boosting is not None:
        lengths = {len(values) for values in vars(report.boosting).values()}
        assert len(lengths) == 1
        assert lengths != {0}


VALUES = st.sampled_from([np.nan, -1, 0, 0.33, 1])


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_any_data_has_a_report(quick_choice, data):
    n_classes = data.draw(st.integers(2, 4))
    n_samples = data.draw(st.integers(1, 60))
    width = 1 if n_classes == 2 else n_classes
    X = data.draw(hnp.arrays(np.float32, (n_samples, width), elements=VALUES))
    y = data.draw(hnp.arrays(np.int64, n_samples, elements=st.integers(0, n_classes - 1)))
    dataset = make_labelled(X, y, tuple(range(n_classes)))
    n_iterations = data.draw(st.integers(1, 3))
    check_report(evaluate(dataset, n_iterations, make_scorer(n_classes)).report)
    if (np.bincount(y) >= 2).sum() >= 2:
        report = evaluate(dataset, n_iterations).report
        check_report(report)
        assert report.learning_curve
    else:
        with pytest.raises(errors.TooFewToEvaluate):
            evaluate(dataset, n_iterations)
