"""Learning, at once and bit by bit, from nothing and from an imported model."""

from dataclasses import replace

import numpy as np
import pytest

from mlcore import Classifier, Examples, errors, read_labelled, train
from tests.mlcore.builders import joined, make_course, make_file, make_labelled, rows_of

COURSE = make_course(260, n_features=8)
UNSEEN = make_course(100, n_features=8, seed=2).X


def in_pieces(dataset, n_pieces, seed, **options):
    """Return the last classifier of a dataset learned in pieces, the first with all classes."""
    order = np.random.default_rng(seed).permutation(len(dataset.y))
    first = [np.flatnonzero(dataset.y == value)[0] for value in dataset.classes]
    order = np.concatenate([first, np.setdiff1d(order, first, assume_unique=True)])
    classifier = learned = None
    for rows in np.array_split(order, n_pieces):
        classifier, learned = train(rows_of(dataset, rows), learned, **options)
    return classifier


@pytest.fixture(scope="module")
def at_once():
    return train(COURSE)[0]


# from nothing ------------------------------------------------------------------------------------


def test_what_was_learned_is_predicted(at_once):
    predicted = at_once.predict_proba(COURSE.X).argmax(axis=1)
    assert np.mean(predicted == COURSE.y) > 0.85
    assert at_once.classes == COURSE.classes
    assert at_once.feature_names == COURSE.feature_names
    assert at_once.prior is None


def test_rows_count_as_often_as_they_came():
    classifier, _ = train(make_labelled(np.ones((100, 1)), np.arange(100) < 20))
    one = np.ones((1, 1), dtype=np.float32)
    np.testing.assert_allclose(classifier.predict_proba(one), [[0.8, 0.2]], atol=0.01)


def test_all_rows_are_remembered():
    _, examples = train(COURSE)
    assert examples.to_bytes() == Examples.of(COURSE).to_bytes()


@pytest.mark.parametrize("values", [(-7, 3, 2000), (5, 6, 12)])
def test_classes_may_be_any_integers(values):
    X = np.random.default_rng(0).uniform(-1, 1, (90, 2)).round(2)
    y = np.array(values)[np.digitize(X[:, 0], [-0.3, 0.3])]
    classifier, _ = train(make_labelled(X, y))
    assert classifier.classes == values
    predicted = np.array(values)[classifier.predict_proba(X.astype(np.float32)).argmax(axis=1)]
    assert np.mean(predicted == y) > 0.9


@pytest.mark.parametrize("times", [1, 2])
def test_a_few_rows_of_equal_features_and_two_classes_train(times):
    dataset = read_labelled(make_file("1,0,1,0\n" * times + "1,0,1,1\n" * times))
    classifier, examples = train(dataset)
    np.testing.assert_allclose(classifier.predict_proba(dataset.X), 0.5)
    assert examples.n_samples == 2 * times


def test_a_few_rows_of_three_classes_train():
    dataset = make_labelled([[0.2, 1], [-0.2, -1], [-1, 1]], [2, 1, 0])
    classifier, _ = train(dataset)
    assert classifier.predict_proba(dataset.X).argmax(axis=1).tolist() == [2, 1, 0]


@pytest.mark.parametrize(
    ("dataset", "missing"),
    [
        (make_labelled([[0], [1]], [0, 0], classes=(0, 1)), "1"),
        (make_labelled([[0]], [1], classes=(0, 1)), "0"),
        (make_labelled([[0], [1]], [5, 5], classes=(-1, 5, 7)), "-1 or 7"),
    ],
)
def test_a_first_file_of_one_class_is_not_enough(dataset, missing):
    with pytest.raises(errors.ClassesMissing, match=f"none of the class {missing} has"):
        train(dataset)


# bit by bit --------------------------------------------------------------------------------------


@pytest.mark.parametrize("n_pieces", [1, 2, 20])
def test_learning_in_pieces_is_learning_at_once(quick_choice, n_pieces):
    at_once, _ = train(COURSE)
    classifier = in_pieces(COURSE, n_pieces, seed=n_pieces)
    np.testing.assert_allclose(
        classifier.predict_proba(UNSEEN), at_once.predict_proba(UNSEEN), atol=1e-6
    )
    assert classifier.to_bytes() == at_once.to_bytes()


def test_learning_goes_on_after_what_was_learned_was_stored(at_once):
    _, learned = train(rows_of(COURSE, slice(0, 100)))
    stored = Examples.from_bytes(learned.to_bytes())
    classifier, _ = train(rows_of(COURSE, slice(100, 260)), stored)
    assert classifier.to_bytes() == at_once.to_bytes()


