"""Choosing what to blend, by what candidates give to held-out samples."""

from dataclasses import replace

import numpy as np
import pytest

from mlcore.classifier import Classifier
from mlcore.estimator import BlendedClassifier
from mlcore.families.forest import Bagging
from mlcore.trials import Candidate, Trials
from tests.mlcore.builders import BLEND, make_course


def tried(*folds):
    """Return trials of folds, in each of which candidates give so much to each sample's class."""
    trials = Trials()
    for fold in folds:
        results = [
            (Candidate(*named), Candidate(*named), probabilities(likelihood))
            for named, likelihood in fold.items()
        ]
        add(trials, results, len(results[0][2]))
    return trials


def probabilities(likelihood):
    """Return what two classes get, of which the first is the true one."""
    first = np.array(likelihood, dtype=float)
    return np.stack([first, 1 - first], axis=1)


def add(trials, results, n_samples):
    trials.add(results, np.zeros(n_samples, dtype=np.intp), np.ones(n_samples))


def shares(recipe):
    return {part.family: weight for part, weight in recipe.parts}


def test_the_best_setting_of_each_family_is_taken():
    fold = {("linear", 1.0): [0.6] * 50, ("linear", 2.0): [0.8] * 50, ("net", 1.0): [0.7] * 50}
    settings = {part.family: part.setting for part, _ in tried(fold).recipe().parts}
    assert settings == {"linear": 2.0, "net": 1.0}


def test_what_is_more_likely_weighs_more():
    weights = shares(tried({("linear", 1.0): [0.8] * 50, ("net", 1.0): [0.6] * 50}).recipe())
    assert weights["linear"] > 0.8
    assert sum(weights.values()) == pytest.approx(1)


def test_a_forest_is_told_what_it_weighs():
    forest, linear = ("forest", Bagging(1.0)), ("linear", 1.0)
    parts = tried({forest: [0.7] * 50, linear: [0.8] * 50}).recipe().parts
    (told,) = [(part.setting.weight, weight) for part, weight in parts if part.family == "forest"]
    assert told[0] == told[1] < 0.5


def test_a_family_is_judged_by_settings_that_other_folds_chose():
    """Of settings that are lucky in one fold each, none is better than what is never lucky."""
    lucky = [
        {("sharp", i): [0.9 if i == fold else 0.4] * 40 for i in range(5)} for fold in range(5)
    ]
    trials = tried(*({**fold, ("linear", 1.0): [0.5] * 40} for fold in lucky))
    assert shares(trials.recipe())["linear"] > 0.9


def test_with_one_fold_its_own_choice_has_to_do():
    weights = shares(tried({("sharp", 1): [0.9] * 50, ("sharp", 2): [0.4] * 50}).recipe())
    assert weights == {"sharp": 1}


@pytest.mark.parametrize(
    ("likelihood", "lags"), [([0.6, 0.5], True), ([0.89, 0.6], True), ([0.4, 0.99], False)]
)
def test_what_is_far_behind_in_a_fold_is_left(likelihood, lags):
    trials = Trials()
    best, net, other_net = Candidate("sharp", 1), Candidate("net", 1.0), Candidate("net", 2.0)

    def results():
        assert not trials.lags(probabilities(likelihood * 200))
        yield best, best, probabilities([0.9, 0.6] * 200)
        assert trials.is_open(net)
        p = probabilities(likelihood * 200)
        assert trials.lags(p) == lags
        yield net, net, p
        assert trials.is_open(other_net) != lags

    add(trials, results(), 400)


def test_with_several_folds_nothing_is_left_within_one():
    """What is far behind alone may better a blend."""
    trials = Trials(leave=False)
    best, net = Candidate("sharp", 1), Candidate("net", 1.0)

    def results():
        yield best, best, probabilities([0.9, 0.6] * 200)
        p = probabilities([0.6, 0.5] * 200)
        assert not trials.lags(p)
        yield net, net, p
        assert trials.is_open(Candidate("net", 2.0))

    add(trials, results(), 400)


@pytest.mark.parametrize("p", [[0.7, 0.3], [0.7, 0.299, 0.001]])
@pytest.mark.parametrize(("right", "sharpness"), [(85, 2.05), (70, 1), (50, 1)])
def test_a_mixture_that_is_too_cautious_is_sharpened_and_no_other(p, right, sharpness):
    trials, linear = Trials(), Candidate("linear", 1.0)
    truth = np.array([0] * (right * 20) + [1] * ((100 - right) * 20))
    trials.add([(linear, linear, np.tile(p, (2_000, 1)))], truth, np.ones(2_000))
    assert trials.recipe().sharpness == pytest.approx(sharpness, abs=0.2)


def test_few_samples_hardly_sharpen():
    recipe = tried({("linear", 1.0): [0.7] * 10}).recipe()
    assert 1 < recipe.sharpness < 1.2


def test_sharpened_probabilities_are_a_power_of_the_mean():
    course = make_course(100)
    model = BlendedClassifier(recipe=replace(BLEND, sharpness=1.5)).fit(course.X, course.y)
    plain = replace(model.classifier_, sharpness=1.0).predict_proba(course.X)
    expected = plain**1.5 / (plain**1.5).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(model.predict_proba(course.X), expected, rtol=1e-9, atol=2e-6)
    again = Classifier.from_bytes(model.classifier_.to_bytes())
    assert (again.predict_proba(course.X) == model.predict_proba(course.X)).all()
