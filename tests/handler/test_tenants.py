"""Users are tenants: no Moodle site can read, change, delete, or learn of another's models."""

import re
import unicodedata
import uuid
from functools import partial
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.models.model_id import ModelId, decoded, encoded, user_folder
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
    monkeypatch.setattr("mlcore.evaluation.evaluate", None)
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


# whatever the names -------------------------------------------------------------------------------

# What is special to file systems, addresses, Unicode, encodings of names, or to this server.
ODD = ["a", "A", "é", "e\u0301", "ß", "ſ", "\u200b", ".", "..", "/", "\\", ".2F", "%2F", "%252F"]
ODD += ["~", "\0", "\n", " ", "?", "#", "&", "=", "*", "model.json", "runs", "1"]
NAMES = st.text(min_size=1, max_size=30)
NAMES |= st.lists(st.sampled_from(ODD), min_size=1, max_size=6).map("".join)
LONG_NAMES = st.sampled_from(["x" * 250, "x" * 251, "x" * 1000, "/" * 84, "é" * 500, "\0" * 1000])


def decoded_or_same(name):
    try:
        return decoded(name)
    except UnicodeDecodeError:
        return name


# The name itself, and what somebody may take for it.
LOOKALIKES = st.sampled_from(
    [
        str,
        str.swapcase,
        str.casefold,
        *(partial(unicodedata.normalize, form) for form in ("NFC", "NFD", "NFKC")),
        *(f"{{}}{end}".format for end in (".", " ", "\0", "/", "/.", "/x/..")),
        *(f"{start}{{}}".format for start in (" ", "./", "../", "x/../")),
        quote,
        partial(quote, safe=""),
        unquote,
        encoded,
        decoded_or_same,
    ]
)


@st.composite
def two_users(draw):
    """Names that MOODLE_MLBACKEND_PYTHON_USERS takes together, often hard to tell apart."""

    def fitting(name):
        return re.sub("[^A-Za-z0-9_-]", "", name)[:40]

    one = draw(NAMES.map(fitting).filter(bool))

    def is_another(name):
        return name.casefold() not in ("", one.casefold())

    other = fitting(draw(LOOKALIKES)(one))
    return one, other if is_another(other) else draw(NAMES.map(fitting).filter(is_another))


def told(answer):
    """An answer without what differs from run to run."""
    body = re.sub(rb"\d{13}", b"RUNID", answer.body)
    # the link to the report holds the names that were asked for, whoever asks
    body, links = re.subn(rb"report\?uniqueid=[^>]*>", b"report>", body)
    differing = {"Date", "Content-Length"} if links else {"Date"}
    headers = {name: value for name, value in answer.headers.items() if name not in differing}
    return answer.status, headers, body


def story(moodle, runid, labelled, unlabelled):
    """What is told to somebody who asks for a model, then makes and removes one of that name."""
    yield moodle.prediction(unlabelled)
    yield moodle.export()
    yield moodle.evaluationlog(runid)
    yield moodle.evaluation(labelled, trained=moodle.dirhash)
    yield moodle.deletemodel()
    yield moodle.training(labelled)
    yield moodle.prediction(unlabelled)
    exported = moodle.export()
    yield exported
    yield moodle.import_(exported.body)
    yield moodle.evaluation(labelled)
    yield moodle.deletemodel()
    yield moodle.export()


def never_used(name):
    """Another name that can be stored, or cannot."""
    return uuid.uuid4().hex if len(encoded(name)) <= 250 else f"{name}x"


@given(two_users(), st.data())
@settings(
    max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_the_names_nobody_sees_or_touches_what_is_anothers(
    store, make_moodle, course, users, data
):
    """A name that another user has used is like one that nobody ever used."""
    store.delete(store.keys())
    ours, theirs = users
    moodle = make_moodle(store=store, USERS=f"{ours}:sshhhh,{theirs}:secret")
    names = data.draw(st.tuples(NAMES, NAMES) | st.tuples(NAMES | LONG_NAMES, LONG_NAMES))
    alike = data.draw(st.just(st.just(str)) | st.just(LOOKALIKES))
    tried = [data.draw(alike)(name) or name for name in names]
    theirs = moodle.but(user=theirs, password="secret")
    ours = moodle.but(user=ours, uniqueid=names[0], dirhash=names[1])

    labelled, unlabelled = course.labelled(12), course.unlabelled(3)
    ours.training(course.labelled(12))
    evaluated = ours.evaluation(labelled)
    runid = evaluated.json["runid"] if evaluated.status == 200 else 1
    before = ours.export(), ours.prediction(unlabelled), ours.evaluationlog(runid)

    theirs = theirs.but(uniqueid=tried[0], dirhash=tried[1])
    unused = theirs.but(uniqueid=never_used(tried[0]), dirhash=never_used(tried[1]))
    stories = [
        [told(answer) for answer in story(one, runid, labelled, unlabelled)]
        for one in (theirs, unused)
    ]
    assert stories[0] == stories[1]
    after = ours.export(), ours.prediction(unlabelled), ours.evaluationlog(runid)
    assert list(map(told, after)) == list(map(told, before))


@st.composite
def two_models(draw):
    """Names of two models, each like its fellow, or looking so."""
    one = draw(st.tuples(NAMES, NAMES, NAMES))
    return one, tuple(draw(st.just(str) | LOOKALIKES)(name) for name in one)


@given(two_models() | st.tuples(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES)))
@settings(max_examples=300)
def test_two_models_never_share_a_key(models):
    """Whatever their names: near-collisions, slashes, dots, percent signs, NUL."""
    one, other = models
    if one != other:
        folders = ModelId(*one).folder, ModelId(*other).folder
        assert f"{folders[0]}/" not in f"{folders[1]}/"
        assert f"{folders[1]}/" not in f"{folders[0]}/"
    if one[:2] != other[:2]:
        folders = ModelId(*one).unique_folder, ModelId(*other).unique_folder
        assert f"{folders[0]}/" not in f"{folders[1]}/"
    if one[0] != other[0]:
        assert f"{user_folder(one[0])}/" not in f"{user_folder(other[0])}/"


def test_labels_are_stored_as_they_always_were():
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
