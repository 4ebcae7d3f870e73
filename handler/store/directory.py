"""Objects as the files of a local directory: atomic renames, and a lock for compare-and-swap."""

import errno
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from handler.store.interface import (
    Conflict,
    NotModified,
    ObjectStore,
    StoredObject,
    StoreError,
    checked,
    is_key,
)

# Names that no key can have.
_LOCK = "~lock"
_STAGING = "~staging"
_ABANDONED = 3600.0  # seconds; no write takes that long
_LOCK_SECONDS = 10.0  # what is done under the lock takes some milliseconds
_POLL_SECONDS = 0.01
_ATTEMPTS = 100  # to put a file into a folder that others prune

_WINDOWS = os.name == "nt"  # where folders cannot be opened, nor files replaced that others read
_READER_SECONDS = 2.0  # reading a file takes some milliseconds

T = TypeVar("T")


class DiskFull(StoreError):
    """No space, or no quota, is left where the directory is."""

    sentence = (
        "The disk on which this server keeps its models is full. Free some space, then try "
        "again; the stored models are safe."
    )


class DirectoryUnusable(StoreError):
    """The directory is missing, or its permissions do not suffice."""

    sentence = (
        "The directory in which this server keeps its models is missing, or the server may not "
        "read and write there. Check that the disk is mounted, and that the directory belongs to "
        "the user the server runs as."
    )


class DirectoryLocked(StoreError):
    """Another process has the lock and does not let go."""

    sentence = (
        "The directory in which this server keeps its models is locked by a process that does not "
        "let go of it. The stored models are safe; try again in a minute. If it stays so, look for "
        "another server or a command that hangs, end it, and try again."
    )
    status = 503


class LocksMissing(StoreError):
    """The file system has no locks, as some network file systems."""

    sentence = (
        "The file system on which models are kept has no file locks, so changes of models could "
        "get lost. Let the person who manages the network file system enable locks, or keep the "
        "models on a local disk: on a server of its own set MOODLE_MLBACKEND_PYTHON_DIR, on "
        "Moodle's web server set 'Models output directory' in Moodle's Analytics settings."
    )


_BY_ERRNO = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EACCES: DirectoryUnusable,
    errno.EEXIST: DirectoryUnusable,
    errno.ENOENT: DirectoryUnusable,
    errno.ENOTDIR: DirectoryUnusable,
    errno.EPERM: DirectoryUnusable,
    errno.EROFS: DirectoryUnusable,
    errno.ENOLCK: LocksMissing,
    errno.ENOSYS: LocksMissing,
    errno.EOPNOTSUPP: LocksMissing,
}


