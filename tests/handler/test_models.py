"""The life of models in the store, on each of the two stores."""

import hashlib
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from handler import errors
from handler.models import manifest, models
from handler.models.manifest import Manifest
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.store import Conflict, StoreError, Unavailable
from infra.lab.course import Course
from mlcore import Classifier, predict, read_labelled, read_unlabelled
from mlcore.classifier import FORMAT
from tests.handler.spy import Spy

MODEL = ModelId("default", "4d3fce33", "818aba1d")
RUNS = f"{MODEL.folder}/runs"


@pytest.fixture
def spy(store):
    return Spy(store)


@pytest.fixture
def make_draws():
    """Draw disjoint samples of one course: pairs of X and y with some rows of both classes."""

    def make_draws(count, n_samples=3):
        course = Course(n_features=8, unused=0, missing=0, seed=3)
        return [course.draw(n_samples) for _ in range(count)]

    return make_draws


def file_of(*draws):
    """One file with the rows of these draws."""
    course = Course(n_features=8, unused=0, missing=0, seed=3)
    return course.file(np.vstack([X for X, _ in draws]), y=np.hstack([y for _, y in draws]))


def learn(store, data, model=MODEL):
    """Train a model as another process would, which knows the store only."""
    digest = hashlib.sha256(data).hexdigest()
    Models(store).learn(model, digest, lambda: read_labelled(data))


def learned_at_once(store, *draws):
    """The classifier that all these rows give when one file holds them."""
    model = ModelId("nobody", "at", "once")
    learn(store, file_of(*draws), model)
    classifier = Models(store).classifier(model)
    Models(store).delete(model)
    return classifier.to_bytes()


def current(store, model=MODEL):
    classifier = Models(store).classifier(model)
    return classifier and classifier.to_bytes()


def now(store):
    return Manifest.from_bytes(store.get(MODEL.manifest).data)


def at(moment, monkeypatch):
    """Set the clock of models, which do not sleep then."""
    clock = SimpleNamespace(time=lambda: moment, sleep=lambda seconds: None)
    monkeypatch.setattr(models, "time", clock)
    monkeypatch.setattr(manifest, "time", clock)


# learning -----------------------------------------------------------------------------------------


def test_a_model_that_was_never_trained_is_none(store):
    assert Models(store).classifier(MODEL) is None


def test_pieces_are_learned_like_the_whole(store, make_draws):
    draws = make_draws(3)
    for draw in draws:
        learn(store, file_of(draw))
    assert current(store) == learned_at_once(store, *draws)


def test_the_same_file_is_not_even_read_again(store, make_draws):
    (draw,) = make_draws(1, 12)
    learn(store, file_of(draw))
    before = store.keys()

    def read():
        raise AssertionError

    Models(store).learn(MODEL, hashlib.sha256(file_of(draw)).hexdigest(), read)
    assert store.keys() == before


def test_a_file_that_contains_an_earlier_one_counts_it_once(store, make_draws):
    """How Moodle sends rows again whose answer was lost."""
    draws = make_draws(3, 12)
    for count in (1, 2, 3):
        learn(store, file_of(*draws[:count]))
    assert current(store) == learned_at_once(store, *draws)


def test_the_manifest_tells_of_the_latest_trainings(store, make_draws, monkeypatch):
    monkeypatch.setattr(models, "_HISTORY", 2)
    draws = make_draws(3)
    for draw in draws:
        learn(store, file_of(draw))
    trainings = now(store).current.trainings
    digests = [hashlib.sha256(file_of(draw)).hexdigest() for draw in draws[1:]]
    assert [training.digest for training in trainings] == digests
    assert [training.samples for training in trainings] == [3, 3]


def test_an_earlier_training_that_failed_left_nothing(store, make_draws):
    (X, y), other = make_draws(2)
    with pytest.raises(ValueError, match="not enough data to train"):
        learn(store, file_of((X[y == 0], y[y == 0])))
    assert store.keys() == [MODEL.manifest]  # the claim, which holds nothing
    assert current(store) is None
    learn(store, file_of(other))
    assert current(store) == learned_at_once(store, other)
    assert now(store).previous is None


