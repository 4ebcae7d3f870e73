"""Growing forests: what numpy alone predicts with is what scikit-learn's trees say."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.classifier import Classifier
from mlcore.families.forest import Growth, Levels, forest, grow
from mlcore.task import Samples
from tests.mlcore.builders import FOREST, GROWTH, make_course
from tests.mlcore.conftest import fitted

COURSES = {n: make_course(250, n_classes=n, minority=0.4, noise=0.5) for n in (2, 3)}
WHOLE = Growth(min_weight=2.0, max_features=0.5)


def grown(X, y, weights=None, growth=WHOLE, n_trees=5):
    X, y = np.asarray(X, dtype=np.float32), np.asarray(y)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    levels, n_classes = Levels.of(X), int(y.max()) + 1
    return grow(levels, np.arange(len(y)), y, weights, n_classes, n_trees, growth)


def with_gaps(X, share=0.2):
    gaps = np.random.default_rng(0).random(X.shape) < share
    return np.where(gaps, np.nan, X).astype(np.float32)


@pytest.mark.parametrize("growth", [WHOLE, GROWTH])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_predicts_like_the_library(n_classes, gaps, growth):
    course = COURSES[n_classes]
    X = with_gaps(course.X) if gaps else course.X
    trees = grown(X, course.y, growth=growth)
    expected = trees.predict_proba(np.arange(len(X)))
    assert expected.shape == (len(X), n_classes)
    assert np.ptp(expected[:, 0]) > 0.5
    np.testing.assert_allclose(forest([trees]).predict_proba(X, None), expected, atol=1e-12)


def test_several_are_averaged():
    course = COURSES[3]
    one, other = grown(course.X, course.y), grown(course.X, course.y, growth=GROWTH)
    expected = (one.predict_proba(np.arange(250)) + other.predict_proba(np.arange(250))) / 2
    both = forest([one, other])
    assert len(both.roots) == 10
    np.testing.assert_allclose(both.predict_proba(course.X, None), expected, atol=1e-12)


@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_any_samples_are_predicted_like_the_library(seed, n_classes):
    random = np.random.default_rng(seed)
    values = np.array([-3.4e38, -1, -0.0, 1e-45, 0.1, 0.5, 3.4e38, np.nan])
    shape = (random.integers(20, 60), random.integers(1, 6))
    X = random.choice(random.choice(values, 4), shape).astype(np.float32)
    trees = grown(X, np.arange(len(X)) % n_classes, random.integers(1, 9, len(X)))
    predicted = forest([trees]).predict_proba(X, None)
    np.testing.assert_allclose(predicted, trees.predict_proba(np.arange(len(X))), atol=1e-12)


def test_thresholds_are_between_values():
    """Models are shared, and need not tell what a student did."""
    X = np.array([[0.25], [0.75], [np.nan], [1.0], [np.nextafter(np.float32(1), 2)]] * 9)
    part = forest([grown(X, np.arange(45) % 2, growth=Growth(1.0, 1.0), n_trees=20)])
    inner = part.left != np.arange(len(part.left))
    thresholds = set(part.threshold[inner].tolist())
    assert {0.5, 0.875} < thresholds
    assert thresholds - {0.5, 0.875, float(np.finfo(np.float32).max)} == {1.0}  # nothing between


def test_of_many_values_few_are_told_apart():
    X = np.random.default_rng(0).permutation(1_000)[:, None]
    assert len(Levels.of(X.astype(np.float32)).ends) == 63
    trees = grown(X, X[:, 0] > 500)
    predicted = forest([trees]).predict_proba(X.astype(np.float32), None)
    np.testing.assert_allclose(predicted, trees.predict_proba(np.arange(1_000)), atol=1e-12)
    assert len(np.unique(predicted[:, 1])) > 1


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_samples_without_information_get_the_shares_of_the_classes(value):
    y = np.arange(40) < 10
    X = np.full((40, 3), value, dtype=np.float32)
    predicted = forest([grown(X, y)]).predict_proba(X, None)
    np.testing.assert_allclose(predicted, np.tile([0.75, 0.25], (40, 1)))


def test_weights_count_like_repeated_rows():
    course = COURSES[2]
    times = np.random.default_rng(0).integers(1, 4, 250)
    weighted = forest([grown(course.X, course.y, times)])
    repeated = forest([grown(np.repeat(course.X, times, axis=0), np.repeat(course.y, times))])
    predicted = weighted.predict_proba(course.X, None)
    np.testing.assert_allclose(predicted, repeated.predict_proba(course.X, None), atol=1e-9)


def test_no_leaf_weighs_less_than_it_must():
    course = COURSES[2]
    trees = grown(course.X, course.y, np.full(250, 3.0), Growth(30.0, 1.0)).trees
    for tree in trees:
        leaves = tree.tree_.children_left < 0
        assert leaves.sum() > 1
        assert tree.tree_.weighted_n_node_samples[leaves].min() >= 30


def test_a_tree_of_a_bag_learns_from_so_many_samples():
    course = COURSES[2]
    for tree in grown(course.X, course.y, growth=Growth(2.0, 1.0, bagging=0.7)).trees:
        assert tree.tree_.n_node_samples[0] == 175


def test_a_tree_never_costs_more_than_so_many_samples_and_features(monkeypatch):
    course = COURSES[2]
    monkeypatch.setattr("mlcore.families.forest._MOST_SAMPLES", 100)
    monkeypatch.setattr("mlcore.families.forest._MOST_FEATURES", 3)
    for tree in grown(course.X, course.y, growth=Growth(2.0, 1.0)).trees:
        assert tree.tree_.n_node_samples[0] == 100
        assert tree.max_features_ == 3


def test_each_fold_s_trees_have_not_seen_what_it_tests():
    """The forest's part of the choice is fair, and its trees together have learned everything."""
    course = COURSES[2]
    task = Samples(course.X, course.y, (0, 1)).task(np.ones(250))
    tested = np.concatenate([fold.tested.used for fold in task.folds()])
    assert sorted(tested.tolist()) == list(range(250))
    for fold in task.folds():
        assert not set(fold.learned.used) & set(fold.tested.used)


def test_it_is_stored_and_read():
    for course in COURSES.values():
        model = fitted(FOREST, course)
        again = Classifier.from_bytes(model.to_bytes())
        assert [part.kind for part in again.parts] == ["forest"]
        assert (again.predict_proba(course.X) == model.predict_proba(course.X)).all()
