"""Which model a request is about, and where its parts are kept.

Keys begin with the user (tenant), and names are encoded so that no path traversal is possible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes

from handler import errors

_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_MAX_NAME = 250  # what an encoded name may measure, so that file systems take it


def encoded(name: str) -> str:
    """Return a name as it may stand in a key: reversible, and never two names alike.

    Bytes of its UTF-8 other than letters, digits, ``_`` and ``-`` become a dot and two hex digits.
    """
    octets = name.encode("utf-8", "surrogatepass")
    return _UNSAFE.sub(lambda match: b".%02X" % match[0][0], octets).decode()


def decoded(name: str) -> str:
    """Return the name that `encoded` made this of."""
    return unquote_to_bytes(name.replace(".", "%")).decode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class ModelId:
    """Which model: Moodle's name for it, and whose Moodle.

    Users are tenants: everything of a model lies below its user's folder.
    """

    user: str
    uniqueid: str
    dirhash: str

    @classmethod
    def of(cls, user: str, uniqueid: str, dirhash: str) -> ModelId:
        """Check that the names can be stored.

        Raises
        ------
        handler.errors.NameTooLong
        """
        for name, value in (("user", user), ("uniqueid", uniqueid), ("dirhash", dirhash)):
            if len(encoded(value)) > _MAX_NAME:
                raise errors.NameTooLong(name=name)
        return cls(user, uniqueid, dirhash)

    @property
    def folder(self) -> str:
        """Where the model is kept."""
        return f"{self.unique_folder}/{encoded(self.dirhash)}"

    @property
    def unique_folder(self) -> str:
        """Where all models with the same uniqueid are kept."""
        return f"{user_folder(self.user)}/{encoded(self.uniqueid)}"

    @property
    def manifest(self) -> str:
        """Key of the manifest."""
        return f"{self.folder}/model.json"

    @property
    def requests(self) -> str:
        """Where the last requests about the model are noted."""
        return f"{self.folder}/requests"

    @property
    def runs(self) -> str:
        """Where the objects of all runs are kept."""
        return f"{self.folder}/runs"

    @property
    def evaluations(self) -> str:
        """Where all that is kept of evaluations is."""
        return f"{self.folder}/evaluations"


def user_folder(user: str) -> str:
    """Return where all models of a user are kept."""
    return f"models/{encoded(user)}"