def test_the_run_before_is_kept_and_older_ones_are_removed(store, make_draws):
    runs = []
    for draw in make_draws(4):
        learn(store, file_of(draw))
        runs.append(now(store).current.name)
    assert now(store).previous.name == runs[-2]
    assert store.keys(RUNS) == sorted(
        f"{RUNS}/{run}/{name}" for run in runs[-2:] for name in ("classifier.npz", "examples.npz")
    )


# at the same time ---------------------------------------------------------------------------------


def test_of_trainings_at_the_same_time_none_is_lost(store, make_draws):
    """All end well, and the model is the one trained on the union."""
    draws = make_draws(5)
    start = threading.Barrier(len(draws))

    def train(draw):
        start.wait()
        learn(store, file_of(draw))

    with ThreadPoolExecutor(len(draws)) as pool:
        assert list(pool.map(train, draws)) == [None] * len(draws)
    assert current(store) == learned_at_once(store, *draws)
    assert len(store.keys(RUNS)) == 4


def test_a_training_that_another_one_overtook_learns_from_both(store, spy, make_draws):
    draws = make_draws(3)
    learn(store, file_of(draws[0]))
    spy.step_in(("swap", "/model.json"), lambda: learn(store, file_of(draws[1])))
    learn(spy, file_of(draws[2]))
    assert current(store) == learned_at_once(store, *draws)
    assert len(store.keys(RUNS)) == 4  # nothing is left of the attempt that came too late


def test_two_first_trainings_at_the_same_time_are_both_learned(store, spy, make_draws):
    draws = make_draws(2)
    spy.step_in(("swap", "/model.json"), lambda: learn(store, file_of(draws[0])))
    learn(spy, file_of(draws[1]))
    assert current(store) == learned_at_once(store, *draws)


def test_examples_that_were_replaced_while_they_were_read_are_read_anew(store, spy, make_draws):
    draws = make_draws(4)
    learn(store, file_of(draws[0]))

    def train_twice():
        learn(store, file_of(draws[1]))
        learn(store, file_of(draws[2]))

    spy.step_in(("get", "/examples.npz"), train_twice)
    learn(spy, file_of(draws[3]))
    assert current(store) == learned_at_once(store, *draws)


def test_a_classifier_that_was_replaced_while_it_was_read_is_read_anew(store, spy, make_draws):
    draws = make_draws(3)
    learn(store, file_of(draws[0]))

    def train_twice():
        learn(store, file_of(draws[1]))
        learn(store, file_of(draws[2]))

    spy.step_in(("get", "/classifier.npz"), train_twice)
    assert current(spy) == learned_at_once(store, *draws)


def test_tidying_up_leaves_alone_what_another_training_is_about_to_swap_in(store, make_draws):
    """One training has swapped and tidies up late; another has written and not yet swapped."""
    draws = make_draws(3)
    learn(store, file_of(draws[0]))
    slow, quick = Spy(store), Spy(store)
    swapped, go_on = threading.Event(), threading.Event()

    def wait():
        swapped.set()
        assert go_on.wait(10)

    slow.step_in(("keys", "/runs"), wait)
    with ThreadPoolExecutor(1) as pool:
        tidying = pool.submit(learn, slow, file_of(draws[1]))
        assert swapped.wait(10)

        def let_it_tidy_up():
            go_on.set()
            tidying.result()

        quick.step_in(("swap", "/model.json"), let_it_tidy_up)
        learn(quick, file_of(draws[2]))
    assert current(store) == learned_at_once(store, *draws)


def test_what_a_crashed_training_left_behind_is_removed_by_the_next(store, spy, make_draws):
    draws = make_draws(3)
    learn(store, file_of(draws[0]))

    def crash():
        raise KeyboardInterrupt

    spy.step_in(("swap", "/model.json"), crash)
    with pytest.raises(KeyboardInterrupt):
        learn(spy, file_of(draws[1]))
    assert len(store.keys(RUNS)) == 4
    learn(store, file_of(draws[2]))
    assert {key.split("/")[-2] for key in store.keys(RUNS)} == {
        now(store).current.name,
        now(store).previous.name,
    }


