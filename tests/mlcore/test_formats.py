"""Stored files of each released format are read as they were meant."""

import json
from pathlib import Path

import numpy as np
import pytest

from infra.lab.fuzz.known_attacks import with_facts
from mlcore import Classifier, Examples, classifier, errors, examples, predict, read_unlabelled
from mlcore.families import PARTS

FORMATS = Path(__file__).parents[1] / "data" / "formats"


def stored(kind, number, suffix="npz"):
    return (FORMATS / f"{kind}-{number}.{suffix}").read_bytes()


@pytest.mark.parametrize("number", [classifier.FORMAT])
def test_a_classifier_of_each_format_predicts_as_it_did(number):
    model = Classifier.from_bytes(stored("classifier", number))
    assert model.prior is not None
    assert {part.kind for part in (*model.parts, *model.prior.parts)} == set(PARTS)
    samples = read_unlabelled(stored("classifier", number, "csv"))
    expected = json.loads(stored("classifier", number, "json"))
    classes, scores = predict(model, samples)
    assert list(zip(samples.sample_ids, classes.tolist(), strict=True)) == [
        (sample_id, value) for sample_id, value, _ in expected
    ]
    np.testing.assert_allclose(scores, [score for *_, score in expected], rtol=1e-5)


@pytest.mark.parametrize("number", [examples.FORMAT])
def test_examples_of_each_format_are_read_as_they_were(number):
    read = Examples.from_bytes(stored("examples", number))
    expected = json.loads(stored("examples", number, "json"))
    assert list(read.classes) == expected["classes"]
    assert list(read.feature_names) == expected["feature_names"]
    assert read.target == expected["target"]
    assert read.n_samples == expected["n_samples"]
    assert list(read.recent_sizes) == expected["recent_sizes"]
    assert [int(counts.sum()) for counts in read.recent] == expected["recent_sizes"]
    samples = np.array(expected["samples"], dtype=float)  # null becomes NaN
    np.testing.assert_array_equal(read.X, samples[:, :-2].astype(np.float32))
    np.testing.assert_array_equal(read.y, samples[:, -2])
    np.testing.assert_array_equal(read.counts, samples[:, -1])


@pytest.mark.parametrize(("kind", "module"), [(Classifier, classifier), (Examples, examples)])
def test_a_format_that_is_not_there_yet_is_refused(kind, module):
    number = module.FORMAT
    newer = with_facts(
        stored(kind.__name__.lower(), number), lambda facts: facts.update(format=number + 1)
    )
    with pytest.raises(errors.NewerModelFile, match=f"format {number + 1}, .* up to {number}:"):
        kind.from_bytes(newer)
