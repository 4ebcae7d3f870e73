"""The life of models in the store, on each of the two stores."""

import hashlib
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from handler import errors, models
from handler.models import Manifest, ModelId, Models
from handler.store import Conflict, StoreError, Unavailable
from mlcore import Classifier, predict, read_labelled, read_unlabelled
from mlcore.classifier import FORMAT
from mlcore.synthetic import Course

MODEL = ModelId("default", "4d3fce33", "818aba1d")
RUNS = f"{MODEL.folder}/runs"


class Spy:
    """A store that remembers what it was asked, and lets a test step in before."""

    def __init__(self, store):
        self._store = store
        self.calls = []
        self.before = lambda name, key: None

    def __getattr__(self, name):
        def call(key="", *rest, **options):
            self.calls.append((name, key))
            self.before(name, key)
            return getattr(self._store, name)(key, *rest, **options)

        return call

    def step_in(self, when, work):
        """Do some work before the first call of a method whose key ends so."""
        name, end = when

        def before(called, key):
            if called == name and isinstance(key, str) and key.endswith(end):
                self.before = lambda name, key: None
                work()

        self.before = before


@pytest.fixture
def spy(store):
    return Spy(store)


@pytest.fixture
def make_draws():
    """Draw disjoint samples of one course: pairs of X and y with three rows of both classes."""

    def make_draws(count):
        course = Course(n_features=8, unused=0, missing=0, seed=3)
        return [course.draw(3) for _ in range(count)]

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


def manifest(store):
    return Manifest.from_bytes(store.get(MODEL.manifest).data)


def at(moment, monkeypatch):
    """Set the clock of handler.models, which does not sleep then."""
    clock = SimpleNamespace(time=lambda: moment, sleep=lambda seconds: None)
    monkeypatch.setattr(models, "time", clock)


# learning -----------------------------------------------------------------------------------------


def test_a_model_that_was_never_trained_is_none(store):
    assert Models(store).classifier(MODEL) is None


def test_pieces_are_learned_like_the_whole(store, make_draws):
    draws = make_draws(3)
    for draw in draws:
        learn(store, file_of(draw))
    assert current(store) == learned_at_once(store, *draws)


def test_the_same_file_is_not_even_read_again(store, make_draws):
    (draw,) = make_draws(1)
    learn(store, file_of(draw))
    before = store.keys()

    def read():
        raise AssertionError

    Models(store).learn(MODEL, hashlib.sha256(file_of(draw)).hexdigest(), read)
    assert store.keys() == before


def test_a_file_that_contains_an_earlier_one_counts_it_once(store, make_draws):
    """How Moodle sends rows again whose answer was lost."""
    draws = make_draws(3)
    for count in (1, 2, 3):
        learn(store, file_of(*draws[:count]))
    assert current(store) == learned_at_once(store, *draws)


def test_the_manifest_tells_of_the_latest_trainings(store, make_draws, monkeypatch):
    monkeypatch.setattr(models, "_HISTORY", 2)
    draws = make_draws(3)
    for draw in draws:
        learn(store, file_of(draw))
    trainings = manifest(store).trainings
    digests = [hashlib.sha256(file_of(draw)).hexdigest() for draw in draws[1:]]
    assert [training.digest for training in trainings] == digests
    assert [training.samples for training in trainings] == [3, 3]


def test_an_earlier_training_that_failed_left_nothing(store, make_draws):
    (X, y), other = make_draws(2)
    with pytest.raises(ValueError, match="not enough data to train"):
        learn(store, file_of((X[y == 0], y[y == 0])))
    assert store.keys() == []
    learn(store, file_of(other))
    assert current(store) == learned_at_once(store, other)


def test_the_run_before_is_kept_and_older_ones_are_removed(store, make_draws):
    runs = []
    for draw in make_draws(4):
        learn(store, file_of(draw))
        runs.append(manifest(store).run)
    assert manifest(store).previous == runs[-2]
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


def test_what_a_crashed_training_left_behind_is_removed_later(store, spy, make_draws, monkeypatch):
    draws = make_draws(3)
    learn(store, file_of(draws[0]))

    def crash():
        raise KeyboardInterrupt

    spy.step_in(("swap", "/model.json"), crash)
    with pytest.raises(KeyboardInterrupt):
        learn(spy, file_of(draws[1]))
    assert len(store.keys(RUNS)) == 4
    at(models.time.time() + 3601, monkeypatch)
    learn(store, file_of(draws[2]))
    assert {key.split("/")[-2] for key in store.keys(RUNS)} == {
        manifest(store).run,
        manifest(store).previous,
    }


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


