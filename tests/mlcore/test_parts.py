"""Predicting with numpy alone: the same as scikit-learn's and LightGBM's own predictions."""

import copy

import lightgbm
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from mlcore.estimator import BlendedClassifier
from mlcore.families import boosting, linear, net
from mlcore.families.boosting import Boosting
from mlcore.families.dense import PRIOR_SCALE, Preparation, inputs
from mlcore.families.family import prior_scores, probabilities
from mlcore.families.quickscorer import QuickScorer
from mlcore.families.trees import Trees
from mlcore.trials import Candidate, Recipe
from tests.mlcore.builders import LINEAR, NET, TREES, make_course, with_prior

COURSES = {n: make_course(250, n_classes=n, minority=0.4, noise=0.5) for n in (2, 3)}


def with_gaps(X, share, seed=0):
    """Return the samples with a share of their values missing."""
    gaps = np.random.default_rng(seed).random(X.shape) < share
    return np.where(gaps, np.nan, np.nan_to_num(X)).astype(np.float32)


def to_predict(X, gaps):
    """Return samples to predict: known ones, values in between, extreme and tiny ones."""
    random = np.random.default_rng(1)
    between = random.uniform(-2, 2, X.shape)
    extreme = random.choice([-3e38, -1e-36, -1e-45, 0, 1e-45, 1e-36, 3e38], X.shape)
    return with_gaps(np.concatenate([X, between, extreme]), gaps).astype(np.float32)


@pytest.fixture
def own(monkeypatch):
    """What the libraries fitted, in the order of fitting."""
    fitted = []

    def fit_linear(X, y, *args):
        (weights,), (bias,) = own_linear(X, y, *args)
        fitted.append(LogisticRegression(max_iter=1_000).fit(X, y))
        fitted[-1].coef_, fitted[-1].intercept_ = weights.T.copy(), bias.copy()
        return [weights], [bias]

    def flattened(text, *args):
        fitted.append(lightgbm.Booster(model_str=text))
        return flat(text, *args)

    def fit_net(X, y, *args):
        layers = own_net(X, y, *args)
        fitted.append(MLPClassifier((20,), solver="lbfgs", max_iter=1).fit(X, y))
        fitted[-1].coefs_, fitted[-1].intercepts_ = copy.deepcopy(layers)
        return layers

    flat, own_net = boosting.flattened, net.fit_net
    monkeypatch.setattr(boosting, "flattened", flattened)
    own_linear = linear.fit_linear
    monkeypatch.setattr(linear, "fit_linear", fit_linear)
    monkeypatch.setattr(net, "fit_net", fit_net)
    return fitted


@pytest.fixture(params=[False, True], ids=["", "prior"])
def prior(request):
    """For each number of classes an imported model, or none."""
    if not request.param:
        return {2: None, 3: None}
    return {n: _fit(LINEAR, with_gaps(COURSES[n].X, 0.3, seed=9), COURSES[n].y) for n in (2, 3)}


