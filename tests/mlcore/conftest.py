"""Classifiers to test with, trained once."""

from dataclasses import replace

import numpy as np
import pytest

from mlcore import train
from mlcore.estimator import BlendedClassifier
from mlcore.families import FAMILIES
from mlcore.trials import IMPORTED, Recipe
from tests.mlcore.builders import BLEND, BOOSTING, make_course, with_prior


@pytest.fixture
def quick_choice(monkeypatch):
    """Try little when choosing a recipe."""
    tried = {"prior": (None,), "linear": (0.3,), "sharp": (BOOSTING,)}
    monkeypatch.setattr("mlcore.task._TESTED", ((np.inf, 1),))
    for name, family in FAMILIES.items():
        monkeypatch.setattr(type(family), "settings", lambda _, n, name=name: tried.get(name, ()))


@pytest.fixture(scope="session")
def course():
    """Some 300 students with 12 indicators."""
    return make_course(300)


@pytest.fixture(scope="session")
def trained(course):
    """A classifier trained on `course`."""
    return train(course)[0]


@pytest.fixture(scope="session")
def blended(course):
    """A classifier of all kinds of parts."""
    return fitted(BLEND, course)


@pytest.fixture(scope="session")
def refined(course, blended):
    """A classifier of all kinds of parts that refines `blended`."""
    parts = [IMPORTED, *(part for part, _ in with_prior(BLEND).parts)]
    return fitted(Recipe(tuple((part, 0.2) for part in parts)), course, blended)


@pytest.fixture(scope="session")
def three_classes():
    """A classifier of all kinds of parts for a target of three classes."""
    return fitted(BLEND, make_course(200, n_classes=3, minority=0.5))


def fitted(recipe, dataset, prior=None):
    """Return a classifier that was fitted by this recipe."""
    model = BlendedClassifier(prior, recipe).fit(dataset.X, dataset.y)
    return replace(model.classifier_, classes=dataset.classes, feature_names=dataset.feature_names)
