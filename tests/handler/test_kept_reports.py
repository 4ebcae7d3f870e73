"""Reports that outlive their models, on each of the two stores."""

import time
from types import SimpleNamespace

import pytest

from handler.models import reports, verbs
from handler.models.evaluations import Evaluations
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.models.reports import Reports
from handler.report import Verdict
from handler.store import Unavailable
from tests.handler.spy import Spy

MODEL = ModelId("default", "4d3fce33", "evaluation/quarters")
TARGET = r"\core_course\analytics\target\course_dropout"
DAY = 86400


def evaluated(store, model=MODEL, target=TARGET, n_samples=100, log=b"log"):
    evaluations = Evaluations(store)
    claim = evaluations.claim(model)
    verdict = Verdict("good", "Yes", "It is.")
    evaluations.keep(model, claim, "ab12", {"status": 0}, verdict, log, target, "", n_samples)
    return claim.runid


def delete(store, model=MODEL, days=30):
    verbs.delete(Models(store), Reports(store, days), model)


def kept(store, user="default", days=30):
    found = Reports(store, days).of(user)
    return {target: [one.evaluation.runid for one in some] for target, some in found.items()}


def test_a_report_is_kept_after_its_model_was_deleted(store):
    runid = evaluated(store)
    delete(store)
    assert store.keys(MODEL.unique_folder) == []
    assert kept(store) == {TARGET: [runid]}
    assert Reports(store, 30).log("default", runid, TARGET) == b"log"
    assert kept(store, "other") == {}
    assert Reports(store, 30).log("other", runid, TARGET) is None
    delete(store)  # Moodle asks twice
    assert kept(store) == {TARGET: [runid]}


def test_those_on_few_samples_go_at_once_and_those_of_nobody_knows_what(store):
    evaluated(store, n_samples=99)
    evaluated(store, target="")
    evaluated(store, log=b"")
    delete(store)
    assert store.keys() == []


def test_with_0_days_none_is_kept(store):
    evaluated(store)
    delete(store, days=0)
    assert store.keys() == []


def test_the_last_ten_of_a_target_are_kept_whatever_their_uniqueid(store):
    runids = []
    for number in range(3):
        model = ModelId("default", f"uniqueid{number}", "d")
        runids += [evaluated(store, model) for _ in range(5)]
        delete(store, model)
    assert kept(store) == {TARGET: runids[:4:-1]}
    assert len(store.keys()) == 20


def test_they_are_over_after_some_days(store, monkeypatch):
    evaluated(store)
    delete(store)
    now = time.time()
    later = SimpleNamespace(time=lambda: now + 7.1 * DAY)
    monkeypatch.setattr(reports, "time", later)
    assert kept(store, days=7) == {}
    assert kept(store, days=8) != {}
    Reports(store, 8).expire()
    assert store.keys()
    Reports(store, 7).expire()
    assert store.keys() == []


def test_deleting_them_takes_them_at_once(store):
    evaluated(store)
    evaluated(store, target="another")
    delete(store)
    Reports(store, 30).delete("default", TARGET)
    assert list(kept(store)) == ["another"]


@pytest.mark.parametrize("method", ["get", "put"])
def test_a_model_is_deleted_even_where_its_reports_cannot_be_kept(store, caplog, method):
    evaluated(store)
    spy = Spy(store)

    def fail(name, key):
        if name == method:
            raise Unavailable

    spy.before = fail
    delete(spy)
    assert store.keys(MODEL.unique_folder) == []
    assert "keeping reports" in caplog.text


def test_damaged_ones_are_passed_over(store):
    evaluated(store)
    delete(store)
    key = next(filter(lambda key: key.endswith(".json"), store.keys()))
    store.put(key, b"{}")
    store.put("reports/default/x/y.json", b"{}")
    assert kept(store) == {}


def test_a_server_with_a_directory_removes_old_ones_at_its_start(make_moodle, tmp_path):
    from handler.store import DirectoryStore

    store = DirectoryStore(tmp_path / "models")
    store.put(f"reports/default/ab/1-{int((time.time() - 31 * DAY) * 1000)}.zip", b"old")
    store.put(f"reports/default/ab/2-{int((time.time() - 29 * DAY) * 1000)}.zip", b"young")
    make_moodle()
    (left,) = store.keys()
    assert store.get(left).data == b"young"
