"""What a store is: its objects, its errors, its methods."""

import logging
import re
import time
from collections.abc import Callable, Iterable
from typing import ClassVar, NamedTuple, Protocol

from handler.deadline import deadline

_log = logging.getLogger(__name__)

ATTEMPT_SECONDS = 8.0  # which one attempt at a call of a silent store takes at most

# What S3 (1,024 bytes with the store's own prefix) and file systems (255 a name) both take.
_MAX_KEY = 900
_NAME = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_.-]{1,255}")


def is_key(text: str) -> bool:
    """Say whether a text can be the key of an object."""
    return len(text) <= _MAX_KEY and all(map(_NAME.fullmatch, text.split("/")))


def checked(key: str) -> str:
    """Return the key as it is, or raise ValueError where it cannot be one."""
    if not is_key(key):
        raise ValueError(f"not a key of the store: {key!r}")
    return key


class StoredObject(NamedTuple):
    """The content of an object and the etag that stands for it."""

    data: bytes
    etag: str


class NotModified(Exception):
    """The object still has the etag that the reader knows."""


class StoreError(Exception):
    """The store could not do its work; `str()` of the error is a sentence for Moodle's admin.

    Parameters
    ----------
    bucket : str, optional
        Name of the S3 bucket, which some sentences show.

    Attributes
    ----------
    sentence : str
        What happened and what to do about it, a template with the field ``bucket``.
    status : int
        HTTP status to answer with: 503 where it helps to wait, 500 where someone must act.
    """

    sentence: ClassVar[str] = (
        "Reading or storing a model failed for a reason this server does not know. Try again in a "
        "few minutes; if it fails again, the server's log shows the cause."
    )
    status: ClassVar[int] = 500

    def __init__(self, bucket: str = "") -> None:
        super().__init__(bucket)
        self.bucket = bucket

    def __str__(self) -> str:
        return self.sentence.format(bucket=self.bucket)


class Conflict(StoreError):
    """The object is not, or no longer, the one that a swap expected."""

    sentence = (
        "Other requests keep changing the same model at this moment. What they stored is safe; "
        "try again in a minute."
    )
    status = 503


class ObjectStore(Protocol):
    """Objects under keys, safe to share between threads.

    A key is names of ``[A-Za-z0-9_.-]`` with ``/`` between them, and is never the folder of
    another key; anything else is a ValueError. Every method raises a StoreError when the store
    cannot do its work. After one, except Conflict, a write may have happened or not.
    """

    def get(self, key: str, unless: str | None = None) -> StoredObject | None:
        """Read an object.

        Parameters
        ----------
        key : str
            Where the object is.
        unless : str, optional
            An etag; an object that still has it is not read again.

        Returns
        -------
        StoredObject or None
            None only when there truly is no object.

        Raises
        ------
        NotModified
            The object's etag is `unless`.
        """

    def put(self, key: str, data: bytes) -> str:
        """Write an object whatever was there before, and return its etag.

        A key is either put or swapped, never both: a swap does not see a put at the same moment.
        """

    def swap(self, key: str, data: bytes, expected: str | None) -> str:
        """Write an object only where nobody else wrote it in the meantime.

        Parameters
        ----------
        key : str
            Where the object goes.
        data : bytes
            Its new content.
        expected : str or None
            The etag the object must have now; None: there must be no object yet.

        Returns
        -------
        str
            The new etag.

        Raises
        ------
        Conflict
            The object has another etag, or there is one, or there is none any more.
        """

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; a key without an object is fine."""

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys in a folder and the folders below it, sorted.

        Parameters
        ----------
        prefix : str, optional
            The folder, as ``models/me`` or ``models/me/``; without it, all keys.
        """


def best_effort(doing: str, work: Callable[[], None]) -> None:
    """Do what a request may succeed without, if there is time: a failure is only logged.

    Parameters
    ----------
    doing : str
        What is tried, for the log.
    work : callable
    """
    last = deadline(ATTEMPT_SECONDS)
    if last is not None and time.monotonic() > last:
        _log.warning("no time is left for %s", doing)
        return
    try:
        work()
    except StoreError as error:
        _log.warning("the store failed while %s: %r", doing, error.__cause__ or error)