@pytest.mark.parametrize("hours", [-1000, 1000])
def test_a_wrong_clock_removes_nothing_that_is_live(store, spy, make_draws, monkeypatch, hours):
    """One that is late to tidy up finds the run of another, whose clock differs by weeks."""
    draws = make_draws(4)
    for draw in draws[:2]:
        learn(store, file_of(draw))

    def let_another_learn(name, key):
        if name == "delete":
            at(time.time() + hours * 3600, monkeypatch)
            learn(store, file_of(draws[3]))

    spy.before = let_another_learn
    learn(spy, file_of(draws[2]))
    assert current(store) == learned_at_once(store, *draws)
    assert {key.split("/")[-2] for key in store.keys(RUNS)} >= {run.name for run in now(store).runs}


def test_what_others_leave_among_the_runs_is_left_alone(store, make_draws):
    draws = make_draws(2)
    learn(store, file_of(draws[0]))
    foreign = [f"{RUNS}/.DS_Store", f"{RUNS}/backup/old/classifier.npz"]
    for key in foreign:
        store.put(key, b"foreign")
    learn(store, file_of(draws[1]))
    assert current(store) == learned_at_once(store, *draws)
    assert set(foreign) < set(store.keys(RUNS))


def test_a_model_that_others_keep_changing_is_a_conflict_in_the_end(
    store, spy, make_draws, monkeypatch
):
    def lose(name, key):
        if name == "swap":
            raise Conflict

    at(0, monkeypatch)
    spy.before = lose
    with pytest.raises(Conflict):
        learn(spy, file_of(*make_draws(1)))
    assert store.keys() == []


def test_a_swap_whose_answer_was_lost_and_that_others_went_on_from_has_won(store, spy, make_draws):
    """It looks like a conflict, but what was swapped in is the run before now, and must stay."""
    first, second, third = make_draws(3)
    learn(store, file_of(first))

    def swap_and_be_overtaken(key, data, expected):
        store.swap(key, data, expected)
        learn(store, file_of(third))
        raise Conflict

    spy.swap = swap_and_be_overtaken
    learn(spy, file_of(second))
    assert current(store) == learned_at_once(store, first, second, third)
    Models(store).roll_back(MODEL, now(store).current.name)
    assert current(store) == learned_at_once(store, first, second)


def test_deletion_wins_over_a_training_that_began_before_it(store, spy, make_draws):
    first, second = make_draws(2)
    learn(store, file_of(first))
    spy.step_in(("swap", "/model.json"), lambda: Models(store).delete(MODEL))
    with pytest.raises(errors.ModelDeleted):
        learn(spy, file_of(second))
    assert store.keys() == []


@pytest.mark.parametrize("write", ["/classifier.npz", "/examples.npz"])
def test_deletion_wins_over_a_first_training_that_began_before_it(store, spy, make_draws, write):
    """There is no model yet, so only the training's claim can be deleted."""
    spy.step_in(("put", write), lambda: Models(store).delete(MODEL))
    with pytest.raises(errors.ModelDeleted):
        learn(spy, file_of(*make_draws(1)))
    assert store.keys() == []


def test_deletion_wins_over_a_training_whose_file_is_still_being_read(store, make_draws):
    (draw,) = make_draws(1)

    def read():
        Models(store).delete(MODEL)
        return read_labelled(file_of(draw))

    with pytest.raises(errors.ModelDeleted):
        Models(store).learn(MODEL, "digest", read)
    assert store.keys() == []


@pytest.mark.parametrize("existed", [True, False])
def test_a_training_does_not_join_a_model_that_was_made_after_its_own_was_deleted(
    store, spy, make_draws, existed
):
    first, second, third = make_draws(3)
    if existed:
        learn(store, file_of(first))

    def delete_and_train_anew():
        Models(store).delete(MODEL)
        learn(store, file_of(second))

    spy.step_in(("put", "/classifier.npz"), delete_and_train_anew)
    with pytest.raises(errors.ModelDeleted):
        learn(spy, file_of(third))
    assert current(store) == learned_at_once(store, second)
    assert len(store.keys(RUNS)) == 2


def test_deletion_wins_over_an_import_that_began_before_it(store, spy, make_draws):
    learn(store, file_of(*make_draws(1)))
    exported = Models(store).export(MODEL)
    spy.step_in(("put", "/classifier.npz"), lambda: Models(store).delete(MODEL))
    with pytest.raises(errors.ModelDeleted):
        Models(spy).replace(MODEL, exported)
    assert store.keys() == []


