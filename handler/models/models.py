"""The life of models in the store, and how they change safely.

Of each model the store holds a manifest, which names the current run, and the run's immutable
objects. A change writes new objects first and swaps the manifest last, by compare-and-swap
(optimistic locking), so every reader sees the old model or the new one, and of two changes at once
none is lost.

The first training claims the model before it begins, with a manifest that names no run. So whoever
deletes a model while somebody trains it takes away what the training is going to swap, and wins.
"""

from __future__ import annotations

import random
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from handler import errors
from handler.deadline import cores, deadline
from handler.logs import note, stage
from handler.models.manifest import Manifest, Run, Training, as_stored, is_name, new_name
from handler.models.model_id import ModelId
from handler.store import Conflict, NotModified, ObjectStore, StoredObject, best_effort
from mlcore import Classifier, Examples, Labelled, train

_ATTEMPTS = 20  # to change a model that others keep changing
_HISTORY = 20  # trainings that the manifest remembers
_STORE_SECONDS = 1.0  # in which what was learned is stored
_WARM = 16  # classifiers that a process keeps (LRU cache)

# What a change makes of the current run: the next one and its objects; None changes nothing.
_Change = Callable[[Run | None], tuple[Run, dict[str, bytes]] | None]


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
            run = stored and Manifest.from_bytes(stored.data).current
            if stored is None or run is None:
                return None
            data = self._read(_key(model, run, "classifier.npz"))
            if data is not None:
                with as_stored():
                    classifier = Classifier.from_bytes(data)
                self._keep_warm(model, stored.etag, classifier)
                return classifier
            # replaced, and removed, since the manifest was read
        raise errors.ModelIncomplete

    def manifest(self, model: ModelId) -> Manifest | None:
        """Return the manifest, or None where there is none."""
        data = self._read(model.manifest)
        return None if data is None else Manifest.from_bytes(data)

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

    def learn(
        self,
        model: ModelId,
        digest: str,
        read: Callable[[], Labelled],
        key: str = "",
        memory: int | None = None,
    ) -> None:
        """Train a model with one more dataset.

        A dataset that was learned lately is not learned twice. Whether it is such a one the key
        says alone, if there is one; else it must be byte for byte the same, and such that other
        samples would hardly ever look so.

        Parameters
        ----------
        model : ModelId
        digest : str
            Of the dataset's bytes.
        read : callable
            Returns the dataset; not called when it was already learned.
        key : str
            By which the client tells trainings apart (``Idempotency-Key``); "" if it does not.
        memory : int or None
            Bytes that there are for the process; None: as many as it needs.

        Raises
        ------
        mlcore.errors.MlcoreError
            When the dataset cannot be learned from.
        handler.errors.ModelDeleted
            When somebody deleted the model in the meantime.
        """

        def change(run: Run | None) -> tuple[Run, dict[str, bytes]] | None:
            if _has_learned(run, digest, key):
                return None
            with stage("parse"):
                dataset = read()
            n_rows, n_features = dataset.X.shape
            target, time_splitting = dataset.target, dataset.time_splitting
            note(rows=n_rows, features=n_features)
            handed_over = [dataset]  # training lets go of it, so nothing here may hold it
            del dataset
            learned, prior = self._learned(model, run)
            with stage("fit"):
                classifier, examples = train(
                    handed_over.pop(),
                    learned,
                    prior,
                    find_repeated=not key,
                    memory=memory,
                    deadline=deadline(_STORE_SECONDS),
                    cores=cores(memory),
                )
            training = Training(digest, n_rows, time.time(), key, examples.is_rare)
            with stage("encode"):
                objects = {
                    "classifier.npz": classifier.to_bytes(),
                    "examples.npz": examples.to_bytes(),
                }
            new = Run(
                name=new_name(),
                imported=prior is not None,
                examples=True,
                trainings=(*(run.trainings if run else ()), training)[-_HISTORY:],
                n_samples=examples.n_samples,
                sampled=examples.sampled,
                target=target,
                time_splitting=time_splitting,
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
        self._change(model, lambda run: (Run(name=new_name(), imported=True), objects))

    def roll_back(self, model: ModelId, run: str) -> None:
        """Go back to the run before; what was learned since is forgotten.

        Parameters
        ----------
        model : ModelId
        run : str
            The run to leave: nothing happens to a model that has changed since somebody looked.

        Raises
        ------
        handler.errors.ModelChanged
            When it is not the current run, or there is none before it.
        """
        with stage("store"):
            stored = self._store.get(model.manifest)
            manifest = stored and Manifest.from_bytes(stored.data)
            if not (stored and manifest and manifest.current and manifest.previous):
                raise errors.ModelChanged
            if manifest.current.name != run:
                raise errors.ModelChanged
            new = manifest.changed(manifest.previous, None)
            over = self._over(model, new)
            try:
                self._store.swap(model.manifest, new.to_bytes(), stored.etag)
            except Conflict as error:
                raise errors.ModelChanged from error
            self._remove(over)

    def delete(self, model: ModelId) -> None:
        """Remove all that is kept under the model's uniqueid, whatever the dirhash.

        Twice: who wrote something after the first look finds afterwards that what it belongs to is
        gone, and removes it; who finds it still there wrote before the second look.
        """
        with stage("store"):
            for _ in range(2):
                keys = self._store.keys(model.unique_folder)
                # manifests first: a model without one is gone, whatever else is still there
                manifests = [key for key in keys if key.endswith("/model.json")]
                self._store.delete(manifests)
                self._store.delete(key for key in keys if key not in manifests)

    def _change(self, model: ModelId, change: _Change) -> None:
        """Swap the manifest for what `change` makes of it, until nobody else was faster."""
        born = incomplete = None
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.1 * attempt))  # noqa: S311
            with stage("store"):
                try:
                    stored = self._store.get(model.manifest)
                    if stored is None and born is None:
                        stored = self._claim(model)
                except Conflict:  # others claimed it at the same moment
                    continue
            manifest = stored and Manifest.from_bytes(stored.data)
            if not stored or not manifest or manifest.born != (born or manifest.born):
                raise errors.ModelDeleted
            born = manifest.born
            try:
                changed = change(manifest.current)
            except _Superseded:
                if stored.etag == incomplete:
                    raise errors.ModelIncomplete from None
                incomplete = stored.etag
                continue
            if changed is None:
                return
            run, objects = changed
            new = manifest.changed(run, manifest.current)
            with stage("store"):
                for name, data in objects.items():
                    self._store.put(_key(model, run, name), data)
                over = self._over(model, new)
                try:
                    self._store.swap(model.manifest, new.to_bytes(), stored.etag)
                except Conflict:
                    if self._names(model, run):
                        return
                    self._store.delete(_key(model, run, name) for name in objects)
                    continue
                self._remove(over)
            return
        raise Conflict

    def _claim(self, model: ModelId) -> StoredObject:
        """Put a first manifest in place, which only a deletion removes; raise Conflict."""
        data = Manifest(born=secrets.token_hex(8)).to_bytes()
        return StoredObject(data, self._store.swap(model.manifest, data, None))

    def _names(self, model: ModelId, run: Run) -> bool:
        """Say whether the manifest names a run after what looked like a conflict.

        A swap whose answer was lost may have succeeded before others changed the model further.
        """
        manifest = self.manifest(model)
        return manifest is not None and run.name in [run.name for run in manifest.runs]

    def _learned(
        self, model: ModelId, run: Run | None
    ) -> tuple[Examples | None, Classifier | None]:
        """Return what a training starts from: examples so far, and an imported model."""
        if run is None:
            return None, None
        learned = prior = None
        if run.examples:
            data = self._required(_key(model, run, "examples.npz"))
            with as_stored():
                learned = Examples.from_bytes(data)
        if run.imported:
            data = self._required(_key(model, run, "classifier.npz"))
            with as_stored():
                classifier = Classifier.from_bytes(data)
            prior = classifier.prior if run.examples else classifier
        return learned, prior

    def _over(self, model: ModelId, new: Manifest) -> list[str]:
        """Return what may be removed once a new manifest is in place: no clock says what is old.

        To be called before the swap. Whatever is there by then and not named belongs to a change
        that crashed, or to one that began before this swap and fails because of it.
        """
        named = {run.name for run in new.runs}
        found: list[str] = []

        def look() -> None:
            for key in self._store.keys(model.runs):
                run = key.removeprefix(f"{model.runs}/").partition("/")[0]
                if is_name(run) and run not in named:
                    found.append(key)

        best_effort("looking for old runs", look)
        return found

    def _remove(self, keys: list[str]) -> None:
        best_effort("removing old runs", lambda: self._store.delete(keys))

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


class _Superseded(Exception):
    """What the manifest named was replaced since the manifest was read."""


def _key(model: ModelId, run: Run, name: str) -> str:
    return f"{model.runs}/{run.name}/{name}"


def _has_learned(run: Run | None, digest: str, key: str) -> bool:
    learned = any(
        training.key == key if key else training.is_rare and training.digest == digest
        for training in (run.trainings if run else ())
    )
    if learned:
        note(already_learned=True)
    return learned
