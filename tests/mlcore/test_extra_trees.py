"""Extremely randomised trees: what is stored predicts what was grown."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlcore.families.extra_trees import Growth, Levels, grow
from tests.mlcore.builders import make_course

COURSES = {n: make_course(250, n_classes=n, minority=0.4, noise=0.5) for n in (2, 3)}
WHOLE, CAREFUL = Growth(min_weight=1.0, draws=6), Growth(min_weight=20.0, draws=3)


def grown(X, y, weights=None, growth=WHOLE, n_trees=5):
    X, y = np.asarray(X, dtype=np.float32), np.asarray(y).astype(int)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    n_classes = int(y.max()) + 1
    return grow(Levels.of(X), np.arange(len(y)), y, weights, n_classes, growth, n_trees)


def leaves_of(trees, n_samples):
    """Return the leaf that each sample reaches in each tree."""
    at = np.repeat(np.arange(trees.n_trees)[:, None], n_samples, axis=1)
    while (trees.column[at] >= 0).any():
        right = trees.levels.numbers[trees.column[at], np.arange(n_samples)] > trees.level[at]
        at = np.where(trees.column[at] < 0, at, trees.left[at] + right)
    return at


def mean_of(trees, n_samples):
    """Return the mean of what the trees say of the samples that they were grown on."""
    return trees.value[leaves_of(trees, n_samples)].mean(axis=0)


def with_gaps(X, share=0.2):
    gaps = np.random.default_rng(0).random(X.shape) < share
    return np.where(gaps, np.nan, X).astype(np.float32)


@pytest.mark.parametrize("growth", [WHOLE, CAREFUL])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_is_stored_predicts_what_was_grown(n_classes, gaps, growth):
    course = COURSES[n_classes]
    X = with_gaps(course.X) if gaps else course.X
    trees = grown(X, course.y, growth=growth)
    expected = mean_of(trees, len(X))
    assert expected.shape == (len(X), n_classes)
    assert np.ptp(expected[:, 0]) > 0.3
    np.testing.assert_allclose(trees.forest().predict_proba(X, None), expected, atol=1e-5)


@given(st.integers(0, 2**32), st.sampled_from([2, 3]))
def test_any_samples_are_predicted_as_they_were_learned(seed, n_classes):
    random = np.random.default_rng(seed)
    values = np.array([-3.4e38, -1, -0.0, 1e-45, 0.1, 0.5, 3.4e38, np.nan])
    shape = (random.integers(20, 60), random.integers(1, 6))
    X = random.choice(random.choice(values, 4), shape).astype(np.float32)
    trees = grown(X, np.arange(len(X)) % n_classes, random.integers(1, 9, len(X)))
    predicted = trees.forest().predict_proba(X, None)
    np.testing.assert_allclose(predicted, mean_of(trees, len(X)), atol=1e-5)


def test_whole_trees_know_what_they_learned():
    random = np.random.default_rng(0)
    X, y = random.uniform(-1, 1, (200, 4)).astype(np.float32), random.integers(0, 3, 200)
    assert (mean_of(grown(X, y), 200).argmax(axis=1) == y).all()


def test_a_feature_is_found_among_many_that_never_vary_where_it_matters():
    """Most of a Moodle's indicators say nothing about most students."""
    random = np.random.default_rng(0)
    X = np.where(random.random((400, 60)) < 0.02, 1, -1).astype(np.float32)
    y = (X[:, 7] > 0) | (random.random(400) < 0.1)
    p = grown(X, y, n_trees=50).forest().predict_proba(X, None)[:, 1]
    assert p[X[:, 7] > 0].min() > p[~y].mean() + 0.3


def test_thresholds_are_between_values():
    """Models are shared, and need not tell what a student did."""
    X = np.array([[0.25], [0.75], [np.nan], [1.0], [np.nextafter(np.float32(1), 2)]] * 9)
    part = grown(X, np.arange(45) % 2, n_trees=50).forest()
    inner = part.left != np.arange(len(part.left))
    thresholds = set(part.threshold[inner].tolist())
    assert {0.5, 0.875} < thresholds
    assert thresholds - {0.5, 0.875, -np.inf, float(np.finfo(np.float32).max)} == {
        1.0
    }  # nothing between


def test_of_many_values_few_are_told_apart():
    X = np.random.default_rng(0).permutation(1_000)[:, None].astype(np.float32)
    assert len(Levels.of(X).ends[0]) == 63
    trees = grown(X, X[:, 0] > 500)
    predicted = trees.forest().predict_proba(X, None)
    np.testing.assert_allclose(predicted, mean_of(trees, 1_000), atol=1e-12)
    assert len(np.unique(predicted[:, 1])) > 1


@pytest.mark.parametrize("value", [1.0, np.nan])
def test_samples_without_information_get_the_shares_of_the_classes(value):
    y = np.arange(40) < 10
    X = np.full((40, 3), value, dtype=np.float32)
    predicted = grown(X, y).forest().predict_proba(X, None)
    np.testing.assert_allclose(predicted, np.tile([0.75, 0.25], (40, 1)))


def test_weights_count_like_repeated_rows():
    course = COURSES[2]
    times = np.random.default_rng(0).integers(1, 4, 250)
    weighted = grown(course.X, course.y, times).forest()
    repeated = grown(np.repeat(course.X, times, axis=0), np.repeat(course.y, times)).forest()
    predicted = weighted.predict_proba(course.X, None)
    np.testing.assert_allclose(predicted, repeated.predict_proba(course.X, None), atol=1e-9)


def test_no_leaf_weighs_less_than_it_must():
    course = COURSES[2]
    trees = grown(course.X, course.y, np.full(250, 3.0), Growth(min_weight=30.0, draws=6))
    _, sizes = np.unique(leaves_of(trees, 250), return_counts=True)
    assert len(sizes) == (trees.column < 0).sum() > 2 * trees.n_trees
    assert sizes.min() >= 10
