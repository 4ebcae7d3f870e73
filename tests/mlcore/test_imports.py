"""What importing costs: predicting needs numpy only, so that cold starts are short."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAVY = {"sklearn", "scipy", "lightgbm", "matplotlib", "joblib", "pandas", "threadpoolctl"}


def imported_by(code, *arguments):
    """Return the top-level modules that a fresh Python has imported after running `code`."""
    code += "\nimport sys\nprint(*{name.partition('.')[0] for name in sys.modules})"
    run = [sys.executable, "-c", code, *map(str, arguments)]
    return set(subprocess.check_output(run, cwd=PROJECT, text=True).split())


def test_importing_the_core_imports_nothing_heavy():
    modules = imported_by("import mlcore")
    assert "numpy" in modules
    assert not modules & HEAVY


def test_predicting_with_a_stored_classifier_imports_nothing_heavy(refined, course, tmp_path):
    (tmp_path / "classifier").write_bytes(refined.to_bytes())
    names = ",".join(["sampleid", *refined.feature_names]).encode()
    header = b"nfeatures\n12\n" + names
    (tmp_path / "dataset").write_bytes(header + b"\n1-0" + b",0.5" * 12 + b"\n")
    modules = imported_by(
        "import sys\n"
        "from pathlib import Path\n"
        "from mlcore import Classifier, predict, read_unlabelled\n"
        "classifier, dataset = (Path(path).read_bytes() for path in sys.argv[1:])\n"
        "classifier, dataset = Classifier.from_bytes(classifier), read_unlabelled(dataset)\n"
        "classes, scores = predict(classifier, dataset)\n"
        "assert len(scores) == 1\n",
        tmp_path / "classifier",
        tmp_path / "dataset",
    )
    assert not modules & HEAVY


LEARN = """
from mlcore import read_labelled, train
from mlcore.evaluation import evaluate
from infra.lab.course import Course
dataset = read_labelled(Course(3, minority=0.5, unused=0).labelled({rows}))
{call}
"""


@pytest.mark.parametrize("rows", [8, 300, 5_000])
@pytest.mark.parametrize("call", ["train(dataset)", "evaluate(dataset, 1)"])
def test_learning_imports_no_more_than_what_limits_threads(call, rows):
    modules = imported_by(LEARN.format(rows=rows, call=call))
    assert modules & HEAVY <= {"threadpoolctl"}
