"""``python -m moodlemlbackend.version``, and what it says of an installation that is mixed up."""

import shutil

import pytest

from tests.moodlemlbackend.conftest import PROJECT, run

VARIABLE = "MOODLE_MLBACKEND_PYTHON_VERSION"


def test_the_version_is_that_of_the_backend_it_stands_in_for():
    asked = run("version")
    assert (asked.last_line, asked.exit, asked.errors) == ("3.0.5", 0, "")


def test_older_moodles_are_told_what_they_ask_for():
    assert run("version", **{VARIABLE: "2.6.6"}).last_line == "2.6.6"


def test_a_version_that_is_none_is_refused():
    refused = run("version", **{VARIABLE: "2.6"})
    assert refused.exit == 1
    assert refused.last_line.startswith(f"{VARIABLE} must be three numbers")


@pytest.fixture
def install(tmp_path):
    """Pretend that distributions with this package are installed, and return where."""
    for package in ("moodlemlbackend", "handler", "mlcore"):
        shutil.copytree(PROJECT / package, tmp_path / package)

    def install(*names):
        for name in names:
            folder = tmp_path / f"{name}.dist-info"
            folder.mkdir()
            (folder / "METADATA").write_text(f"Name: {name.partition('-')[0].replace('_', '-')}\n")
            (folder / "RECORD").write_text("moodlemlbackend/__init__.py,,\n")
        return tmp_path

    return install


@pytest.mark.parametrize("module", ["version", "training"])
def test_two_distributions_with_this_package_are_told(install, module):
    folder = install("moodle_mlbackend_lambda-0.1.0", "moodlemlbackend-3.0.5")
    refused = run(module, folder=folder)
    assert refused.exit == 1
    assert "pip uninstall moodlemlbackend" in refused.last_line
    assert refused.errors == ""


def test_one_distribution_is_well(install):
    folder = install("moodle_mlbackend_lambda-0.1.0")
    assert run("version", folder=folder).last_line == "3.0.5"
