"""The wheel: ``pip install .`` gives all that runs, and nothing else."""

import os
import subprocess
import sys
import zipfile

import pytest

from handler.version import SOFTWARE
from infra import ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, unpacked as pip does."""
    folder = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        archive.extractall(folder / "installed")
    return folder / "installed"


def run(wheel, *arguments):
    """Run the wheel's Python code, which does not see this checkout."""
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=wheel.parent,
        env={**os.environ, "PYTHONPATH": str(wheel)},
        capture_output=True,
        text=True,
    )


def test_it_holds_all_that_runs_and_nothing_else(wheel):
    ours = {"webapp.py"}
    for package in ("handler", "mlcore", "moodlemlbackend"):
        found = (path for path in (ROOT / package).rglob("*") if path.is_file())
        ours |= {str(path.relative_to(ROOT)) for path in found if path.suffix != ".pyc"}
    held = {str(path.relative_to(wheel)) for path in wheel.rglob("*") if path.is_file()}
    assert {name for name in held if ".dist-info/" not in name} == ours


def test_its_version_is_the_one_of_the_software(wheel):
    (folder,) = wheel.glob("*.dist-info")
    assert folder.name == f"moodle_mlbackend_lambda-{SOFTWARE}.dist-info"


def test_moodles_command_and_our_own_are_there(wheel):
    assert run(wheel, "-m", "moodlemlbackend.version").stdout == "3.0.5\n"
    (entries,) = wheel.glob("*.dist-info/entry_points.txt")
    assert "moodle-mlbackend = handler.__main__:main" in entries.read_text()
    shown = run(wheel, "-m", "handler", "--help")
    assert shown.stdout.startswith("usage: "), shown.stderr


PAGES = """
from handler.app import create_app
from handler.settings import Settings
app = create_app(Settings.from_environ({"MOODLE_MLBACKEND_PYTHON_USERS": "moodle:secret"}))
for page in ("/openapi.yaml", "/style.css", "/"):
    assert app.test_client().get(page).status_code in (200, 401), page
"""


def test_the_pages_and_their_templates_are_there(wheel):
    shown = run(wheel, "-c", PAGES)
    assert shown.returncode == 0, shown.stderr