@pytest.mark.parametrize("value", [0, 1])
def test_a_later_file_may_be_of_one_class(at_once, value):
    of_one_class = np.flatnonzero(COURSE.y == value)[1:]
    others = np.setdiff1d(np.arange(260), of_one_class)
    _, learned = train(rows_of(COURSE, others))
    classifier, learned = train(rows_of(COURSE, of_one_class), learned)
    assert classifier.to_bytes() == at_once.to_bytes()
    assert learned.n_samples == 260


def test_a_file_that_comes_again_within_a_larger_one_is_learned_once(at_once):
    classifier, _ = train(COURSE, train(rows_of(COURSE, slice(0, 200)))[1])
    assert classifier.to_bytes() == at_once.to_bytes()


def test_a_file_of_another_model_is_refused():
    _, learned = train(COURSE)
    other = replace(COURSE, feature_names=tuple("abcdefgh"))
    with pytest.raises(errors.OtherIndicators, match="it belongs to another model"):
        train(other, learned)
    with pytest.raises(errors.OtherTarget, match="the target has changed"):
        train(replace(COURSE, target="another"), learned)


def test_classes_that_never_come_are_no_hindrance():
    four = replace(COURSE, classes=(0, 1, 2, 3))
    classifier, learned = train(four)
    assert classifier.classes == (0, 1, 2, 3)
    p = classifier.predict_proba(COURSE.X)
    assert np.mean(p.argmax(axis=1) == COURSE.y) > 0.85
    later = replace(rows_of(COURSE, slice(0, 30)), y=np.full(30, 3), classes=(0, 1, 2, 3))
    classifier, learned = train(later, learned)
    assert learned.n_samples == 290
    assert set(learned.y.tolist()) == {0, 1, 3}


def test_the_columns_of_the_newest_file_are_fitted_and_the_others_come_back(quick_choice):
    """As when an upgrade of Moodle removes an activity's indicators."""
    first, second, third = (rows_of(COURSE, rows) for rows in np.array_split(np.arange(260), 3))
    without = replace(second, X=second.X[:, 2:], feature_names=second.feature_names[2:])
    classifier, learned = train(without, train(first)[1])
    assert classifier.feature_names == COURSE.feature_names[2:]
    p = classifier.predict_proba(COURSE.X[:, 2:])
    assert np.mean(p.argmax(axis=1) == COURSE.y) > 0.75
    classifier, learned = train(third, learned)
    assert classifier.feature_names == COURSE.feature_names
    assert learned.n_samples == 260


def test_the_order_of_columns_does_not_matter():
    order = np.random.default_rng(0).permutation(8)
    names = tuple(COURSE.feature_names[i] for i in order)
    moved = replace(COURSE, X=COURSE.X[:, order], feature_names=names)
    one, other = train(COURSE)[0], train(moved)[0]
    np.testing.assert_allclose(
        one.predict_proba(UNSEEN).argmax(axis=1),
        other.predict_proba(UNSEEN[:, order]).argmax(axis=1),
    )


def test_of_too_many_rows_a_sample_is_kept():
    _, examples = train(COURSE, max_cells=8 * 150)
    assert len(examples.counts) < 200
    assert examples.sampled
    kept = {row.tobytes() for row in examples.X}
    assert kept < {row.tobytes() for row in COURSE.X}


def test_of_too_many_rows_pieces_keep_the_same_sample(quick_choice):
    at_once, _ = train(COURSE, max_cells=8 * 150)
    assert in_pieces(COURSE, 3, seed=0, max_cells=8 * 150).to_bytes() == at_once.to_bytes()


# from an imported model --------------------------------------------------------------------------


def make_rule(n_samples, sign, seed):
    """Return samples whose class is the sign of the first feature, or its opposite."""
    X = np.random.default_rng(seed).uniform(-1, 1, (n_samples, 2)).round(2)
    return make_labelled(X, sign * X[:, 0] > 0, classes=(0, 1))


SAMPLES = make_rule(200, 1, seed=7)


@pytest.fixture(scope="module")
def imported():
    """A model that came from elsewhere: high values of the first feature mean class 1."""
    return Classifier.from_bytes(train(make_rule(200, 1, seed=0))[0].to_bytes())


def share_right(classifier):
    return np.mean(classifier.predict_proba(SAMPLES.X).argmax(axis=1) == SAMPLES.y)


@pytest.mark.parametrize("dataset", [make_rule(4, -1, seed=1), make_rule(12, -1, seed=1)])
def test_a_few_contrary_rows_do_not_overrule_an_imported_model(imported, dataset):
    classifier, examples = train(dataset, prior=imported)
    np.testing.assert_allclose(
        classifier.predict_proba(SAMPLES.X), imported.predict_proba(SAMPLES.X)
    )
    assert examples.n_samples == len(dataset.y)


