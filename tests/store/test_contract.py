"""What every store promises."""

import json
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.store import Conflict, NotModified, ObjectStore, StoredObject
from handler.store.interface import is_key
from tests.conftest import STORES

PROJECT = Path(__file__).parents[2]


def in_threads(count, work):
    """Run `work(number)` in so many threads, all at the same moment, and list what they return."""
    start = threading.Barrier(count)

    def begin(number):
        start.wait()
        return work(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(begin, range(count)))


def start_process(kind, place, code):
    """Let another Python run the code on the same store."""
    opened = f"from handler.store import *\nstore = {kind.__name__}({place!r})\n{code}"
    return subprocess.Popen([sys.executable, "-W", "error", "-c", opened], cwd=PROJECT)


def test_every_store_is_under_this_contract():
    assert set(ObjectStore.__subclasses__()) == set(STORES)


def test_reads_what_was_put(store):
    etag = store.put("models/me/model.json", b"{}")
    assert store.get("models/me/model.json") == StoredObject(b"{}", etag)


def test_there_is_nothing_where_nothing_was_put(store):
    store.put("models/me/model.json", b"{}")
    assert store.get("models/me/other.json") is None
    assert store.get("models/me") is None
    assert store.get("models/me/model.json/below") is None


def test_put_replaces(store):
    first = store.put("a", b"1")
    second = store.put("a", b"2")
    assert first != second
    assert store.get("a") == StoredObject(b"2", second)


def test_does_not_read_again_what_the_reader_knows(store):
    etag = store.put("a", b"1")
    with pytest.raises(NotModified):
        store.get("a", unless=etag)
    changed = store.put("a", b"2")
    assert store.get("a", unless=etag) == StoredObject(b"2", changed)
    store.delete(["a"])
    assert store.get("a", unless=changed) is None


def test_swaps_one_state_for_the_next(store):
    first = store.swap("a", b"1", None)
    second = store.swap("a", b"2", first)
    assert store.get("a") == StoredObject(b"2", second)


def test_swap_refuses_to_replace_what_it_did_not_expect(store):
    first = store.swap("a", b"1", None)
    with pytest.raises(Conflict):
        store.swap("a", b"2", None)
    second = store.swap("a", b"2", first)
    with pytest.raises(Conflict):
        store.swap("a", b"3", first)
    assert store.get("a") == StoredObject(b"2", second)


def test_swap_does_not_bring_back_what_was_deleted(store):
    etag = store.swap("a", b"1", None)
    store.delete(["a"])
    with pytest.raises(Conflict):
        store.swap("a", b"2", etag)
    assert store.get("a") is None
    store.swap("a", b"3", None)


def test_of_two_equal_swaps_the_second_fails(store):
    store.swap("a", b"same", None)
    with pytest.raises(Conflict):
        store.swap("a", b"same", None)
    etag = store.put("a", b"before")
    store.swap("a", b"same", etag)
    with pytest.raises(Conflict):
        store.swap("a", b"same", etag)


def test_deletes_any_number_and_forgives_missing_ones(store):
    for key in ("a", "b/c", "b/d"):
        store.put(key, b"")
    store.delete(iter(["a", "b/c", "b/none", "none/at/all", "b", "b/d/below"]))
    assert store.keys() == ["b/d"]
    store.delete([])
    store.delete(["b/d", "b/d"])
    assert store.keys() == []


def test_lists_a_folder_sorted_and_nothing_beside_it(store):
    for key in ("u/me/b/1", "u/me/a", "u/me/b/0", "u/me.txt", "u/me2/a", "u/M", "v"):
        store.put(key, b"")
    assert store.keys("u/me") == store.keys("u/me/") == ["u/me/a", "u/me/b/0", "u/me/b/1"]
    assert store.keys() == ["u/M", "u/me.txt", *store.keys("u/me"), "u/me2/a", "v"]
    assert store.keys("u/m") == store.keys("u/me/a") == store.keys("w/x") == []


