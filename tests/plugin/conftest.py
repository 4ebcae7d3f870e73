"""A server, a front before it that fails when told to, and Lambda's limits before another."""

import json
import os
import shutil
import socket
import subprocess
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import pytest

from handler.app import create_app
from handler.auth.users import VARIABLE
from handler.settings import Settings
from infra.local.gateway.events import REST_API
from infra.local.gateway.listener import Pool, serving
from infra.local.server import running
from tests.lambda_instance import Instance

USER, PASSWORD = "moodle", "secret"
PHP = Path(__file__).with_name("php")


class Front:
    """What stands before the server.

    Attributes
    ----------
    faults : list of dict
        What to answer next instead of the server: ``status``, ``body`` and ``headers``, or
        ``hang``; ``only`` is an endpoint that it waits for, ``lost`` lets the server do it first.
    seen : list of dict
        The requests: ``path``, ``headers``, ``bytes`` and ``gzip``, whether a part is compressed.
    """

    def __init__(self, port):
        self.backend = port
        self.faults = []
        self.seen = []
        self.ended = Event()

    def ask(self, method, path, headers, body):
        """Return the server's answer: status, headers and body."""
        with closing(HTTPConnection("127.0.0.1", self.backend)) as connection:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()

    def fault_for(self, path):
        """Take the next fault, if it is for this request."""
        if self.faults and self.faults[0].get("only", "") in path:
            return self.faults.pop(0)
        return None


def handler_of(front):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if self.path == "/front":
                self._send(200, {}, self._told(body))
                return
            headers = {name.lower(): value for name, value in self.headers.items()}
            front.seen.append(
                {
                    "path": self.path,
                    "headers": headers,
                    "bytes": len(body),
                    "gzip": b"\r\n\r\n\x1f\x8b" in body,
                }
            )
            fault = front.fault_for(self.path) or {}
            if fault.get("hang"):
                front.ended.wait(120)
                self.close_connection = True
                return
            if not fault or fault.get("lost"):
                answer = front.ask(self.command, self.path, dict(self.headers.items()), body)
            if fault:
                answer = fault["status"], fault.get("headers", {}), fault.get("body", "").encode()
            self._send(*answer)

        do_GET = do_POST = _answer

        def _told(self, body):
            if self.command == "POST":
                front.faults, front.seen = json.loads(body), []
            return json.dumps(front.seen).encode()

        def _send(self, status, headers, body):
            self.send_response_only(status)
            for name, value in headers.items():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    return Handler


@pytest.fixture(scope="module")
def phpunit(tmp_path_factory):
    """Run the tests of a file of PHP against all that they need."""
    if not shutil.which("phpunit"):
        missing = "there is no PHPUnit (Debian and Ubuntu: apt-get install phpunit php-curl)"
        assert not os.environ.get("PHPUNIT_REQUIRED"), missing
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("plugin")
    with ExitStack() as stack:
        users = {VARIABLE: f"{USER}:{PASSWORD}"}
        server = stack.enter_context(running(folder, environ=users))
        front = Front(server.port)
        listener = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(front))
        stack.callback(listener.server_close)
        stack.callback(listener.shutdown)
        stack.callback(front.ended.set)
        Thread(target=listener.serve_forever, daemon=True).start()
        gateway = stack.enter_context(serving(Pool([lambda_of(folder)]), REST_API, "127.0.0.1", 0))
        with socket.create_server(("127.0.0.1", 0)) as free:
            nobody = free.getsockname()[1]
        addresses = {
            "FRONT": f"127.0.0.1:{listener.server_port}",
            "LAMBDA": f"127.0.0.1:{gateway}{REST_API.prefix}",
            "NOBODY": f"127.0.0.1:{nobody}",
        }
        yield lambda name, **environ: run(name, folder, addresses | environ)


def lambda_of(folder):
    settings = Settings.from_environ(
        {VARIABLE: f"{USER}:{PASSWORD}", "MOODLE_MLBACKEND_PYTHON_DIR": str(folder / "lambda")}
    )
    return Instance(create_app(settings))


def run(name, folder, environ):
    command = ["phpunit", "--bootstrap", PHP / "moodle.php", "--do-not-cache-result", PHP / name]
    environ = {**os.environ, "TMPDIR": str(folder), **environ}
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
