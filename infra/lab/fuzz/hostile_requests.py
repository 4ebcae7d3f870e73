"""Requests that mean harm: Moodle's own, changed, and what a whole server makes of them."""

from __future__ import annotations

import io
import random
import re
import time
from base64 import b64encode
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from flask import Flask
from urllib3.filepost import encode_multipart_formdata
from werkzeug.test import run_wsgi_app

import handler.models.models
import mlcore.evaluation
from handler import parsing
from handler.app import create_app
from handler.settings import Settings
from infra import ROOT
from infra.lab.course import Course
from infra.lab.fuzz import hostile_datasets, hostile_models

T = TypeVar("T")

CREDENTIALS = "Basic " + b64encode(b"moodle:secret").decode()
_STATUSES = {200, 400, 401, 404, 405, 413, 503}
_SENTENCE = re.compile(r"[A-Z][^\n]+\.")
_TEXTS = (
    *(b"", b"0", b"-1", b"1e400", b"nan", b"9" * 30, b"../../etc", b"\0", b"\xff\xfe", b"." * 300),
    *(b"a" * 300, b"uniqueid", b"dataset", "é\u202e".encode(), b'"; name="dirhash', b"\r\n\r\n"),
)
_HEADERS = (
    *(b"Content-Type: multipart/form-data", b"Content-Type: multipart/form-data; boundary="),
    *(b"Content-Type: application/x-www-form-urlencoded", b"Content-Type: text/plain"),
    *(b"Transfer-Encoding: chunked", b"Content-Length: 0", b"Content-Length: 999999999999"),
    *(b"Content-Encoding: gzip", b"Expect: 100-continue", b"User-Agent: MoodleBot/3.9"),
    b"Authorization: Basic ====",
)


def make_app(directory: str) -> Flask:
    """Return an application whose models are kept in a directory, and that learns quickly."""
    parsing.MAX_ITERATIONS = 3  # an evaluation takes as long as it is asked to
    return create_app(
        Settings.from_environ(
            {
                "MOODLE_MLBACKEND_PYTHON_USERS": "moodle:secret",
                "MOODLE_MLBACKEND_PYTHON_DIR": directory,
                "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB": "16",
            }
        )
    )


class Requests:
    """Sends raw requests to an application.

    Parameters
    ----------
    app : Flask
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._learning = 0.0
        # learning is no matter of reading a request, and takes its time
        for module, name in ((handler.models.models, "train"), (mlcore.evaluation, "evaluate")):
            setattr(module, name, self._timed(getattr(module, name)))

    def _timed(self, learn: Callable[..., T]) -> Callable[..., T]:
        def timed(*arguments: Any, **options: Any) -> T:
            began = time.process_time()
            try:
                return learn(*arguments, **options)
            finally:
                self._learning += time.process_time() - began

        return timed

    def __call__(self, data: bytes) -> float:
        """Send a request, and return how long the application learned."""
        head, _, body = data.partition(b"\r\n\r\n")
        first, *headers = head.decode("latin-1").split("\r\n")
        method, _, target = first.partition(" ")
        path, _, query = target.rpartition(" ")[0].partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(),
        }
        for header in headers:
            name, _, value = header.partition(":")
            name = name.upper().replace("-", "_")
            prefix = "" if name in ("CONTENT_TYPE", "CONTENT_LENGTH") else "HTTP_"
            environ[prefix + name] = value.strip()
        environ.setdefault("HTTP_AUTHORIZATION", CREDENTIALS)
        self._learning = 0.0
        chunks, status, answered = run_wsgi_app(self._app.wsgi_app, environ)
        text = b"".join(chunks)
        code = int(status[:3])
        assert code in _STATUSES, f"{status}: {text[:200]!r}"
        if code != 200:
            assert answered["Content-Type"] == "text/plain; charset=utf-8", answered
            assert method == "HEAD" or _SENTENCE.fullmatch(text.decode()), text[:200]
        return self._learning


def seeds() -> list[bytes]:
    """Return Moodle's own requests, and small ones."""
    captured = sorted((ROOT / "tests" / "captures").glob("client/*.req"))
    found = [
        re.sub(rb"\r\nAuthorization: [^\r]*", b"", file.read_bytes()).replace(
            b'name="niterations"\r\n\r\n10', b'name="niterations"\r\n\r\n1'
        )
        for file in captured
    ]
    files = {"dataset": Course(5).labelled(6)}
    found += [_post(endpoint, files) for endpoint in ("training", "evaluation")]
    found.append(_post("prediction", {"dataset": Course(5).unlabelled(3)}))
    found += [_post("import", {"importzip": data}) for data in hostile_models.seeds()[:3]]
    found.append(b"GET /openapi.yaml HTTP/1.1\r\n\r\n")
    return found