def test_a_model_that_is_only_claimed_is_not_trained(store, spy, make_draws):
    seen = []

    def look():
        seen.append(Models(store).classifier(MODEL))
        with pytest.raises(errors.NothingToExport):
            Models(store).export(MODEL)

    spy.step_in(("put", "/classifier.npz"), look)
    learn(spy, file_of(*make_draws(1)))
    assert seen == [None]


def test_deletion_removes_the_manifests_first(store, spy, make_draws):
    """What is left after a crash in between is no model."""
    learn(store, file_of(*make_draws(1)))
    batches = []
    spy.delete = lambda keys: batches.append(sorted(keys))
    Models(spy).delete(MODEL)
    assert batches[0] == [MODEL.manifest]
    assert sorted(batches[0] + batches[1]) == store.keys()


# imports ------------------------------------------------------------------------------------------


def test_an_import_is_the_model_and_the_run_before_is_kept(store, make_draws):
    first, other = make_draws(2)
    learn(store, file_of(other), ModelId("them", "a", "b"))
    exported = Models(store).export(ModelId("them", "a", "b"))
    learn(store, file_of(first))
    before = now(store).current.name
    Models(store).replace(MODEL, exported)
    assert current(store) == exported
    run = now(store).current
    assert (run.imported, run.examples, run.trainings) == (True, False, ())
    assert now(store).previous.name == before


def test_an_imported_model_stays_the_prior_of_all_later_trainings(store, make_draws):
    draws = make_draws(3)
    learn(store, file_of(draws[0]))
    exported = Models(store).export(MODEL)
    Models(store).replace(MODEL, exported)
    for draw in draws[1:]:
        learn(store, file_of(draw))
        assert Models(store).classifier(MODEL).prior.to_bytes() == exported
    assert now(store).current.imported
    assert now(store).current.examples


# going back ---------------------------------------------------------------------------------------


def test_going_back_makes_the_run_before_the_current_one(store, make_draws):
    first, second, third = make_draws(3)
    learn(store, file_of(first))
    before = now(store).current
    learn(store, file_of(second))
    Models(store).roll_back(MODEL, now(store).current.name)
    assert current(store) == learned_at_once(store, first)
    assert (now(store).current, now(store).previous) == (before, None)
    assert {key.split("/")[-2] for key in store.keys(RUNS)} == {before.name}
    for draw in (second, third):
        learn(store, file_of(draw))
    assert current(store) == learned_at_once(store, first, second, third)


def test_going_back_brings_no_earlier_manifest_back(store, make_draws):
    """Else a swap that expects that one would put in place a run that is removed meanwhile."""
    first, second = make_draws(2)
    learn(store, file_of(first))
    before = store.get(MODEL.manifest).etag
    run = now(store).current
    learn(store, file_of(second))
    Models(store).roll_back(MODEL, now(store).current.name)
    assert now(store).current == run
    assert store.get(MODEL.manifest).etag != before


def test_nobody_goes_back_from_a_run_that_is_not_the_current_one(store, make_draws):
    first, second, third = make_draws(3)
    learn(store, file_of(first))
    only = now(store).current.name
    with pytest.raises(errors.ModelChanged):  # there is none before it
        Models(store).roll_back(MODEL, only)
    learn(store, file_of(second))
    seen = now(store).current.name
    learn(store, file_of(third))
    with pytest.raises(errors.ModelChanged):
        Models(store).roll_back(MODEL, seen)
    with pytest.raises(errors.ModelChanged):
        Models(store).roll_back(ModelId("default", "un", "known"), seen)
    assert current(store) == learned_at_once(store, first, second, third)


def test_nobody_goes_back_while_others_change_the_model(store, spy, make_draws):
    draws = make_draws(3)
    for draw in draws[:2]:
        learn(store, file_of(draw))
    spy.step_in(("swap", "/model.json"), lambda: learn(store, file_of(draws[2])))
    with pytest.raises(errors.ModelChanged):
        Models(spy).roll_back(MODEL, now(store).current.name)
    assert current(store) == learned_at_once(store, *draws)


def test_a_training_that_somebody_overtakes_by_going_back_learns_on_from_there(
    store, spy, make_draws
):
    first, second, third = make_draws(3)
    for draw in (first, second):
        learn(store, file_of(draw))
    run = now(store).current.name
    spy.step_in(("swap", "/model.json"), lambda: Models(store).roll_back(MODEL, run))
    learn(spy, file_of(third))
    assert current(store) == learned_at_once(store, first, third)


