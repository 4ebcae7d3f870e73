"""The life of models in the store: what is kept of each, and how it changes safely.

Of each model the store holds a manifest, which names the current run, and the run's immutable
objects. A change writes new objects first and swaps the manifest last, so every reader sees the old
model or the new one, and of two changes at once none is lost.
"""

from __future__ import annotations

import json
import logging
import random
import re
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from handler import errors
from handler.logs import note, stage
from handler.store import Conflict, NotModified, ObjectStore, StoreError
from mlcore import Classifier, Examples, Labelled, train
from mlcore.errors import NewerModelFile

FORMAT = 1

_log = logging.getLogger(__name__)

_UNSAFE = re.compile(rb"[^A-Za-z0-9_-]")
_MAX_NAME = 250  # what an encoded name may measure, so that file systems take it
_ATTEMPTS = 20  # to change a model that others keep changing
_ABANDONED = 3600  # seconds; no change takes that long
_HISTORY = 20  # trainings that the manifest remembers
_WARM = 16  # classifiers that a process keeps
_EVALUATIONS = 10  # results that a model keeps
_REPEAT_SECONDS = 24 * 3600  # for how long the same evaluation is answered from what is stored


def encoded(name: str) -> str:
    """Return a name as it may stand in a key: reversible, and never two names alike.

    Bytes of its UTF-8 other than letters, digits, ``_`` and ``-`` become a dot and two hex digits.
    """
    octets = name.encode("utf-8", "surrogatepass")
    return _UNSAFE.sub(lambda match: b".%02X" % match[0][0], octets).decode()


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
        return f"models/{encoded(self.user)}/{encoded(self.uniqueid)}"

    @property
    def manifest(self) -> str:
        """Key of the manifest."""
        return f"{self.folder}/model.json"

    def run(self, run: str, name: str) -> str:
        """Key of an object of a run."""
        return f"{self.folder}/runs/{run}/{name}"

    def evaluation(self, name: str) -> str:
        """Key of what is kept of an evaluation."""
        return f"{self.folder}/evaluations/{name}"


@dataclass(frozen=True)
class Training:
    """One training in the manifest's history."""

    digest: str
    samples: int
    at: float