def _fit(recipe, X, y, prior=None):
    recipe = with_prior(recipe) if prior else recipe
    return BlendedClassifier(prior, recipe).fit(X, y).classifier_


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    ("learned", "predicted"), [(0, 0), (0.2, 0.2), (0, 0.2)], ids=["full", "gaps", "new gaps"]
)
class TestPartsPredictLikeTheLibraries:
    def test_linear_model(self, own, prior, n_classes, learned, predicted):
        self.compare_dense(LINEAR, own, prior[n_classes], n_classes, learned, predicted)

    def test_net(self, own, prior, n_classes, learned, predicted):
        self.compare_dense(NET, own, prior[n_classes], n_classes, learned, predicted)

    def compare_dense(self, recipe, own, prior, n_classes, learned, predicted):
        course = COURSES[n_classes]
        own.clear()
        (part,) = _fit(recipe, with_gaps(course.X, learned), course.y, prior).parts
        X = to_predict(course.X, predicted)
        log_prior = prior and np.log(prior.predict_proba(X))
        values = inputs(part.preparation.apply(X), log_prior)
        values[:, len(part.preparation.mean) :] *= PRIOR_SCALE
        expected = own[0].predict_proba(values)
        np.testing.assert_allclose(part.predict_proba(X, log_prior), expected, atol=2e-5)

    def test_trees(self, own, prior, n_classes, learned, predicted):
        course, prior = COURSES[n_classes], prior[n_classes]
        own.clear()
        (part,) = _fit(TREES, with_gaps(course.X, learned), course.y, prior).parts
        X = to_predict(course.X, predicted)
        scores = own[0].predict(X, raw_score=True).reshape(len(X), -1)
        log_prior = prior and np.log(prior.predict_proba(X))
        if prior:
            scores = scores + prior_scores(log_prior)
        else:
            own_probabilities = own[0].predict(X).reshape(len(X), -1)[:, -1]
            np.testing.assert_allclose(probabilities(scores)[:, -1], own_probabilities, rtol=1e-9)
        assert len(part.roots) == TREES.parts[0][0].setting.rounds * scores.shape[1]
        predicted = part.predict_proba(X, log_prior)
        np.testing.assert_allclose(predicted, probabilities(scores), rtol=0 if not prior else 1e-9)


@pytest.mark.parametrize("n_leaves", [2, 31, 32, 33, 64, 65, 150])
def test_trees_of_any_size_predict_like_the_library(own, n_leaves):
    course = make_course(2000, seed=3)
    setting = Boosting(n_leaves, 0.1, 0.0, 1.0, 0.0, rounds=5)
    (part,) = _fit(Recipe(((Candidate("sharp", setting), 1.0),)), course.X, course.y).parts
    assert len(part.value) == 5 * (2 * n_leaves - 1)
    X = to_predict(course.X, 0.1)
    expected = probabilities(own[-1].predict(X, raw_score=True).reshape(-1, 1))
    assert part.predict_proba(X, None).tobytes() == expected.tobytes()


def test_trees_predict_many_samples_piece_by_piece(monkeypatch):
    course = COURSES[2]
    (part,) = _fit(TREES, course.X, course.y).parts
    X = to_predict(course.X, 0.1)
    at_once = part.predict_proba(X, None)
    monkeypatch.setattr("mlcore.families.quickscorer._CELLS", 10 * len(part.roots))
    assert part.predict_proba(X, None).tobytes() == at_once.tobytes()
    monkeypatch.setattr("mlcore.families.trees._LARGE_TREE", 0)
    assert part.predict_proba(X, None).tobytes() == at_once.tobytes()
    monkeypatch.setattr("mlcore.families.trees._WALKED", 10 * len(part.roots))
    assert part.predict_proba(X, None).tobytes() == at_once.tobytes()


@pytest.mark.parametrize("cells", [1, 500, 5_000])
def test_tables_made_piece_by_piece_are_the_same(cells, monkeypatch):
    course = make_course(2000, seed=3)
    setting = Boosting(150, 0.1, 0.0, 1.0, 0.0, rounds=5)
    (part,) = _fit(Recipe(((Candidate("sharp", setting), 1.0),)), course.X, course.y).parts
    at_once = QuickScorer.of(part)
    monkeypatch.setattr("mlcore.families.quickscorer._CELLS", cells)
    for one, other in zip(QuickScorer.of(part).features, at_once.features, strict=True):
        assert one.words.tolist() == other.words.tolist()
        assert one.tables.tolist() == other.tables.tolist()


def walked(trees, sample):
    """Return a sample's scores from trees, as their description says."""
    scores = np.zeros(trees.n_scores)
    for number, node in enumerate(trees.roots):
        while trees.left[node] != node:
            value = sample[trees.feature[node]]
            if np.isnan(value):
                value = trees.missing[node] * np.inf if trees.missing[node] else 0
            node = (trees.right if value > trees.threshold[node] else trees.left)[node]
        scores[number % trees.n_scores] += trees.value[node]
    return scores


