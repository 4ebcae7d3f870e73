"""Cold starts: new processes, from nothing to their first answer.

What counts is the processor time of the whole process, so that neither other users of the machine
nor the wait for the store matter, and the ratio to the bare import beside it, as the machine may be
slower a minute later. The store is S3, which moto plays in this process.
"""

from __future__ import annotations

import base64
import logging
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from operator import sub, truediv
from pathlib import Path

import urllib3

from handler import settings
from handler.auth import users
from infra.lab.bench import process
from infra.lab.bench.goals import Goal
from infra.lab.course import Course
from infra.local.client import CONTENT_TYPE, multipart

_TIMES = 15
_BUCKET = "benchmark"
_ROWS = 300


# A WSGI server's request. A test client would import what no server needs.
_PROGRAM = """
import io, json, sys
from handler.app import create_app

def answer(method, endpoint, query="", body=b""):
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": endpoint,
        "QUERY_STRING": query,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": sys.argv[3],
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": sys.argv[1],
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
    }
    return b"".join(create_app()(environ, lambda status, headers, exc_info=None: None))
"""


def _request(endpoint: str, dirhash: str) -> str:
    """Return a program that sends a form (its second argument) to the application."""
    return f"""{_PROGRAM}
with open(sys.argv[2], "rb") as form:
    body = form.read()
received = answer("POST", "/{endpoint}", "uniqueid=benchmark&dirhash={dirhash}", body)
assert json.loads(received)["status"] == 0, received
"""


_STARTS = {
    "import": "import flask, boto3, numpy",
    "/version": f"""{_PROGRAM}
assert answer("GET", "/version") == b"3.0.5"
""",
    "a prediction": _request("prediction", "trained"),
    "a training": _request("training", "NEW"),
}


def goals() -> Iterator[Goal]:
    """Measure cold starts."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = _measure(Path(folder))
    base = seconds["import"]
    aside = f"of {statistics.median(base):.2f} s to import flask, boto3 and numpy"
    for name, limit in (("/version", 1.3), ("a prediction", 1.6)):
        ratio = statistics.median(map(truediv, seconds[name], base))
        yield Goal(f"cold process to {name}", ratio, limit, "×", aside=aside)
    more = statistics.median(map(sub, seconds["a training"], base))
    yield Goal("cold process to a training, more than the import", more, 0.8, "s")


def _measure(folder: Path) -> dict[str, list[float]]:
    """Return the processor times of each kind of start, those of one round at one place."""
    from moto.server import ThreadedMotoServer

    entry, password = users.make_entry("benchmark")
    authorization = f"Basic {base64.b64encode(f'benchmark:{password}'.encode()).decode()}"
    course = Course()
    labelled, unlabelled = folder / "labelled", folder / "unlabelled"
    labelled.write_bytes(multipart({"dataset": course.labelled(_ROWS)}))
    unlabelled.write_bytes(multipart({"dataset": course.unlabelled(_ROWS)}))
    s3 = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it would log each request to S3
    s3.start()
    host, port = s3.get_host_and_port()
    environ = os.environ | {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        settings.BUCKET: _BUCKET,
        users.VARIABLE: entry,
    }
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # modules are compiled before, as on Lambda
    found: dict[str, list[float]] = {name: [] for name in _STARTS}
    try:
        assert urllib3.request("PUT", f"http://{host}:{port}/{_BUCKET}").status == 200
        _processor_seconds(_request("training", "trained"), authorization, labelled, environ)
        for i in range(_TIMES):
            for name, code in _STARTS.items():
                form = unlabelled if name == "a prediction" else labelled
                code = code.replace("NEW", f"new-{i}")
                found[name].append(_processor_seconds(code, authorization, form, environ))
    finally:
        s3.stop()
    return found


def _processor_seconds(code: str, authorization: str, form: Path, environ: dict[str, str]) -> float:
    """Run code in a new process, and return how long it kept the processor busy."""
    with process.one_core():
        started = subprocess.Popen(
            [sys.executable, "-c", code, authorization, str(form), CONTENT_TYPE], env=environ
        )
    _, status, used = os.wait4(started.pid, 0)
    started.returncode = os.waitstatus_to_exitcode(status)
    if started.returncode:
        raise subprocess.CalledProcessError(started.returncode, started.args)
    return used.ru_utime + used.ru_stime
