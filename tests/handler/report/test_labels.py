"""Moodle's names in plain words."""

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.report import labels
from handler.report.labels import explained, kind, members, readable, short_label

DROPOUT = r"\core_course\analytics\target\course_dropout"


def test_the_examples_are_right():
    assert doctest.testmod(labels) == (0, 3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            r"\core\analytics\time_splitting\quarters",
            "Last quarter (a prediction after each quarter of the course, from that quarter)",
        ),
        (r"\mod_assign\analytics\indicator\social_breadth", "Assignment: social breadth"),
        (r"\mod_ours\analytics\indicator\speed", "speed, from mod ours"),
        (r"\core\analytics\indicator\read_actions", "Amount of read actions"),
        (r"\core_course\analytics\target\new_one", "new one, from core course"),
        (r"\local_a\analytics\target\course_dropout", "course dropout, from local a"),
        (r"\test_target_shortname_multiclass", r"\test_target_shortname_multiclass"),
        ("range", "Part of the course"),
        ("input-17", "input-17"),
        ("", ""),
    ],
)
def test_labels_are_readable(name, words):
    assert readable(name) == words


def test_labels_that_an_upgrade_has_joined_are_told_one_by_one_and_once():
    both = r"\local_a\target\x|\local_b\target\y|\local_a\target\x"
    assert readable(both) == "x, from local a; y, from local b"


@given(st.text())
def test_any_text_has_a_reading(text):
    readable(text)
    explained(text)
    assert short_label(text, 1)
    assert members(text, 1)


def test_classes_are_named_where_the_target_is_known():
    assert [short_label(DROPOUT, value) for value in (0, 1, 2)] == [
        "stayed",
        "dropped out",
        "class 2",
    ]
    assert members(DROPOUT, 1) == "students who dropped out"


@pytest.mark.parametrize(
    "target", ["", "TARGET", r"\local_a\target\course_dropout", f"{DROPOUT}|{DROPOUT}_2"]
)
def test_of_other_targets_no_more_is_said_than_is_known(target):
    assert short_label(target, 1) == "class 1"
    assert members(target, 1) == "samples of class 1"


def test_indicators_of_moodle_are_explained_and_those_of_plugins_are_not():
    forum = r"\mod_forum\analytics\indicator\cognitive_depth"
    assert "handing something in" in explained(forum)
    assert kind(forum) == "cognitive depth"
    assert "looked at" in explained(r"\core\analytics\indicator\read_actions")
    assert kind(r"\core\analytics\indicator\read_actions") == "Amount of read actions"
    assert explained("range")
    assert explained(r"\local_a\analytics\indicator\cognitive_depth") == ""
    assert explained("input-17") == ""
