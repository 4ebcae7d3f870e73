"""Importance: which indicators matter, and in which direction."""

import json
import time
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.inspection import permutation_importance
from sklearn.metrics import log_loss

from mlcore import Classifier, Labelled, evaluation, importance
from mlcore.estimator import BlendedClassifier
from mlcore.evaluation import evaluate
from mlcore.families.dense import Dense
from tests.mlcore.builders import BLEND, make_course, make_preparation, rows_of

READ = r"\core\analytics\indicator\read_actions"
WRITE = r"\core\analytics\indicator\any_write_action_in_course"


def make_linear(weights, names=None, classes=(0, 1)):
    """Return a classifier whose scores are weighted sums of the features; a missing one is 0."""
    weights = np.array(weights, dtype=np.float32).reshape(len(weights), -1)
    width, outputs = weights.shape
    part = Dense(make_preparation(width), (weights,), (np.zeros(outputs, np.float32),))
    return Classifier(classes, names or tuple(f"x{i}" for i in range(width)), (1.0,), (part,))


def make_dataset(X, y, names=None, classes=None):
    X = np.array(X, dtype=np.float32)
    y = np.array(y, dtype=np.int64)
    names = names or tuple(f"x{i}" for i in range(X.shape[1]))
    return Labelled(X, y, classes or tuple(np.unique(y).tolist()), tuple(names))


def make_samples(weights, n_samples=400, names=None, seed=0):
    """Return samples of two classes that a linear model of these weights explains."""
    random = np.random.default_rng(seed)
    X = random.uniform(-1, 1, (n_samples, len(weights))).round(2)
    y = X @ np.array(weights) + random.logistic(0, 1, n_samples) > 0
    return make_dataset(X, y, names)


def indicators(dataset, classifier=None, n_iterations=5, **options):
    """Return the report's indicators by name."""
    if classifier is not None:
        classifier = replace(classifier, feature_names=dataset.feature_names)
    result = evaluate(dataset, n_iterations, classifier, **options)
    return {entry.indicator: entry for entry in result.report.indicators}


# an evaluation's report --------------------------------------------------------------------------


def test_the_indicator_that_decides_is_the_most_important_and_noise_is_none():
    found = indicators(make_samples([0, 6, 0]))
    assert next(iter(found)) == "x1"
    assert found["x1"].importance > 0.3
    for name in ("x0", "x2"):
        assert found[name].importance == pytest.approx(0, abs=0.03)
        assert found[name].direction == pytest.approx([0, 0], abs=0.03)


def test_indicators_come_in_the_order_of_their_importance():
    found = indicators(make_samples([1, -4, 2, 0, 8]), n_iterations=10)
    assert list(found)[:3] == ["x4", "x1", "x2"]
    importances = [entry.importance for entry in found.values()]
    assert importances == sorted(importances, reverse=True)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_direction_is_that_of_the_higher_class_for_a_higher_value(sign):
    found = indicators(make_samples([6 * sign, -2 * sign]))
    of_lower, of_higher = found["x0"].direction
    assert sign * of_higher > 0.3
    assert of_lower == pytest.approx(-of_higher)
    assert sign * found["x1"].direction[1] < -0.05


def test_the_figures_are_those_of_scikit_learn(monkeypatch, course):
    monkeypatch.setattr(evaluation, "TEST_SHARE", 1.0)
    model = BlendedClassifier(recipe=BLEND).fit(course.X, course.y)
    names = model.classifier_.feature_names
    found = indicators(replace(course, feature_names=names), model.classifier_)
    expected = permutation_importance(
        model,
        course.X,
        course.y,
        scoring=lambda model, X, y: -log_loss(y, model.predict_proba(X)),
        n_repeats=20,
        random_state=0,
    )
    for name, mean, deviation in zip(
        names, expected.importances_mean, expected.importances_std, strict=True
    ):
        if deviation:
            assert found[name].importance == pytest.approx(mean, abs=2 * deviation)
            assert found[name].importance_deviation == pytest.approx(deviation, rel=0.7)
        else:
            assert name not in found


# indicators of several columns -------------------------------------------------------------------


def test_an_indicator_and_its_mean_are_one():
    names = (READ, f"{READ}/mean", WRITE)
    found = indicators(make_samples([3, 3, 1], names=names))
    assert set(found) == {READ, WRITE}
    assert found[READ].features == (READ, f"{READ}/mean")
    assert found[READ].direction[1] > 0.1


