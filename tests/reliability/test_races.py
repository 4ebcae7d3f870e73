"""Requests at the same time: nothing is lost, and nobody meets half a model."""

import io
import json
import random
import zipfile
from functools import partial

import pytest

from handler import errors
from handler.store import Conflict
from tests.handler.spy import Spy
from tests.reliability.models import (
    exported,
    learn,
    manifest_of,
    require_union,
    require_whole,
)
from tests.reliability.processes import ask, at_once

UNDER_WAY = {str(errors.ModelDeleted()), str(Conflict())}


def require_documented(endpoint, status, body):
    """Require that an answer is one that Moodle or the page may get while others are at work."""
    if status == 409:
        assert endpoint == "roll_back"
        assert body.decode() == str(errors.ModelChanged())
    elif status == 503:
        nothing = {str(errors.NothingToExport())} if endpoint == "export" else set()
        changing = UNDER_WAY if endpoint in ("training", "import_") else set()
        assert body.decode() in changing | nothing
    else:
        assert status == 200
        match endpoint:
            case "training":
                assert json.loads(body) == {"status": 0, "info": []}
            case "prediction":
                answer = json.loads(body)
                assert (answer["status"], len(answer.get("predictions", ()))) in [(0, 5), (2, 0)]
            case "evaluation":
                answer = json.loads(body)
                assert answer["runid"] > 0
                assert not answer["status"] & 2
            case "export":
                assert not zipfile.ZipFile(io.BytesIO(body)).testzip()
            case _:
                assert body == b"Ok"


CALLS = {
    "training": lambda files, known: ("training", files.labelled()),
    "the same training": lambda files, known: ("training", known["latest"]),
    "import": lambda files, known: ("import_", known["imported"]),
    "deletion": lambda files, known: ("deletemodel",),
    "going back": lambda files, known: ("roll_back",),
    "prediction": lambda files, known: ("prediction", known["unlabelled"]),
    "export": lambda files, known: ("export",),
    "evaluation": lambda files, known: ("evaluation", known["evaluated"]),
}
SHARES = (8, 1, 1, 1, 2, 2, 1, 1)  # of the calls above
CHANGES = ("training", "import", "deletion", "going back")


def twice_trained(place, files):
    """A place with a model that was trained twice, and what requests about it need."""
    store = place.store
    latest = files.labelled()
    learn(store, files.labelled())
    imported = exported(store)
    learn(store, latest)
    return {
        "latest": latest,
        "imported": imported,
        "unlabelled": files.unlabelled(),
        "evaluated": files.labelled(12),
    }


# in processes of their own ------------------------------------------------------------------------


def test_eight_processes_train_the_same_model(place, files):
    data = [files.labelled() for _ in range(8)]
    answers = at_once(place.environ, [[("training", one)] for one in data])
    assert [(status, json.loads(body)) for ((status, body),) in answers] == [
        (200, {"status": 0, "info": []})
    ] * 8
    require_union(place.store, files, data)
    require_whole(place.store, files)


def pytest_generate_tests(metafunc):
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(30 if metafunc.config.getoption("--long") else 1))


def test_processes_do_all_kinds_of_things_at_once(place, files, seed, count):
    """What each asks is drawn at random."""
    choose = random.Random(seed)
    known = twice_trained(place, files)
    scripts = [
        [CALLS[name](files, known) for name in choose.choices(list(CALLS), SHARES, k=3)]
        for _ in range(8)
    ]
    answers = at_once(place.environ, scripts)
    count("requests at once", 24)
    for script, answered in zip(scripts, answers, strict=True):
        for (endpoint, *_), (status, body) in zip(script, answered, strict=True):
            require_documented(endpoint, status, body)
    require_whole(place.store, files, imported=[known["imported"]])
    assert ask(place.app(), "deletemodel") == (200, b"Ok")
    assert place.store.keys() == []


# one between any two calls of another -------------------------------------------------------------


def step_in_at(spy, moment, work):
    """Work once before a call of the store, and give a list that holds its result afterwards."""
    calls = iter(range(moment))
    results = []

    def before(name, key):
        if next(calls, None) is None and not results:
            results.append(work())

    spy.before = before
    return results


@pytest.mark.parametrize("make_place", ["directory"], indirect=True)
@pytest.mark.parametrize("other", CHANGES)
@pytest.mark.parametrize("first", CALLS)
def test_whatever_steps_in_between_two_calls_the_model_stays_whole(
    make_place, files, first, other, count
):
    # the first look tells which model it is about; an evaluation takes its place after two
    for moment in range(3 if first == "evaluation" else 1, 40):
        place = make_place()
        known = twice_trained(place, files)
        spy = Spy(place.store)
        stepping_in, call = CALLS[other](files, known), CALLS[first](files, known)
        answers = step_in_at(spy, moment, partial(ask, place.app(), *stepping_in))
        require_documented(call[0], *ask(place.app(spy), *call))
        if not answers:
            break
        count("interleavings")
        require_documented(stepping_in[0], *answers[0])
        store = place.store
        require_whole(store, files, imported=[known["imported"]])
        if other == "deletion":  # a note of who asked is not waited for, and makes no model
            left = store.keys()
            assert [key for key in left if "/requests/" not in key] == []
        if (first, other) == ("training", "training"):
            assert len(manifest_of(store).current.trainings) == 4
    else:
        pytest.fail("it never ends")
