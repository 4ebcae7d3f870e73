"""Users are tenants: no Moodle site can read, change, delete, or learn of another's models."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.modelid import ModelId, decoded, encoded
from handler.store.interface import is_key


@pytest.fixture
def ours(moodle, course):
    return moodle.train(course.labelled(12))


@pytest.fixture
def theirs(moodle):
    """The same names, but of another user."""
    return moodle.but(user="other", password="secret")


def test_another_user_cannot_predict(ours, theirs, course):
    assert theirs.prediction(course.unlabelled(2)).json["status"] == 2


def test_another_user_cannot_export(ours, theirs):
    unknown = theirs.but(uniqueid="unknown")
    assert theirs.export() == unknown.export()
    assert theirs.export().status == 503


def test_another_user_cannot_evaluate(ours, theirs, course):
    answer = theirs.evaluation(course.labelled(12), trained=ours.dirhash).json
    assert answer["status"] == 2


def test_another_user_cannot_read_logs(ours, theirs, course):
    runid = ours.evaluation(course.labelled(12)).json["runid"]
    assert ours.evaluationlog(runid).files
    assert theirs.evaluationlog(runid).files == {}


def test_another_user_is_not_told_what_was_evaluated(ours, theirs, course, monkeypatch):
    """Stored results are a user's own, too."""
    data = course.labelled(12)
    ours.evaluation(data)
    monkeypatch.setattr("handler.endpoints.evaluate", None)
    assert ours.evaluation(data).status == 200
    assert theirs.evaluation(data).status == 500


def test_another_user_cannot_delete(ours, theirs):
    assert theirs.deletemodel().text == "Ok"
    assert ours.export().status == 200


def test_another_user_cannot_overwrite(ours, theirs, course):
    before = ours.export().body
    theirs.train(course.labelled(12))
    assert ours.export().body == before
    assert theirs.export().body != before
    theirs.import_(before)
    theirs.deletemodel()
    assert ours.export().body == before


NAMES = st.text(min_size=1, max_size=30) | st.text(alphabet="a./\\2EF%~\0 é", min_size=1)


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_two_models_never_share_a_key(one, other):
    """Whatever their names: near-collisions, slashes, dots, percent signs, NUL."""
    if one != other:
        folders = ModelId(*one).folder, ModelId(*other).folder
        assert f"{folders[0]}/" not in f"{folders[1]}/"
        assert f"{folders[1]}/" not in f"{folders[0]}/"
    if one[:2] != other[:2]:
        folders = ModelId(*one).unique_folder, ModelId(*other).unique_folder
        assert f"{folders[0]}/" not in f"{folders[1]}/"


def test_names_are_stored_as_they_always_were():
    """Else a new version of the server would not find the models of an old one."""
    model = ModelId("moodle_1", "whatever0.1 2", "a/../é-Z")
    folder = "models/moodle_1/whatever0.2E1.202/a.2F.2E.2E.2F.C3.A9-Z"
    assert model.manifest == f"{folder}/model.json"
    assert model.runs == f"{folder}/runs"
    assert model.evaluations == f"{folder}/evaluations"


@given(NAMES)
def test_encoded_names_are_read_back(name):
    assert decoded(encoded(name)) == name


@given(NAMES, NAMES, NAMES)
def test_no_name_reaches_a_path_unescaped(user, uniqueid, dirhash):
    model = ModelId(user, uniqueid, dirhash)
    assert model.manifest.count("/") == 4
    assert ".." not in model.manifest.split("/")
    assert is_key(model.manifest) or max(map(len, map(encoded, (user, uniqueid, dirhash)))) > 250