def test_many_rows_teach_an_imported_model_the_local_truth(imported):
    assert share_right(imported) > 0.95
    classifier, _ = train(make_rule(300, -1, seed=2), prior=imported)
    assert share_right(classifier) < 0.05


def test_rows_that_agree_leave_an_imported_model_as_right_as_it_was(imported):
    classifier, _ = train(make_rule(40, 1, seed=3), prior=imported)
    assert share_right(classifier) > 0.95


@pytest.mark.parametrize("value", [0, 1])
def test_an_imported_model_goes_on_when_one_class_is_missing(imported, value):
    rule = make_rule(60, 1, seed=4)
    dataset = rows_of(rule, rule.y == value)
    classifier, examples = train(dataset, prior=imported)
    np.testing.assert_allclose(
        classifier.predict_proba(SAMPLES.X), imported.predict_proba(SAMPLES.X)
    )
    again = Classifier.from_bytes(classifier.to_bytes())
    classifier, examples = train(rows_of(rule, rule.y != value), examples, again.prior)
    assert examples.n_samples == 60
    assert share_right(classifier) > 0.9


def test_an_imported_model_is_never_discarded(imported):
    learned = None
    for seed in range(3):
        classifier, learned = train(make_rule(30, 1, seed=10 + seed), learned, imported)
        assert classifier.prior is imported


def test_a_refined_model_can_be_exported_and_imported_and_refined_again(imported):
    classifier, _ = train(make_rule(60, -1, seed=5), prior=imported)
    elsewhere = Classifier.from_bytes(classifier.to_bytes())
    again, _ = train(make_rule(60, -1, seed=6), prior=elsewhere)
    assert again.prior.prior.parts[0].kind == imported.parts[0].kind
    assert Classifier.from_bytes(again.to_bytes()).to_bytes() == again.to_bytes()


def test_an_imported_model_of_three_classes_is_refined():
    course = make_course(200, n_features=5, n_classes=3, minority=0.5, noise=0.2)
    imported, _ = train(rows_of(course, slice(0, 100)))
    classifier, _ = train(rows_of(course, slice(100, 200)), prior=imported)
    assert classifier.predict_proba(course.X).shape == (200, 3)


@pytest.mark.parametrize("n_new", [1, 20])
def test_an_imported_model_learns_a_class_that_it_did_not_know(imported, n_new):
    rule = make_rule(60 + n_new, 1, seed=4)
    grown = replace(rule, y=np.append(rule.y[:60], [2] * n_new), classes=(0, 1, 2))
    classifier, _ = train(grown, prior=imported)
    assert classifier.classes == (0, 1, 2)
    p = classifier.predict_proba(rule.X)
    assert p[:, 2].mean() == pytest.approx(n_new / (60 + n_new), abs=0.06)
    known = p[:, :2].argmax(axis=1)
    assert (known == rule.y).mean() > 0.9


def test_an_imported_model_of_other_indicators_is_refused(imported):
    other = replace(make_rule(30, 1, seed=0), feature_names=("a", "b"))
    with pytest.raises(errors.OtherIndicators):
        train(other, prior=imported)


def test_an_imported_model_keeps_its_columns_and_classes(imported):
    rule = make_rule(60, 1, seed=4)
    X = np.column_stack([rule.X[:, 1], np.linspace(-1, 1, 60).round(2), rule.X[:, 0]])
    moved = replace(
        rule,
        X=X.astype(np.float32),
        feature_names=("x1", "new", "x0"),
        y=rule.y + 1,
        classes=(1, 2),
    )
    for dataset in (moved, rows_of(moved, slice(0, 6))):
        classifier = Classifier.from_bytes(train(dataset, prior=imported)[0].to_bytes())
        assert classifier.classes == (0, 1, 2)
        assert classifier.feature_names == ("x1", "new", "x0")
        assert classifier.prior.feature_names == ("x0", "x1")
        assert classifier.prior.classes == (0, 1)
        known = classifier.prior.predict_proba(rule.X)
        np.testing.assert_allclose(known, imported.predict_proba(rule.X), rtol=1e-6)


def test_rows_learned_before_an_import_are_learned_still(imported):
    early, late = make_rule(30, 1, seed=8), make_rule(30, 1, seed=9)
    _, learned = train(early)
    _, learned = train(late, learned, imported)
    expected = Examples.of(joined(early, late))
    expected = replace(expected, recent=learned.recent, recent_sizes=learned.recent_sizes)
    assert learned.to_bytes() == expected.to_bytes()
