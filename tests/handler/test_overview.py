"""What is read of a user's models for the page, on each of the two stores."""

import json
from types import SimpleNamespace

import pytest

from handler import deadline
from handler.errors import ModelIncomplete, NewerModel, NoSuchModel
from handler.models.activity import Request
from handler.models.evaluations import KeptEvaluation
from handler.models.manifest import Manifest, Run
from handler.models.model_id import ModelId
from handler.models.overview import Overviews
from handler.report import Verdict
from tests.handler.spy import Spy

EXECUTION = ModelId("default", "4d3fce33", "execution")
QUARTERS = ModelId("default", "4d3fce33", "evaluation/quarters")


def put(store, model, *runs):
    """Store a manifest of runs, the current one first."""
    current, previous = [*[Run(name=name) for name in runs], None, None][:2]
    store.put(model.manifest, Manifest("born", current, previous).to_bytes())


def evaluated(store, model, runid):
    kept = KeptEvaluation(runid, {"status": 0}, Verdict("good", "Yes", "It is."), "", "")
    store.put(f"{model.evaluations}/{runid}-ab12.json", kept.to_bytes())
    store.put(f"{model.evaluations}/{runid}.zip", b"log")


def used(store, model, samples):
    request = Request("prediction", 1e9 + samples, samples)
    store.put(f"{model.requests}/100000000{samples:04}-prediction-ab.json", request.to_bytes())


def test_all_dirhashes_of_a_uniqueid_are_one_model(store):
    put(store, EXECUTION, "000000000005-a")
    evaluated(store, QUARTERS, 900)
    evaluated(store, QUARTERS, 1000)
    used(store, EXECUTION, 3)
    used(store, QUARTERS, 4)
    found = Overviews(store).one("default", "4d3fce33")
    assert [part.model for part in found.trained] == [EXECUTION]
    assert [(model, kept.runid) for model, kept in found.evaluations] == [
        (QUARTERS, 1000),
        (QUARTERS, 900),
    ]
    assert [one.samples for one in found.activity.predictions] == [4, 3]


def test_the_list_has_the_last_evaluation_of_each_model_only(store):
    evaluated(store, QUARTERS, 900)
    evaluated(store, EXECUTION, 1000)
    (found,) = Overviews(store).of("default")
    assert [kept.runid for _, kept in found.evaluations] == [1000]


def test_the_part_changed_last_comes_first(store):
    put(store, EXECUTION, "000000000005-a")
    put(store, QUARTERS, "000000000009-a")
    found = Overviews(store).one("default", "4d3fce33")
    assert [part.model for part in found.trained] == [QUARTERS, EXECUTION]


def test_only_small_objects_are_read_and_once_each(store):
    put(store, EXECUTION, "000000000005-a")
    store.put(f"{EXECUTION.runs}/000000000005-a/classifier.npz", b"large")
    evaluated(store, EXECUTION, 900)
    used(store, EXECUTION, 3)
    spy = Spy(store)
    Overviews(spy).of("default")
    names = [key.rpartition("/")[2] for name, key in spy.calls if name == "get"]
    assert sorted(names) == ["1000000000003-prediction-ab.json", "900-ab12.json", "model.json"]
    assert [name for name, _ in spy.calls].count("keys") == 1


def test_other_users_models_and_what_is_not_ours_are_passed_over(store):
    put(store, ModelId("other", "4d3fce33", "execution"), "000000000005-a")
    for key in ("models/default/lonely", "models/default/.FF/x/model.json"):
        store.put(key, b"{}")
    for name in (".ED.A0.80", "a.2e"):  # half a character, and small letters
        store.put(f"models/default/{name}/x/model.json", b"{}")
    assert Overviews(store).of("default") == []
    with pytest.raises(NoSuchModel):
        Overviews(store).one("default", "4d3fce33")


def test_leftovers_alone_are_no_model(store):
    store.put(f"{EXECUTION.runs}/000000000005-a/classifier.npz", b"of a crashed training")
    used(store, EXECUTION, 3)
    store.put(f"{EXECUTION.evaluations}/5.zip", b"of an evaluation at work")
    (found,) = Overviews(store).of("default")
    assert not found.exists
    with pytest.raises(NoSuchModel):
        Overviews(store).one("default", "4d3fce33")


@pytest.mark.parametrize(
    ("content", "error"), [(b'{"format": 99}', NewerModel), (b"{", ModelIncomplete)]
)
def test_a_manifest_that_cannot_be_read_is_that_models_problem_only(store, content, error):
    put(store, ModelId("default", "sound", "execution"), "000000000005-a")
    store.put(EXECUTION.manifest, content)
    found = {one.uniqueid: one for one in Overviews(store).of("default")}
    assert found["4d3fce33"].problems == [error.sentence]
    assert found["sound"].problems == []


def test_what_is_deleted_while_it_is_read_is_not_there(store):
    put(store, EXECUTION, "000000000005-a")
    spy = Spy(store)
    spy.step_in(("get", "/model.json"), lambda: store.delete([EXECUTION.manifest]))
    (found,) = Overviews(spy).of("default")
    assert found.trained == []


SOUND = json.loads(
    KeptEvaluation(5, {"status": 0}, Verdict("good", "Yes", "It is."), "", "").to_bytes()
)


@pytest.mark.parametrize(
    "facts",
    [
        *([], None, {"runid": 1}, SOUND | {"answer": []}, SOUND | {"target": None}),
        *(SOUND | {"runid": "5"}, SOUND | {"runid": 10**18}, SOUND | {"more": 1}),
        *(SOUND | {"verdict": None}, SOUND | {"verdict": SOUND["verdict"] | {"why": 1}}),
    ],
)
def test_an_evaluation_that_cannot_be_read_is_passed_over(store, facts):
    put(store, EXECUTION, "000000000005-a")
    key = f"{EXECUTION.evaluations}/5-ab12.json"
    store.put(key, json.dumps(SOUND).encode())
    assert len(Overviews(store).one("default", "4d3fce33").evaluations) == 1
    store.put(key, json.dumps(facts).encode())
    assert Overviews(store).one("default", "4d3fce33").evaluations == []


def test_all_reads_know_the_deadline_of_the_request(store):
    """They are made in threads of their own."""
    evaluated(store, QUARTERS, 1000)
    used(store, QUARTERS, 4)
    spy, found = Spy(store), []
    spy.before = lambda name, key: found.append(deadline.deadline())
    event = {"requestContext": {"domainName": "x.execute-api.eu-central-1.amazonaws.com"}}
    context = SimpleNamespace(get_remaining_time_in_millis=lambda: 900_000)
    deadline.begin({"lambda.context": context, "lambda.event": event})
    try:
        Overviews(spy).of("default")
    finally:
        deadline.end()
    assert len(found) == 3
    assert None not in found
