"""Classifiers to test with, trained once."""

from dataclasses import replace

import numpy as np
import pytest

from mlcore import blend, train
from mlcore.blend import BlendedClassifier
from mlcore.trials import Recipe
from tests.mlcore.builders import BLEND, BOOSTING, make_course


@pytest.fixture
def quick_choice(monkeypatch):
    """Try little when choosing a recipe."""
    effort = blend._Effort(np.inf, 3, 1, (0.3,), (), (), (BOOSTING,))
    monkeypatch.setattr(blend, "_EFFORTS", (effort,))


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
    parts = (("prior", None, 1.0), *BLEND.parts)
    return fitted(Recipe(tuple((*part[:2], 0.2) for part in parts)), course, blended)


@pytest.fixture(scope="session")
def three_classes():
    """A classifier of all kinds of parts for a target of three classes."""
    return fitted(BLEND, make_course(200, n_classes=3, minority=0.5))


def fitted(recipe, dataset, prior=None):
    """Return a classifier that was fitted by this recipe."""
    model = BlendedClassifier(prior, recipe).fit(dataset.X, dataset.y)
    return replace(model.classifier_, classes=dataset.classes, feature_names=dataset.feature_names)
