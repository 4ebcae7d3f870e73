"""Made-up courses: believable, readable by our own parser, and the same again for the same seed."""

import numpy as np
import pytest

from infra.lab.course import Course
from mlcore import read_labelled, read_unlabelled
from mlcore.evaluation import evaluate


def test_the_same_seed_gives_the_same_files():
    one, other = Course(seed=3), Course(seed=3)
    assert one.labelled(50) == other.labelled(50)
    assert one.unlabelled(50) == other.unlabelled(50)


def test_other_seeds_and_later_draws_give_other_students():
    course = Course(seed=3)
    files = [course.labelled(50), course.labelled(50), Course(seed=4).labelled(50)]
    assert len(set(files)) == 3


def test_the_file_is_laid_out_as_moodle_does():
    lines = Course(seed=1).labelled(3).decode().split("\n")
    assert lines[0] == "timesplitting,nfeatures,moodleversion,targetcolumn,targettype,targetclasses"
    assert lines[1].endswith(
        r'98,2024100706,\core_course\analytics\target\course_dropout,discrete,"[0,1]"'
    )
    assert lines[2].startswith(
        '"range/0","range/1","range/2","range/3","\\core\\analytics\\indicator\\'
    )
    assert lines[2].endswith(r'"\core_course\analytics\target\course_dropout"')
    assert len(lines) == 3 + 3 + 1


@pytest.mark.parametrize("n_features", [1, 4, 5, 98, 200])
def test_files_of_any_width_are_read_as_they_were_drawn(n_features):
    drawn = Course(n_features, seed=7).draw(40)
    labelled = read_labelled(Course(n_features, seed=7).labelled(40))
    np.testing.assert_array_equal(labelled.X, drawn[0])
    np.testing.assert_array_equal(labelled.y, drawn[1])
    assert labelled.X.shape == (40, n_features)
    assert len(set(labelled.feature_names)) == n_features


def test_values_are_as_moodles():
    X, _ = Course(seed=1).draw(500)
    assert (np.nanmin(X), np.nanmax(X)) == (-1, 1)
    np.testing.assert_array_equal(X, (np.rint(X * 100) / 100).astype(np.float32))
    assert (X[:, :4].sum(axis=1) == 1).all()
    empty = np.isnan(X).all(axis=0)
    constant = np.nanmin(X[:, ~empty], axis=0) == np.nanmax(X[:, ~empty], axis=0)
    assert empty.sum() > 30
    assert 1 <= constant.sum() < 30


def test_unlabelled_samples_have_ids_of_their_own():
    course = Course(12, seed=1)
    first, second = (read_unlabelled(course.unlabelled(30)) for _ in range(2))
    assert len({*first.sample_ids, *second.sample_ids}) == 60
    assert first.X.shape == (30, 12)


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_each_class_has_its_share_and_a_sample_at_least(n_classes):
    course = Course(12, n_classes=n_classes, minority=0.3, seed=1)
    labelled = read_labelled(course.labelled(1000))
    shares = np.bincount(labelled.y) / 1000
    assert shares[0] == pytest.approx(0.7, abs=0.01)
    np.testing.assert_allclose(shares[1:], 0.3 / (n_classes - 1), atol=0.01)
    assert set(read_labelled(course.labelled(n_classes)).y.tolist()) == set(range(n_classes))
    assert labelled.classes == tuple(range(n_classes))


def test_one_student_can_be_drawn():
    assert read_labelled(Course(12, seed=1).labelled(1)).X.shape == (1, 12)


def test_who_drops_out_can_be_learned_and_chance_makes_it_harder(quick_choice):
    auc = {}
    for noise in (0, 1, 5):
        course = Course(20, minority=0.3, unused=0, noise=noise, seed=1)
        auc[noise] = evaluate(read_labelled(course.labelled(400)), 3).mean("auc")
    assert auc[0] > auc[1] > auc[5]
    assert auc[0] > 0.9


@pytest.mark.parametrize("truth", ["linear", "rules"])
def test_other_truths_can_be_learned(quick_choice, truth):
    course = Course(20, minority=0.3, unused=0, missing=0, noise=0.3, seed=1, truth=truth)
    assert evaluate(read_labelled(course.labelled(400)), 3).mean("auc") > 0.85


def test_flipped_labels_keep_their_shares():
    X, y = Course(20, seed=1).draw(500)
    flipped_X, flipped_y = Course(20, seed=1, flipped=0.5).draw(500)
    np.testing.assert_array_equal(X, flipped_X)
    np.testing.assert_array_equal(np.bincount(y), np.bincount(flipped_y))
    assert 0.08 < (y != flipped_y).mean() < 0.18  # half of them, of which 2 × .15 × .85 change
