"""A client that speaks to the server as Moodle does, over HTTP or whatever carries its requests."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

import urllib3
from urllib3.filepost import encode_multipart_formdata

AGENT = "MoodleBot/4.5 (+https://site.example/moodle)"

_BOUNDARY = "------------------------62215a4b63c153e4"
CONTENT_TYPE = f"multipart/form-data; boundary={_BOUNDARY}"
_SECONDS = 300  # Moodle itself waits for ever

Fields = Mapping[str, Any]


class Refused(Exception):
    """An answer other than 200, in the words in which Moodle shows it."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content(self) -> bytes:
        """The body of a success.

        Raises
        ------
        Refused
            With the server's sentence.
        """
        if self.status != 200:
            said = self.body.decode(errors="replace")
            raise Refused(f"Server error HTTP status code {self.status}: {said}")
        return self.body

    @property
    def json(self) -> Any:
        """The body of a success, read as JSON; raises `Refused`."""
        return json.loads(self.content)


# Takes method, target, headers and body.
Exchange = Callable[[str, str, Mapping[str, str], bytes], Answer]


def over_http(url: str) -> Exchange:
    """Return what sends requests to the server at an address.

    Each has a new connection, as Moodle's have, and is sent once.

    Parameters
    ----------
    url : str
        Its base: ``http://host:port``, or ``https://host/path``.
    """
    path = urlsplit(url).path.rstrip("/")
    base = url.removesuffix("/").removesuffix(path)

    def exchange(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        with urllib3.PoolManager() as pool:
            answer = pool.urlopen(
                method,
                base + path + target,
                body=body,
                headers=headers,
                timeout=_SECONDS,
                retries=False,
            )
        return Answer(answer.status, answer.headers, answer.data)

    return exchange


def multipart(fields: Fields) -> bytes:
    """Return a form's body; what is bytes becomes a file, and what is None is left out."""
    parts = {
        name: (f"{name}.csv", value, "application/octet-stream")
        if isinstance(value, bytes)
        else str(value)
        for name, value in _present(fields).items()
    }
    return encode_multipart_formdata(parts, _BOUNDARY)[0]


@dataclass(frozen=True)
class Moodle:
    """One model of one Moodle site.

    Parameters
    ----------
    exchange : callable
        Takes method, target, headers and body, and returns an `Answer`.
    user, password : str
    uniqueid, dirhash : str, optional
        The model's; None: not sent.
    prefix : str
        What a gateway wants before the endpoints, for instance ``/production``.
    agent : str
    niterations : int
        How many iterations an evaluation has, where nothing else is asked for.
    """

    exchange: Exchange
    user: str
    password: str
    uniqueid: str | None = "4d3fce33e708edeb67dc6220a222057ecb64d3dd"
    dirhash: str | None = "818aba1d274d49706da25c4816a8fd57"
    prefix: str = ""
    agent: str = AGENT
    niterations: int = 10

    def but(self, **changes: Any) -> Self:
        """Return the same Moodle with something changed."""
        return replace(self, **changes)

    def version(self) -> Answer:
        """Ask for the version, which needs no user."""
        return self.exchange("GET", f"{self.prefix}/version", {"User-Agent": self.agent}, b"")

    def training(self, dataset: bytes) -> Answer:
        """Send samples to learn."""
        return self.post("training", **self._model, dataset=dataset)

    def train(self, dataset: bytes) -> Self:
        """Send samples to learn, which must succeed, and return this Moodle; raises `Refused`."""
        answer = self.training(dataset).json
        if answer != {"status": 0, "info": []}:
            raise Refused(str(answer))
        return self

    def prediction(self, dataset: bytes) -> Answer:
        """Send samples to predict."""
        return self.post("prediction", **self._model, dataset=dataset)

    def evaluation(
        self,
        dataset: bytes,
        minscore: float = 0.7,
        maxdeviation: float = 0.05,
        niterations: int | None = None,
        trained: str | None = None,
    ) -> Answer:
        """Send samples to evaluate with; `trained` is the dirhash of a model to be evaluated."""
        return self.post(
            "evaluation",
            uniqueid=self.uniqueid,
            minscore=minscore,
            maxdeviation=maxdeviation,
            niterations=self.niterations if niterations is None else niterations,
            dirhash=self.dirhash,
            dataset=dataset,
            trainedmodeldirhash=trained,
        )

    def evaluationlog(self, runid: int | str) -> Answer:
        """Fetch the log of an evaluation."""
        return self.get("evaluationlog", **self._model, runid=runid)

    def export(self) -> Answer:
        """Fetch the model."""
        return self.get("export", **self._model)

    def import_(self, importzip: bytes) -> Answer:
        """Send a model."""
        return self.post("import", **self._model, importzip=importzip)

    def deletemodel(self) -> Answer:
        """Let the model be deleted."""
        return self.post("deletemodel", uniqueid=self.uniqueid)

    def get(self, endpoint: str, **fields: Any) -> Answer:
        """Send parameters in the query string."""
        return self.send("GET", f"/{endpoint}?{urlencode(_present(fields))}")

    def post(self, endpoint: str, **fields: Any) -> Answer:
        """Send a form, files as bytes."""
        return self.send("POST", f"/{endpoint}", multipart(fields), {"Content-Type": CONTENT_TYPE})

    def send(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send anything, signed in."""
        credentials = b64encode(f"{self.user}:{self.password}".encode()).decode()
        ours = {"Authorization": f"Basic {credentials}", "User-Agent": self.agent}
        return self.exchange(method, self.prefix + target, {**ours, **(headers or {})}, body)

    @property
    def _model(self) -> Fields:
        return {"uniqueid": self.uniqueid, "dirhash": self.dirhash}


def _present(fields: Fields) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}
