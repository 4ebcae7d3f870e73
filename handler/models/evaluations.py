"""What is kept of evaluations: their logs, and their answers for whoever asks again."""

from __future__ import annotations

import json
import re
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from handler.logs import stage
from handler.models.model_id import ModelId
from handler.models.stored import read, require_time
from handler.report.verdict import Verdict
from handler.store import Conflict, ObjectStore, best_effort

KEPT = 10  # evaluations of a model
_ATTEMPTS = 100  # to find a free runid
_REPEAT_SECONDS = 24 * 3600  # for how long the same one is answered from what is stored
_NAME = re.compile(r"(\d{1,18})(?:-([0-9a-z]+)\.json|\.zip)")  # runid, digest of the request


@dataclass(frozen=True)
class KeptEvaluation:
    """An evaluation that is kept.

    Attributes
    ----------
    runid : int
        When it began, in milliseconds since 1970, or the next number that was free.
    answer : dict
        What Moodle was told, all but ``runid`` and ``dir``.
    verdict : Verdict
        Whether the model may be used, as its report says.
    target, time_splitting : str
        Moodle's names; "" where they are not known.
    n_samples : int
        How many samples the dataset had.
    """

    runid: int
    answer: dict[str, Any]
    verdict: Verdict
    target: str = ""
    time_splitting: str = ""
    n_samples: int = 0

    def __post_init__(self) -> None:
        require_time(self.at)

    @property
    def at(self) -> float:
        """When it began, in seconds since 1970."""
        return self.runid / 1000

    def to_bytes(self) -> bytes:
        """Return it as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> KeptEvaluation | None:
        """Read what `to_bytes` wrote; None for what cannot be read."""
        try:
            return read(cls, data)
        except ValueError:
            return None


class Claim(NamedTuple):
    """The place of an evaluation that is at work: an empty log, which only a deletion removes."""

    runid: int
    etag: str


class Evaluations:
    """The evaluations of all models of a store.

    Parameters
    ----------
    store : ObjectStore
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def claim(self, model: ModelId) -> Claim:
        """Take a new runid before the work begins, so that a deletion in between wins."""
        with stage("store"):
            return self._keep_log(model, b"")

    def keep(
        self,
        model: ModelId,
        claim: Claim,
        digest: str,
        answer: dict[str, Any],
        verdict: Verdict,
        log: bytes,
        target: str = "",
        time_splitting: str = "",
        n_samples: int = 0,
    ) -> None:
        """Keep an evaluation, unless its claim was deleted meanwhile.

        Parameters
        ----------
        claim : Claim
        digest : str
            Of the request, by which `repeated` finds it; hexadecimal.
        answer : dict
        verdict : Verdict
        log : bytes
            The zip that ``/evaluationlog`` is to return.
        target, time_splitting : str
            What was evaluated, as Moodle calls it.
        n_samples : int
            How many samples the dataset had.
        """
        with stage("store"):
            kept = KeptEvaluation(claim.runid, answer, verdict, target, time_splitting, n_samples)
            key = f"{model.evaluations}/{claim.runid}-{digest}.json"
            self._store.put(key, kept.to_bytes())
            try:
                self._store.swap(_log_key(model, claim.runid), log, claim.etag)
            except Conflict:
                self._store.delete([key])
                return
            best_effort("removing old ones", lambda: self._remove_old(model, claim.runid))

    def repeated(self, model: ModelId, digest: str) -> tuple[dict[str, Any], int] | None:
        """Return the answer to the same request of today under a fresh runid, if there is one."""
        since = (time.time() - _REPEAT_SECONDS) * 1000
        with stage("store"):
            runids = [
                runid for runid, of, _ in self._names(model) if of == digest and runid > since
            ]
            if not runids:
                return None
            data = self._read(f"{model.evaluations}/{max(runids)}-{digest}.json")
            kept = KeptEvaluation.from_bytes(data) if data else None
            log = self.log(model, max(runids))
            if not kept or not log:  # still at work, or removed meanwhile
                return None
            claim = self._keep_log(model, log)
            if self.log(model, max(runids)) is None:
                self._store.delete([_log_key(model, claim.runid)])
            return kept.answer, claim.runid

    def log(self, model: ModelId, runid: int) -> bytes | None:
        """Return the log of an evaluation."""
        with stage("store"):
            return self._read(_log_key(model, runid))

    def _names(self, model: ModelId) -> list[tuple[int, str, str]]:
        """Return runid, digest ("" for a log) and key of all that is kept."""
        found = []
        for key in self._store.keys(model.evaluations):
            name = _NAME.fullmatch(key.rpartition("/")[2])
            if name:
                found.append((int(name[1]), name[2] or "", key))
        return found

    def _keep_log(self, model: ModelId, log: bytes) -> Claim:
        """Store a log under a number that the model never used before, and the highest so far.

        The clock may have been ahead when the last one began.
        """
        last = max((runid for runid, _, _ in self._names(model)), default=0)
        first = max(int(time.time() * 1000), last + 1)
        for runid in range(first, first + _ATTEMPTS):
            with suppress(Conflict):
                return Claim(runid, self._store.swap(_log_key(model, runid), log, None))
        raise Conflict

    def _remove_old(self, model: ModelId, own: int) -> None:
        """Keep the last evaluations, and beside them the last logs alone.

        Such a log is of a repetition, or the claim of an evaluation that is at work or was killed.
        """
        names = self._names(model)
        evaluated = {runid for runid, digest, _ in names if digest}
        alone = {runid for runid, _, _ in names} - evaluated
        kept = {own, *sorted(evaluated)[-KEPT:], *sorted(alone)[-KEPT:]}
        self._store.delete(key for runid, _, key in names if runid not in kept)

    def _read(self, key: str) -> bytes | None:
        stored = self._store.get(key)
        return stored and stored.data


def runid_of(key: str) -> int | None:
    """Return the runid of a kept answer by its key, None for any other key."""
    name = _NAME.fullmatch(key.rpartition("/")[2])
    return int(name[1]) if name and name[2] else None


def log_key(key: str) -> str:
    """Return the key of the log that belongs to a kept answer."""
    folder, _, name = key.rpartition("/")
    return f"{folder}/{name.partition('-')[0]}.zip"


def _log_key(model: ModelId, runid: int) -> str:
    return f"{model.evaluations}/{runid}.zip"
