"""What a model has learned from: distinct samples and their counts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.lab.course import Course
from mlcore import Examples, errors
from tests.mlcore.builders import joined, make_course, make_labelled, rows_of

COURSE = make_course(300, n_features=30)
AT_ONCE = Examples.of(COURSE)


def learned(*datasets, limit=500_000):
    """Return the examples of several trainings."""
    first, *others = (Examples.of(dataset) for dataset in datasets)
    examples = first.limited(limit)
    for other in others:
        examples = examples.learn(other, limit)
    return examples


def content(examples):
    """Return all but which training brought what."""
    return replace(examples, recent=()).to_bytes()


def pieces_of(dataset, n_pieces, seed):
    """Return the dataset's rows, shuffled, in pieces."""
    order = np.random.default_rng(seed).permutation(len(dataset.y))
    return [rows_of(dataset, part) for part in np.array_split(order, n_pieces)]


def samples_of(examples):
    """Return each sample as often as it was seen, in order."""
    rows = zip(examples.X.tolist(), examples.y.tolist(), strict=True)
    return sorted(str(row) for row, n in zip(rows, examples.counts, strict=True) for _ in range(n))


# counting ----------------------------------------------------------------------------------------


def test_equal_samples_are_kept_once_and_counted():
    examples = Examples.of(make_labelled([[1, np.nan], [0, 0], [1, np.nan]], [1, 0, 1]))
    assert sorted(zip(examples.y.tolist(), examples.counts.tolist(), strict=True)) == [
        (0, 1),
        (1, 2),
    ]
    assert examples.n_samples == 3


def test_the_same_values_with_another_class_are_another_example():
    assert Examples.of(make_labelled([[1, 0], [1, 0]], [0, 1])).counts.tolist() == [1, 1]


def test_all_samples_are_kept():
    X = COURSE.X.tolist()
    assert samples_of(AT_ONCE) == sorted(str(row) for row in zip(X, COURSE.y.tolist(), strict=True))


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_neither_order_nor_pieces_matter(seed, n_pieces):
    examples = learned(*pieces_of(COURSE, n_pieces, seed))
    assert content(examples) == content(AT_ONCE)


@pytest.mark.parametrize("value", [1 / 3, 0.0049999, 1.28, -3e38])
def test_a_sample_is_the_same_beside_samples_of_finer_values(value):
    odd = make_labelled([[value, *[0.5] * 29], [np.nan, *[value] * 29]], [0, 1])
    odd = replace(odd, feature_names=COURSE.feature_names)
    for files in ((odd, COURSE), (COURSE, odd)):
        assert content(learned(*files)) == content(Examples.of(joined(COURSE, odd)))


def test_a_file_of_other_features_is_refused():
    with pytest.raises(errors.OtherFeatures, match="29 features and the trained model has 30"):
        AT_ONCE.learn(Examples.of(make_course(10, n_features=29)))


def test_a_file_of_other_classes_is_refused():
    with pytest.raises(
        errors.OtherClasses, match=r"\[0, 1, 2\] and the trained model has \[0, 1\]"
    ):
        AT_ONCE.learn(Examples.of(make_course(10, n_features=30, n_classes=3)))


# a file that comes again -------------------------------------------------------------------------

A, B, C = (rows_of(COURSE, rows) for rows in (slice(0, 90), slice(90, 200), slice(200, 300)))


@pytest.mark.parametrize(
    "files",
    [
        (A, joined(A, B, C)),
        (A, joined(B, A), joined(C, A, B)),
        (A, joined(A, B), joined(A, B), C),
        (A, B, joined(A, B, C)),
        (A, B, joined(C, B)),
    ],
    ids=["A,ABC", "A,BA,CAB", "A,AB,AB,C", "A,B,ABC", "A,B,CB"],
)
def test_a_file_within_a_later_one_is_counted_once(files):
    assert content(learned(*files)) == content(AT_ONCE)


def test_a_file_that_is_only_partly_within_a_later_one_is_counted():
    later = joined(rows_of(A, slice(1, 90)), B)
    assert learned(A, later).n_samples == 90 + 89 + 110


def test_a_file_that_comes_again_after_being_stored_is_counted_once():
    stored = Examples.from_bytes(Examples.of(A).to_bytes())
    assert content(stored.learn(Examples.of(COURSE))) == content(AT_ONCE)


COMMON = make_labelled([[0.2, 1], [-0.2, -1], [-1, 1]] * 50, [2, 1, 0] * 50)