def test_takes_the_longest_keys(store):
    key = "/".join(["n" * 255] * 3 + ["m" * 100])
    store.put(key, b"1")
    assert store.keys() == [key]


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/",
        "/a",
        "a/",
        "a//b",
        ".",
        "..",
        "../a",
        "a/../b",
        "a/.",
        "ä",
        "a b",
        "a\n",
        "a\0b",
        "~lock",
        "a%2Fb",
        "a\\b",
        "n" * 256,
        "n/" * 450 + "n",
    ],
)
def test_refuses_what_is_not_a_key(store, key):
    for attempt in (
        lambda: store.get(key),
        lambda: store.put(key, b""),
        lambda: store.swap(key, b"", None),
        lambda: store.delete(["fine", key]),
        lambda: store.keys(f"{key}/"),
    ):
        with pytest.raises(ValueError, match="not a key"):
            attempt()


@given(st.text(st.sampled_from("aZ9_-./"), max_size=8))
def test_a_key_stays_where_it_is_put(key):
    clean = os.path.normpath(f"/root/{key}") == f"/root/{key}" and key != ""
    assert is_key(key) == (clean and not key.startswith("/"))


steps = st.tuples(
    st.sampled_from(["put", "swap", "stale", "delete"]),
    st.sampled_from(["a", "b", "f/a", "f/b", "f/g/a"]),
    st.binary(max_size=3),
)


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(steps, max_size=12))
def test_behaves_as_a_dictionary(store, steps):
    store.delete(store.keys())
    etags, expected = {}, {}
    for verb, key, data in steps:
        if verb == "put":
            etags[key] = store.put(key, data)
        elif verb == "swap":
            etags[key] = store.swap(key, data, etags.get(key))
        elif verb == "delete":
            store.delete([key])
            etags.pop(key, None)
            expected.pop(key, None)
            continue
        else:
            with pytest.raises(Conflict):
                store.swap(key, data, None if key in etags else '"0123456789abcdef"')
            continue
        expected[key] = StoredObject(data, etags[key])
    listed = store.keys()
    assert {key: store.get(key) for key in listed} == expected
    assert store.keys("f") == sorted(key for key in expected if key.startswith("f/"))


def test_of_many_threads_one_wins_each_round(store):
    etag = None
    for turn in range(8):

        def work(number, turn=turn, etag=etag):
            try:
                return number, store.swap("a", b"%d %d" % (turn, number), etag)
            except Conflict:
                return None

        [(winner, etag)] = filter(None, in_threads(8, work))
        assert store.get("a") == StoredObject(b"%d %d" % (turn, winner), etag)


def test_a_deletion_is_not_undone_by_a_swap_that_began_before_it(store):
    for turn in range(10):
        etag = store.put("f/a", b"before %d" % turn)

        def work(number, etag=etag):
            if number == 0:
                store.delete(["f/a"])
                return None
            try:
                return store.swap("f/a", b"after", etag)
            except Conflict:
                return None

        in_threads(2, work)
        # Whichever came first: afterwards the object is gone.
        assert store.get("f/a") is None


def test_threads_that_fill_and_empty_the_same_folders_do_not_meet(store):
    def work(number):
        for turn in range(10):
            key = f"deep/folder/of/{number}"
            etag = store.swap(key, b"%d" % turn, None)
            assert store.get(key) == StoredObject(b"%d" % turn, etag)
            assert key in store.keys("deep")
            store.delete([key])

    in_threads(6, work)
    assert store.keys() == []


def test_a_reader_never_sees_half_an_object(store):
    contents = (b"x" * 300_000, b"y" * 7)
    store.put("a", contents[0])

    def work(number):
        for turn in range(20):
            if number == 0:
                store.put("a", contents[turn % 2])
            assert store.get("a").data in contents

    in_threads(3, work)


def test_processes_lose_nothing_of_each_other(kind_and_place):
    code = """
import json, os
for turn in range(8):
    while True:
        found = store.get("list")
        entries = json.loads(found.data) if found else []
        entries.append([os.getpid(), turn])
        try:
            store.swap("list", json.dumps(entries).encode(), found and found.etag)
            break
        except Conflict:
            pass
    store.put(f"runs/{turn}/{os.getpid()}", b"")
    store.delete(store.keys(f"runs/{turn}"))
"""
    kind, place = kind_and_place
    workers = [start_process(kind, place, code) for _ in range(3)]
    assert [worker.wait() for worker in workers] == [0, 0, 0]
    store = kind(place)
    assert store.keys() == ["list"]
    entries = json.loads(store.get("list").data)
    expected = [[worker.pid, turn] for worker in workers for turn in range(8)]
    assert sorted(entries) == sorted(expected)
