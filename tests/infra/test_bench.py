"""The benchmark: what it measures with, what it promises, and what it shows."""

import os
import re
import subprocess
import sys

import pytest

from infra.lab import datasets
from infra.lab.bench.goals import Goal
from infra.lab.course import Course
from mlcore import read_labelled


def bench(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "infra.lab.bench", *arguments],
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=600,
    )


def test_a_row_for_each_dataset_that_is_named():
    shown = bench("rows-300")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^rows-300( +\d\S*){9}$", shown.stdout, re.M), shown.stdout


def test_a_dataset_that_is_not_there_is_refused_with_those_that_are():
    shown = bench("nonsense")
    assert shown.returncode == 2
    assert "rows-300" in shown.stderr


def test_a_line_for_each_goal():
    shown = bench("--goals", "parsing")
    assert shown.returncode == 0, shown.stderr
    for what in ("parse 98×20000, made up, 5 MB", "parse 414×5000, made up, 5 MB"):
        assert re.search(rf"^{what} +\d\S* MB/s +≥ \d+ +[✓✗]$", shown.stdout, re.M), shown.stdout
    assert re.search(r"^  memory, .* ≤ 4 +✓$", shown.stdout, re.M), shown.stdout


def test_the_report_has_goals_of_its_own():
    shown = bench("--goals", "reporting")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^report on 365×\d+, .* s +≤ 2 ", shown.stdout, re.M), shown.stdout
    assert re.search(r"^  its files, zipped .* MB +≤ 1 +✓$", shown.stdout, re.M), shown.stdout


def test_the_version_as_a_command_has_a_goal():
    shown = bench("--goals", "commands")
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"^the version as a command .* × +≤ 1\.5 ", shown.stdout, re.M), shown.stdout


def test_growth_is_a_plot_and_a_page(tmp_path):
    pytest.importorskip("matplotlib")
    shown = bench("--growth", "1000", "--out", str(tmp_path / "new"))
    assert shown.returncode == 0, shown.stderr
    assert (tmp_path / "new" / "growth.png").read_bytes().startswith(b"\x89PNG")
    page = (tmp_path / "new" / "speed.md").read_text()
    assert re.search(r"^\| 1,000 \| 0\.\d \| training \| \d+\.\d \| \d+ \|$", page, re.M), page
    assert re.search(r"^\| 1,000 \| 0\.\d \| evaluation ×10 \| ", page, re.M), page
    assert "(growth.png)" in page


@pytest.mark.parametrize(
    ("measured", "at_least", "mark"),
    [(3, False, "✓"), (3.01, False, "✗"), (3, True, "✓"), (2.99, True, "✗")],
)
def test_a_goal_says_whether_it_is_kept(measured, at_least, mark):
    line = str(Goal("walk", measured, 3, "s", at_least, aside="uphill"))
    assert re.fullmatch(rf"walk +{measured} s +{'≥' if at_least else '≤'} 3 +{mark}  uphill", line)


@pytest.mark.parametrize("n_rows", [1, 10_000, 25_000])
def test_datasets_are_made_up_in_pieces(n_rows):
    dataset = read_labelled(b"".join(datasets.pieces(Course(5), n_rows)))
    assert dataset.X.shape == (n_rows, 5)
