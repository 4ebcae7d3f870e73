"""What only the store in a directory promises: private, whole after a crash, and tidy."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from handler.store import (
    Conflict,
    DirectoryLocked,
    DirectoryStore,
    DirectoryUnusable,
    DiskFull,
    LocksMissing,
    StoreError,
    directory,
)

PROJECT = Path(__file__).parents[2]

OPERATIONS = {
    "get": lambda store: store.get("f/a"),
    "put": lambda store: store.put("f/a", b"2"),
    "swap": lambda store: store.swap("f/a", b"2", None),
    "delete": lambda store: store.delete(["f/a"]),
    "keys": lambda store: store.keys(),
}


@pytest.fixture
def root(tmp_path):
    return tmp_path / "new" / "models"


@pytest.fixture
def store(root):
    return DirectoryStore(root)


@pytest.fixture(params=OPERATIONS)
def operation(request):
    return OPERATIONS[request.param]


def files_in(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_only_the_owner_can_read(store, root):
    previous = os.umask(0)
    try:
        store.put("models/me/x", b"1")
        store.swap("models/me/y", b"1", None)
    finally:
        os.umask(previous)
    modes = {path.is_dir(): path.stat().st_mode & 0o777 for path in [root, *root.rglob("*")]}
    assert modes == {True: 0o700, False: 0o600}


def test_stays_at_its_place_when_the_process_moves(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = DirectoryStore("models")
    monkeypatch.chdir("/")
    store.put("a", b"1")
    assert (tmp_path / "models" / "a").read_bytes() == b"1"


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_failed_write_changes_nothing_and_leaves_nothing(store, root, monkeypatch, function):
    etag = store.put("f/a", b"old")

    def fail(*_):
        raise OSError(errno.EIO, "broken disk")

    with monkeypatch.context() as broken:
        broken.setattr(os, function, fail)
        with pytest.raises(StoreError):
            store.put("f/a", b"new")
        with pytest.raises(StoreError):
            store.swap("f/a", b"new", etag)
    assert store.get("f/a").data == b"old"
    assert set(files_in(root)) - {"~lock"} == {"f/a"}
    store.swap("f/a", b"new", etag)


@pytest.mark.parametrize("verb", ["put('f/g/a', b'new')", "swap('f/g/a', b'new', known)"])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_process_that_dies_at_any_step_leaves_the_old_or_the_new(root, verb, old):
    code = f"""
import itertools, os
from handler.store import DirectoryStore

store = DirectoryStore({str(root)!r})

def look():
    found = store.get("f/g/a")
    return found and found.data, found and found.etag

def die_at(last_step):
    steps = itertools.count()
    def mortal(work):
        return lambda *a, **o: os._exit(9) if next(steps) == last_step else work(*a, **o)
    for name in ("close", "fsync", "mkdir", "open", "replace", "unlink"):
        setattr(os, name, mortal(getattr(os, name)))

for step in itertools.count():
    store.delete(["f/g/a"])
    if {old}:
        store.put("f/g/a", {old})
    _, known = look()
    child = os.fork()
    if not child:
        die_at(step)
        store.{verb}
        os._exit(0)
    _, status = os.waitpid(child, 0)
    data, etag = look()
    assert store.keys() == ["f/g/a"] * (data is not None)
    if os.waitstatus_to_exitcode(status) == 0:
        break
    assert os.waitstatus_to_exitcode(status) == 9
    assert data in ({old}, b"new")
    store.swap("f/g/a", b"later", etag)
assert data == b"new" and step > 7, step
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_what_is_done_is_on_the_disk(store, root, monkeypatch):
    synced = set()
    monkeypatch.setattr(os, "fsync", lambda handle: synced.add(os.fstat(handle).st_ino))
    store.put("f/g/a", b"1")
    changed = [root, root / "f", root / "f/g", root / "f/g/a"]
    assert {path.stat().st_ino for path in changed} <= synced
    synced.clear()
    store.delete(["f/g/a"])
    assert root.stat().st_ino in synced


def test_sweeps_up_after_crashed_writers_when_they_are_long_gone(store, root):
    store.put("a", b"1")
    staging = root / "~staging"
    for name, age in (("old", 2 * 3600), ("fresh", 60)):
        (staging / name).write_bytes(b"half")
        os.utime(staging / name, (time.time() - age,) * 2)
    assert store.keys() == ["a"]
    assert store.get("a").data == b"1"
    store.put("b", b"1")
    assert files_in(root) == ["a", "b", "~staging/fresh"]


