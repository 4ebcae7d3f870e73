"""What each command does, prints and leaves behind."""

import json
import shutil
import sys

import pytest

from handler.models.models import Models
from handler.store import DirectoryStore
from moodlemlbackend import command, training
from moodlemlbackend.command import MODEL
from tests.moodlemlbackend.conftest import done, run, start

ARGUMENTS = {"training": 3, "prediction": 3, "evaluation": 6, "export": 3, "import": 3}


def files_below(folder):
    return {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}


def test_a_model_is_trained_and_predicts(modeldir, course, write):
    learned = run("training", "u", modeldir, write(course.labelled(12)))
    assert (learned.json, learned.exit, learned.errors) == ({"status": 0, "info": []}, 0, "")
    predicted = run("prediction", "u", modeldir, write(course.unlabelled(3)))
    assert (predicted.json["status"], predicted.exit, predicted.errors) == (0, 0, "")
    assert [len(row) for row in predicted.json["predictions"]] == [3, 3, 3]


def test_what_is_kept_is_in_the_models_directory_alone(trained, tmp_path):
    """Moodle deletes a model by removing it."""
    folders = {trained, *trained.parents}
    assert {path for path in tmp_path.rglob("*") if trained not in path.parents} - folders == {
        tmp_path / "dataset.csv"
    }
    shutil.rmtree(trained)
    untrained = run("prediction", "u", trained, tmp_path / "dataset.csv")
    assert untrained.json == {"status": 2, "info": ["Provided model have not been trained yet"]}
    assert (untrained.exit, untrained.errors) == (2, "")


def test_a_directory_may_be_moved(trained, course, write):
    data = write(course.unlabelled(3))
    before = run("prediction", "u", trained, data).json
    moved = trained.rename(trained.parents[1] / "moved")
    assert run("prediction", "u", moved, data).json == before


def test_too_little_data_is_moodles_status_8(modeldir, course, write):
    learned = run("training", "u", modeldir, write(course.labelled(1)))
    assert learned.exit == learned.json["status"] == 8
    assert learned.json["info"] == learned.json["errors"]


def test_an_evaluation_leaves_its_report_where_moodle_looks(tmp_path, course, write):
    data = write(course.labelled(40))
    asked = ("u", tmp_path / "out", data, "0.99", "0.00001", "2")
    first, again = run("evaluation", *asked), run("evaluation", *asked)
    for evaluated in (first, again):
        answer = evaluated.json
        assert evaluated.exit == answer["status"] != 0
        assert evaluated.errors == ""
        assert isinstance(answer["runid"], int)
        assert answer["dir"] == str(tmp_path / "out" / "logs" / str(answer["runid"]))
        files = files_below(tmp_path / "out" / "logs" / str(answer["runid"]))
        assert {"report.html", "info.log", "evaluation.json"} <= files.keys()
        assert any(name.startswith("tensor/") for name in files)
    assert first.json["runid"] != again.json["runid"]


def test_a_trained_model_is_evaluated_as_it_is(trained, tmp_path, course, write):
    data, before = write(course.labelled(40)), sorted(files_below(trained))
    asked = ("u", tmp_path / "out", data, "0", "1", "2")
    answer = run("evaluation", *asked, trained).json
    assert answer["status"] == 0
    report = tmp_path / "out" / "logs" / str(answer["runid"]) / "evaluation.json"
    assert json.loads(report.read_bytes())["trained_model"] is True
    assert sorted(files_below(trained)) == before
    assert run("evaluation", *asked, tmp_path / "none").json["status"] == 2


def test_of_evaluations_the_last_ten_are_kept_and_what_others_wrote(tmp_path, course, write):
    logs = tmp_path / "out" / "logs"
    for runid in range(100, 112):
        (logs / str(runid)).mkdir(parents=True)
        (logs / str(runid) / "evaluation.json").write_text("{}")
    (logs / "7" / "tensor").mkdir(parents=True)
    (logs / "8 of mine").mkdir()
    (logs / "8 of mine" / "evaluation.json").write_text("{}")
    answer = run(
        "evaluation", "u", tmp_path / "out", write(course.labelled(40)), "0", "1", "1"
    ).json
    kept = {path.name for path in logs.iterdir()}
    assert kept == {"7", "8 of mine", *map(str, range(103, 112)), str(answer["runid"])}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"logs"}


def test_what_only_reads_makes_no_directory(tmp_path, course, write):
    missing, data = tmp_path / "no" / "model", write(course.labelled(40))
    assert run("prediction", "u", missing, write(course.unlabelled(3), "x.csv")).exit == 2
    assert run("export", "u", missing, tmp_path).exit == 1
    assert run("evaluation", "u", tmp_path / "out", data, "0", "1", "2", missing).exit == 2
    assert not missing.parent.exists()


