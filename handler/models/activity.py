"""The last requests about each model: for the admin's page, and for nothing else.

Each is noted in an object of its own beside the model, which is written without a look at what is
there. So no two writers ever meet, and losing a note harms no model and no request.
"""

from __future__ import annotations

import contextvars
import json
import logging
import re
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

from handler.logs import stage
from handler.models.model_id import ModelId
from handler.models.stored import read, require_time
from handler.store import ObjectStore, best_effort

_log = logging.getLogger(__name__)

_KEPT = 10  # of a model's predictions, of its refused requests, and of each other kind
_SECONDS = 1.0  # which a request waits for its note at most
_MAX_WRITERS = 8  # of a process, where the store is slow
_TIDY = 20  # predictions of a process between two times of tidying up

_MOODLE = re.compile(r"MoodleBot/([0-9.]{1,20}) \(\+(https?://[^\s()]{1,255})\)")
_NAME = re.compile(r"\d{13}-(?P<kind>[a-z_]+)-[0-9a-f]+\.json")
_REFUSED = "refused"


@dataclass(frozen=True)
class Request:
    """A request about a model.

    Attributes
    ----------
    endpoint : str
        Which it asked, ``prediction`` say.
    at : float
        When it was answered, in seconds since 1970.
    samples : int
        How many samples were predicted.
    unsure : int
        How many of these Moodle drops, as their score is too low.
    refused : str
        The sentence that it was refused with, without what stood in the dataset; else "".
    site, version : str
        The Moodle site's address and its version, as ``4.5``; "" where it did not tell them.
    """

    endpoint: str
    at: float
    samples: int = 0
    unsure: int = 0
    refused: str = ""
    site: str = ""
    version: str = ""

    def __post_init__(self) -> None:
        require_time(self.at)

    @property
    def kind(self) -> str:
        """With which others it is kept."""
        return _REFUSED if self.refused else self.endpoint

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Request | None:
        """Read what `to_bytes` wrote; None for what cannot be read."""
        try:
            return read(cls, data)
        except ValueError:
            return None


@dataclass(frozen=True)
class Site:
    """A Moodle site that uses a model.

    Attributes
    ----------
    version : str
        Of Moodle, as ``4.5``.
    seen : float
        When it last asked for something, in seconds since 1970.
    """

    version: str
    seen: float


@dataclass(frozen=True)
class Activity:
    """What is known of the last requests about a model, or about several.

    Attributes
    ----------
    requests : tuple of Request
        The newest first.
    """

    requests: tuple[Request, ...] = ()

    @classmethod
    def of(cls, requests: Iterable[Request]) -> Activity:
        """Take requests in any order."""
        return cls(tuple(sorted(requests, key=lambda request: request.at, reverse=True)))

    @property
    def predictions(self) -> list[Request]:
        """The last ones, each of any number of samples."""
        return [one for one in self.requests if one.kind == "prediction"][:_KEPT]

    @property
    def refused(self) -> list[Request]:
        """The last ones that were refused."""
        return [one for one in self.requests if one.refused][:_KEPT]

    @property
    def sites(self) -> dict[str, Site]:
        """The Moodle sites by their addresses, the one seen last first."""
        sites: dict[str, Site] = {}
        for one in self.requests:
            if one.site:
                sites.setdefault(one.site, Site(one.version, one.at))
        return sites


class Activities:
    """The activity of all models of a store.

    Parameters
    ----------
    store : ObjectStore
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._noted = count(1)
        self._writers = threading.BoundedSemaphore(_MAX_WRITERS)

    def note(self, model: ModelId, endpoint: str, user_agent: str, **facts: Any) -> None:
        """Note a request: one unconditional write, which fails silently and is not waited for long.

        Parameters
        ----------
        model : ModelId
        endpoint : str
        user_agent : str
            The header by which Moodle tells its version and the site's address.
        **facts
            Of the `Request`: samples, unsure, refused.
        """
        moodle = _MOODLE.search(user_agent)
        if moodle:
            facts |= {"site": moodle[2], "version": moodle[1]}
        request = Request(endpoint, time.time(), **facts)

        def work() -> None:
            try:
                best_effort("noting a request", lambda: self._write(model, request))
            except Exception as error:  # whatever it is, the request is answered
                _log.warning("noting a request failed: %s", type(error).__name__)
            finally:
                self._writers.release()

        if self._writers.acquire(blocking=False):
            of_request = contextvars.copy_context()
            writer = threading.Thread(target=of_request.run, args=(work,), daemon=True)
            with stage("store"):
                writer.start()
                writer.join(_SECONDS)

    def _write(self, model: ModelId, request: Request) -> None:
        name = f"{int(request.at * 1000):013}-{request.kind}-{secrets.token_hex(4)}.json"
        self._store.put(f"{model.requests}/{name}", request.to_bytes())
        # a prediction of a process that just began makes no further call
        if request.kind != "prediction" or next(self._noted) % _TIDY == 0:
            keys = self._store.keys(model.requests)
            kept = set(last_requests(keys))
            self._store.delete(key for key in keys if key not in kept)


def last_requests(keys: Iterable[str]) -> list[str]:
    """Return the keys of the last requests of each kind, of those in `ModelId.requests`."""
    kinds: defaultdict[str, list[str]] = defaultdict(list)
    for key in sorted(keys):
        match = _NAME.fullmatch(key.rpartition("/")[2])
        if match:
            kinds[match["kind"]].append(key)
    return [key for keys in kinds.values() for key in keys[-_KEPT:]]