def test_the_clock_of_this_machine_is_not_asked_what_is_old(store, root, monkeypatch):
    store.put("a", b"1")
    (root / "~staging" / "of another writer").write_bytes(b"half")
    monkeypatch.setattr(time, "time", lambda: 1e10)
    store.put("b", b"1")
    assert "~staging/of another writer" in files_in(root)


def test_what_others_leave_in_staging_breaks_nothing(store, root):
    store.put("a", b"1")
    foreign = root / "~staging" / "folder"
    foreign.mkdir()
    os.utime(foreign, (0, 0))
    store.put("a", b"2")
    assert store.get("a").data == b"2"


def test_two_may_sweep_at_once(store, root, monkeypatch):
    store.put("a", b"1")
    (root / "~staging" / "old").write_bytes(b"")
    os.utime(root / "~staging" / "old", (0, 0))
    remove = Path.unlink

    def be_second(path, **options):
        remove(path)
        remove(path, **options)

    with monkeypatch.context() as race:
        race.setattr(Path, "unlink", be_second)
        race.setattr(os, "replace", os.link)
        store.put("b", b"1")
    assert files_in(root) == ["a", "b"]


def test_removes_folders_that_hold_nothing_any_more(store, root):
    for key in ("u/me/m/1", "u/me/m/2", "u/you/n"):
        store.put(key, b"")
    store.delete(["u/me/m/1"])
    assert (root / "u/me/m").is_dir()
    store.delete(["u/me/m/2"])
    assert [path.name for path in (root / "u").iterdir()] == ["you"]
    store.delete(["u/you/n"])
    assert not (root / "u").exists()
    assert root.is_dir()


@pytest.mark.parametrize(
    ("number", "error"),
    [
        (errno.ENOSPC, DiskFull),
        (errno.EDQUOT, DiskFull),
        (errno.EACCES, DirectoryUnusable),
        (errno.EPERM, DirectoryUnusable),
        (errno.EROFS, DirectoryUnusable),
        (errno.EIO, StoreError),
    ],
)
def test_labels_the_fault_of_the_file_system(store, monkeypatch, number, error):
    def fail(*_, **__):
        raise OSError(number, "raw words")

    store.put("f/a", b"1")
    breakable = {"get": "io.open", "put": "os.replace", "swap": "os.fsync"}
    for verb, function in (breakable | {"delete": "os.unlink", "keys": "os.scandir"}).items():
        with monkeypatch.context() as broken:
            broken.setattr(function, fail)
            with pytest.raises(StoreError) as caught:
                OPERATIONS[verb](store)
        assert type(caught.value) is error
        assert isinstance(caught.value.__cause__, OSError)
        assert "raw words" not in str(caught.value)
    assert store.get("f/a").data == b"1"


def test_a_vanished_directory_is_a_fault_and_not_an_empty_store(store, root, operation):
    store.put("f/a", b"1")
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(DirectoryUnusable):
        operation(store)
    assert not root.exists()
    root.with_name("elsewhere").rename(root)
    assert store.get("f/a").data == b"1"


def test_a_directory_that_cannot_be_is_a_fault(tmp_path, operation):
    (tmp_path / "file").write_bytes(b"")
    for root in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(DirectoryUnusable):
            operation(DirectoryStore(root))


def test_passes_over_what_others_put_into_the_directory(store, root):
    store.put("f/mine", b"")
    (root / "f" / "not mine").write_bytes(b"")
    (root / "lost+found").mkdir()
    (root / "lost+found" / "x").write_bytes(b"")
    assert store.keys() == ["f/mine"]


def test_a_forked_process_does_not_keep_the_lock(root):
    code = f"""
import os, signal
from handler.store import DirectoryStore

def fork_first(*arguments):
    children.append(os.fork())
    if not children[0]:
        signal.pause()
    replace(*arguments)

children, replace, os.replace = [], os.replace, fork_first
store = DirectoryStore({str(root)!r})
store.swap("a", b"1", None)
os.replace = replace
try:
    store.swap("b", b"2", None)
finally:
    os.kill(children[0], signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)


def test_the_etag_is_one_of_the_content(store):
    assert store.put("a", b"1") == store.put("b", b"1") != store.put("a", b"2")
    with pytest.raises(Conflict):
        store.swap("a", b"3", "")


SUSPENDED_WITH_THE_LOCK = """
import os, signal, sys
from handler.store import DirectoryStore