def test_an_exported_model_predicts_the_same_elsewhere(trained, tmp_path, course, write):
    data, exported = write(course.unlabelled(20)), tmp_path / "tmp"
    exported.mkdir()
    out = run("export", "u", trained, exported)
    assert (out.last_line, out.exit, out.errors) == (str(exported), 0, "")
    assert "examples.npz" not in {path.name for path in exported.rglob("*")}
    into = run("import", "other", tmp_path / "new", exported)
    assert (into.last_line, into.exit, into.errors) == ("Ok", 0, "")
    assert (
        run("prediction", "other", tmp_path / "new", data).json
        == run("prediction", "u", trained, data).json
    )


def test_of_two_trainings_at_once_nothing_is_lost(modeldir, course, write):
    files = [write(course.labelled(12), "one.csv"), write(course.labelled(15), "two.csv")]
    for process in [start("training", "u", modeldir, file) for file in files]:
        assert done(process).exit == 0
    assert Models(DirectoryStore(modeldir)).manifest(MODEL).current.n_samples == 27


# what is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ARGUMENTS)
def test_missing_arguments_are_named(module):
    missing = run(module, *["x"] * (ARGUMENTS[module] - 1))
    assert missing.sentence.startswith("Missing arguments: ")
    assert f"Moodle calls python -m moodlemlbackend.{module} with UNIQUEID " in missing.sentence
    assert missing.json["runid"].isdigit()


@pytest.mark.parametrize("module", ARGUMENTS)
def test_too_many_arguments_are_refused(module):
    assert run(module, *["x"] * 8).sentence.startswith("Too many arguments: ")


def test_each_command_explains_itself():
    shown = run("evaluation", "--help")
    assert shown.exit == 0
    assert "OUTPUTDIR/logs/RUNID" in shown.last_line


@pytest.mark.parametrize("module", ["training", "prediction"])
def test_a_dataset_that_cannot_be_used_is_refused_with_its_sentence(module, trained, write):
    refused = run(module, "u", trained, write(b"nonsense"))
    assert refused.sentence.startswith("The dataset's first three lines must be Moodle's")
    assert refused.errors == ""


def test_files_that_moodle_names_and_that_are_not_there(trained, tmp_path):
    for module in ("training", "prediction", "import"):
        assert "No such file or directory" in run(module, "u", trained, tmp_path / "no").sentence


def test_numbers_that_are_none(tmp_path, course, write):
    data = write(course.labelled(12))
    refused = run("evaluation", "u", tmp_path / "out", data, "0.7", "0.05", "1e9")
    assert refused.sentence == "The request's niterations is not a whole number from 1 to 1000."


def test_nothing_to_export_and_nothing_to_import(modeldir, tmp_path, write):
    write(b"a pickle", "classifier.pkl")
    assert "nothing to export" in run("export", "u", modeldir, tmp_path).sentence
    assert "not a model that was exported" in run("import", "u", modeldir, tmp_path).sentence


def test_a_place_where_nothing_can_be_written(trained, tmp_path, write):
    occupied = write(b"", "occupied")
    assert "cannot be written" in run("export", "u", trained, occupied / "below").sentence
    assert "may not read and write" in run("training", "u", occupied, occupied).sentence


def test_what_nobody_foresaw_is_told_with_a_reference(monkeypatch, capfd, caplog, tmp_path, write):
    def fail(*_):
        raise ZeroDivisionError("inner secrets")

    monkeypatch.setattr(Models, "learn", fail)
    monkeypatch.setattr(sys, "argv", ["training", "u", str(tmp_path), str(write(b"x"))])
    assert command.run(training.training) == 1
    out, _ = capfd.readouterr()
    (sentence,) = json.loads(out)["info"]
    (record,) = caplog.records
    reference = record.getMessage().split()[1]
    assert reference in sentence
    assert "ZeroDivisionError" in record.getMessage()
    assert "secrets" not in out


def test_what_does_not_fit_in_the_memory_is_refused_with_the_number(trained, tmp_path, write):
    small = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "64"}
    labelled = write(b'nfeatures,targetclasses,targettype\n1,"[0,1]",discrete\na,t\n0,0\n1,1\n')
    unlabelled = write(b"nfeatures\n1\nsampleid,a\n1,0\n", "unlabelled.csv")
    for refused in (
        run("training", "id", tmp_path / "new", labelled, **small),
        run("evaluation", "id", tmp_path / "new", labelled, "0.7", "0.05", "2", **small),
        run("prediction", "id", trained, unlabelled, **small),
    ):
        assert "MB of memory and the server has 64 MB: give it " in refused.sentence