@given(st.integers(0, 2**32), st.integers(1, 3), st.sampled_from([1, 3]), st.booleans())
def test_any_trees_are_what_their_description_says(seed, n_rounds, n_scores, slanted):
    """Trees of any shape and size, also with thresholds that no sample can be above."""
    random = np.random.default_rng(seed)
    roots, left, right = [], [], []
    for _ in range(n_rounds * n_scores):
        roots.append(len(left))
        leaves = [len(left)]
        left.append(len(left))
        right.append(len(right))
        for _ in range(random.integers(0, 150)):
            node = leaves.pop(-1 if slanted else random.integers(len(leaves)))
            left[node], right[node] = len(left), len(left) + 1
            leaves += [len(left), len(left) + 1]
            left += leaves[-2:]
            right += leaves[-2:]
    n_nodes = len(left)
    values = np.array([-np.inf, -1, -0.5, -0.0, 0, 0.1, 1, 3e38, np.inf, np.nan], dtype=np.float32)
    trees = Trees(
        roots=np.array(roots, np.int32),
        feature=random.integers(0, 3, n_nodes).astype(np.int32),
        left=np.array(left, np.int32),
        right=np.array(right, np.int32),
        threshold=random.choice(values, n_nodes),
        missing=random.integers(-1, 2, n_nodes).astype(np.int8),
        value=random.normal(0, 1, n_nodes),
        n_scores=n_scores,
    )
    X = random.choice(values[np.isfinite(values) | np.isnan(values)], (20, 3))
    expected = probabilities(np.array([walked(trees, sample) for sample in X]))
    np.testing.assert_allclose(trees.predict_proba(X, None), expected, rtol=1e-12)
    # whoever is predicted in a crowd gets the same to the last bit
    crowd = trees.predict_proba(np.tile(X, (11, 1)), None)
    assert crowd.tobytes() == np.tile(trees.predict_proba(X, None), (11, 1)).tobytes()


def test_no_trees_say_nothing():
    nothing = np.zeros(0, np.int32)
    trees = Trees(
        *(nothing, nothing, nothing, nothing, nothing.astype(np.float32)),
        *(nothing.astype(np.int8), nothing.astype(np.float64)),
        n_scores=1,
    )
    for n_samples in (0, 3, 300):
        p = trees.predict_proba(np.ones((n_samples, 2), np.float32), None)
        assert p.tolist() == [[0.5, 0.5]] * n_samples


def make_tree(threshold, missing):
    """Return one tree of one node: 1 above the threshold, else -1."""
    return Trees(
        roots=np.array([0], np.int32),
        feature=np.zeros(3, np.int32),
        left=np.array([1, 1, 2], np.int32),
        right=np.array([2, 1, 2], np.int32),
        threshold=np.array([threshold, 0, 0], np.float32),
        missing=np.array([missing, 0, 0], np.int8),
        value=np.array([0.0, -1, 1]),
        n_scores=1,
    )


@pytest.mark.parametrize(
    ("threshold", "missing", "right"),
    [(0.5, -1, 0), (0.5, 0, 0), (0.5, 1, 1), (-0.5, -1, 0), (-0.5, 0, 1), (-0.5, 1, 1)],
)
def test_a_missing_value_goes_where_the_node_says(threshold, missing, right):
    nothing = np.array([[np.nan]], np.float32)
    assert make_tree(threshold, missing).predict_proba(nothing, None)[0].argmax() == right


def test_a_value_equal_to_the_threshold_goes_left():
    X = np.array([[0.25], [np.nextafter(np.float32(0.25), np.float32(1))]], np.float32)
    assert make_tree(0.25, 0).predict_proba(X, None).argmax(axis=1).tolist() == [0, 1]


# preparation -------------------------------------------------------------------------------------


def prepared(X, weights=None):
    X = np.array(X, dtype=np.float32)
    preparation = Preparation.of(X, np.ones(len(X)) if weights is None else np.array(weights))
    return preparation, preparation.apply(X)


def test_columns_are_standardised():
    _, values = prepared(np.random.default_rng(0).normal(3, 7, (100, 4)))
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(values.std(axis=0), 1, atol=1e-5)


