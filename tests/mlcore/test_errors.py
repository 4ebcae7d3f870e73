"""Errors: one sentence each that Moodle's admin can act on."""

import string

import pytest

from mlcore import errors

CLASSES = [
    error
    for error in vars(errors).values()
    if isinstance(error, type)
    and issubclass(error, errors.MlcoreError)
    and "sentence" in vars(error)
]


def make_error(error):
    """Return the error with a fact for each placeholder of its sentence."""
    names = [name for _, name, _, _ in string.Formatter().parse(error.sentence) if name]
    return error(**{name: f"some {name}" for name in names})


@pytest.mark.parametrize("error", CLASSES)
def test_each_error_says_what_is_wrong_in_plain_text(error):
    text = str(make_error(error))
    assert text.endswith(".")
    assert len(text) < 300
    assert not set(text) & set("<>&{}\n")
    assert "None" not in text


def test_all_errors_are_of_one_family():
    assert len(CLASSES) > 20
    for error in CLASSES:
        assert issubclass(error, errors.DatasetError | errors.NotEnoughData | errors.ModelFileError)


def test_a_text_from_outside_is_not_taken_for_a_placeholder():
    error = errors.BadNumber(line=1, column=2, name="a", text="{line.__class__}")
    assert "{line.__class__}" in str(error)
