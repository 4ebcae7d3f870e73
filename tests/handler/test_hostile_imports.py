"""POST /import of files that mean harm: each is refused with a sentence, and nothing changes."""

import pickle
import time
import tracemalloc

import pytest

from handler.app import create_app
from handler.settings import Settings
from infra.lab.fuzz.known_attacks import EXPENSIVE, GENUINE, IMPORTS, pickles

MB = 1 << 20


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    """One for all tests, as none may change what it keeps."""
    return create_app(
        Settings.from_environ(
            {
                "MOODLE_MLBACKEND_PYTHON_USERS": "default:sshhhh",
                "MOODLE_MLBACKEND_PYTHON_DIR": str(tmp_path_factory.mktemp("attacked")),
            }
        )
    )


@pytest.fixture
def moodle(make_moodle, app):
    """A Moodle whose model is the genuine one."""
    moodle = make_moodle(app)
    if moodle.export().status == 503:
        assert moodle.import_(GENUINE).text == "Ok"
    return moodle


def stored(app):
    """All that the application keeps, but for the notes of what was asked."""
    folder = app.config["SETTINGS"].directory
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.parent.name != "requests"}


def refused(moodle, data):
    """Import what must be refused, in little time and memory, and return what is said."""
    tracemalloc.start()
    began = time.thread_time()
    answer = moodle.import_(data)
    seconds = time.thread_time() - began
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status == 400
    assert peak < max(32 * MB, 50 * len(data))
    assert seconds < 5 * max(1, len(data) / 100_000)  # tracing makes all five times as slow
    return answer.sentence


def test_the_genuine_one_is_taken_as_it_is(moodle):
    assert moodle.import_(GENUINE).text == "Ok"
    assert moodle.export().body == GENUINE


@pytest.mark.parametrize("name", IMPORTS)
def test_what_means_harm_is_refused_and_the_model_stays(app, moodle, name):
    data, sentence = IMPORTS[name]
    before = stored(app)
    assert refused(moodle, data).startswith(sentence)
    assert stored(app) == before


@pytest.mark.parametrize("name", EXPENSIVE)
def test_what_is_as_costly_as_may_be_is_taken(make_moodle, app, name):
    moodle = make_moodle(app).but(uniqueid=name)
    assert moodle.import_(EXPENSIVE[name]).text == "Ok"


def test_a_pickle_in_any_member_is_never_read(app, moodle, tmp_path):
    before = stored(app)
    exploded = tmp_path / "exploded"
    for data in pickles(exploded):
        answer = moodle.import_(data)
        assert (answer.status, exploded.exists()) == (400, False), answer.sentence
    assert stored(app) == before
    pickle.loads(data[data.index(b"\n") + 1 :])
    assert exploded.exists()  # the explosive is real
