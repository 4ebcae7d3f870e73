"""A Moodle site whose every answer can be told beforehand."""

from __future__ import annotations

import io
import json
import random
import threading
import time
import zipfile
from collections import Counter
from collections.abc import Callable

from infra.local.client import Answer, Moodle

UNIQUEID = "model"

_FEATURES = 8
_SAMPLES = 30  # of a file
_FILES = 5  # that a version of the model learns, so that memory has no reason to grow
_SHARES = {"predict": 80, "train": 10, "evaluate": 5, "share": 5}  # of what a site does


class WrongAnswer(Exception):
    """An answer that is not this site's."""


class Site:
    """A site with one model. Several threads may be clients of one site.

    It has two classes that no other site has, and a column of its own decides between them, so
    what another site's model answers is never right here.

    Parameters
    ----------
    number : int
        Which site.
    moodle : Moodle
        Its model at the server.
    record : callable
        Is told each request's endpoint and how many seconds it took.
    """

    def __init__(self, number: int, moodle: Moodle, record: Callable[[str, float], object]) -> None:
        self.username = moodle.user
        self.learned: Counter[str] = Counter()  # samples by dirhash, as the server confirmed them
        self._moodle = moodle
        self._record = record
        self._classes = (2 * number, 2 * number + 1)
        self._column = number % _FEATURES
        self._random = random.Random(number)  # noqa: S311
        self._lock = threading.Lock()
        self._n_samples = self._n_files = self._version = 0
        self._runids: set[int] = set()

    def warm_up(self) -> None:
        """Do everything once."""
        for name in ("train", *_SHARES):
            getattr(self, name)()

    def act(self) -> None:
        """Do one of the things that sites do.

        Raises
        ------
        WrongAnswer
            When what came back is not this site's.
        infra.local.client.Refused, urllib3.exceptions.HTTPError
        """
        (name,) = self._random.choices(list(_SHARES), list(_SHARES.values()))
        getattr(self, name)()

    def train(self) -> None:
        """Learn samples that nobody sent before, now and then for a new version of the model."""
        data, _ = self._file(labelled=True)
        with self._lock:
            version, self._n_files = self._n_files // _FILES, self._n_files + 1
        answer = self._ask("training", lambda: self._model(version).training(data)).json
        _require(answer == {"status": 0, "info": []}, answer)
        with self._lock:
            self.learned[_dirhash(version)] += _SAMPLES
            self._version = max(version, self._version)

    def predict(self, dirhash: str | None = None) -> None:
        """Ask for the classes of samples, which their deciding column tells."""
        data, expected = self._file(labelled=False)
        model = self._model(self._version) if dirhash is None else self._moodle.but(dirhash=dirhash)
        answer = self._ask("prediction", lambda: model.prediction(data)).json
        rows = answer.get("predictions", [])
        _require([row[:2] for row in rows] == expected, answer)
        _require(all(0.5 < float(score) <= 1 for _, _, score in rows), answer)

    def evaluate(self) -> None:
        """Evaluate with a limit that is like no other, and fetch the log at once."""
        data, _ = self._file(labelled=True)
        limit = self._random.uniform(0.1, 0.5)
        model = self._moodle.but(dirhash="evaluation")
        answer = self._ask(
            "evaluation",
            lambda: model.evaluation(data, minscore=limit, maxdeviation=0.5, niterations=3),
        ).json
        _require((answer["status"], answer["min_score"]) == (0, limit), answer)
        with self._lock:
            _require(answer["runid"] not in self._runids, answer)
            self._runids.add(answer["runid"])
        log = self._ask("evaluationlog", lambda: model.evaluationlog(answer["runid"])).content
        with zipfile.ZipFile(io.BytesIO(log)) as archive:
            told = json.loads(archive.read("evaluation.json"))["answer"]
        _require(told["min_score"] == limit, told)

    def share(self) -> None:
        """Export the model, import it under another name, and use the copy."""
        exported = self._ask("export", self._model(self._version).export).content
        copy = self._moodle.but(dirhash="copy")
        answer = self._ask("import", lambda: copy.import_(exported)).content
        _require(answer == b"Ok", answer)
        self.predict("copy")

    def _model(self, version: int) -> Moodle:
        return self._moodle.but(dirhash=_dirhash(version))

    def _ask(self, endpoint: str, ask: Callable[[], Answer]) -> Answer:
        began = time.perf_counter()
        answer = ask()
        self._record(endpoint, time.perf_counter() - began)
        return answer

    def _file(self, labelled: bool) -> tuple[bytes, list[list[str]]]:
        """Make up samples.

        Returns
        -------
        data : bytes
            Moodle's file.
        expected : list of [sample id, class]
        """
        lines, expected = [], []
        with self._lock:
            first, self._n_samples = self._n_samples, self._n_samples + _SAMPLES
        for i in range(first, first + _SAMPLES):
            values = [self._random.uniform(-1, 1) for _ in range(_FEATURES)]
            values[self._column] = (i % 2 - 0.5) * self._random.uniform(1.2, 2)
            cells = [f"{value:.2f}" for value in values]
            expected.append([f"{self.username}-{i}", str(self._classes[i % 2])])
            lines.append([*cells, expected[-1][1]] if labelled else [expected[-1][0], *cells])
        columns = [f"indicator{i}" for i in range(_FEATURES)]
        columns = [*columns, "target"] if labelled else ["sampleid", *columns]
        head = [
            "nfeatures,targettype,targetclasses",
            f'{_FEATURES},discrete,"[{self._classes[0]},{self._classes[1]}]"',
        ]
        return "\n".join([*head, *(map(",".join, [columns, *lines])), ""]).encode(), expected


def _dirhash(version: int) -> str:
    return f"version-{version}"


def _require(right: bool, answer: object) -> None:
    if not right:
        raise WrongAnswer(f"not this site's answer: {str(answer)[:300]}")
