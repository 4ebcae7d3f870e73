"""What is kept of evaluations, on each of the two stores."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from handler.models import evaluations
from handler.models.evaluations import Evaluations, KeptEvaluation
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.models.overview import Overviews
from handler.report import Verdict
from tests.handler.spy import Spy

MODEL = ModelId("default", "4d3fce33", "818aba1d")

ANSWER = {"status": 0, "info": []}
VERDICT = Verdict("care", "With care", "It gives hints.")


def at(moment, monkeypatch):
    monkeypatch.setattr(evaluations, "time", SimpleNamespace(time=lambda: moment))


def keep(store, digest, answer=ANSWER, log=b"log", *about):
    """Keep an evaluation that took no time, and return its runid."""
    claim = Evaluations(store).claim(MODEL)
    Evaluations(store).keep(MODEL, claim, digest, answer, VERDICT, log, *about)
    return claim.runid


def test_a_kept_evaluation_has_its_log(store):
    runid = keep(store, "digest")
    assert Evaluations(store).log(MODEL, runid) == b"log"
    assert Evaluations(store).log(MODEL, runid + 1) is None


def test_runids_are_new_even_at_the_same_moment(store, monkeypatch):
    at(1795353912.479, monkeypatch)
    runids = [keep(store, str(i)) for i in range(3)]
    assert runids == [1795353912479, 1795353912480, 1795353912481]


def test_runids_are_new_for_evaluations_at_the_same_time(store):
    start = threading.Barrier(4)

    def keep_at_once(digest):
        start.wait()
        return keep(store, digest, ANSWER, digest.encode())

    with ThreadPoolExecutor(4) as pool:
        runids = list(pool.map(keep_at_once, "abcd"))
    assert len(set(runids)) == 4
    logs = [Evaluations(store).log(MODEL, runid) for runid in runids]
    assert logs == [b"a", b"b", b"c", b"d"]


def test_within_a_day_a_repetition_is_answered_from_what_is_stored(store, monkeypatch):
    at(1_000_000, monkeypatch)
    runid = keep(store, "digest")
    at(1_000_000 + 24 * 3600 - 1, monkeypatch)
    answer, repeated = Evaluations(store).repeated(MODEL, "digest")
    assert answer == ANSWER
    assert repeated > runid
    assert Evaluations(store).log(MODEL, repeated) == b"log"


def test_after_a_day_an_evaluation_is_computed_anew(store, monkeypatch):
    at(1_000_000, monkeypatch)
    keep(store, "digest")
    at(1_000_000 + 24 * 3600 + 1, monkeypatch)
    assert Evaluations(store).repeated(MODEL, "digest") is None


def test_the_latest_ten_evaluations_are_kept(store):
    runids = [keep(store, f"digest{i}") for i in range(13)]
    logs = [Evaluations(store).log(MODEL, runid) for runid in runids]
    assert logs == [None] * 3 + [b"log"] * 10
    assert Evaluations(store).repeated(MODEL, "digest0") is None
    assert Evaluations(store).repeated(MODEL, "digest12")
    assert len(store.keys(f"{MODEL.folder}/evaluations")) < 25


def test_after_a_clock_that_was_ahead_later_evaluations_keep_their_logs(store, monkeypatch):
    at(1_000_000 + 24 * 3600, monkeypatch)
    ahead = [keep(store, f"ahead{i}") for i in range(11)]
    at(1_000_000, monkeypatch)
    later = keep(store, "later")
    assert later > max(ahead)
    assert Evaluations(store).log(MODEL, later) == b"log"


def test_killed_evaluations_push_no_report_out(store):
    runids = [keep(store, f"digest{i}") for i in range(9)]
    for _ in range(15):
        Evaluations(store).claim(MODEL)
    runids.append(keep(store, "last"))
    assert [Evaluations(store).log(MODEL, runid) for runid in runids] == [b"log"] * 10
    assert len(store.keys(MODEL.evaluations)) == 2 * 10 + 10


def test_what_is_kept_is_found_for_the_page_the_newest_first(store):
    first = keep(store, "aa", ANSWER, b"", r"\core\target", r"\core\quarters")
    second = keep(store, "bb", {**ANSWER, "score": 0.8})
    overview = Overviews(store).one(MODEL.user, MODEL.uniqueid)
    assert overview.evaluations == [
        (MODEL, KeptEvaluation(second, {**ANSWER, "score": 0.8}, VERDICT, "", "")),
        (MODEL, KeptEvaluation(first, ANSWER, VERDICT, r"\core\target", r"\core\quarters")),
    ]


def test_a_repetition_of_what_is_removed_meanwhile_is_computed_anew(store):
    keep(store, "aa")
    store.delete(key for key in store.keys(MODEL.evaluations) if key.endswith(".zip"))
    assert Evaluations(store).repeated(MODEL, "aa") is None


def test_what_an_earlier_version_kept_is_left_alone(store):
    store.put(f"{MODEL.evaluations}/0123abcd.json", b'{"at": 0, "runid": 1, "answer": {}}')
    store.put(f"{MODEL.evaluations}/1.zip", b"log")
    assert Evaluations(store).repeated(MODEL, "0123abcd") is None
    assert not any(one.exists for one in Overviews(store).of(MODEL.user))
    assert Evaluations(store).log(MODEL, 1) == b"log"


def test_an_evaluation_at_work_has_a_runid_and_no_log_yet(store):
    claim = Evaluations(store).claim(MODEL)
    assert not Evaluations(store).log(MODEL, claim.runid)
    assert not any(one.exists for one in Overviews(store).of(MODEL.user))
    assert keep(store, "digest") != claim.runid


def test_deletion_wins_over_an_evaluation_that_began_before_it(store):
    claim = Evaluations(store).claim(MODEL)
    Models(store).delete(MODEL)
    Evaluations(store).keep(MODEL, claim, "digest", ANSWER, VERDICT, b"log")
    assert store.keys() == []


@pytest.mark.parametrize("write", ["put", "swap"])
def test_deletion_wins_over_an_evaluation_that_is_being_stored(store, write):
    spy = Spy(store)
    claim = Evaluations(store).claim(MODEL)
    delete_before(spy, write, store)
    Evaluations(spy).keep(MODEL, claim, "digest", ANSWER, VERDICT, b"log")
    assert store.keys() == []


def test_deletion_wins_over_a_repetition_that_is_being_stored(store):
    keep(store, "digest")
    spy = Spy(store)
    delete_before(spy, "swap", store)
    answer, _ = Evaluations(spy).repeated(MODEL, "digest")
    assert answer == ANSWER
    assert store.keys() == []


def test_deletion_wins_over_two_evaluations_that_are_being_stored(store):
    """One tidies up where nothing is left but the answer that the other is about to withdraw."""
    claim = Evaluations(store).claim(MODEL)
    unfinished = f"{MODEL.evaluations}/{claim.runid}-other.json"
    spy = Spy(store)

    def delete_while_another_writes():
        Models(store).delete(MODEL)
        store.put(unfinished, b"{}")

    spy.step_in(("keys", "/evaluations"), delete_while_another_writes)
    Evaluations(spy).keep(MODEL, claim, "digest", ANSWER, VERDICT, b"log")
    assert store.keys() == [unfinished]


def test_what_is_written_while_a_deletion_looks_is_deleted_too(store):
    """The evaluation finds its claim there and stays; the deletion has already listed all."""
    claim = Evaluations(store).claim(MODEL)
    spy = Spy(store)

    def evaluate(name, key):
        if name == "delete":
            spy.before = lambda name, key: None
            keep_now()

    def keep_now():
        Evaluations(store).keep(MODEL, claim, "digest", ANSWER, VERDICT, b"log")

    spy.before = evaluate
    Models(spy).delete(MODEL)
    assert store.keys() == []


def delete_before(spy, write, store):
    """Let a deletion step in before a write."""

    def before(name, key):
        if name == write:
            spy.before = lambda name, key: None
            Models(store).delete(MODEL)

    spy.before = before