@dataclass(frozen=True)
class Manifest:
    """What a model is now.

    Attributes
    ----------
    run : str
        The run whose objects are the model; begins with the time, so that runs sort by age.
    previous : str or None
        The run before, whose objects are still kept.
    imported : bool
        Whether it is, or refines, an imported model.
    examples : bool
        Whether the run has examples: an imported model has none at first.
    trainings : tuple of Training
        The latest ones, the newest last.
    """

    run: str
    previous: str | None = None
    imported: bool = False
    examples: bool = False
    trainings: tuple[Training, ...] = ()
    format: int = field(default=FORMAT, kw_only=True)

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read what `to_bytes` wrote.

        Raises
        ------
        handler.errors.NewerModel, handler.errors.ModelIncomplete
        """
        with _as_stored():
            facts = json.loads(data)
            if facts["format"] > FORMAT:
                raise errors.NewerModel
            facts["trainings"] = tuple(Training(**training) for training in facts["trainings"])
            return cls(**facts)


class Models:
    """All models of a store.

    Parameters
    ----------
    store : ObjectStore
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._warm: OrderedDict[str, tuple[str, Classifier]] = OrderedDict()
        self._lock = threading.Lock()

    # what is there --------------------------------------------------------------------------------

    def classifier(self, model: ModelId) -> Classifier | None:
        """Return the trained classifier, or None where nothing was trained.

        A classifier that this process has already read is only checked for being current.
        """
        with self._lock:
            etag, classifier = self._warm.get(model.folder, (None, None))
            if classifier:
                self._warm.move_to_end(model.folder)
        for _ in range(_ATTEMPTS):
            try:
                with stage("store"):
                    stored = self._store.get(model.manifest, unless=etag)
            except NotModified:
                note(warm_model=True)
                return classifier
            if stored is None:
                return None
            data = self._read(model.run(Manifest.from_bytes(stored.data).run, "classifier.npz"))
            if data is not None:
                with _as_stored():
                    classifier = Classifier.from_bytes(data)
                self._keep_warm(model, stored.etag, classifier)
                return classifier
            # replaced, and removed, since the manifest was read
        raise errors.ModelIncomplete

    def export(self, model: ModelId) -> bytes:
        """Return the model file to share: the classifier, never the examples.

        Raises
        ------
        handler.errors.NothingToExport
        """
        classifier = self.classifier(model)
        if classifier is None:
            raise errors.NothingToExport
        return classifier.to_bytes()

    # changes --------------------------------------------------------------------------------------

    def learn(self, model: ModelId, digest: str, read: Callable[[], Labelled]) -> None:
        """Train a model with one more dataset.

        Parameters
        ----------
        model : ModelId
        digest : str
            Of the dataset's bytes: the same dataset is not learned twice.
        read : callable
            Returns the dataset; not called when it was already learned.

        Raises
        ------
        mlcore.errors.MlcoreError
            When the dataset cannot be learned from.
        """
        dataset: Labelled | None = None

        def change(manifest: Manifest | None) -> tuple[Manifest, dict[str, bytes]] | None:
            nonlocal dataset
            trainings = manifest.trainings if manifest else ()
            if any(training.digest == digest for training in trainings):
                note(already_learned=True)
                return None
            if dataset is None:
                with stage("parse"):
                    dataset = read()
                note(rows=len(dataset.y), features=dataset.X.shape[1])
            learned, prior = self._learned(model, manifest)
            with stage("fit"):
                classifier, examples = train(dataset, learned, prior)
            training = Training(digest, len(dataset.y), time.time())
            with stage("encode"):
                objects = {
                    "classifier.npz": classifier.to_bytes(),
                    "examples.npz": examples.to_bytes(),
                }
            new = Manifest(
                run="",
                imported=prior is not None,
                examples=True,
                trainings=(*trainings, training)[-_HISTORY:],
            )
            return new, objects

        self._change(model, change)

    def replace(self, model: ModelId, data: bytes) -> None:
        """Put an imported model in the place of whatever was there.

        Raises
        ------
        mlcore.errors.ModelFileError
            When `data` is not a model file.
        """
        objects = {"classifier.npz": Classifier.from_bytes(data).to_bytes()}
        self._change(model, lambda manifest: (Manifest(run="", imported=True), objects))

    def delete(self, model: ModelId) -> None:
        """Remove all that is kept under the model's uniqueid, whatever the dirhash."""
        with stage("store"):
            keys = self._store.keys(model.unique_folder)
            # manifests first: a model without one is gone, whatever else is still there
            manifests = [key for key in keys if key.endswith("/model.json")]
            self._store.delete(manifests)
            self._store.delete(key for key in keys if key not in manifests)

    def _change(
        self,
        model: ModelId,
        change: Callable[[Manifest | None], tuple[Manifest, dict[str, bytes]] | None],
    ) -> None:
        """Swap the manifest for what `change` makes of it, until nobody else was faster."""
        existed = False
        incomplete = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.1 * attempt))  # noqa: S311
            with stage("store"):
                stored = self._store.get(model.manifest)
            if stored is None and existed:
                raise errors.ModelDeleted
            existed = stored is not None
            manifest = Manifest.from_bytes(stored.data) if stored else None
            try:
                changed = change(manifest)
            except _Superseded:
                if stored and stored.etag == incomplete:
                    raise errors.ModelIncomplete from None
                incomplete = stored and stored.etag
                continue
            if changed is None:
                return
            run = f"{int(time.time()):012}-{secrets.token_hex(8)}"
            new = replace(changed[0], run=run, previous=manifest.run if manifest else None)
            with stage("store"):
                keys = [model.run(run, name) for name in changed[1]]
                for key, data in zip(keys, changed[1].values(), strict=True):
                    self._store.put(key, data)
                try:
                    self._store.swap(model.manifest, new.to_bytes(), stored and stored.etag)
                except Conflict:
                    self._store.delete(keys)
                    continue
                with _tidying_up():
                    self._remove_superseded(model, manifest, new)
            return
        raise Conflict

    def _learned(
        self, model: ModelId, manifest: Manifest | None
    ) -> tuple[Examples | None, Classifier | None]:
        """Return what a training starts from: examples so far, and an imported model."""
        if manifest is None:
            return None, None
        learned = prior = None
        if manifest.examples:
            data = self._required(model.run(manifest.run, "examples.npz"))
            with _as_stored():
                learned = Examples.from_bytes(data)
        if manifest.imported:
            data = self._required(model.run(manifest.run, "classifier.npz"))
            with _as_stored():
                classifier = Classifier.from_bytes(data)
            prior = classifier.prior if manifest.examples else classifier
        return learned, prior

    def _remove_superseded(self, model: ModelId, old: Manifest | None, new: Manifest) -> None:
        """Remove the run that was kept until now, and what crashed changes left behind.

        A younger run that no manifest names may belong to a change that is still at work.
        """
        superseded = old and old.previous
        abandoned = f"{int(time.time()) - _ABANDONED:012}"

        def is_over(run: str) -> bool:
            return run == superseded or (run < abandoned and run not in (new.run, new.previous))

        keys = self._store.keys(f"{model.folder}/runs")
        self._store.delete(key for key in keys if is_over(key.split("/")[-2]))

    def _required(self, key: str) -> bytes:
        data = self._read(key)
        if data is None:
            raise _Superseded
        return data

    def _read(self, key: str) -> bytes | None:
        with stage("store"):
            stored = self._store.get(key)
        return stored and stored.data

    def _keep_warm(self, model: ModelId, etag: str, classifier: Classifier) -> None:
        with self._lock:
            self._warm[model.folder] = (etag, classifier)
            self._warm.move_to_end(model.folder)
            while len(self._warm) > _WARM:
                self._warm.popitem(last=False)

    # evaluations ----------------------------------------------------------------------------------

    def keep_evaluation(
        self, model: ModelId, digest: str, answer: dict[str, Any], log: bytes
    ) -> int:
        """Keep an evaluation's answer and log, and return its new runid.

        Parameters
        ----------
        digest : str
            Of the request, by which `repeated_evaluation` finds it.
        answer : dict
        log : bytes
            The zip that ``/evaluationlog`` is to return.
        """
        with stage("store"):
            runid = self._keep_log(model, log)
            kept = json.dumps({"at": time.time(), "runid": runid, "answer": answer})
            self._store.put(model.evaluation(f"{digest}.json"), kept.encode())
            with _tidying_up():
                self._remove_old_evaluations(model, digest)
        return runid

    def repeated_evaluation(self, model: ModelId, digest: str) -> tuple[dict[str, Any], int] | None:
        """Return the answer to the same request of today under a fresh runid, if there is one."""
        data = self._read(model.evaluation(f"{digest}.json"))
        if data is None:
            return None
        kept = json.loads(data)
        log = self.evaluation_log(model, kept["runid"])
        if log is None or time.time() - kept["at"] > _REPEAT_SECONDS:
            return None
        with stage("store"):
            return kept["answer"], self._keep_log(model, log)

    def evaluation_log(self, model: ModelId, runid: int) -> bytes | None:
        """Return the log of an evaluation."""
        return self._read(model.evaluation(f"{runid}.zip"))

    def _keep_log(self, model: ModelId, log: bytes) -> int:
        """Store a log under a number that the model never used before."""
        runid = int(time.time() * 1000)
        while True:
            try:
                self._store.swap(model.evaluation(f"{runid}.zip"), log, None)
            except Conflict:
                runid += 1
            else:
                return runid

    def _remove_old_evaluations(self, model: ModelId, digest: str) -> None:
        keys = self._store.keys(f"{model.folder}/evaluations")
        names = [key.rpartition("/")[2] for key in keys]
        logs = sorted((name for name in names if name.endswith(".zip")), key=_runid)
        old = logs[:-_EVALUATIONS]
        if old:
            old += [name for name in names if name.endswith(".json") and digest not in name]
            self._store.delete(model.evaluation(name) for name in old)


class _Superseded(Exception):
    """What the manifest named was replaced since the manifest was read."""


@contextmanager
def _as_stored() -> Iterator[None]:
    """Tell a stored file that cannot be read from one that a request brought."""
    try:
        yield
    except NewerModelFile as error:
        raise errors.NewerModel from error
    except (ValueError, KeyError, TypeError) as error:
        raise errors.ModelIncomplete from error


@contextmanager
def _tidying_up() -> Iterator[None]:
    """Let a change succeed although something is left to remove: a later one tries again."""
    try:
        yield
    except StoreError as error:
        _log.warning("the store failed while tidying up: %r", error.__cause__ or error)


def _runid(name: str) -> int:
    return int(name.removesuffix(".zip"))
