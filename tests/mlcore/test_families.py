"""Every family of learners keeps to the protocol: adding one to the registry tests it here."""

import numpy as np
import pytest

from infra.lab.fuzz.known_attacks import packed, unpacked
from mlcore import Classifier, blend, errors
from mlcore.families import FAMILIES, PARTS
from mlcore.task import Samples
from mlcore.trials import Candidate, Recipe
from tests.mlcore.builders import make_course

COURSES = {n: make_course(60, n_features=6, n_classes=n, minority=0.5) for n in (2, 3)}
KINDS = [(family, from_prior) for family in FAMILIES.values() for from_prior in family.uses_prior]


@pytest.fixture(scope="module", params=[2, 3])
def task(request):
    """Samples of two or three classes, with an imported model."""
    course = COURSES[request.param]
    samples = Samples(course.X, course.y.astype(np.intp), course.classes)
    recipe = Recipe(((Candidate("linear", 1.0), 1.0),))
    prior = blend.fit(samples.task(np.ones(60)), recipe)
    return Samples(course.X, course.y.astype(np.intp), course.classes, prior).task(np.ones(60))


@pytest.mark.parametrize(("family", "from_prior"), KINDS)
def test_what_a_family_fits_is_stored_and_read(family, from_prior, task):
    recipe = Recipe(((Candidate(family.name, family.quick, from_prior), 1.0),))
    model = blend.fit(task, recipe)
    (part,) = model.parts
    assert type(part) is family.part is PARTS[part.kind]
    assert part.from_prior is from_prior
    again = Classifier.from_bytes(model.to_bytes())
    assert again.to_bytes() == model.to_bytes()
    p = model.predict_proba(task.X)
    assert (again.predict_proba(task.X) == p).all()
    assert np.log(p[np.arange(60), task.y]).mean() > -np.log(task.n_classes) - 0.1


@pytest.mark.parametrize(("family", "from_prior"), KINDS)
def test_each_of_its_arrays_is_asked_for(family, from_prior, task):
    data = blend.fit(
        task, Recipe(((Candidate(family.name, family.quick, from_prior), 1.0),))
    ).to_bytes()
    members = unpacked(data)
    for name in members.keys() - {"model.json"}:
        without = packed({other: content for other, content in members.items() if other != name})
        with pytest.raises(errors.DamagedModelFile):
            Classifier.from_bytes(without)


@pytest.mark.parametrize(("family", "from_prior"), KINDS)
def test_what_it_tries_has_not_seen_what_is_held_out(family, from_prior):
    """Of classes that are tossed for, nobody can predict more than by chance."""
    random = np.random.default_rng(0)
    X = random.uniform(-1, 1, (200, 3)).astype(np.float32)
    samples = Samples(X, random.integers(0, 2, 200), (0, 1))
    prior = blend.fit(samples.task(np.ones(200)), Recipe(((Candidate("linear", 1e-6), 1.0),)))
    task = Samples(samples.X, samples.y, (0, 1), prior).task(np.ones(200))
    setting = family.quick
    fold = next(task.folds())
    for _, p in family.tried(fold, setting, from_prior):
        assert p.shape == (len(fold.tested.used), 2)
        assert p[np.arange(len(p)), fold.tested.y].mean() < 0.65


@pytest.mark.parametrize("family", FAMILIES.values())
@pytest.mark.parametrize("n_samples", [1, 500, 501, 4_001, 10_001, 1_000_000])
def test_settings_are_told_apart_by_their_values(family, n_samples):
    settings = family.settings(n_samples)
    assert len(set(settings)) == len(settings)