# what the manifest says ---------------------------------------------------------------------------


def test_the_manifest_says_what_the_model_is_about(store):
    course = Course(n_features=8)
    learn(store, course.labelled(12))
    run = now(store).current
    assert (run.n_samples, run.sampled) == (12, False)
    assert run.target == r"\core_course\analytics\target\course_dropout"
    assert run.time_splitting == r"\core\analytics\time_splitting\quarters"


# warm classifiers ---------------------------------------------------------------------------------


def test_a_warm_classifier_is_only_checked_for_being_current(store, spy, make_draws):
    learn(store, file_of(*make_draws(1)))
    warm = Models(spy)
    first = warm.classifier(MODEL)
    spy.calls.clear()
    assert warm.classifier(MODEL) is first
    assert spy.calls == [("get", MODEL.manifest)]


def test_a_retraining_by_another_process_is_seen_at_once(store, make_draws):
    draws = make_draws(2)
    learn(store, file_of(draws[0]))
    warm = Models(store)
    before = warm.classifier(MODEL)
    learn(store, file_of(draws[1]))
    assert warm.classifier(MODEL).to_bytes() == current(store) != before.to_bytes()


def test_a_deletion_by_another_process_is_seen_at_once(store, make_draws):
    learn(store, file_of(*make_draws(1)))
    warm = Models(store)
    assert warm.classifier(MODEL)
    Models(store).delete(MODEL)
    assert warm.classifier(MODEL) is None


def test_the_classifiers_used_last_stay_warm(store, spy, make_draws, monkeypatch):
    monkeypatch.setattr(models, "_WARM", 2)
    data = file_of(*make_draws(1))
    ids = [ModelId("default", "u", str(i)) for i in range(3)]
    warm = Models(spy)
    for model in ids:
        learn(store, data, model)
    for i in (0, 1, 0, 2):
        warm.classifier(ids[i])

    def is_warm(i):
        spy.calls.clear()
        warm.classifier(ids[i])
        return len(spy.calls) == 1

    assert [is_warm(0), is_warm(2), is_warm(1)] == [True, True, False]


# faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [Unavailable, StoreError])
@pytest.mark.parametrize("method", ["get", "put", "swap"])
def test_after_a_fault_of_the_store_the_old_model_answers(store, spy, make_draws, method, fault):
    """A store error is never "no model", and never a training from nothing."""
    first, second = make_draws(2)
    learn(store, file_of(first))
    before = current(store)

    def fail(name, key):
        if name == method:
            raise fault

    spy.before = fail
    with pytest.raises(fault):
        learn(spy, file_of(second))
    assert current(store) == before
    learn(store, file_of(second))
    assert current(store) == learned_at_once(store, first, second)


@pytest.mark.parametrize("method", ["keys", "delete"])
def test_a_training_is_not_lost_when_only_tidying_up_fails(store, spy, make_draws, method, caplog):
    draws = make_draws(3)
    for draw in draws[:2]:
        learn(store, file_of(draw))

    def fail(name, key):
        if name == method:
            raise Unavailable

    spy.before = fail
    learn(spy, file_of(draws[2]))
    assert current(store) == learned_at_once(store, *draws)
    assert "Unavailable" in caplog.text


def test_tidying_up_is_left_out_where_no_time_is_left(store, spy, make_draws, monkeypatch, caplog):
    draws = make_draws(3)
    for draw in draws[:2]:
        learn(store, file_of(draw))
    monkeypatch.setattr("handler.store.interface.deadline", lambda reserve: 0.0)
    learn(spy, file_of(draws[2]))
    assert current(store) == learned_at_once(store, *draws)
    assert "keys" not in [name for name, _ in spy.calls]
    assert "no time is left" in caplog.text


def test_a_missing_part_is_an_error_and_not_no_model(store, make_draws, monkeypatch):
    at(0, monkeypatch)
    learn(store, file_of(*make_draws(1)))
    store.delete(store.keys(RUNS))
    with pytest.raises(errors.ModelIncomplete):
        Models(store).classifier(MODEL)
    with pytest.raises(errors.ModelIncomplete):
        learn(store, file_of(*make_draws(2)))


