"""All who may use the server: users of the environment, and of the bucket beside the models.

Whoever may write into the bucket changes who may sign in, without a new deployment:
``python -m infra users`` does so. The server itself only reads.
"""

from __future__ import annotations

import logging
import threading
from time import monotonic

from handler import errors
from handler.auth.users import Users
from handler.errors import SettingsError
from handler.store import NotModified, ObjectStore, StoreError

KEY = "config/users"  # outside of models/, so that no backup of models revives a removed user

_MAX_AGE = 60.0  # seconds; so long a removed user is known at most

_log = logging.getLogger(__name__)


class KnownUsers:
    """The users of a server.

    What the store holds is read once in a process. It is looked at again (an unchanged object is
    not sent again) when that was a minute ago, and before a name or a password is called wrong.

    Parameters
    ----------
    own : Users
        Those of the environment, which are known without the store and come first where it has
        one of the same name.
    store : ObjectStore, optional
        Where `KEY` has further entries, in the form of the variable; None: nowhere.
    """

    def __init__(self, own: Users, store: ObjectStore | None = None) -> None:
        self._own = own
        self._store = store
        self._all = own
        self._etag: str | None = None
        self._read_at = float("-inf")
        self._failure: StoreError
        self._failed_at = float("-inf")
        self._reading = threading.Lock()

    def __bool__(self) -> bool:
        return bool(self._own or self._recent())

    def check(self, name: str, password: str) -> bool:
        """Say whether this is a user's password.

        Raises
        ------
        handler.errors.TooManyWrongPasswords
            As `Users.check` does.
        handler.errors.UsersDamaged
            When the store holds something else than users.
        handler.store.StoreError
            When the store cannot be read.
        """
        asked_at = monotonic()
        users = self._all if name in self._own else self._recent()
        if users.check(name, password):
            return True
        renewed = self._as_of(asked_at)
        return renewed is not users and renewed.check(name, password)

    def secret(self, name: str) -> bytes:
        """Return what `Users.secret` does; see there."""
        return (self._own if name in self._own else self._recent()).secret(name)

    def _recent(self) -> Users:
        return self._as_of(monotonic() - _MAX_AGE)

    def _as_of(self, moment: float) -> Users:
        """Return the users as they were at this moment, or later."""
        if self._store is not None and self._read_at < moment:
            waits_since = monotonic()
            with self._reading:
                if self._failed_at > waits_since:  # who waited with others does not wait anew
                    raise self._failure
                if self._read_at < moment:  # nobody has read while we waited
                    began = monotonic()
                    try:
                        self._read(self._store)
                    except StoreError as error:
                        self._failure, self._failed_at = error, monotonic()
                        raise
                    self._read_at = began
        return self._all

    def _read(self, store: ObjectStore) -> None:
        try:
            found = store.get(KEY, unless=self._etag)
        except NotModified:
            return
        if found is None:
            self._all, self._etag = self._own, None
        else:
            self._all, self._etag = self._own.beside(_parsed(found.data)), found.etag


def _parsed(data: bytes) -> Users:
    try:
        return Users.parse(data.decode())
    except (SettingsError, UnicodeDecodeError) as error:
        _log.error("%s cannot be read: %s", KEY, error.args[0])
        raise errors.UsersDamaged from error
