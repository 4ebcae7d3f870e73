"""Fitting the net: as well as scikit-learn does."""

import numpy as np
import pytest
from sklearn.metrics import log_loss
from sklearn.neural_network import MLPClassifier

from mlcore.families import net
from tests.mlcore.builders import make_course

COURSES = {n: make_course(400, n_classes=n, minority=0.4) for n in (2, 3)}


def fit(course, layer):
    X = np.nan_to_num(course.X)
    layers = net.fit_net(X, course.y, np.ones(len(X)), len(course.classes), layer, 1)
    # scikit-learn's own prediction with these layers
    model = MLPClassifier((layer.units,), solver="lbfgs", max_iter=1).fit(X, course.y)
    model.coefs_, model.intercepts_ = layers
    return X, model


def penalised(course, X, model, decay):
    """Return what is to be minimised, as scikit-learn's documentation states it."""
    connections = sum((layer.astype(float) ** 2).sum() for layer in model.coefs_)
    return log_loss(course.y, model.predict_proba(X)) + decay / 2 / len(X) * connections


@pytest.mark.parametrize("decay", [1.0, 15.0])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("units", [20, 50])
def test_it_comes_as_far_as_the_library(n_classes, decay, units):
    course = COURSES[n_classes]
    X, model = fit(course, net.Layer(decay, units, iterations=500))
    theirs = MLPClassifier((units,), solver="lbfgs", alpha=decay, max_iter=500, random_state=1)
    reached = penalised(course, X, theirs.fit(X, course.y), decay)
    assert penalised(course, X, model, decay) == pytest.approx(reached, rel=0.03)


def test_few_iterations_come_close():
    course = COURSES[2]
    X, model = fit(course, net.Layer(15.0))
    theirs = MLPClassifier((20,), solver="lbfgs", alpha=15.0, max_iter=500, random_state=1)
    reached = penalised(course, X, theirs.fit(X, course.y), 15.0)
    assert penalised(course, X, model, 15.0) < 1.05 * reached


@pytest.mark.parametrize("n_classes", [2, 3])
def test_weights_count_like_repeated_rows(n_classes):
    course = COURSES[n_classes]
    X = np.nan_to_num(course.X)
    times = np.random.default_rng(0).integers(1, 4, len(X))
    weighted = net.fit_net(X, course.y, times.astype(float), n_classes, net.Layer(5.0), 1)
    rows = np.repeat(np.arange(len(X)), times)
    repeated = net.fit_net(
        X[rows], course.y[rows], np.ones(len(rows)), n_classes, net.Layer(5.0), 1
    )
    # rounding decides where the solver goes next
    for one, other in zip(weighted[0] + weighted[1], repeated[0] + repeated[1], strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)


def test_the_same_seed_gives_the_same_net_and_another_one_another():
    layers = [
        net.fit_net(
            np.nan_to_num(COURSES[2].X), COURSES[2].y, np.ones(400), 2, net.Layer(1.0), seed
        )[0][0]
        for seed in (1, 1, 2)
    ]
    assert (layers[0] == layers[1]).all()
    assert (layers[0] != layers[2]).any()
