"""Predicting the classes of new samples."""

from dataclasses import replace

import numpy as np
import pytest

from infra.lab.course import Course
from mlcore import Unlabelled, errors, predict, read_unlabelled, train
from tests.mlcore.builders import make_labelled


@pytest.fixture(scope="module")
def dataset():
    return read_unlabelled(Course(12, seed=1).unlabelled(80))


def test_the_class_is_the_most_probable_one_and_the_score_its_probability(trained, dataset):
    classes, scores = predict(trained, dataset)
    probabilities = trained.predict_proba(dataset.X)
    assert classes.tolist() == probabilities.argmax(axis=1).tolist()
    assert scores.tolist() == probabilities.max(axis=1).tolist()
    assert scores.min() >= 0.5
    assert scores.max() <= 1
    assert (classes.dtype, scores.dtype) == (np.int64, np.float64)


def test_predictions_come_in_the_order_of_the_samples(trained, dataset):
    backwards = replace(dataset, sample_ids=dataset.sample_ids[::-1], X=dataset.X[::-1])
    for forward, backward in zip(
        predict(trained, dataset), predict(trained, backwards), strict=True
    ):
        np.testing.assert_allclose(forward[::-1], backward)


@pytest.mark.parametrize("values", [(-1, 1), (3, 40), (-9, 0, 7)])
def test_classes_are_the_targets_values(values):
    X = np.linspace(-1, 1, 60).reshape(-1, 1).round(2)
    y = np.array(values)[np.arange(60) * len(values) // 60]
    classifier, _ = train(make_labelled(X, y))
    ends = Unlabelled(["first", "last"], np.array([[-1], [1]], dtype=np.float32), ("x0",))
    assert predict(classifier, ends)[0].tolist() == [values[0], values[-1]]


def test_identical_samples_get_identical_predictions(trained, dataset):
    X = dataset.X[[0, 1, 0, 2, 1, 0]]
    classes, scores = predict(trained, replace(dataset, X=X))
    expected_classes, expected_scores = predict(trained, replace(dataset, X=X[[0, 1, 3]]))
    order = [0, 1, 0, 2, 1, 0]
    assert classes.tolist() == expected_classes[order].tolist()
    assert scores.tolist() == expected_scores[order].tolist()


def test_many_samples_are_predicted_piece_by_piece(trained, dataset, monkeypatch):
    at_once = predict(trained, dataset)
    monkeypatch.setattr("mlcore.prediction._SAMPLES", 7)
    for one, other in zip(predict(trained, dataset), at_once, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_one_sample_can_be_predicted(trained, dataset):
    one = replace(dataset, sample_ids=dataset.sample_ids[:1], X=dataset.X[:1])
    classes, scores = predict(trained, one)
    assert classes.shape == scores.shape == (1,)


def test_samples_without_any_value_can_be_predicted(trained, dataset):
    nothing = replace(dataset, X=np.full((1, 12), np.nan, dtype=np.float32))
    assert 0.5 <= predict(trained, nothing)[1][0] <= 1


def test_columns_go_by_name(trained, dataset):
    expected = predict(trained, dataset)
    order = np.random.default_rng(0).permutation(12)
    names = tuple(dataset.feature_names[i] for i in order)
    extra = np.ones((len(dataset.X), 1), np.float32)
    X = np.hstack([extra, dataset.X[:, order]])
    found = predict(trained, replace(dataset, X=X, feature_names=("another", *names)))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)


def test_a_column_that_is_not_there_has_no_value(trained, dataset):
    without = dataset.X.copy()
    without[:, 3] = np.nan
    expected = predict(trained, replace(dataset, X=without))
    X, names = np.delete(dataset.X, 3, axis=1), list(dataset.feature_names)
    del names[3]
    found = predict(trained, replace(dataset, X=X, feature_names=tuple(names)))
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("names", [[""] * 12, [f"input-{i}" for i in range(1, 13)]])
def test_columns_without_real_names_go_by_position(trained, dataset, names):
    found = predict(trained, replace(dataset, feature_names=tuple(names)))
    for one, other in zip(found, predict(trained, dataset), strict=True):
        np.testing.assert_array_equal(one, other)


def test_too_few_columns_without_real_names_are_refused(trained, dataset):
    names = tuple(f"input-{i}" for i in range(11))
    other = replace(dataset, X=dataset.X[:, 1:], feature_names=names)
    with pytest.raises(errors.OtherFeatures, match="11 features and the trained model has 12"):
        predict(trained, other)


def test_samples_of_another_model_are_refused(trained, dataset):
    names = tuple(f"another/{name}" for name in dataset.feature_names)
    with pytest.raises(errors.OtherIndicators, match=r"are not in the dataset, .*Clear"):
        predict(trained, replace(dataset, feature_names=names))
