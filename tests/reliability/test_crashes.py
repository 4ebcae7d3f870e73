"""Kill -9 at any moment: the old model or the new one answers, and nothing stays behind."""

import itertools
from pathlib import Path

import pytest

from handler.store import DirectoryStore, directory
from tests.reliability.models import MODEL, exported, learn, require_whole
from tests.reliability.processes import ask, at_changes_of_files, before_calls_of_s3, killed_at

_BATCH = 6  # processes that are killed at the same time

OPERATIONS = {
    "first training": lambda known: ("training", known["new"]),
    "training": lambda known: ("training", known["new"]),
    "import": lambda known: ("import_", known["imported"]),
    "going back": lambda known: ("roll_back",),
    "evaluation": lambda known: ("evaluation", known["evaluated"]),
    "deletion": lambda known: ("deletemodel",),
}
ON_S3 = ("first training", "training", "deletion")  # where time is short


@pytest.fixture
def later(monkeypatch):
    """Let all that is staged be old."""

    def later():
        monkeypatch.setattr(directory, "_ABANDONED", 0)

    return later


def prepared(place, files, operation):
    """Bring a place into the state before an operation, and return what requests need."""
    store = place.store
    known = {"new": files.labelled(10), "evaluated": files.labelled(12), "imported": None}
    if operation != "first training":
        learn(store, files.labelled())
        known["imported"] = exported(store)
        learn(store, files.labelled())
    return known


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_kill_at_any_moment_leaves_the_old_model_or_the_new_one(
    make_place, files, operation, later, count, long
):
    origin = make_place()
    in_directory = isinstance(origin.store, DirectoryStore)
    if not (in_directory or long or operation in ON_S3):
        pytest.skip("only with --long")
    known = prepared(origin, files, operation)
    call = OPERATIONS[operation](known)
    old = exported(origin.store)
    whole = make_place(origin)
    assert ask(whole.app(), *call)[0] == 200
    new = exported(whole.store)

    install = at_changes_of_files if in_directory else before_calls_of_s3
    seen, left = [], []
    for begin in itertools.count(0, _BATCH):
        places = [make_place(origin) for _ in range(_BATCH)]
        moments = range(begin, begin + _BATCH)
        ends = killed_at([place.environ for place in places], moments, call, install)
        killed = [place for place, end in zip(places, ends, strict=True) if end]
        count("kill points", len(killed))
        for place in killed:
            store = place.store
            answering = exported(store)
            assert answering in (old, new)
            seen.append(answering == new)
            left.append(place)
            require_whole(store, files, imported=[known["imported"]], orphans=True)
        if len(killed) < _BATCH:
            break
    assert seen == sorted(seen)  # first the old one, then the new one
    assert seen[-1]
    assert old == new or not seen[0]

    later()
    for place in left:
        require_repaired(place, files, call, known)


def require_repaired(place, files, call, known):
    """Require that the same request and a further training succeed, and that all is clean."""
    repeated = ask(place.app(), *call)
    assert repeated[0] == (409 if call[0] == "roll_back" and repeated[0] != 200 else 200)
    assert ask(place.app(), "training", files.labelled())[0] == 200
    store = place.store
    require_whole(store, files, imported=[known["imported"]])
    if isinstance(store, DirectoryStore):
        staging = Path(place.environ["MOODLE_MLBACKEND_PYTHON_DIR"]) / "~staging"
        assert list(staging.iterdir()) == []
    assert ask(place.app(), "deletemodel") == (200, b"Ok")
    assert store.keys(MODEL.unique_folder) == []
