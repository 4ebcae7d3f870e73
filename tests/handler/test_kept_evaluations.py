"""What is kept of evaluations, on each of the two stores."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from handler import evaluations
from handler.evaluations import Evaluations, KeptEvaluation
from handler.modelid import ModelId

MODEL = ModelId("default", "4d3fce33", "818aba1d")

ANSWER = {"status": 0, "info": []}


def at(moment, monkeypatch):
    monkeypatch.setattr(evaluations, "time", SimpleNamespace(time=lambda: moment))


def test_a_kept_evaluation_has_its_log(store):
    runid = Evaluations(store).keep(MODEL, "digest", ANSWER, b"log")
    assert Evaluations(store).log(MODEL, runid) == b"log"
    assert Evaluations(store).log(MODEL, runid + 1) is None


def test_runids_are_new_even_at_the_same_moment(store, monkeypatch):
    at(1795353912.479, monkeypatch)
    runids = [Evaluations(store).keep(MODEL, str(i), ANSWER, b"") for i in range(3)]
    assert runids == [1795353912479, 1795353912480, 1795353912481]


def test_runids_are_new_for_evaluations_at_the_same_time(store):
    start = threading.Barrier(4)

    def keep(digest):
        start.wait()
        return Evaluations(store).keep(MODEL, digest, ANSWER, digest.encode())

    with ThreadPoolExecutor(4) as pool:
        runids = list(pool.map(keep, "abcd"))
    assert len(set(runids)) == 4
    logs = [Evaluations(store).log(MODEL, runid) for runid in runids]
    assert logs == [b"a", b"b", b"c", b"d"]


def test_within_a_day_a_repetition_is_answered_from_what_is_stored(store, monkeypatch):
    at(1_000_000, monkeypatch)
    runid = Evaluations(store).keep(MODEL, "digest", ANSWER, b"log")
    at(1_000_000 + 24 * 3600 - 1, monkeypatch)
    answer, repeated = Evaluations(store).repeated(MODEL, "digest")
    assert answer == ANSWER
    assert repeated > runid
    assert Evaluations(store).log(MODEL, repeated) == b"log"


def test_after_a_day_an_evaluation_is_computed_anew(store, monkeypatch):
    at(1_000_000, monkeypatch)
    Evaluations(store).keep(MODEL, "digest", ANSWER, b"log")
    at(1_000_000 + 24 * 3600 + 1, monkeypatch)
    assert Evaluations(store).repeated(MODEL, "digest") is None


def test_the_latest_ten_evaluations_are_kept(store):
    keep = Evaluations(store).keep
    runids = [keep(MODEL, f"digest{i}", ANSWER, b"log") for i in range(13)]
    logs = [Evaluations(store).log(MODEL, runid) for runid in runids]
    assert logs == [None] * 3 + [b"log"] * 10
    assert Evaluations(store).repeated(MODEL, "digest0") is None
    assert Evaluations(store).repeated(MODEL, "digest12")
    assert len(store.keys(f"{MODEL.folder}/evaluations")) < 25


def test_the_latest_evaluations_are_told_newest_first(store):
    of_store = Evaluations(store)
    first = of_store.keep(MODEL, "aa", ANSWER, b"", r"\core\target", r"\core\quarters")
    second = of_store.keep(MODEL, "bb", {**ANSWER, "score": 0.8}, b"")
    assert of_store.latest(MODEL) == [
        KeptEvaluation(second, {**ANSWER, "score": 0.8}, "", ""),
        KeptEvaluation(first, ANSWER, r"\core\target", r"\core\quarters"),
    ]
    assert of_store.latest(ModelId("default", "4d3fce33", "another")) == []


def test_a_repetition_of_what_is_removed_meanwhile_is_computed_anew(store):
    Evaluations(store).keep(MODEL, "aa", ANSWER, b"log")
    store.delete(key for key in store.keys(MODEL.evaluations) if key.endswith(".zip"))
    assert Evaluations(store).repeated(MODEL, "aa") is None


def test_what_an_earlier_version_kept_is_left_alone(store):
    store.put(f"{MODEL.evaluations}/0123abcd.json", b'{"at": 0, "runid": 1, "answer": {}}')
    store.put(f"{MODEL.evaluations}/1.zip", b"log")
    assert Evaluations(store).repeated(MODEL, "0123abcd") is None
    assert Evaluations(store).latest(MODEL) == []
    assert Evaluations(store).log(MODEL, 1) == b"log"
