"""Fitting logistic regression: as scikit-learn does."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from mlcore.families.linear import fit_linear
from tests.mlcore.builders import make_course

COURSES = {n: make_course(400, n_classes=n, minority=0.4) for n in (2, 3)}


@pytest.mark.parametrize("C", [0.01, 1.0, 30.0])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_fits_what_the_library_fits(n_classes, C):
    course = COURSES[n_classes]
    X = np.nan_to_num(course.X) - np.nan_to_num(course.X).mean(axis=0)
    weights = np.random.default_rng(0).integers(1, 9, 400).astype(float)
    (coefficients,), (bias,) = fit_linear(X, course.y, weights, n_classes, 1 / C)
    assert coefficients.dtype == bias.dtype == np.float32
    theirs = LogisticRegression(C=C, max_iter=1_000, tol=1e-6).fit(X, course.y, weights)
    ours = LogisticRegression(max_iter=1_000).fit(X, course.y)
    ours.coef_, ours.intercept_ = coefficients.T.copy(), bias.copy()
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), atol=0.01)


def test_whole_weights_count_like_repeated_rows():
    course = COURSES[2]
    X = np.nan_to_num(course.X)
    times = np.random.default_rng(0).integers(1, 4, 400)
    weighted = fit_linear(X, course.y, times.astype(float), 2, 1.0)
    rows = np.repeat(np.arange(400), times)
    repeated = fit_linear(X[rows], course.y[rows], np.ones(len(rows)), 2, 1.0)
    for one, other in zip(weighted[0] + weighted[1], repeated[0] + repeated[1], strict=True):
        np.testing.assert_allclose(one, other, atol=0.01)
