"""Objects as the files of a local directory."""

import errno
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

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


_BY_ERRNO = {
    errno.ENOSPC: DiskFull,
    errno.EDQUOT: DiskFull,
    errno.EACCES: DirectoryUnusable,
    errno.EEXIST: DirectoryUnusable,
    errno.ENOENT: DirectoryUnusable,
    errno.ENOTDIR: DirectoryUnusable,
    errno.EPERM: DirectoryUnusable,
    errno.EROFS: DirectoryUnusable,
}


class DirectoryStore(ObjectStore):
    """Keep objects as files below a directory, readable by its owner only.

    A write is a complete file that is renamed into its place, so that a crash leaves the old
    object or the new one. All changes of names (renaming, removing, making and pruning folders)
    happen under one lock that counts for every thread and process.

    Parameters
    ----------
    root : str or path-like
        The directory; made at the first use where it is missing.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root).absolute()
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
        with self._explained(), self._staged(data) as staged, self._locked():
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
                    path.unlink()
                except OSError as error:
                    self._require_absence(error)
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
            return path.read_bytes()
        except OSError as error:
            self._require_absence(error)
            return None

    def _require_absence(self, error: OSError) -> None:
        """Let pass that there is no such file, but not that all files are out of reach."""
        absent = isinstance(error, (FileNotFoundError, NotADirectoryError, IsADirectoryError))
        if not absent or not self._root.is_dir():
            raise error

    @contextmanager
    def _staged(self, data: bytes) -> Iterator[Path]:
        """Give a complete file that waits for its place; it is gone afterwards."""
        folder = self._root / _STAGING
        folder.mkdir(mode=0o700, exist_ok=True)
        _sweep(folder)
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(handle)
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        lock = os.open(self._root / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            # Closing is not enough: a process forked meanwhile has the file open, too.
            fcntl.flock(lock, fcntl.LOCK_UN)
            os.close(lock)

    def _place(self, staged: Path, path: Path) -> None:
        self._make(path.parent)
        staged.replace(path)
        _sync(path.parent)

    def _make(self, folder: Path) -> None:
        if folder != self._root and not folder.is_dir():
            self._make(folder.parent)
            folder.mkdir(mode=0o700)
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
            if not self._opened:
                self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._opened = True
            yield
        except OSError as error:
            raise _BY_ERRNO.get(error.errno or 0, StoreError)() from error


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _sweep(folder: Path) -> None:
    """Remove what writers left behind when they crashed."""
    for path in folder.iterdir():
        try:
            if path.stat().st_mtime < time.time() - _ABANDONED:
                path.unlink()
        except FileNotFoundError:  # another one was quicker
            pass
