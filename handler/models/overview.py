"""What is kept of a user's models, read at once for the admin's page: only small objects."""

from __future__ import annotations

import contextvars
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from handler import errors
from handler.logs import stage
from handler.models.activity import Activity, Request, last_requests
from handler.models.evaluations import KeptEvaluation, runid_of
from handler.models.manifest import Manifest, Run
from handler.models.model_id import ModelId, decoded, user_folder
from handler.store import ObjectStore

_THREADS = 16
_KEY = re.compile(r"(?P<uniqueid>[^/]+)/(?P<dirhash>[^/]+)/(?P<name>.+)")


@dataclass(frozen=True)
class Part:
    """What is kept under one dirhash: Moodle has one for predicting, others for evaluations.

    Attributes
    ----------
    model : ModelId
    manifest : Manifest or None
        None where nothing was trained, or where it cannot be read.
    problem : str
        Why the manifest cannot be read, a sentence; else "".
    requests : tuple of Request
        The last ones about it.
    evaluations : tuple of KeptEvaluation
    """

    model: ModelId
    manifest: Manifest | None
    problem: str
    requests: tuple[Request, ...]
    evaluations: tuple[KeptEvaluation, ...]

    @property
    def run(self) -> Run | None:
        """What predicts."""
        return self.manifest.current if self.manifest else None

    @property
    def previous(self) -> Run | None:
        """What one can go back to."""
        return self.manifest.previous if self.manifest else None


@dataclass(frozen=True)
class Overview:
    """What is kept under one uniqueid, which is one model in Moodle.

    Attributes
    ----------
    uniqueid : str
    parts : tuple of Part
    """

    uniqueid: str
    parts: tuple[Part, ...]

    @property
    def trained(self) -> list[Part]:
        """The parts that predict, the one changed last first."""
        parts = [part for part in self.parts if part.run]
        return sorted(parts, key=lambda part: part.run.name if part.run else "", reverse=True)

    @property
    def evaluations(self) -> list[tuple[ModelId, KeptEvaluation]]:
        """The evaluations of all parts, the newest first."""
        found = [(part.model, kept) for part in self.parts for kept in part.evaluations]
        return sorted(found, key=lambda item: item[1].runid, reverse=True)

    @property
    def activity(self) -> Activity:
        """The use of all parts."""
        return together([self])

    @property
    def exists(self) -> bool:
        """Whether there is a model: requests that were refused, or came too late, make none."""
        return bool(self.trained or self.evaluations or self.problems)

    @property
    def target(self) -> str:
        """Moodle's name of what is predicted; "" where nobody said it."""
        targets = [part.run.target for part in self.trained if part.run]
        targets += [kept.target for _, kept in self.evaluations]
        return next(filter(None, targets), "")

    @property
    def time_splitting(self) -> str:
        """Moodle's name of the analysis interval, as its evaluations agree; else ""."""
        found = {kept.time_splitting for _, kept in self.evaluations if kept.time_splitting}
        return found.pop() if len(found) == 1 else ""

    @property
    def changed(self) -> float:
        """When it was last trained, imported or evaluated, in seconds since 1970."""
        runs = [part.run.at for part in self.trained if part.run]
        return max([*runs, *(kept.at for _, kept in self.evaluations)], default=0)

    @property
    def problems(self) -> list[str]:
        """What cannot be read of it."""
        return sorted({part.problem for part in self.parts if part.problem})


def together(overviews: Iterable[Overview]) -> Activity:
    """Return the last requests about several models."""
    return Activity.of(
        request for one in overviews for part in one.parts for request in part.requests
    )


class Overviews:
    """What is kept of all models of a store.

    Parameters
    ----------
    store : ObjectStore
    """

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def of(self, user: str) -> list[Overview]:
        """Return all that is kept for a user, of each model no more than its last evaluation.

        That may be requests alone, about what is no model yet or not any more.
        """
        return self._read(user, user_folder(user), 1)

    def one(self, user: str, uniqueid: str) -> Overview:
        """Return a model of a user.

        Raises
        ------
        handler.errors.NoSuchModel
        """
        model = ModelId.of(user, uniqueid, "")
        found = self._read(user, model.unique_folder, None)
        if not found or not found[0].exists:
            raise errors.NoSuchModel
        return found[0]

    def _read(self, user: str, folder: str, n_evaluations: int | None) -> list[Overview]:
        """Read with one LIST, and with GETs side by side: each takes some 20 ms on S3."""
        with stage("store"):
            grouped = _grouped(user, self._store.keys(folder))
            wanted = {
                uniqueid: [
                    *(key for model, keys in parts.items() for key in _small(model, keys)),
                    *_latest(parts.values(), n_evaluations),
                ]
                for uniqueid, parts in grouped.items()
            }
            names = [key for keys in wanted.values() for key in keys]
            get = self._store.get
            with ThreadPoolExecutor(_THREADS) as pool:
                # the deadline of the request, which threads would not know
                contexts = [contextvars.copy_context() for _ in names]
                found = pool.map(lambda context, name: context.run(get, name), contexts, names)
                stored = dict(zip(names, found, strict=True))
        content = {key: read.data for key, read in stored.items() if read}
        return [
            Overview(uniqueid, tuple(_part(model, keys, content) for model, keys in parts.items()))
            for uniqueid, parts in grouped.items()
        ]


def _grouped(user: str, keys: list[str]) -> dict[str, dict[ModelId, list[str]]]:
    """Return the keys of each model's parts."""
    grouped: defaultdict[str, defaultdict[ModelId, list[str]]] = defaultdict(
        lambda: defaultdict(list)
    )
    start = f"{user_folder(user)}/"
    for key in keys:
        match = _KEY.fullmatch(key.removeprefix(start))
        if match:
            try:
                uniqueid, dirhash = decoded(match["uniqueid"]), decoded(match["dirhash"])
                f"{uniqueid}{dirhash}".encode()
            except UnicodeError:  # no name that came in a request
                continue
            model = ModelId(user, uniqueid, dirhash)
            if key.startswith(f"{model.folder}/"):
                grouped[uniqueid][model].append(key)
    return {uniqueid: dict(parts) for uniqueid, parts in grouped.items()}


def _small(model: ModelId, keys: list[str]) -> list[str]:
    manifest = [model.manifest] if model.manifest in keys else []
    return manifest + last_requests(key for key in keys if key.startswith(f"{model.requests}/"))


def _latest(parts: Iterable[list[str]], number: int | None) -> list[str]:
    """Return the keys of a model's last evaluations."""
    found = {key: runid_of(key) for keys in parts for key in keys}
    dated = [(runid, key) for key, runid in found.items() if runid is not None]
    return [key for _, key in sorted(dated, reverse=True)[:number]]


def _part(model: ModelId, keys: list[str], content: Mapping[str, bytes]) -> Part:
    manifest, problem = None, ""
    if model.manifest in content:
        try:
            manifest = Manifest.from_bytes(content[model.manifest])
        except (errors.NewerModel, errors.ModelIncomplete) as error:
            problem = str(error)
    return Part(
        model=model,
        manifest=manifest,
        problem=problem,
        requests=tuple(
            request
            for key in keys
            if key in content and key.startswith(f"{model.requests}/")
            if (request := Request.from_bytes(content[key]))
        ),
        evaluations=tuple(
            kept
            for key in keys
            if key in content and runid_of(key) is not None
            if (kept := KeptEvaluation.from_bytes(content[key]))
        ),
    )
