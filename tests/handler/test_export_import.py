"""GET /export and POST /import: the model's way from one Moodle to another."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.lab.course import Course
from infra.lab.fuzz.known_attacks import unpacked
from mlcore import Labelled, train


@pytest.fixture
def trained(moodle, course):
    return moodle.train(course.labelled(60))


@pytest.fixture
def elsewhere(make_moodle, tmp_path):
    """Another server, and another model on it."""
    moodle = make_moodle(DIR=str(tmp_path / "elsewhere"))
    return moodle.but(uniqueid="imported 0.1", dirhash="be4ee703117c6f116b4b8f248c46d9d1")


def through_moodle(data):
    """Unpack and pack again as Moodle does, which changes order, dates, and the way to compress."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files, reverse=True):
            archive.writestr(name, files[name])
    return packed.getvalue()


def test_an_imported_model_predicts_as_the_original(trained, elsewhere, course):
    """It comes back in importzip, under another uniqueid and dirhash."""
    data = course.unlabelled(30)
    answer = elsewhere.import_(through_moodle(trained.export().body))
    assert (answer.status, answer.text) == (200, "Ok")
    assert elsewhere.prediction(data).json == trained.prediction(data).json


def test_an_imported_model_can_be_evaluated_and_exported(trained, elsewhere, course):
    elsewhere.import_(trained.export().body)
    assert elsewhere.export().body == trained.export().body
    data = course.labelled(40)
    here = trained.evaluation(data, trained=trained.dirhash).json
    there = elsewhere.evaluation(data, trained=elsewhere.dirhash).json
    assert there["score"] == here["score"]


def test_training_refines_an_imported_model(trained, elsewhere, course):
    """Also when the first local samples are all of one class."""
    elsewhere.import_(trained.export().body)
    data = course.unlabelled(10)
    imported = elsewhere.prediction(data).json
    X, y = course.draw(60)
    opposite = 1 - y
    first, second = opposite == 0, opposite == 1
    elsewhere.train(course.file(X[first], y=opposite[first]))
    assert elsewhere.prediction(data).json == imported  # nothing to compare them with yet
    elsewhere.train(course.file(X[second], y=opposite[second]))
    assert elsewhere.prediction(data).json != imported
    assert json.loads(elsewhere.export().files["model.json"])["prior"] is not None


def test_an_import_takes_the_place_of_what_was_there(trained, elsewhere, course):
    elsewhere.train(course.labelled(12)).import_(trained.export().body)
    assert elsewhere.export().body == trained.export().body


def test_where_nothing_was_trained_there_is_nothing_to_export(moodle):
    answer = moodle.export()
    assert answer.status == 503
    assert answer.sentence == (
        "This model has not been trained yet, so there is nothing to export."
    )


def test_the_members_have_names_that_survive_moodles_model_file(trained):
    """Lost: names that begin with a dot, CVS, empty folders. Breaking: some characters."""
    names = list(trained.export().files)
    assert names
    for name in names:
        assert re.fullmatch(r"[a-z0-9_][a-z0-9_.]*", name)
        assert len(name) <= 255
        assert name != "CVS"


def test_an_export_holds_no_sample(moodle, make_file, tmp_path):
    """Exported models are shared between institutions; of a column they tell the range at most."""
    values = (0.11, 0.23, 0.37, 0.41, 0.58, 0.67, 0.83, 0.92)
    moodle.train(make_file(*(f"{value},{1 - value:.2f},{i % 2}" for i, value in enumerate(values))))
    (examples,) = tmp_path.rglob("examples.npz")
    (classifier,) = tmp_path.rglob("classifier.npz")
    assert moodle.export().body == classifier.read_bytes() != examples.read_bytes()
    for member in moodle.export().files.values():
        for value in values[1:-1]:
            assert np.float32(value).tobytes() not in member
            assert np.float64(value).tobytes() not in member


def recoverable(content, X):
    """Say whether a row of the dataset stands in some bytes, in any of the ways to keep one."""
    codes = np.where(np.isnan(X), -128, np.rint(X * 100))
    forms = [X.astype(dtype) for dtype in ("<f4", "<f8")]
    forms += [codes.astype(dtype) for dtype in ("i1", "<i2", "<i4", "<i8")]
    forms += [np.ascontiguousarray(form.T) for form in forms]
    return any(row.tobytes() in content for form in forms for row in form)


@pytest.mark.parametrize(("n_samples", "seed"), [(37, 1), (113, 2), (421, 3)])
def test_an_export_holds_no_row_and_nothing_of_as_many_entries(moodle, n_samples, seed):
    course = Course(9, noise=0.5, minority=0.4, missing=0.05, unused=0, seed=seed)
    X, y = course.draw(n_samples)
    moodle.train(course.file(X, y=y))
    files = moodle.export().files
    facts = json.loads(files.pop("model.json"))
    own = {"kind", "format", "feature_names", "classes", "learned", "shares"}
    own |= {"parts", "prior", "sharpness"}
    assert facts.keys() == own
    assert {"columns.npy", "roots.npy"} & {name.partition(".")[2] for name in files}
    for name, member in files.items():
        assert re.fullmatch(
            r"part\d\.(columns|flags|fill|low|high|mean|scale|(weights|biases)\.\d|roots|feature|left|"
            r"right|threshold|missing|value)\.npy",
            name,
        )
        array = np.load(io.BytesIO(member))
        assert n_samples not in array.shape
        assert not recoverable(array.tobytes(), X)


@given(st.lists(st.tuples(*[st.integers(-100, 100)] * 3), min_size=2, max_size=15))
@settings(max_examples=20, deadline=None)
def test_an_export_of_very_few_samples_does_not_tell_their_range(rows):
    """Of two samples it is the samples."""
    X = np.array(rows, dtype=np.float32) / np.float32(100)
    dataset = Labelled(X, np.arange(len(X)) % 2, (0, 1), ("a", "b", "c"))
    files = unpacked(train(dataset)[0].to_bytes())
    for end, value in (("low", -1), ("high", 1)):
        assert set(np.load(io.BytesIO(files[f"part0.{end}.npy"])).tolist()) == {value}


def test_an_export_of_two_samples_does_not_hold_them(moodle, make_file):
    rows = [(0.11, -0.23, 0.37), (-0.41, 0.58, 0.67)]
    moodle.train(make_file(*(",".join(map(str, row)) + f",{i}" for i, row in enumerate(rows))))
    for member in moodle.export().files.values():
        assert not recoverable(member, np.array(rows, np.float32))


def foreign_zip():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("model.json", '{"n_features": 2, "n_classes": 2, "n_hidden": 10}')
    return data.getvalue()


@pytest.mark.parametrize(
    "importzip", [b"", b"not a zip", b"PK\x05\x06" + bytes(18), foreign_zip()], ids=len
)
def test_what_is_not_an_export_of_ours_is_refused(moodle, importzip):
    answer = moodle.import_(importzip)
    assert answer.status == 400
    assert answer.sentence.startswith("The file to import is not a model that was exported")


def test_a_damaged_export_is_refused_and_the_model_stays(trained, course):
    before = trained.export().body
    with zipfile.ZipFile(io.BytesIO(before)) as archive:
        lost = next(name for name in archive.namelist() if name.endswith(".npy"))
        damaged = io.BytesIO()
        with zipfile.ZipFile(damaged, "w") as copy:
            for name in archive.namelist():
                if name != lost:
                    copy.writestr(name, archive.read(name))
    answer = trained.import_(damaged.getvalue())
    assert answer.status == 400
    assert "damaged" in answer.sentence
    assert trained.export().body == before
