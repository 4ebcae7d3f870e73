"""Who uses a model, how often, and when last: for the admin's page, and for nothing else.

It is noted beside the model and never in it, so neither losing such a note nor failing to write it
harms a model or a request.
"""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from functools import partial

from handler.logs import stage
from handler.models.model_id import ModelId
from handler.models.stored import read, require_time
from handler.store import Conflict, ObjectStore, best_effort

_INTERVAL = 10.0  # seconds between two notes of a process on the same model
_ATTEMPTS = 3  # to write where others write, too
_MAX_SITES = 20
_MOODLE = re.compile(r"MoodleBot/([0-9.]{1,20}) \(\+(https?://[^\s()]{1,255})\)")


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

    def __post_init__(self) -> None:
        require_time(self.seen)


@dataclass(frozen=True)
class Activity:
    """What is known about the use of a model.

    Attributes
    ----------
    predictions : int
        How often predictions were asked for.
    samples : int
        How many samples were predicted in all.
    predicted : float
        When last, in seconds since 1970.
    sites : dict of str to Site
        By address.
    """

    predictions: int = 0
    samples: int = 0
    predicted: float = 0.0
    sites: dict[str, Site] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_time(self.predicted)

    def __add__(self, later: Activity) -> Activity:
        sites = sorted({**self.sites, **later.sites}.items(), key=lambda item: item[1].seen)
        return Activity(
            predictions=self.predictions + later.predictions,
            samples=self.samples + later.samples,
            predicted=max(self.predicted, later.predicted),
            sites=dict(sites[-_MAX_SITES:]),
        )

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Activity:
        """Read what `to_bytes` wrote; what cannot be read counts as nothing."""
        try:
            return read(cls, data)
        except ValueError:
            return cls()


class Activities:
    """The activity of all models of a store.

    Parameters
    ----------
    store : ObjectStore
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._pending: dict[ModelId, Activity] = {}
        self._written: dict[ModelId, float] = {}

    def note(self, model: ModelId, user_agent: str, predicted: int | None = None) -> None:
        """Note a request about a model, at once or with one of the next.

        Parameters
        ----------
        model : ModelId
        user_agent : str
            The request's header, by which Moodle tells its version and the site's address.
        predicted : int, optional
            How many samples were predicted; None when it was not about predicting.
        """
        now = time.time()
        moodle = _MOODLE.search(user_agent)
        news = Activity(sites={moodle[2]: Site(moodle[1], now)} if moodle else {})
        if predicted is not None:
            news = replace(news, predictions=1, samples=predicted, predicted=now)
        with stage("store"):
            for used, due in self._due(model, news).items():
                best_effort("noting who uses a model", partial(self._write, used, due))

    def _due(self, model: ModelId, news: Activity) -> dict[ModelId, Activity]:
        """Add to what waits, and return what has waited long enough."""
        now = time.monotonic()
        with self._lock:
            self._pending[model] = self._pending.get(model, Activity()) + news
            self._written = {of: at for of, at in self._written.items() if now - at < _INTERVAL}
            due = {of: news for of, news in self._pending.items() if of not in self._written}
            self._written |= dict.fromkeys(due, now)
            for of in due:
                del self._pending[of]
        return due

    def _write(self, model: ModelId, news: Activity) -> None:
        for _ in range(_ATTEMPTS):
            stored = self._store.get(model.activity)
            known = Activity.from_bytes(stored.data) if stored else Activity()
            try:
                data = (known + news).to_bytes()
                self._store.swap(model.activity, data, stored and stored.etag)
            except Conflict:
                continue
            if not self._store.get(model.manifest) and not self._store.keys(model.evaluations):
                self._store.delete([model.activity])  # the model was deleted meanwhile
            return
        raise Conflict
