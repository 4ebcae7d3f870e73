"""What the commands import: Moodle runs them often, each in a new process."""

import os
import subprocess
import sys

from tests.moodlemlbackend.conftest import PROJECT

RUN = """
import runpy, sys
before = set(sys.modules)
module, sys.argv = sys.argv[1], sys.argv[1:]
try:
    runpy.run_module(module, run_name="__main__", alter_sys=True)
except SystemExit as end:
    assert end.code == 0, end.code
print(*sorted({name.partition(".")[0] for name in set(sys.modules) - before}))
"""


def imported_by(module, *arguments):
    done = subprocess.run(
        [sys.executable, "-c", RUN, f"moodlemlbackend.{module}", *map(str, arguments)],
        cwd=PROJECT,
        env={name: value for name, value in os.environ.items() if name != "COVERAGE_PROCESS_START"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_the_version_imports_nothing_but_where_it_stands():
    # what measures coverage may have imported the first already
    assert imported_by("version") - {"__future__"} == {"handler", "moodlemlbackend"}


def test_a_prediction_imports_nothing_that_learns_draws_or_serves(trained, course, write):
    imported = imported_by("prediction", "u", trained, write(course.unlabelled(3)))
    assert "numpy" in imported
    assert not imported & {
        *("sklearn", "scipy", "lightgbm", "matplotlib", "tensorboardX"),
        *("flask", "werkzeug", "jinja2", "boto3", "botocore", "filelock"),
    }