def test_two_columns_that_say_the_same_do_not_hide_each_other():
    single = make_samples([6, 0], names=(READ, WRITE))
    doubled = replace(single, X=single.X[:, [0, 0, 1]], feature_names=(READ, f"{READ}/mean", WRITE))
    apart = replace(doubled, feature_names=("a", "b", WRITE))
    alone = indicators(single, make_linear([6, 0]), 10)[READ].importance
    half = make_linear([3, 3, 0])
    together = indicators(doubled, half, 10)[READ].importance
    assert together == pytest.approx(alone, rel=0.2)
    assert indicators(apart, half, 10)["a"].importance < 0.6 * together


def test_the_time_range_is_one_indicator_without_a_direction():
    random = np.random.default_rng(0)
    quarter = random.integers(0, 4, 300)
    X = np.column_stack([np.eye(4)[quarter], random.uniform(-1, 1, 300)])
    names = ("range/0", "range/1", "range/2", "range/3", READ)
    found = indicators(make_dataset(X, quarter == 2, names))
    assert found["range"].features == names[:4]
    assert found["range"].importance > 0.3 > found[READ].importance
    assert found["range"].direction is None


def test_exchanged_columns_stay_a_sample_that_could_be():
    """Were one-hot columns exchanged one by one, samples would lie in two quarters or in none."""
    seen = []

    class Watched(Classifier):
        def predict_proba(self, X):
            seen.append(X)
            return super().predict_proba(X)

    dataset = make_dataset(np.eye(4)[np.arange(80) % 4], np.arange(80) % 2, list("abcd"))
    dataset = replace(dataset, feature_names=tuple(f"range/{i}" for i in range(4)))
    watched = Watched(**vars(make_linear([1, 2, 3, 4], dataset.feature_names)))
    evaluate(dataset, 3, watched)
    assert (np.concatenate(seen).sum(axis=1) == 1).all()


def test_where_only_the_mean_varies_the_direction_is_that_of_the_mean():
    random = np.random.default_rng(0)
    X = np.column_stack([np.ones(200), random.uniform(-1, 1, 200).round(2)])
    found = indicators(make_dataset(X, X[:, 1] > 0, (READ, f"{READ}/mean")), make_linear([0, 5]))
    assert found[READ].features == (f"{READ}/mean",)
    assert found[READ].direction[1] > 0.3


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("", "/", "/mean"), {"": ["", "/", "/mean"]}),
        (("a", "a", "b"), {"a": ["a", "a"], "b": ["b"]}),
        (("a/b/c", "a/", "a b"), {"a": ["a/b/c", "a/"], "a b": ["a b"]}),
        (
            ("\\", "é, \"'\n<b>", "数/平均"),
            {"\\": ["\\"], "é, \"'\n<b>": ["é, \"'\n<b>"], "数": ["数/平均"]},
        ),
    ],
)
def test_any_name_will_do(names, expected):
    found = indicators(make_samples([1, 2, 3], 60, names), make_linear([1, 2, 3], names))
    assert {name: list(entry.features) for name, entry in found.items()} == expected


# columns without a value -------------------------------------------------------------------------


def test_what_never_varies_is_left_out():
    random = np.random.default_rng(0)
    columns = [np.ones(100), np.full(100, np.nan), random.uniform(-1, 1, 100).round(2)]
    found = indicators(make_dataset(np.column_stack(columns), columns[2] > 0))
    assert list(found) == ["x2"]


@pytest.mark.parametrize("value", [np.nan, 1])
def test_without_any_indicator_that_varies_there_is_none(value):
    dataset = make_dataset(np.full((40, 3), value), np.arange(40) % 2)
    assert evaluate(dataset, 3).report.indicators == ()


def test_a_missing_value_has_a_direction_of_its_own():
    random = np.random.default_rng(0)
    missing = random.random(400) < 0.5
    values = np.where(missing, np.nan, random.uniform(-1, 1, 400).round(2))
    dataset = make_dataset(np.column_stack([values, np.zeros(400)]), missing)
    (entry,) = indicators(dataset).values()
    assert entry.importance > 0.3
    assert entry.direction_without_value[1] > 0.5
    assert entry.direction == pytest.approx([0, 0], abs=0.05)


def test_a_value_that_is_there_or_not_has_no_higher_and_lower():
    missing = np.arange(100) % 2 == 0
    values = np.where(missing, np.nan, 0.5)
    (entry,) = indicators(make_dataset(values[:, None], missing), make_linear([-3])).values()
    assert entry.direction is None
    assert entry.direction_without_value[1] > 0.1


