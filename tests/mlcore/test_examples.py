"""What a model has learned from: distinct samples and their counts."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammainc

from infra.lab.course import Course
from mlcore import Examples, errors, examples
from mlcore.memory import LEAST_FEATURES
from tests.mlcore.builders import joined, make_course, make_labelled, rows_of

COURSE = make_course(300, n_features=30)
AT_ONCE = Examples.of(COURSE)


def learned(*datasets, max_cells=20_000_000):
    """Return the examples of several trainings."""
    examples, *others = (Examples.of(dataset, max_cells) for dataset in datasets)
    for other in others:
        examples = examples.learn(other, max_cells)
    return examples


def content(examples):
    """Return all but which training brought what."""
    return replace(examples, recent=(), recent_sizes=(), target="").to_bytes()


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


# columns -----------------------------------------------------------------------------------------


def with_columns(dataset, order, names=None):
    """Return a dataset with some of its columns, in this order."""
    names = names or tuple(dataset.feature_names[i] for i in order)
    return replace(dataset, X=dataset.X[:, order], feature_names=names)


def test_the_order_of_columns_does_not_matter():
    order = np.random.default_rng(0).permutation(30)
    half, other = (rows_of(COURSE, rows) for rows in (slice(0, 150), slice(150, 300)))
    assert content(learned(half, with_columns(other, order))) == content(AT_ONCE)
    backwards = Examples.of(with_columns(COURSE, order))
    np.testing.assert_array_equal(backwards.digests, AT_ONCE.digests)


def test_a_column_that_is_absent_is_one_without_a_value():
    without = COURSE.X.copy()
    without[:, 7] = np.nan
    rest = [i for i in range(30) if i != 7]
    absent = Examples.of(with_columns(COURSE, rest))
    np.testing.assert_array_equal(absent.digests, Examples.of(replace(COURSE, X=without)).digests)


def test_columns_come_and_go_and_come_back():
    """As those of activities do that an upgrade of Moodle removes."""
    before, after, again = (rows_of(COURSE, slice(i, i + 100)) for i in (0, 100, 200))
    rest = list(range(4, 30))
    known = learned(before, with_columns(after, rest))
    assert known.feature_names == COURSE.feature_names
    of_after = np.isin(known.digests, Examples.of(with_columns(after, rest)).digests)
    assert np.isnan(known.X[of_after][:, :4]).all()
    assert samples_of(Examples.of(before)) == sorted(
        sample for sample in samples_of(known) if sample in set(samples_of(Examples.of(before)))
    )
    grown = known.learn(Examples.of(again))
    assert grown.n_samples == 300
    assert samples_of(grown) == samples_of(Examples.from_bytes(grown.to_bytes()))


def test_new_columns_are_added_and_older_samples_have_no_value_there():
    new = with_columns(rows_of(COURSE, slice(0, 50)), range(30))
    new = replace(new, feature_names=("new", *COURSE.feature_names[1:]))
    known = AT_ONCE.learn(Examples.of(new))
    assert known.feature_names == (*COURSE.feature_names, "new")
    older = np.isin(known.digests, AT_ONCE.digests)
    assert np.isnan(known.X[older, 30]).all()
    np.testing.assert_array_equal(known.X[older, :30], AT_ONCE.X)


def test_columns_of_one_name_are_told_apart_by_their_order():
    X = np.array([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])
    names = replace(make_labelled(X, [0, 1]), feature_names=("a", "b", "a"))
    moved = with_columns(names, [0, 2, 1], ("a", "a", "b"))
    np.testing.assert_array_equal(Examples.of(moved).digests, Examples.of(names).digests)
    swapped = with_columns(names, [2, 1, 0], ("a", "b", "a"))
    assert not set(Examples.of(swapped).digests) & set(Examples.of(names).digests)


def test_columns_without_real_names_go_by_position_and_real_names_are_kept():
    nameless = replace(COURSE, feature_names=tuple(f"input-{i}" for i in range(30)))
    half, other = slice(0, 150), slice(150, 300)
    for files in (
        (rows_of(nameless, half), rows_of(COURSE, other)),
        (rows_of(COURSE, half), rows_of(nameless, other)),
    ):
        assert content(learned(*files)) == content(AT_ONCE)


def test_most_columns_that_say_something_must_be_there():
    varying = AT_ONCE.varying.tolist()
    kept = [i for i in range(30) if i not in varying[: len(varying) // 2]]
    assert AT_ONCE.learn(Examples.of(with_columns(COURSE, kept))).n_samples
    fewer = [i for i in kept if i != kept[-1] or i not in varying]
    fewer = [i for i in fewer if i != next(i for i in reversed(fewer) if i in varying)]
    with pytest.raises(errors.OtherIndicators) as caught:
        AT_ONCE.learn(Examples.of(with_columns(COURSE, fewer)))
    named = ", ".join(COURSE.feature_names[i] for i in varying[:3])
    assert f"are not in the dataset, {named} among them" in str(caught.value)


def test_another_target_is_refused():
    assert COURSE.target
    with pytest.raises(errors.OtherTarget, match="the target another and the trained model has"):
        AT_ONCE.learn(Examples.of(replace(COURSE, target="another")))
    known = AT_ONCE.learn(Examples.of(replace(COURSE, target=f"{COURSE.target}|another")))
    assert known.learn(Examples.of(replace(COURSE, target=""))).target == COURSE.target


def test_classes_grow():
    more = make_course(60, n_features=30, n_classes=3, minority=0.5)
    grown = AT_ONCE.learn(Examples.of(more))
    assert grown.classes == (0, 1, 2)
    assert grown.learn(Examples.of(COURSE)).classes == (0, 1, 2)


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


def test_a_few_samples_may_look_alike_whatever_they_are():
    few = rows_of(A, slice(0, 3))
    assert learned(few, joined(few, rows_of(B, slice(0, 3)))).n_samples == 9


@pytest.mark.parametrize("count", [1, 2, 9, 10, 30, 1_000])
@pytest.mark.parametrize("times", [0.05, 0.5, 0.9, 1, 1.1, 3, 40])
def test_the_chance_to_come_again_as_often_is_poisson_s(count, times):
    """P(Poisson(m) >= k) = gammainc(k, m)."""
    chance = examples._as_often(np.array([count]), np.array([count * times]))[0]
    expected = gammainc(count, count * times)
    if expected > 1e-3:
        assert chance == pytest.approx(expected, rel=0.1 if count > 9 else 1e-9)
    else:
        assert expected * 0.999 - 1e-15 <= chance < 1e-2


def make_nights(n_kinds, sizes, seed):
    """Return nightly files of samples drawn from so many kinds, some far more frequent."""
    random = np.random.default_rng(seed)
    kinds = random.uniform(-1, 1, (n_kinds, 6)).round(2)
    share = 1 / (1 + np.arange(n_kinds))
    for size in random.choice(sizes, 200):
        drawn = random.choice(n_kinds, size, p=share / share.sum())
        yield make_labelled(kinds[drawn], drawn % 2, (0, 1))


@pytest.mark.parametrize("n_kinds", [2, 10, 100, 1000])
@pytest.mark.parametrize("sizes", [[1], range(1, 6), range(5, 30), range(20, 120)], ids=str)
def test_of_two_hundred_quiet_nights_no_sample_is_lost(n_kinds, sizes):
    nights = list(make_nights(n_kinds, sizes, n_kinds))
    examples = learned(*nights)
    assert examples.n_samples == examples.counts.sum() == sum(len(night.y) for night in nights)


@pytest.mark.parametrize("n_kinds", [50, 100, 1000])
@pytest.mark.parametrize("max_cells", [20_000_000, 300])
def test_fifty_distinct_samples_that_come_again_are_told_whatever_was_before(n_kinds, max_cells):
    *_, history = make_nights(n_kinds, [2000], 0)
    X = np.random.default_rng(1).permutation(np.unique(history.X, axis=0))[:50]
    again = Examples.of(make_labelled(X, np.arange(len(X)) % 2), max_cells)
    assert len(X) == 50 or n_kinds == 50
    assert again.is_rare or len(X) < 50
    assert Examples.of(history, max_cells).learn(again, max_cells).is_rare or len(X) < 50


def test_whoever_can_tell_trainings_apart_is_believed():
    again = Examples.of(A)
    assert again.learn(again).n_samples == 90
    assert again.learn(again, find_repeated=False).n_samples == 180


def test_rare_samples_show_that_common_ones_come_again():
    rare = make_labelled(np.arange(60).reshape(30, 2) / 100, [0, 1, 2] * 10)
    file = joined(rows_of(COMMON, slice(0, 12)), rare)
    assert learned(COMMON, file, joined(file, COMMON)).n_samples == 150 + 42 + 150


# limits ------------------------------------------------------------------------------------------

LARGE = make_course(3000, n_features=30, minority=0.3, noise=2)


def test_fewer_examples_than_the_limit_stay_as_they_are():
    assert not learned(COURSE, max_cells=LEAST_FEATURES * len(AT_ONCE.counts)).sampled


def test_above_the_limit_a_sample_with_the_shares_of_the_classes_is_kept():
    kept = Examples.of(LARGE, 1000 * LEAST_FEATURES)
    assert kept.sampled
    assert len(kept.counts) == 1000
    assert abs(np.mean(kept.y) - np.mean(LARGE.y)) < 0.03
    assert set(samples_of(kept)) < set(samples_of(Examples.of(LARGE)))


def test_a_rare_class_stays_whole_above_the_limit():
    dataset = make_course(2000, n_features=30, minority=0.03)
    kept = Examples.of(dataset, 6_000)
    assert 50 < (kept.y == 1).sum() == (dataset.y == 1).sum()
    assert len(kept.counts) < 300


@pytest.mark.parametrize("n_pieces", [2, 20])
def test_above_the_limit_neither_order_nor_pieces_matter(n_pieces):
    examples = learned(*pieces_of(LARGE, n_pieces, seed=3), max_cells=12_000)
    assert content(examples) == content(Examples.of(LARGE, 12_000))


def test_examples_that_were_left_out_are_remembered_after_being_stored():
    stored = Examples.from_bytes(Examples.of(LARGE, 12_000).to_bytes())
    assert stored.sampled
    assert stored.n_samples == 3000


def test_above_the_limit_the_sample_is_the_same_whichever_columns_came_when():
    rest = list(range(4, 30))
    pieces = pieces_of(LARGE, 6, seed=1)
    files = [with_columns(piece, rest) if i % 2 else piece for i, piece in enumerate(pieces)]
    one, other = (learned(*order, max_cells=12_000) for order in (files, files[::-1]))
    assert one.digests.tolist() == other.digests.tolist()
    assert one.counts.tolist() == other.counts.tolist()


# storing -----------------------------------------------------------------------------------------


def assert_same(one, other):
    for name in ("X", "y", "counts", "digests"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    for name in ("classes", "feature_names", "target", "n_samples", "recent_sizes"):
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
