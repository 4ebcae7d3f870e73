"""Who uses a model: what is noted, on each of the two stores."""

from types import SimpleNamespace

import pytest

from handler.models import activity
from handler.models.activity import Activities, Activity, Site
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.store import Conflict, Unavailable
from tests.handler.spy import Spy

MODEL = ModelId("default", "4d3fce33", "818aba1d")
MOODLE = "MoodleBot/4.5 (+https://site.example/moodle)"
OTHER = "MoodleBot/5.0 (+https://other.example)"


@pytest.fixture(autouse=True)
def _trained(store):
    store.put(MODEL.manifest, b"whatever it says")


def known(store):
    stored = store.get(MODEL.activity)
    return Activity.from_bytes(stored.data) if stored else Activity()


@pytest.fixture
def clock(monkeypatch):
    """Set the clock: ``clock.now = 1000``."""
    clock = SimpleNamespace(now=0.0)
    clock.time = clock.monotonic = lambda: clock.now
    monkeypatch.setattr(activity, "time", clock)
    return clock


def test_predictions_and_sites_are_counted(store, clock):
    activities = Activities(store)
    clock.now = 1000.0
    activities.note(MODEL, MOODLE)
    clock.now = 2000.0
    activities.note(MODEL, MOODLE, predicted=30)
    clock.now = 3000.0
    activities.note(MODEL, OTHER, predicted=12)
    assert known(store) == Activity(
        predictions=2,
        samples=42,
        predicted=3000.0,
        sites={
            "https://site.example/moodle": Site("4.5", 2000.0),
            "https://other.example": Site("5.0", 3000.0),
        },
    )


def test_many_requests_in_a_short_time_are_written_together(store, clock):
    spy = Spy(store)
    activities = Activities(spy)
    for second in range(9):
        clock.now = 100.0 + second
        activities.note(MODEL, MOODLE, predicted=1)
    assert [name for name, _ in spy.calls].count("swap") == 1
    clock.now = 111.0
    activities.note(ModelId("default", "an", "other"), MOODLE)  # any request writes what waits
    assert known(store).predictions == 9


def test_two_processes_add_up(store, clock):
    for _ in range(2):
        Activities(store).note(MODEL, MOODLE, predicted=5)
    assert known(store).samples == 10


@pytest.mark.parametrize("fault", [Conflict, Unavailable])
def test_a_note_that_cannot_be_written_harms_nobody(store, clock, caplog, fault):
    spy = Spy(store)

    def fail(name, key):
        if name == "swap":
            raise fault

    spy.before = fail
    Activities(spy).note(MODEL, MOODLE, predicted=5)
    assert known(store) == Activity()
    assert fault.__name__ in caplog.text


@pytest.mark.parametrize(
    "agent",
    ["", "curl/8", "MoodleBot/4.5", "MoodleBot/4.5 (+javascript:alert(1))", "MoodleBot/4.5 (+http"],
)
def test_who_does_not_tell_its_address_is_no_site(store, clock, agent):
    Activities(store).note(MODEL, agent, predicted=1)
    assert known(store).sites == {}
    assert known(store).predictions == 1


def test_the_sites_seen_last_are_remembered(store, clock):
    activities = Activities(store)
    for i in range(30):
        clock.now = 100.0 * (i + 1)
        activities.note(MODEL, f"MoodleBot/4.5 (+https://{i}.example)")
    sites = known(store).sites
    assert list(sites) == [f"https://{i}.example" for i in range(10, 30)]


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"\xff", b'{"predictions": 1, "samples": 1, "predicted": [], "sites": {}}'],
)
def test_a_damaged_note_counts_as_none(store, clock, content):
    store.put(MODEL.activity, content)
    assert known(store) == Activity()
    Activities(store).note(MODEL, MOODLE, predicted=1)
    assert known(store).predictions == 1


def test_of_a_model_that_is_not_there_nothing_is_noted(store, clock):
    Activities(store).note(ModelId("default", "never", "trained"), MOODLE)
    assert store.keys() == [MODEL.manifest]


def test_deletion_wins_over_a_note_that_is_being_written(store, clock):
    spy = Spy(store)
    spy.step_in(("swap", "/activity.json"), lambda: Models(store).delete(MODEL))
    Activities(spy).note(MODEL, MOODLE, predicted=5)
    assert store.keys() == []


def test_a_site_that_only_evaluates_is_noted(store, clock):
    store.put(f"{MODEL.evaluations}/1-ab.json", b"{}")
    Activities(store).note(MODEL, MOODLE)
    assert list(known(store).sites) == ["https://site.example/moodle"]