os.replace = lambda *_: os.kill(os.getpid(), signal.SIGSTOP)
DirectoryStore(sys.argv[1]).swap("f/other", b"1", None)
"""


@pytest.fixture
def suspended(store, root):
    """A process that was suspended while it had the lock."""
    store.put("f/a", b"1")
    with subprocess.Popen(
        [sys.executable, "-c", SUSPENDED_WITH_THE_LOCK, root], cwd=PROJECT
    ) as other:
        _, status = os.waitpid(other.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        yield
        other.kill()


@pytest.mark.usefixtures("suspended")
def test_a_suspended_process_with_the_lock_stops_no_reader_and_nobody_for_ever(store, monkeypatch):
    monkeypatch.setattr(directory, "_LOCK_SECONDS", 0.1)
    for change in (OPERATIONS["swap"], OPERATIONS["delete"]):
        with pytest.raises(DirectoryLocked):
            change(store)
    assert store.get("f/a").data == b"1"
    assert store.keys() == ["f/a"]
    store.put("f/b", b"2")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_is_told(store, monkeypatch, number):
    def fail(*_):
        raise OSError(number, "raw words")

    monkeypatch.setattr("fcntl.flock", fail)
    with pytest.raises(LocksMissing):
        store.swap("a", b"1", None)
    assert store.keys() == []


def test_a_folder_that_is_pruned_while_it_is_filled_is_made_again(store, root, monkeypatch):
    replace = os.replace

    def prune_first(*arguments):
        monkeypatch.setattr(os, "replace", replace)
        (root / "f").rmdir()
        replace(*arguments)

    monkeypatch.setattr(os, "replace", prune_first)
    store.put("f/a", b"1")
    assert store.get("f/a").data == b"1"


# what Windows refuses -----------------------------------------------------------------------------


@pytest.fixture
def read_by_others(monkeypatch):
    """Let a call be refused as often as is said, as on Windows while others read the file."""
    monkeypatch.setattr(directory, "_WINDOWS", True)

    def refuse(function, times):
        work = getattr(os, function)

        def refused(*arguments):
            nonlocal times
            times -= 1
            if times >= 0:
                raise PermissionError(errno.EACCES, "raw words")
            return work(*arguments)

        monkeypatch.setattr(os, function, refused)

    return refuse


def test_a_file_that_others_read_is_replaced_and_removed_when_they_are_done(store, read_by_others):
    etag = store.put("f/a", b"1")
    read_by_others("replace", 2)
    store.swap("f/a", b"2", etag)
    read_by_others("replace", 2)
    store.put("f/a", b"3")
    assert store.get("f/a").data == b"3"
    read_by_others("unlink", 2)
    store.delete(["f/a"])
    assert store.get("f/a") is None


def test_readers_are_not_waited_for_for_ever(store, read_by_others, monkeypatch):
    store.put("f/a", b"1")
    monkeypatch.setattr(directory, "_READER_SECONDS", 0.1)
    read_by_others("replace", 10**9)
    with pytest.raises(DirectoryUnusable):
        store.put("f/a", b"2")
    assert store.get("f/a").data == b"1"


def test_the_contract_holds_where_windows_refuses_and_fcntl_is_missing(tmp_path):
    here = Path(__file__).parent
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("COV")},
        "PYTHONPATH": os.pathsep.join(map(str, (PROJECT, here / "windows"))),
    }
    command = [sys.executable, "-m", "pytest", here / "test_contract.py", "-k", "directory"]
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:cov", "--basetemp", tmp_path / "tests"]
    done = subprocess.run(
        command + options, cwd=PROJECT, env=environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout
    assert "skipped" not in done.stdout


# a directory that is only read --------------------------------------------------------------------


def test_a_missing_directory_that_may_not_be_made_holds_nothing_and_takes_nothing(root):
    store = DirectoryStore(root, make=False)
    assert store.get("f/a") is None
    assert store.keys() == []
    with pytest.raises(DirectoryUnusable):
        store.put("f/a", b"1")
    assert not root.exists()
    DirectoryStore(root).put("f/a", b"1")
    assert store.get("f/a").data == b"1"
