"""Users and their passwords, usually as hashes.

Against timing attacks comparisons take constant time, and unknown users cost as much as known ones;
against brute force there is a rate limit on wrong passwords.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from time import monotonic

from werkzeug.security import check_password_hash

from handler.errors import (
    EntryNotForMoodle,
    MalformedEntry,
    RepeatedEntry,
    TooManyWrongPasswords,
    UsernameNotForMoodle,
    UsersQuoted,
)

VARIABLE = "MOODLE_MLBACKEND_PYTHON_USERS"

# Moodle's form takes these characters only, for both
_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")
_SCRYPT = re.compile(r"scrypt:([1-9]\d{1,6}):[1-9]\d?:[1-9]\d?\$[^$]+\$[0-9a-f]{128}", re.ASCII)
_SHA256 = re.compile(r"sha256:([^:]*):([0-9a-f]{64})")
_QUOTES = {'"', "'"}

# So many wrong passwords may cost the time of a slow hash within so many seconds.
_WRONG = 10
_WINDOW = 60


class Users:
    """The users of a server.

    Parameters
    ----------
    entries : mapping of str to str
        Passwords by name: plain, ``sha256:salt:hexdigest`` or ``scrypt:N:r:p$salt$hash``.
    """

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = dict(entries)
        # stands in for the password of unknown users, who must cost as much time as known ones
        self._decoy = max(self._entries.values(), key=_cost, default="")
        self._key = secrets.token_bytes(32)
        self._verified: dict[str, bytes] = {}
        self._hashing = threading.Lock()
        self._wrong: deque[float] = deque(maxlen=_WRONG)  # when they were tried

    @classmethod
    def parse(cls, text: str) -> Users:
        """Read ``user:password`` entries that are separated by commas.

        Raises
        ------
        handler.errors.SettingsError
            Names the position of an entry that cannot be used, never its content.
        """
        if text.strip()[:1] in _QUOTES or text.strip()[-1:] in _QUOTES:
            raise UsersQuoted
        entries: dict[str, str] = {}
        for position, entry in enumerate(text.split(",") if text.strip() else (), 1):
            name, _, password = entry.strip().partition(":")
            if not name or not password or (":" in password and not _is_hash(password)):
                raise MalformedEntry(position=position)
            # of a hash nobody can tell which password it is of
            if not _ALPHABET.fullmatch(name) or not (
                ":" in password or _ALPHABET.fullmatch(password)
            ):
                raise EntryNotForMoodle(position=position)
            # or one that file systems which ignore case would take for the same
            if name.casefold() in map(str.casefold, entries):
                raise RepeatedEntry(position=position)
            entries[name] = password
        return cls(entries)

    def __bool__(self) -> bool:
        return bool(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def beside(self, others: Users) -> Users:
        """Return these users and others; where two have the same name, ours stays."""
        ours = {name.casefold() for name in self._entries}
        further = {
            name: entry for name, entry in others._entries.items() if name.casefold() not in ours
        }
        return Users(self._entries | further)

    def check(self, name: str, password: str) -> bool:
        """Say whether this is a user's password.

        Takes as long for unknown users as for known ones: whoever is wrong pays for the slowest of
        all entries. A password that was right is remembered (as a keyed digest), so that the cost
        of its hash is paid once in a process.

        Raises
        ------
        handler.errors.TooManyWrongPasswords
            When this would cost a slow hash, and too many wrong passwords did so a short time ago.
        """
        digest = hmac.digest(self._key, password.encode(), "sha256")
        if self._is_verified(name, digest):
            return True
        known = name in self._entries
        stored = self._entries[name] if known else self._decoy
        if not _is_slow(self._decoy):
            right = _matches(stored, password) and known
        elif known and not _is_slow(stored) and _matches(stored, password):
            right = True
        else:
            with self._hashing:  # one at a time, as each takes a core and some 32 MB
                if self._is_verified(name, digest):  # by now
                    return True
                self._require_patience()
                slow = stored if _is_slow(stored) else self._decoy
                right = _matches(slow, password) and known and slow is stored
                if right:  # before the next one looks
                    self._verified[name] = digest
                else:
                    self._wrong.append(monotonic())
        if right:
            self._verified[name] = digest
        return right

    def secret(self, name: str) -> bytes:
        """Return a key that all processes with these entries share, another for each user.

        A new password makes a new key.

        Raises
        ------
        KeyError
            When there is no such user.
        """
        return hmac.digest(self._entries[name].encode(), b"signs what browsers keep", "sha256")

    def _is_verified(self, name: str, digest: bytes) -> bool:
        return hmac.compare_digest(self._verified.get(name, b""), digest)

    def _require_patience(self) -> None:
        if len(self._wrong) == _WRONG and monotonic() - self._wrong[0] < _WINDOW:
            raise TooManyWrongPasswords


def make_entry(name: str) -> tuple[str, str]:
    """Return an entry for the users variable and its new random password.

    Raises
    ------
    handler.errors.UsernameNotForMoodle
    """
    if not _ALPHABET.fullmatch(name):
        raise UsernameNotForMoodle
    password = secrets.token_urlsafe(24)
    salt = secrets.token_hex(16)
    # Nobody can guess 24 random bytes, so a slow hash would only cost each cold process its time.
    return f"{name}:sha256:{salt}:{_sha256(salt, password)}", password


def kept_in(file: Path) -> tuple[str, str]:
    """Return the name and the password of a user that a file keeps for its owner's eyes only.

    They are made the first time; the file's line has the form of an entry, ``name:password``.

    Raises
    ------
    OSError
        When the file can be neither read nor made.
    """
    try:
        name, _, password = file.read_text().strip().partition(":")
    except FileNotFoundError:
        name = "moodle"
        _, password = make_entry(name)
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as out:
            out.write(f"{name}:{password}\n")
    return name, password


def _is_hash(stored: str) -> bool:
    scrypt = _SCRYPT.fullmatch(stored)
    if scrypt:
        return int(scrypt[1]).bit_count() == 1  # scrypt takes powers of two only
    return bool(_SHA256.fullmatch(stored))


def _cost(stored: str) -> int:
    return bool(_SHA256.fullmatch(stored)) + 2 * _is_slow(stored)


def _is_slow(stored: str) -> bool:
    return bool(_SCRYPT.fullmatch(stored))


def _matches(stored: str, password: str) -> bool:
    if _SCRYPT.fullmatch(stored):
        return check_password_hash(stored, password)
    sha256 = _SHA256.fullmatch(stored)
    if sha256:
        salt, expected = sha256.groups()
        return hmac.compare_digest(_sha256(salt, password), expected)
    return hmac.compare_digest(stored.encode(), password.encode())


def _sha256(salt: str, password: str) -> str:
    return hashlib.sha256((salt + password).encode()).hexdigest()
