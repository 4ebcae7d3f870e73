"""The last requests about a model: what is noted, on each of the two stores."""

import threading
from dataclasses import replace

import pytest

from handler.models import activity
from handler.models.activity import Activities, Activity, Request, last_requests
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.models.overview import Overviews
from handler.store import Conflict, Unavailable
from tests.handler.spy import Spy

MODEL = ModelId("default", "4d3fce33", "818aba1d")
MOODLE = "MoodleBot/4.5 (+https://site.example/moodle)"
OTHER = "MoodleBot/5.0 (+https://other.example)"


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves on by a second whenever somebody looks."""
    times = iter(range(1000, 10_000))
    monkeypatch.setattr(activity.time, "time", lambda: float(next(times)))


def known(store, model=MODEL):
    found = [store.get(key) for key in store.keys(model.requests)]
    return Activity.of(Request.from_bytes(stored.data) for stored in found)


def test_predictions_and_sites_are_noted_at_once(store, clock):
    activities = Activities(store)
    activities.note(MODEL, "training", MOODLE)
    activities.note(MODEL, "prediction", MOODLE, samples=30, unsure=4)
    activities.note(MODEL, "prediction", OTHER, samples=12)
    assert [(one.samples, one.unsure) for one in known(store).predictions] == [(12, 0), (30, 4)]
    assert [(site, at.version, at.seen) for site, at in known(store).sites.items()] == [
        ("https://other.example", "5.0", 1002.0),
        ("https://site.example/moodle", "4.5", 1001.0),
    ]


def test_a_site_was_seen_at_the_latest_of_its_requests_whatever_their_order():
    late = Request("prediction", 2000.0, site="https://a.example", version="5.0")
    early = replace(late, at=1000.0, version="4.5")
    for requests in ([late, early], [early, late]):
        assert Activity.of(requests).sites["https://a.example"].seen == 2000.0
        assert Activity.of(requests).sites["https://a.example"].version == "5.0"


def test_a_prediction_is_one_write_that_looks_at_nothing(store):
    spy = Spy(store)
    Activities(spy).note(MODEL, "prediction", MOODLE, samples=5)
    ((name, key),) = spy.calls
    assert name == "put"
    assert key.startswith(f"{MODEL.requests}/")


def test_a_cold_prediction_makes_three_calls(make_moodle, moodle, course, tmp_path):
    """Manifest, classifier, and one note that nobody waits for."""
    from handler.store import DirectoryStore

    moodle.train(course.labelled(12))
    spy = Spy(DirectoryStore(tmp_path / "models"))
    cold = make_moodle(store=spy)
    assert cold.prediction(course.unlabelled(2)).json["status"] == 0
    names = [(name, key.rpartition("/")[2].partition("-")[2]) for name, key in spy.calls]
    assert names[:2] == [("get", ""), ("get", "")]
    assert names[2][0] == "put"
    assert names[2][1].startswith("prediction-")
    assert len(names) == 3


def test_the_last_ten_of_each_kind_are_kept(store, clock):
    activities = Activities(store)
    for number in range(15):
        activities.note(MODEL, "prediction", MOODLE, samples=number)
        activities.note(MODEL, "prediction", MOODLE, refused=f"Sentence {number}.")
    activities.note(MODEL, "training", MOODLE)
    assert [one.samples for one in known(store).predictions] == [*range(14, 4, -1)]
    assert [one.refused for one in known(store).refused][-1] == "Sentence 5."
    assert len(store.keys(MODEL.requests)) == 21


def test_a_process_that_only_predicts_tidies_up_now_and_then(store, clock):
    activities = Activities(store)
    for _ in range(100):
        activities.note(MODEL, "prediction", MOODLE, samples=1)
    assert len(store.keys(MODEL.requests)) < 30


@pytest.mark.parametrize("fault", [Conflict, Unavailable])
def test_a_note_that_cannot_be_written_harms_nobody(store, caplog, fault):
    spy = Spy(store)

    def fail(name, key):
        raise fault

    spy.before = fail
    Activities(spy).note(MODEL, "prediction", MOODLE, samples=5)
    assert store.keys() == []
    assert fault.__name__ in caplog.text


def test_a_store_that_hangs_is_not_waited_for(store, monkeypatch):
    """And many of its requests do not fill the process with threads."""
    monkeypatch.setattr(activity, "_SECONDS", 0.01)
    monkeypatch.setattr(activity, "_MAX_WRITERS", 2)
    over, spy = threading.Event(), Spy(store)

    def hang(name, key):
        over.wait(60)
        raise Unavailable

    spy.before = hang
    activities = Activities(spy)
    for _ in range(5):
        activities.note(MODEL, "prediction", MOODLE, samples=5)
    over.set()
    assert len(spy.calls) == 2


@pytest.mark.parametrize(
    "agent",
    ["", "curl/8", "MoodleBot/4.5", "MoodleBot/4.5 (+javascript:alert(1))", "MoodleBot/4.5 (+http"],
)
def test_who_does_not_tell_its_address_is_no_site(store, agent):
    Activities(store).note(MODEL, "prediction", agent, samples=1)
    assert known(store).sites == {}
    assert len(known(store).predictions) == 1


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"\xff", Request("x", 1e9).to_bytes().replace(b"1000", b"1e99")]
)
def test_a_damaged_note_is_passed_over(content):
    assert Request.from_bytes(content) is None


def test_names_that_are_not_ours_are_passed_over():
    ours = f"{MODEL.requests}/0000001000000-training-0a1b2c3d.json"
    assert last_requests([ours, f"{MODEL.requests}/x.json", MODEL.manifest]) == [ours]


def test_deletion_takes_the_notes_along_and_a_late_one_makes_no_model(store):
    Activities(store).note(MODEL, "prediction", MOODLE, samples=5)
    Models(store).delete(MODEL)
    assert store.keys() == []
    Activities(store).note(MODEL, "prediction", MOODLE, samples=5)
    assert [one.exists for one in Overviews(store).of("default")] == [False]
