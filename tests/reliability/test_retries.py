"""Moodle asks again after a lost answer, or the time is short: nothing counts twice or is lost."""

import json
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace

import pytest

from handler.models import evaluations
from infra.local.client import over_http
from infra.local.gateway.events import REST_API
from infra.local.gateway.listener import Pool, serving
from tests.handler.conftest import moodle_at, moodle_of
from tests.handler.spy import Spy
from tests.lambda_instance import Instance
from tests.reliability.models import MODEL, exported, require_union, without_run


@pytest.fixture
def moodle(place):
    """Each request meets a new process."""
    return moodle_at(
        lambda *request: moodle_of(place.app()).exchange(*request),
        uniqueid=MODEL.uniqueid,
        dirhash=MODEL.dirhash,
    )


@pytest.fixture
def no_work(monkeypatch):
    """Forbid from now on what makes requests slow."""

    def forbid():
        for place in (
            "mlcore.read_labelled",
            "handler.models.models.train",
            "mlcore.evaluation.evaluate",
        ):
            monkeypatch.setattr(place, lambda *_: pytest.fail("this is work"))

    return forbid


RARE = 12  # samples that no others would be like: fewer are always counted


# retries ------------------------------------------------------------------------------------------


def test_the_same_file_again_is_neither_read_nor_learned(place, moodle, files, no_work):
    data = files.labelled(RARE)
    moodle.train(data)
    content = {key: place.store.get(key).data for key in place.store.keys(MODEL.runs)}
    no_work()
    moodle.train(data)
    moodle.train(data)
    assert {key: place.store.get(key).data for key in place.store.keys(MODEL.runs)} == content
    require_union(place.store, files, [data])


def test_the_same_file_again_costs_one_look_at_the_store(place, files):
    spy = Spy(place.store)
    moodle = moodle_of(place.app(spy)).but(uniqueid=MODEL.uniqueid, dirhash=MODEL.dirhash)
    data = files.labelled(RARE)
    moodle.train(data)
    spy.calls.clear()
    moodle.train(data)
    # beside the note of the request
    assert [call for call in spy.calls if call[0] == "get"] == [("get", MODEL.manifest)]


def test_a_file_is_still_known_after_others_were_learned(place, moodle, files, no_work):
    data = [files.labelled(RARE) for _ in range(5)]
    for one in data:
        moodle.train(one)
    no_work()
    moodle.train(data[0])
    require_union(place.store, files, data)


def test_a_file_that_contains_a_recent_one_is_learned_once(place, moodle, files):
    first, second, third = (files.labelled(RARE) for _ in range(3))
    for data in (first, second, files.joined(second, third)):
        moodle.train(data)
    require_union(place.store, files, [first, second, third])


def test_the_same_evaluation_within_a_day_is_answered_from_what_is_stored(
    moodle, files, no_work, monkeypatch
):
    began = time.time()
    data = files.labelled(12)
    first = moodle.evaluation(data).json
    no_work()
    for seconds in (0, 12 * 3600, 23 * 3600):
        at(began + seconds, monkeypatch)
        again = moodle.evaluation(data).json
        assert without_run(again) == without_run(first)
        assert again["runid"] > first["runid"]
        assert (
            moodle.evaluationlog(again["runid"]).files == moodle.evaluationlog(first["runid"]).files
        )


def test_the_same_evaluation_after_a_day_is_computed_anew(moodle, files, no_work, monkeypatch):
    began = time.time()
    data = files.labelled(12)
    first = moodle.evaluation(data).json
    at(began + 24 * 3600 + 1, monkeypatch)
    assert without_run(moodle.evaluation(data).json) == without_run(first)
    at(began + 48 * 3600 + 3, monkeypatch)
    no_work()
    with pytest.raises(pytest.fail.Exception, match="this is work"):
        moodle.evaluation(data)


def at(moment, monkeypatch):
    monkeypatch.setattr(evaluations, "time", SimpleNamespace(time=lambda: moment))


# time ---------------------------------------------------------------------------------------------


@contextmanager
def behind(gateway, *instances):
    """Give a Moodle that asks functions through a gateway."""
    with serving(Pool(instances), gateway, "127.0.0.1", 0) as port:
        yield moodle_at(
            over_http(f"http://127.0.0.1:{port}"),
            uniqueid=MODEL.uniqueid,
            dirhash=MODEL.dirhash,
            prefix=gateway.prefix,
        )


def test_an_evaluation_ends_in_time_and_says_so(place, files):
    with behind(REST_API, Instance(place.app(), seconds=1.0)) as moodle:
        answer = moodle.evaluation(files.labelled(60), niterations=10).json
    assert "There was time for 1 of 10 iterations." in answer["info"]
    assert answer["score"] > 0


@pytest.mark.parametrize("trained", [True, False])
def test_a_training_that_is_too_slow_for_the_gateway_is_there_when_asked_again(
    place, files, no_work, trained
):
    earlier = [files.labelled(RARE)] if trained else []
    for data in earlier:
        moodle_of(place.app()).but(uniqueid=MODEL.uniqueid, dirhash=MODEL.dirhash).train(data)
    before = exported(place.store)
    data = files.labelled(RARE)
    spy = Spy(place.store)
    given_up, stored = threading.Event(), threading.Event()
    spy.step_in(("put", "/classifier.npz"), lambda: given_up.wait(300))
    app = place.app(spy)
    app.teardown_request(lambda _: stored.set())
    with behind(replace(REST_API, seconds=0.1), Instance(app)) as hasty:
        late = hasty.training(data)
        assert late.status == 504
        assert json.loads(late.body) == {"message": "Endpoint request timed out"}
        assert exported(place.store) == before
        given_up.set()
        assert stored.wait(300)
    no_work()
    with behind(REST_API, Instance(place.app())) as patient:
        patient.train(data)
    require_union(place.store, files, [*earlier, data])