def test_values_that_are_never_missing_have_no_direction_without():
    (entry,) = indicators(make_samples([3], 100)).values()
    assert entry.direction_without_value is None


# classes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5])
def test_each_class_has_a_direction(n_classes):
    random = np.random.default_rng(0)
    classes = tuple(range(10, 10 + n_classes))
    X = random.uniform(-1, 1, (300, 2)).round(2)
    y = 10 + np.minimum(((X[:, 0] + 1) * n_classes / 2).astype(int), n_classes - 1)
    found = indicators(make_dataset(X, y, classes=classes))
    assert next(iter(found)) == "x0"
    direction = found["x0"].direction
    assert len(direction) == n_classes
    assert sum(direction) == pytest.approx(0, abs=1e-6)
    assert direction[0] < 0 < direction[-1]


def test_a_class_without_a_sample_has_no_change():
    dataset = make_samples([5, 0])
    found = indicators(replace(dataset, classes=(-3, 0, 1)))
    nothing, lower, higher = found["x0"].direction
    assert nothing == 0
    assert lower < 0 < higher


# the same again, in time, at a cost --------------------------------------------------------------


def test_the_same_dataset_is_explained_the_same_whatever_the_order_of_its_rows():
    course = make_course(150, minority=0.3)
    expected = evaluate(course, 3).report.indicators
    assert expected
    for order in (slice(None), slice(None, None, -1)):
        assert evaluate(rows_of(course, order), 3).report.indicators == expected


def test_without_time_there_is_no_importance(course):
    assert evaluate(course, 3, deadline=time.monotonic()).report.indicators is None


def test_with_little_time_there_are_fewer_rounds(monkeypatch, course, trained):
    dealt = []
    deal = importance._deal
    clock = SimpleNamespace(now=0.0, monotonic=lambda: clock.now)

    def slow(*arguments):
        dealt.append(arguments)
        clock.now += 0.4
        return deal(*arguments)

    monkeypatch.setattr(importance, "_deal", slow)
    for module in (evaluation, importance):
        monkeypatch.setattr(module, "time", clock)
    result = evaluate(course, 1, trained, deadline=2)
    assert clock.now <= 2
    assert 1 <= len(dealt) < 6
    assert result.report.indicators


def test_the_cost_is_bounded_however_many_indicators_vary(monkeypatch):
    n_predicted = []
    predict_proba = Classifier.predict_proba

    def counting(classifier, X):
        n_predicted.append(len(X))
        return predict_proba(classifier, X)

    weights = np.zeros(300)
    weights[7] = 5
    dataset = make_samples(weights, 3000)
    classifier = make_linear(weights)
    monkeypatch.setattr(Classifier, "predict_proba", counting)
    found = indicators(dataset, classifier, 10)
    assert next(iter(found)) == "x7"
    assert found["x7"].importance > 0.3
    assert sum(n_predicted) < 3000 + 10 * (300 * importance._FEWEST + 1000)


# whatever comes ----------------------------------------------------------------------------------

VALUES = st.sampled_from([np.nan, -1, 0, 0.33, 1, 3e38, -3e38])


@settings(deadline=None, max_examples=60)
@given(st.data())
def test_any_data_are_explained_in_finite_numbers(data):
    n_classes = data.draw(st.integers(2, 5))
    n_features = data.draw(st.integers(1, 6))
    n_samples = data.draw(st.integers(1, 30))
    X = data.draw(hnp.arrays(np.float32, (n_samples, n_features), elements=VALUES))
    y = data.draw(hnp.arrays(np.int64, n_samples, elements=st.integers(0, n_classes - 1)))
    names = tuple(
        data.draw(st.lists(st.text("ab/", max_size=3), min_size=n_features, max_size=n_features))
    )
    weights = data.draw(
        hnp.arrays(
            np.float32,
            (n_features, 1 if n_classes == 2 else n_classes),
            elements=st.floats(-9, 9, width=32),
        )
    )
    classes = tuple(range(n_classes))
    classifier = make_linear(weights, names, classes)
    found = evaluate(make_dataset(X, y, names, classes), 2, classifier).report.indicators
    json.dumps([vars(entry) for entry in found], allow_nan=False)
    assert len({entry.indicator for entry in found}) == len(found)
    listed = [feature for entry in found for feature in entry.features]
    assert len(listed) == sum(len({*map(str, column)}) > 1 for column in X.T)
    for entry in found:
        for direction in (entry.direction, entry.direction_without_value):
            assert direction is None or sum(direction) == pytest.approx(0, abs=1e-5)