def test_deletion_wins_over_a_training_that_began_before_it(store, spy, make_draws):
    first, second = make_draws(2)
    learn(store, file_of(first))
    spy.step_in(("swap", "/model.json"), lambda: Models(store).delete(MODEL))
    with pytest.raises(errors.ModelDeleted):
        learn(spy, file_of(second))
    assert store.keys() == []


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
    before = manifest(store).run
    Models(store).replace(MODEL, exported)
    assert current(store) == exported
    now = manifest(store)
    assert (now.previous, now.imported, now.examples, now.trainings) == (before, True, False, ())


def test_an_imported_model_stays_the_prior_of_all_later_trainings(store, make_draws):
    draws = make_draws(3)
    learn(store, file_of(draws[0]))
    exported = Models(store).export(MODEL)
    Models(store).replace(MODEL, exported)
    for draw in draws[1:]:
        learn(store, file_of(draw))
        assert Models(store).classifier(MODEL).prior.to_bytes() == exported
    assert manifest(store).imported
    assert manifest(store).examples


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


def test_a_classifier_of_a_newer_server_is_refused(store, make_draws, monkeypatch):
    monkeypatch.setattr("mlcore.classifier.FORMAT", FORMAT + 1)
    learn(store, file_of(*make_draws(1)))
    monkeypatch.undo()
    with pytest.raises(errors.NewerModel):
        Models(store).classifier(MODEL)


# evaluations --------------------------------------------------------------------------------------

ANSWER = {"status": 0, "info": []}


def test_a_kept_evaluation_has_its_log(store):
    runid = Models(store).keep_evaluation(MODEL, "digest", ANSWER, b"log")
    assert Models(store).evaluation_log(MODEL, runid) == b"log"
    assert Models(store).evaluation_log(MODEL, runid + 1) is None


def test_runids_are_new_even_at_the_same_moment(store, monkeypatch):
    at(1795353912.479, monkeypatch)
    runids = [Models(store).keep_evaluation(MODEL, str(i), ANSWER, b"") for i in range(3)]
    assert runids == [1795353912479, 1795353912480, 1795353912481]


def test_runids_are_new_for_evaluations_at_the_same_time(store):
    start = threading.Barrier(4)

    def keep(digest):
        start.wait()
        return Models(store).keep_evaluation(MODEL, digest, ANSWER, digest.encode())

    with ThreadPoolExecutor(4) as pool:
        runids = list(pool.map(keep, "abcd"))
    assert len(set(runids)) == 4
    logs = [Models(store).evaluation_log(MODEL, runid) for runid in runids]
    assert logs == [b"a", b"b", b"c", b"d"]


def test_within_a_day_a_repetition_is_answered_from_what_is_stored(store, monkeypatch):
    at(1_000_000, monkeypatch)
    runid = Models(store).keep_evaluation(MODEL, "digest", ANSWER, b"log")
    at(1_000_000 + 24 * 3600 - 1, monkeypatch)
    answer, repeated = Models(store).repeated_evaluation(MODEL, "digest")
    assert answer == ANSWER
    assert repeated > runid
    assert Models(store).evaluation_log(MODEL, repeated) == b"log"


def test_after_a_day_an_evaluation_is_computed_anew(store, monkeypatch):
    at(1_000_000, monkeypatch)
    Models(store).keep_evaluation(MODEL, "digest", ANSWER, b"log")
    at(1_000_000 + 24 * 3600 + 1, monkeypatch)
    assert Models(store).repeated_evaluation(MODEL, "digest") is None


def test_the_latest_ten_evaluations_are_kept(store):
    keep = Models(store).keep_evaluation
    runids = [keep(MODEL, f"digest{i}", ANSWER, b"log") for i in range(13)]
    logs = [Models(store).evaluation_log(MODEL, runid) for runid in runids]
    assert logs == [None] * 3 + [b"log"] * 10
    assert Models(store).repeated_evaluation(MODEL, "digest0") is None
    assert Models(store).repeated_evaluation(MODEL, "digest12")
    assert len(store.keys(f"{MODEL.folder}/evaluations")) < 25


def test_evaluations_do_not_touch_the_model(store, make_draws):
    learn(store, file_of(*make_draws(1)))
    before = store.get(MODEL.manifest)
    Models(store).keep_evaluation(MODEL, "digest", ANSWER, b"log")
    assert store.get(MODEL.manifest) == before


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