@pytest.mark.parametrize("part", ["classifier.npz", "examples.npz", "model.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x05\x06" + bytes(18), b"\xff"], ids=repr)
def test_a_damaged_part_is_told_as_one_of_the_stored_model(store, make_draws, part, content):
    """Not as a fault of what Moodle sent."""
    learn(store, file_of(*make_draws(1)))
    (key,) = [key for key in store.keys(MODEL.folder) if key.endswith(part)]
    store.put(key, content)
    if part != "examples.npz":
        with pytest.raises(errors.ModelIncomplete):
            Models(store).classifier(MODEL)
    if part != "classifier.npz":
        with pytest.raises(errors.ModelIncomplete):
            learn(store, file_of(*make_draws(2)))


def test_a_manifest_of_a_newer_server_is_refused(store, make_draws):
    learn(store, file_of(*make_draws(1)))
    facts = json.loads(store.get(MODEL.manifest).data)
    newer = json.dumps(facts | {"format": facts["format"] + 1, "unheard_of": 1}).encode()
    store.put(MODEL.manifest, newer)
    for use in (
        lambda: Models(store).classifier(MODEL),
        lambda: Models(store).export(MODEL),
        lambda: learn(store, file_of(*make_draws(2))),
    ):
        with pytest.raises(errors.NewerModel):
            use()
    assert store.get(MODEL.manifest).data == newer


GARBAGE = {
    "a list": lambda facts: [facts],
    "an earlier format": lambda facts: facts | {"format": 2},
    "a format of text": lambda facts: facts | {"format": "3"},
    "too few fields": lambda facts: {name: facts[name] for name in ("format", "born")},
    "too many fields": lambda facts: facts | {"more": 1},
    "changes that are no number": lambda facts: facts | {"changes": True},
    "samples of text": lambda facts: changed(facts, n_samples="many"),
    "no name of a run": lambda facts: changed(facts, name="yesterday"),
    "a name with half a character": lambda facts: changed(facts, target="\ud800"),
    "trainings that are no list": lambda facts: changed(facts, trainings={}),
    "a time that is none": lambda facts: trained(facts, at=[]),
    "a time after the year 9999": lambda facts: trained(facts, at=1e12),
    "an infinite time": lambda facts: trained(facts, at=float("inf")),
}


def changed(facts, **values):
    return facts | {"current": facts["current"] | values}


def trained(facts, **values):
    return changed(facts, trainings=[facts["current"]["trainings"][0] | values])


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_manifest_that_somebody_changed_is_refused_as_damaged(store, make_draws, garbage):
    """At the edge, once: whoever has a manifest need not look at its values again."""
    learn(store, file_of(*make_draws(1)))
    facts = json.loads(store.get(MODEL.manifest).data)
    store.put(MODEL.manifest, json.dumps(GARBAGE[garbage](facts)).encode())
    with pytest.raises(errors.ModelIncomplete):
        Models(store).classifier(MODEL)
    store.put(MODEL.manifest, json.dumps(facts).encode())
    assert Models(store).classifier(MODEL)


def test_a_manifest_that_is_nested_without_end_is_damaged(store, make_draws):
    store.put(MODEL.manifest, b'{"format": ' + b"[" * 100_000)
    with pytest.raises(errors.ModelIncomplete):
        Models(store).classifier(MODEL)


def test_a_classifier_of_a_newer_server_is_refused(store, make_draws, monkeypatch):
    monkeypatch.setattr("mlcore.classifier.FORMAT", FORMAT + 1)
    learn(store, file_of(*make_draws(1)))
    monkeypatch.undo()
    with pytest.raises(errors.NewerModel):
        Models(store).classifier(MODEL)


# through and through ------------------------------------------------------------------------------


def test_what_is_stored_predicts_as_what_was_learned(store):
    course = Course(n_features=12, noise=0.2, seed=7)
    learn(store, course.labelled(60))
    data = read_unlabelled(course.unlabelled(20))
    exported = Classifier.from_bytes(Models(store).export(MODEL))
    for one, other in zip(
        predict(exported, data), predict(Models(store).classifier(MODEL), data), strict=True
    ):
        np.testing.assert_array_equal(one, other)
