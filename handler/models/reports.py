"""Reports that outlive their models, for some days.

Moodle deletes a model with its evaluations whenever its analysis interval is set or changed, which
is part of enabling it: just after a report convinced its admin. A report holds no student's row.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from handler.logs import stage
from handler.models.evaluations import KeptEvaluation, log_key, runid_of
from handler.models.model_id import ModelId, encoded
from handler.models.stored import read, require_time
from handler.store import ObjectStore

FOLDER = "reports"  # of the store; on AWS a rule of the bucket removes what is in there
_KEPT = 10  # of a user and a target
_MIN_SAMPLES = 100  # the curves of fewer are nearly about persons
_DAY = 86400
_NAME = re.compile(r"(?P<runid>\d{1,18})-(?P<deleted>\d{1,18})\.(json|zip)")


@dataclass(frozen=True)
class KeptReport:
    """An evaluation whose model was deleted.

    Attributes
    ----------
    evaluation : KeptEvaluation
    deleted : float
        When the model was deleted, in seconds since 1970.
    """

    evaluation: KeptEvaluation
    deleted: float

    def __post_init__(self) -> None:
        require_time(self.deleted)

    @classmethod
    def from_bytes(cls, data: bytes) -> KeptReport | None:
        """Read a stored one; None for what cannot be read."""
        try:
            return read(cls, data)
        except ValueError:
            return None


class Reports:
    """The kept reports of a store.

    Parameters
    ----------
    store : ObjectStore
    days : int
        For how long they are kept; 0 keeps none.
    """

    def __init__(self, store: ObjectStore, days: int) -> None:
        self._store = store
        self._days = days

    def keep(self, model: ModelId) -> None:
        """Keep the last reports of all that has the model's uniqueid, which is to be deleted."""
        if not self._days:
            return
        kept: defaultdict[str, int] = defaultdict(int)
        for key in sorted(self._evaluated(model), key=_runid, reverse=True):
            stored = self._store.get(key)
            evaluation = stored and KeptEvaluation.from_bytes(stored.data)
            if evaluation and evaluation.target and evaluation.n_samples >= _MIN_SAMPLES:
                kept[evaluation.target] += 1
                if kept[evaluation.target] <= _KEPT:
                    self._copy(model.user, evaluation, log_key(key))
        for target in kept:
            self._tidy_up(_folder(model.user, target))

    def of(self, user: str) -> dict[str, list[KeptReport]]:
        """Return the kept reports of a user by target, the newest first."""
        with stage("store"):
            keys = [key for key in self._store.keys(_folder(user)) if key.endswith(".json")]
            found = [self._store.get(key) for key in keys if not self._is_over(key)]
        by_target: defaultdict[str, list[KeptReport]] = defaultdict(list)
        for stored in found:
            report = stored and KeptReport.from_bytes(stored.data)
            if report:
                by_target[report.evaluation.target].append(report)
        for reports in by_target.values():
            reports.sort(key=lambda report: report.evaluation.runid, reverse=True)
        return dict(by_target)

    def log(self, user: str, runid: int, target: str | None = None) -> bytes | None:
        """Return the log of a kept evaluation, which its report is in.

        Parameters
        ----------
        user : str
        runid : int
        target : str, optional
            Moodle's name of it; without one it is looked for among all, which is as good for a
            number that is milliseconds.
        """
        with stage("store"):
            for key in self._store.keys(_folder(user, target)):
                if key.endswith(".zip") and _runid(key) == runid and not self._is_over(key):
                    stored = self._store.get(key)
                    return stored and stored.data
        return None

    def delete(self, user: str, target: str) -> None:
        """Remove all of a target at once."""
        with stage("store"):
            self._store.delete(self._store.keys(_folder(user, target)))

    def expire(self) -> None:
        """Remove those of all users that are over, where no rule of a bucket does so."""
        self._store.delete(key for key in self._store.keys(FOLDER) if self._is_over(key))

    def _evaluated(self, model: ModelId) -> Iterable[str]:
        keys = self._store.keys(model.unique_folder)
        return [key for key in keys if runid_of(key) is not None]

    def _copy(self, user: str, evaluation: KeptEvaluation, log: str) -> None:
        stored, now = self._store.get(log), time.time()
        if stored and stored.data:
            name = f"{_folder(user, evaluation.target)}/{evaluation.runid}-{int(now * 1000)}"
            self._store.put(f"{name}.zip", stored.data)
            report = KeptReport(evaluation, now)
            self._store.put(f"{name}.json", json.dumps(asdict(report)).encode())

    def _tidy_up(self, folder: str) -> None:
        keys = self._store.keys(folder)
        last = sorted({runid for runid in map(_runid, keys) if runid is not None})[-_KEPT:]
        self._store.delete(key for key in keys if _runid(key) not in last or self._is_over(key))

    def _is_over(self, key: str) -> bool:
        name = _NAME.fullmatch(key.rpartition("/")[2])
        if not name:  # a file of somebody else
            return False
        return time.time() - int(name["deleted"]) / 1000 > self._days * _DAY


def _folder(user: str, target: str | None = None) -> str:
    folder = f"{FOLDER}/{encoded(user)}"
    if target is None:
        return folder
    digest = hashlib.sha256(target.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{folder}/{digest[:32]}"


def _runid(key: str) -> int:
    """Return the runid that a name begins with."""
    return int(re.match(r"\d*", key.rpartition("/")[2])[0] or -1)  # type: ignore[index]