def test_a_missing_value_counts_as_the_mean_and_is_flagged():
    preparation, values = prepared([[0.5, 1], [np.nan, 2], [-0.5, 4], [0.6, 8]])
    assert preparation.flags.tolist() == [0]
    assert preparation.fill[0] == np.float32(0.2)
    assert values[1, 0] == pytest.approx(0, abs=1e-6)
    assert values[:, 2].round(2).tolist() == [-0.25, 0.75, -0.25, -0.25]


def test_only_values_that_spread_further_than_moodles_are_scaled():
    _, values = prepared([[-1, -1e6, 0.01], [1, 1e6, 0.02], [1, 0, 0.02], [-1, 0, 0.01]])
    np.testing.assert_allclose(np.ptp(values, axis=0), [2, 2.83, 0.01], rtol=1e-3)


def test_weights_count_like_repeated_rows():
    X = np.array([[0.5, np.nan], [np.nan, 0.1], [-0.5, 0.3]])
    weighted, _ = prepared(X, [1, 2, 5])
    repeated, _ = prepared(np.repeat(X, [1, 2, 5], axis=0))
    for name, array in weighted.arrays().items():
        np.testing.assert_allclose(array, repeated.arrays()[name], rtol=1e-6)


def test_constant_and_empty_columns_are_not_used():
    preparation, values = prepared([[1, np.nan, 0.1], [1, np.nan, 0.2]])
    assert preparation.columns.tolist() == [2]
    assert values.shape == (2, 1)


def test_a_column_that_is_constant_where_it_has_a_value_is_used_as_a_flag():
    preparation, values = prepared([[1, 0], [np.nan, 0]])
    assert (preparation.columns.tolist(), preparation.flags.tolist()) == ([], [0])
    assert values.ravel().tolist() == [-0.5, 0.5]


@pytest.mark.parametrize("value", [np.nan, 1, 0])
def test_samples_without_information_still_have_a_column(value):
    _, values = prepared([[value, value]] * 3)
    assert values.tolist() == [[0], [0], [0]]


def test_values_beyond_the_ones_learned_from_count_as_the_nearest_of_them():
    X = np.array([[-0.5], [0.5]], dtype=np.float32)
    preparation = Preparation.of(X, np.full(2, 8.0))
    assert (preparation.apply(np.array([[-9], [9]], np.float32)) == preparation.apply(X)).all()


@pytest.mark.parametrize(("largest", "end"), [(0.3, 1), (1, 1), (1.01, 2), (7, 8)])
def test_of_very_few_samples_the_range_is_not_told(largest, end):
    """It would be little else than the samples themselves, and models are shared."""
    X = np.array([[0.1, -largest], [0.2, 0]], dtype=np.float32)
    few = Preparation.of(X, np.array([7.0, 8.0]))
    assert few.low.tolist() == [-1, -end]
    assert few.high.tolist() == [1, end]
    more = Preparation.of(X, np.array([8.0, 8.0]))
    assert more.low.tolist() == [X[0, 0], np.float32(-largest)]
    assert more.high.tolist() == [np.float32(0.2), 0]


def test_values_far_beyond_moodles_are_no_overflow():
    preparation, values = prepared([[3.4e38], [-3.4e38], [-3.3e38]])
    assert np.isfinite(values).all()
    assert np.isfinite(preparation.apply(np.full((1, 1), -3.4e38, np.float32))).all()


# probabilities -----------------------------------------------------------------------------------


def test_scores_of_any_size_become_probabilities():
    two = probabilities(np.array([[0.0], [1e5], [-1e5], [np.log(3)]]))
    np.testing.assert_allclose(two, [[0.5, 0.5], [0, 1], [1, 0], [0.25, 0.75]], atol=1e-12)
    three = probabilities(np.array([[0.0, 0, 0], [1e5, 0, 0]]))
    np.testing.assert_allclose(three, [[1 / 3] * 3, [1, 0, 0]])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_scores_of_an_imported_model_are_its_probabilities(n_classes):
    p = np.random.default_rng(0).dirichlet(np.ones(n_classes), 20)
    np.testing.assert_allclose(probabilities(prior_scores(np.log(p))), p)
