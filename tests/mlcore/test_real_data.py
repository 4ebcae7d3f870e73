"""Real courses, where they are at hand: published data sets that are not part of this repository.

Three files that a generated Moodle site wrote are part of it, and are read always.
"""

import lzma
from pathlib import Path

import numpy as np
import pytest

from mlcore import Classifier, Examples, predict, read_labelled, read_unlabelled, train
from mlcore.evaluation import evaluate

PROJECT = Path(__file__).parents[2]
OWN = PROJECT / "tests" / "data"
REAL = PROJECT.parent / "shared" / "data"


def read(name):
    """Return a file's content, or skip the test where it is not at hand."""
    path = REAL / name
    if not path.exists():
        pytest.skip(f"the data set {name} is not at hand")
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


# a generated site's dropout model ----------------------------------------------------------------


def test_a_sites_dropout_model_is_trained_and_predicts():
    labelled = read_labelled((OWN / "dropout-quarters-labelled.csv").read_bytes())
    unlabelled = read_unlabelled((OWN / "dropout-quarters-unlabelled.csv").read_bytes())
    assert labelled.X.shape[1] == unlabelled.X.shape[1] == 98
    classifier, examples = train(labelled)
    assert examples.n_samples == len(labelled.y)
    classes, scores = predict(classifier, unlabelled)
    assert set(classes.tolist()) <= {0, 1}
    assert len(scores) == len(unlabelled.sample_ids)
    assert ((scores >= 0.5) & (scores <= 1)).all()


def test_a_sites_dropout_model_is_evaluated(quick_choice):
    dataset = read_labelled((OWN / "dropout-quarters-evaluation.csv").read_bytes())
    result = evaluate(dataset, 3)
    assert len(result.iterations) == 3
    assert result.report.empty_features + result.report.constant_features > 60
    assert result.mean("log_loss") < 1.1 * result.report.baseline.log_loss


# published ones ----------------------------------------------------------------------------------


def test_a_real_model_is_trained_and_predicts_and_is_stored():
    labelled = read_labelled(read("labelled-365x1904.csv"))
    assert labelled.X.shape == (1904, 365)
    classifier, examples = train(labelled)
    unlabelled = read_unlabelled(read("unlabelled-365x252.csv"))
    classes, scores = predict(classifier, unlabelled)
    assert len(classes) == 252
    assert len(set(scores.tolist())) > 10
    data = classifier.to_bytes()
    assert len(data) < 1_000_000
    again = predict(Classifier.from_bytes(data), unlabelled)
    assert again[1].tolist() == scores.tolist()
    np.testing.assert_array_equal(Examples.from_bytes(examples.to_bytes()).X, examples.X)


def test_a_real_model_is_evaluated():
    result = evaluate(read_labelled(read("labelled-365x1904.csv")), 3)
    assert result.mean("auc") > 0.85
    assert result.mean("f1_score") > 0.78
    assert result.mean("log_loss") < 0.28


def test_a_large_real_file_is_read_and_most_of_it_is_not_new():
    labelled = read_labelled(read("labelled-414x37953.csv.xz"))
    assert labelled.X.shape == (37953, 414)
    examples = Examples.of(labelled)
    assert examples.n_samples == 37953
    assert len(examples.to_bytes()) < 1_000_000


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("labelled-tiny-3x2.csv", (2, 3)),
        ("labelled-tiny-3x4.csv", (4, 3)),
        ("labelled-multiclass-2x150.csv", (150, 2)),
    ],
)
def test_moodles_own_test_files_train(name, shape):
    labelled = read_labelled(read(name))
    assert labelled.X.shape == shape
    classifier, _ = train(labelled)
    probabilities = classifier.predict_proba(labelled.X)
    if len(labelled.classes) == 2:
        np.testing.assert_allclose(probabilities, 0.5)
    else:
        assert (probabilities.argmax(axis=1) == labelled.y).all()