def _post(endpoint: str, files: dict[str, bytes], boundary: bytes = b"----x") -> bytes:
    fields: dict[str, Any] = {"uniqueid": b"u", "dirhash": b"d"}
    fields |= {name: ("f", content) for name, content in files.items()}
    body, _ = encode_multipart_formdata(fields, boundary.decode())
    return _request(endpoint, body, boundary)


def _request(endpoint: str, body: bytes, boundary: bytes = b"----x") -> bytes:
    return (
        b"POST /%s HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=%s\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (endpoint.encode(), boundary, len(body), body)
    )


def large(n: int = 1_000_000) -> dict[str, bytes]:
    """Return requests of about `n` bytes, each the worst of its kind.

    The first one makes the model that the others ask.
    """
    train = b'nfeatures,targetclasses\n1,"[0,1]"\na,t\n' + b"-1,0\n1,1\n" * 50
    sample = b'nfeatures,targetclasses\n1,"[0,1]"\ns,a\n'
    part = b'------x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n'
    numbers = np.random.default_rng(0).random(n // 9).round(6)
    form = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s"
    found = {
        "a training": _post("training", {"dataset": train}),
        "tiny rows": _post("prediction", {"dataset": sample + b",1\n" * (n // 3)}),
        "tiny rows with ids": _post("prediction", {"dataset": sample + b"aa,1\n" * (n // 5)}),
        "tiny rows, all distinct": _post(
            "prediction", {"dataset": sample + b"".join(b",%g\n" % value for value in numbers)}
        ),
        "a body of line ends": _request("training", b"\r\n" * (n // 2)),
        "a body that is nearly a boundary": _request("training", b"\r\n------" * (n // 8)),
        "a part without an end": _request("training", part + b"\r\n-" * (n // 3)),
        "a long header": _request("training", b"------x\r\nA: " + b"a" * n),
        "many headers": _request("training", b"------x\r\n" + b"A: a\r\n" * (n // 6)),
        "many parts": _request("training", part * (n // len(part)) + b"------x--"),
        "many fields": b"POST /training HTTP/1.1\r\n" + form % (n, b"a&" * (n // 2)),
        "many parameters": b"POST /training?%s HTTP/1.1\r\n\r\n" % (b"a&" * (n // 2)),
        "a long uniqueid": _post("training", {"uniqueid": b"." * n}),
        "a long boundary": _post("training", {"dataset": train}, b"x" * n),
        "a long dataset in a field": _request(
            "training", part.replace(b'"a"', b'"dataset"') + b"a" * n + b"\r\n------x--"
        ),
    }
    found |= {
        f"{name}, to learn": _post("training", {"dataset": data})
        for name, data in hostile_datasets.large(n).items()
    }
    found |= {
        f"{name}, to import": _post("import", {"importzip": data})
        for name, data in hostile_models.large().items()
    }
    return found


def mutate(data: bytes, chance: random.Random, garble: Callable[[bytes], bytes]) -> bytes:
    """Return another request: with other parts, headers or address, or garbled."""
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    boundary = re.search(rb"boundary=(\S+)", head)
    match chance.randrange(8):
        case 0:
            return garble(data)
        case 1:
            lines[0] = garble(lines[0])
        case 2:
            lines.insert(chance.randint(1, len(lines)), chance.choice(_HEADERS))
        case 3 if len(lines) > 1:
            at = chance.randrange(1, len(lines))
            lines[at] = garble(lines[at])
        case _ if boundary:
            body = _other_parts(body, b"--" + boundary[1], chance, garble)
    if chance.randrange(10):  # as servers see to it
        lines = [line for line in lines if not line.lower().startswith(b"content-length:")]
        lines.append(b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _other_parts(
    body: bytes, delimiter: bytes, chance: random.Random, garble: Callable[[bytes], bytes]
) -> bytes:
    parts = body.split(delimiter)
    at = chance.randrange(len(parts))
    head, _, content = parts[at].partition(b"\r\n\r\n")
    match chance.randrange(8):
        case 0:
            parts.insert(at, parts[at])
        case 1 if len(parts) > 1:
            del parts[at]
        case 2:
            parts[at] = garble(parts[at])
        case 3:
            parts[at] = garble(head) + b"\r\n\r\n" + content
        case 4:
            parts[at] = head + b"\r\n\r\n" + chance.choice(_TEXTS) + b"\r\n"
        case _:
            at = next((i for i, part in enumerate(parts) if b"filename=" in part), at)
            head, _, content = parts[at].partition(b"\r\n\r\n")
            other = hostile_models.mutate if content.startswith(b"PK") else hostile_datasets.mutate
            content = other(content.removesuffix(b"\r\n"), chance, garble)
            parts[at] = head + b"\r\n\r\n" + content + b"\r\n"
    return delimiter.join(parts)
