"""Random forests: what numpy alone predicts with is what LightGBM's trees say."""

import lightgbm
import numpy as np
import pytest

from mlcore.classifier import Classifier
from mlcore.families import FAMILIES
from mlcore.families.forest import Bagging, grow
from mlcore.families.lightgbm_library import Booster
from mlcore.families.trees import MAX_DEPTH
from mlcore.task import Samples
from tests.mlcore.builders import EXTRA_TREES, FOREST, make_course
from tests.mlcore.conftest import fitted
from tests.mlcore.test_extra_trees import with_gaps

COURSES = {n: make_course(250, n_classes=n, minority=0.4, noise=0.5) for n in (2, 3)}
WHOLE, CAREFUL = Bagging(min_weight=1.0), Bagging(min_weight=12.0)


def task_of(X, y, weights=None):
    X, y = np.asarray(X, dtype=np.float32), np.asarray(y).astype(np.intp)
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    return Samples(X, y, tuple(range(int(y.max()) + 1))).task(weights)


def said_by_lightgbm(monkeypatch):
    """Return a list of what LightGBM's package says of samples by the trees that are grown."""
    said = []
    text = Booster.text

    def noting(booster):
        said.append(lightgbm.Booster(model_str=text(booster)))
        return said[-1].model_to_string()

    monkeypatch.setattr(Booster, "text", noting)
    return said


@pytest.mark.parametrize("bagging", [WHOLE, CAREFUL])
@pytest.mark.parametrize("gaps", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_predicts_like_the_library(n_classes, gaps, bagging, monkeypatch):
    course = COURSES[n_classes]
    X = with_gaps(course.X) if gaps else course.X
    said = said_by_lightgbm(monkeypatch)
    p = grow(task_of(X, course.y), bagging, 10).predict_proba(X, None)
    assert p.shape == (len(X), n_classes)
    assert np.ptp(p[:, 0]) > 0.5
    expected = np.stack([booster.predict(X) for booster in said], axis=1)
    if n_classes == 2:
        expected = np.hstack([1 - expected, expected])
    expected = np.maximum(expected, 1e-6) / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(p, expected, atol=1e-5)


def test_samples_without_information_get_the_shares_of_the_classes():
    task = task_of(np.ones((40, 3)), np.arange(40) < 10)
    p = grow(task, CAREFUL, 10).predict_proba(task.X, None)
    np.testing.assert_allclose(p, np.tile([0.75, 0.25], (40, 1)), atol=1e-9)


def test_no_tree_is_deeper_than_what_can_be_stored():
    """Each split takes one sample of the row, as far as anybody may go."""
    x = np.arange(3_000)[:, None]
    task = task_of(x, x[:, 0] % 2)
    part = grow(task, WHOLE, 10)
    level, depth = part.roots, 0
    while len(level):
        inner = level[part.left[level] != level]
        level, depth = np.concatenate([part.left[inner], part.right[inner]]), depth + 1
    assert 10 < depth <= MAX_DEPTH + 1


@pytest.mark.parametrize("recipe", [FOREST, EXTRA_TREES])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_more_a_forest_weighs_the_more_trees_it_has(recipe, n_classes):
    family, part = FAMILIES[recipe.parts[0][0].family], recipe.parts[0][0]
    task = task_of(COURSES[n_classes].X, COURSES[n_classes].y)
    sizes = [
        len(family.fit(task, family.weighed(part.setting, weight), False).roots)
        for weight in (0.05, 0.2, 1.0)
    ]
    assert sizes[0] < sizes[1] < sizes[2]
    assert sizes[2] == pytest.approx(5 * sizes[1], rel=0.05)


@pytest.mark.parametrize("recipe", [FOREST, EXTRA_TREES])
def test_it_is_stored_and_read(recipe):
    for course in COURSES.values():
        model = fitted(recipe, course)
        again = Classifier.from_bytes(model.to_bytes())
        assert [part.kind for part in again.parts] == ["forest"]
        assert (again.predict_proba(course.X) == model.predict_proba(course.X)).all()
