"""LightGBM's library by its C interface gives what the package gives."""

import lightgbm
import numpy as np
import pytest

from mlcore.families import lightgbm_library
from mlcore.families.boosting import BINNING, flattened
from mlcore.families.lightgbm_library import Binned, Booster
from tests.mlcore.builders import make_course

PARAMETERS = {
    2: {"objective": "binary", "num_leaves": 7, "min_sum_hessian_in_leaf": 1.0, **BINNING},
    3: {
        "objective": "multiclass",
        "num_class": 3,
        "num_leaves": 7,
        "min_sum_hessian_in_leaf": 1.0,
        **BINNING,
    },
}
COURSES = {n: make_course(300, n_classes=n, minority=0.5) for n in (2, 3)}
ROWS = np.arange(0, 300, 2)
WEIGHTS = np.random.default_rng(0).integers(1, 5, 150).astype(float)


def boosted(n_classes, rounds, scores=None):
    """Return a booster of every other sample, which tests the others."""
    course = COURSES[n_classes]
    whole = Binned.of(course.X, BINNING)
    starts = None if scores is None else scores[ROWS]
    learned = whole.subset(ROWS, BINNING, course.y[ROWS], WEIGHTS, starts)
    others = None if scores is None else scores[ROWS + 1]
    tested = whole.subset(ROWS + 1, BINNING, course.y[ROWS + 1], np.ones(150), others)
    booster = Booster(learned, PARAMETERS[n_classes], tested)
    booster.update(rounds)
    return booster


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("start", [False, True])
def test_its_trees_are_those_of_the_package(n_classes, start):
    course = COURSES[n_classes]
    random = np.random.default_rng(1)
    scores = random.normal(0, 1, (300, 1 if n_classes == 2 else 3)) if start else None
    whole = lightgbm.Dataset(course.X, course.y, params=BINNING, free_raw_data=False).construct()
    data = whole.subset(ROWS.tolist()).construct()
    data.set_weight(WEIGHTS)
    if start:
        data.set_init_score(scores[ROWS].squeeze())
    theirs = lightgbm.train(PARAMETERS[n_classes], data, 12)
    ours = boosted(n_classes, 12, scores).text()
    tree = "Tree=0"
    assert (
        ours[ours.index(tree) : ours.index("end of trees")]
        == (
            theirs.model_to_string()[theirs.model_to_string().index(tree) :].partition(
                "end of trees"
            )[0]
        )
    )


@pytest.mark.parametrize("n_classes", [2, 3])
def test_what_it_says_of_held_out_samples_is_what_its_trees_say(n_classes):
    booster = boosted(n_classes, 12)
    expected = flattened(booster.text(), n_classes, False).predict_proba(
        COURSES[n_classes].X[ROWS + 1], None
    )
    np.testing.assert_allclose(booster.predict_proba(), expected, atol=1e-12)


def test_a_text_longer_than_expected_is_read_whole():
    text = boosted(3, 500).text()
    assert len(text) > 1 << 20
    assert text.count("Tree=") == 1_500


def test_what_the_library_refuses_is_an_error_with_its_words():
    course = COURSES[3]
    whole = Binned.of(course.X, BINNING)
    learned = whole.subset(ROWS, BINNING, course.y[ROWS] + 5, WEIGHTS)
    with pytest.raises(RuntimeError, match="Label must be in"):
        Booster(learned, PARAMETERS[3])


def test_where_it_is_not_installed_it_says_so(monkeypatch):
    monkeypatch.setattr(lightgbm_library, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="not installed"):
        lightgbm_library._library.__wrapped__()