class DirectoryStore(ObjectStore):
    """Keep objects as files below a directory, readable by its owner only.

    A write is a complete file that is renamed into its place, so that a crash leaves the old
    object or the new one. Swapping and removing happen under one lock that counts for every thread
    and process. Reading and putting wait for nobody.

    Parameters
    ----------
    root : str or path-like
        The directory.
    make : bool, default=True
        Whether to make the directory at the first use where it is missing. Otherwise a missing one
        holds no object, and takes none.
    """

    def __init__(self, root: str | os.PathLike[str], *, make: bool = True) -> None:
        self._root = Path(root).absolute()
        self._make_root = make
        self._opened = False

    def get(self, key: str, unless: str | None = None) -> StoredObject | None:
        """Read an object; its etag is a digest of its content."""
        path = self._root / checked(key)
        with self._explained():
            data = self._read(path)
        if data is None:
            return None
        etag = _digest(data)
        if etag == unless:
            raise NotModified
        return StoredObject(data, etag)

    def put(self, key: str, data: bytes) -> str:
        """Write an object whatever was there before, and return its etag."""
        path = self._root / checked(key)
        with self._explained(), self._staged(data) as staged:
            self._place(staged, path)
        return _digest(data)

    def swap(self, key: str, data: bytes, expected: str | None) -> str:
        """Write an object on condition that its etag is the expected one, and return the new."""
        path = self._root / checked(key)
        with self._explained(), self._staged(data) as staged, self._locked():
            current = self._read(path)
            if expected != (None if current is None else _digest(current)):
                raise Conflict
            self._place(staged, path)
        return _digest(data)

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, and the folders that hold nothing any more."""
        for path in [self._root / checked(key) for key in keys]:
            with self._explained(), self._locked():
                try:
                    _patiently(path.unlink, path)
                except OSError as error:
                    self._require_absence(error, path)
                else:
                    self._prune(path.parent)

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys in a folder, sorted; what is not a key of ours is passed over."""
        folder = self._root / checked(prefix.removesuffix("/")) if prefix else self._root
        found = []
        with self._explained():
            for place, folders, files in os.walk(folder, onerror=self._require_absence):
                folders[:] = filter(is_key, folders)
                inside = Path(place).relative_to(self._root)
                found += [(inside / name).as_posix() for name in files if is_key(name)]
        return sorted(found)

    def _read(self, path: Path) -> bytes | None:
        try:
            return _patiently(path.read_bytes, path)
        except OSError as error:
            self._require_absence(error, path)
            return None

    def _require_absence(self, error: OSError, path: Path | None = None) -> None:
        """Let pass that there is no such file, but not that all files are out of reach.

        What is said of a folder in the place of a file differs between systems.
        """
        absent = isinstance(error, (FileNotFoundError, NotADirectoryError))
        if not absent and not (path and path.is_dir()):
            raise error
        if not self._root.is_dir() and (
            self._make_root or not isinstance(error, FileNotFoundError)
        ):
            raise error

    @contextmanager
    def _staged(self, data: bytes) -> Iterator[Path]:
        """Give a complete file that waits for its place; it is gone afterwards."""
        folder = self._root / _STAGING
        folder.mkdir(mode=0o700, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=folder)
        staged = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
            _sweep(folder, staged.stat().st_mtime)
            yield staged
        finally:
            staged.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout  # a prediction takes no lock

        if not self._root.is_dir():  # the lock would make it anew
            raise FileNotFoundError(errno.ENOENT, "the directory vanished", self._root)
        lock = FileLock(self._root / _LOCK, mode=0o600, fallback_to_soft=False)
        try:
            with lock.acquire(_LOCK_SECONDS, _POLL_SECONDS):
                yield
        except Timeout as error:
            raise DirectoryLocked from error

    def _place(self, staged: Path, path: Path) -> None:
        """Move a file to its place; a folder that others pruned meanwhile is made again."""
        for attempt in range(_ATTEMPTS):
            try:
                _patiently(lambda: self._move(staged, path), path)
                _sync(path.parent)
            except FileNotFoundError:
                if attempt == _ATTEMPTS - 1 or not staged.exists():
                    raise
            else:
                return

    def _move(self, staged: Path, path: Path) -> None:
        self._make(path.parent)
        staged.replace(path)

    def _make(self, folder: Path) -> None:
        if folder != self._root and not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            _sync(folder.parent)

    def _prune(self, folder: Path) -> None:
        while folder != self._root:
            try:
                folder.rmdir()
            except OSError:  # not empty
                break
            folder = folder.parent
        _sync(folder)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Open the store where that was not done, and turn OSError into errors of the store."""
        try:
            # Only once: a directory that vanishes later is a fault, not an empty store.
            if self._make_root and not self._opened:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._opened = True
            yield
        except OSError as error:
            raise _BY_ERRNO.get(error.errno or 0, StoreError)() from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _patiently(work: Callable[[], T], path: Path) -> T:
    """Do what Windows refuses while somebody has the file open, as soon as it can be done."""
    end = time.monotonic() + _READER_SECONDS
    while True:
        try:
            return work()
        except PermissionError:
            if not _WINDOWS or path.is_dir() or time.monotonic() > end:
                raise
        time.sleep(_POLL_SECONDS)


def _sync(folder: Path) -> None:
    if _WINDOWS:
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path, now: float) -> None:
    """Remove what writers left behind when they crashed.

    The time is the file system's own: this machine's clock may be wrong.
    """
    for path in folder.iterdir():
        with suppress(OSError):  # another one was quicker, or it is none of our files
            if path.stat().st_mtime < now - _ABANDONED:
                path.unlink()