def test_common_samples_that_look_alike_by_chance_are_counted():
    examples = learned(rows_of(COMMON, slice(0, 12)), COMMON)
    assert examples.n_samples == 162


def test_a_few_samples_of_a_kind_that_never_comes_twice_are_counted_once():
    few = rows_of(A, slice(0, 3))
    assert learned(few, joined(few, rows_of(B, slice(0, 3)))).n_samples == 6


def test_rare_samples_show_that_common_ones_come_again():
    rare = make_labelled(np.arange(18).reshape(9, 2) / 100, [0, 1, 2] * 3)
    file = joined(rows_of(COMMON, slice(0, 12)), rare)
    assert learned(COMMON, file, joined(file, COMMON)).n_samples == 150 + 21 + 150


# limits ------------------------------------------------------------------------------------------

LARGE = make_course(3000, n_features=30, minority=0.3, noise=2)


def test_fewer_examples_than_the_limit_stay_as_they_are():
    assert not AT_ONCE.limited(len(AT_ONCE.counts)).sampled


def test_above_the_limit_a_sample_with_the_shares_of_the_classes_is_kept():
    kept = Examples.of(LARGE).limited(1000)
    assert kept.sampled
    assert len(kept.counts) == 1000
    assert abs(np.mean(kept.y) - np.mean(LARGE.y)) < 0.03
    assert set(samples_of(kept)) < set(samples_of(Examples.of(LARGE)))


def test_a_rare_class_stays_whole_above_the_limit():
    dataset = make_course(2000, n_features=30, minority=0.03)
    kept = Examples.of(dataset).limited(200)
    assert 50 < (kept.y == 1).sum() == (dataset.y == 1).sum()
    assert len(kept.counts) < 300


@pytest.mark.parametrize("n_pieces", [2, 20])
def test_above_the_limit_neither_order_nor_pieces_matter(n_pieces):
    examples = learned(*pieces_of(LARGE, n_pieces, seed=3), limit=400)
    assert content(examples) == content(Examples.of(LARGE).limited(400))


def test_examples_that_were_left_out_are_remembered_after_being_stored():
    assert Examples.from_bytes(Examples.of(LARGE).limited(400).to_bytes()).sampled


# storing -----------------------------------------------------------------------------------------


def assert_same(one, other):
    for name in ("X", "y", "counts", "digests"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("classes", "feature_names", "sampled"):
        assert getattr(one, name) == getattr(other, name)
    assert [counts.tolist() for counts in one.recent] == [
        counts.tolist() for counts in other.recent
    ]
    assert [one.X.dtype, one.y.dtype] == [np.float32, np.int64]


def test_what_was_learned_is_read_as_it_was_stored():
    examples = learned(A, B, joined(B, C))
    assert_same(Examples.from_bytes(examples.to_bytes()), examples)


@pytest.mark.parametrize(
    "value", [np.nan, -1.0, 0.57, 1.27, -1.28, 1.28, 0.123, 1e-30, 1e38, -3.4e38, 1 / 3]
)
def test_each_value_is_stored_exactly(value):
    examples = Examples.of(make_labelled([[value, 0], [0.29, value]], [0, 1]))
    assert_same(Examples.from_bytes(examples.to_bytes()), examples)


@given(st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=4))
def test_any_values_are_stored_exactly(values):
    X = np.array([*values, np.nan])[:, None] + 0.0  # datasets have no -0
    examples = Examples.of(make_labelled(X, np.arange(len(X)) % 2))
    assert_same(Examples.from_bytes(examples.to_bytes()), examples)


def test_odd_classes_and_names_are_stored():
    dataset = make_labelled([[0], [1]], [-(2**24), 7], classes=(-(2**24), 7, 9))
    examples = Examples.of(replace(dataset, feature_names=('é"\\\n🎓',)))
    assert_same(Examples.from_bytes(examples.to_bytes()), examples)


def test_the_same_content_gives_the_same_bytes():
    assert learned(A, B).to_bytes() == learned(A, B).to_bytes()


def test_what_is_stored_is_far_smaller_than_what_was_sent():
    course = Course()
    file = course.labelled(500)
    X, y = course.draw(500)
    stored = Examples.of(make_labelled(X, y)).to_bytes()
    assert len(stored) < len(file) / 4


def test_another_kind_of_file_is_refused(trained):
    with pytest.raises(errors.NotAModelFile):
        Examples.from_bytes(trained.to_bytes())
