"""Lambda's side of a function: processes of AWS's own runtime client, and the API that they poll.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO, Any

from infra.aws.resources import FUNCTION
from infra.local.gateway.events import PAYLOAD_BYTES
from infra.package.build import PYTHON, Folders, find_python, install, locked

_API = "/2018-06-01/runtime"
_CLIENT = ("awslambdaric", "simplejson", "snapshot-restore-py")
_START = """
import sys
sys.path[:0] = sys.argv[1:3]
from awslambdaric.__main__ import main

main(["", sys.argv[3]])
"""


class FunctionFailed(Exception):
    """The function raised an error, crashed, took too long or returned too much."""


@dataclass(frozen=True)
class Function:
    """What Lambda knows of a function.

    Parameters
    ----------
    code : Path
        Its unpacked package.
    client : Path
        Folder of AWS's runtime client, see `fetch_client`.
    environment : mapping of str to str
        Its own variables.
    handler : str
        Which function of the code is called.
    seconds : float
        How long it may take.
    """

    code: Path
    client: Path
    environment: Mapping[str, str]
    handler: str
    seconds: float = 900


def fetch_client(folders: Folders) -> Path:
    """Return the folder of AWS's runtime client; fetch it the first time."""
    folder = folders.root / "client"
    if not folder.exists():
        unfinished = folders.root / "client-unfinished"
        install(locked(*_CLIENT), folders, into=unfinished)
        unfinished.rename(folder)
    return folder


class Instance:
    """A process that answers one event after the other.

    Parameters
    ----------
    function : Function
    log : file
        Where the function's output goes, which on AWS is CloudWatch.
    """

    def __init__(self, function: Function, log: IO[bytes]) -> None:
        self._function = function
        self._log = log
        self._stopped = False
        self._events: queue.Queue[tuple[str, bytes]] = queue.Queue()
        self._results: queue.Queue[tuple[str, bool, bytes]] = queue.Queue()
        self._at_work = ""  # the id of the event that was handed over last
        self._api = _serve_api(self)
        self._process = self._start()

    def invoke(self, event: Mapping[str, Any]) -> bytes:
        """Return what the function returns for an event.

        Raises
        ------
        FunctionFailed
        """
        invocation = str(uuid.uuid4())
        self._events.put((invocation, json.dumps(event).encode()))
        deadline = time.monotonic() + self._function.seconds
        is_first = True
        while True:
            try:
                of, ok, result = self._results.get(timeout=0.2)
            except queue.Empty:
                exited = self._process.poll() is not None
                if not exited and time.monotonic() < deadline:
                    continue
                if not self._stopped:
                    self._restart()
                if exited and self._at_work != invocation and is_first and not self._stopped:
                    is_first = False  # it ended with the event before, as AWS would have seen
                    continue
                raise FunctionFailed("The runtime exited, or took too long.") from None
            if of != invocation:
                continue  # nobody waits for it any more
            if not ok:
                raise FunctionFailed(result.decode())
            return result

    def stop(self) -> None:
        """End the process."""
        self._stopped = True
        self._process.kill()
        self._process.wait()
        self._api.shutdown()
        self._api.server_close()

    def next(self) -> tuple[str, bytes] | None:
        """Return the next event and its id; None: the process is gone."""
        process = self._process
        while self._process is process and process.poll() is None:
            try:
                event = self._events.get(timeout=0.2)
            except queue.Empty:
                continue
            self._at_work = event[0]
            return event
        return None

    def done(self, invocation: str, ok: bool, result: bytes) -> None:
        """Take the result of an event, which is known by its id."""
        self._results.put((invocation, ok, result))

    @property
    def seconds(self) -> float:
        """How long an event may take."""
        return self._function.seconds

    def _restart(self) -> None:
        self._process.kill()
        self._process.wait()
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        """Run the client with nothing but the package, itself and the standard library."""
        code, client = str(self._function.code), str(self._function.client)
        return subprocess.Popen(
            [find_python(), "-I", "-S", "-c", _START, code, client, self._function.handler],
            cwd=code,
            env={**self._environment(), **self._function.environment},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def _environment(self) -> dict[str, str]:
        """Return the variables that Lambda sets."""
        code = str(self._function.code)
        host, port = self._api.server_address[:2]
        return {
            "PATH": "/usr/local/bin:/usr/bin:/bin",
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "LD_LIBRARY_PATH": f"{code}:{code}/lib",
            "LAMBDA_TASK_ROOT": code,
            "LAMBDA_RUNTIME_DIR": str(self._function.client),
            "AWS_LAMBDA_RUNTIME_API": f"{host!s}:{port}",
            "AWS_LAMBDA_FUNCTION_NAME": FUNCTION,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{FUNCTION}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "local",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{PYTHON}",
            "_HANDLER": self._function.handler,
        }


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a process that was ended while it waited for an event."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _serve_api(instance: Instance) -> ThreadingHTTPServer:
    """Serve the runtime API for one process, which it polls."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            """Wait for an event, and hand it over."""
            event = instance.next()
            if event is None:
                self.close_connection = True
                return
            deadline = int((time.time() + instance.seconds) * 1000)
            self._answer(
                200,
                event[1],
                {
                    "Lambda-Runtime-Aws-Request-Id": event[0],
                    "Lambda-Runtime-Deadline-Ms": str(deadline),
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:local",
                    "Content-Type": "application/json",
                },
            )

        def do_POST(self) -> None:
            """Take a result or an error."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if not self.path.startswith(f"{_API}/invocation/"):
                self._answer(202, b"")  # an error at the start, after which the process ends
                return
            invocation, _, what = self.path.removeprefix(f"{_API}/invocation/").partition("/")
            if what != "response":
                instance.done(invocation, False, body)
                self._answer(202, b"")
            elif len(body) > PAYLOAD_BYTES:
                too_large = b"Response payload size exceeded maximum allowed size."
                instance.done(invocation, False, too_large)
                self._answer(413, b"{}")
            else:
                instance.done(invocation, True, body)
                self._answer(202, b"")

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str] = {}) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
