"""Real HTTP in, events for Lambda out, with AWS's limits."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from infra.local.gateway.events import PAYLOAD_BYTES, Gateway, Request, Response, response
from infra.local.gateway.runtime import FunctionFailed, Instance

_MOST_BYTES = 20 << 20  # which this gateway reads before it refuses


class Pool:
    """Instances that take turns, so that two of them share the work whatever its order.

    Parameters
    ----------
    instances : sequence of Instance
    """

    def __init__(self, instances: Sequence[Instance]) -> None:
        self._idle: queue.Queue[Instance] = queue.Queue()
        for instance in instances:
            self._idle.put(instance)
        self._executor = ThreadPoolExecutor(len(instances))

    def answer(self, gateway: Gateway, request: Request) -> Response:
        """Return what a gateway answers to a request."""
        event = gateway.event(gateway, request)
        if len(json.dumps(event)) > PAYLOAD_BYTES:
            return gateway.too_large
        working: Future[bytes] = self._executor.submit(self._invoke, event)
        try:
            result = working.result(timeout=gateway.seconds)
            if len(result) > PAYLOAD_BYTES:
                return gateway.failed
            return response(gateway, result)
        except TimeoutError:
            return gateway.too_slow  # the function works on
        except FunctionFailed:
            return gateway.failed

    def _invoke(self, event: dict[str, object]) -> bytes:
        instance = self._idle.get()
        try:
            return instance.invoke(event)
        finally:
            self._idle.put(instance)


@contextmanager
def serving(pool: Pool, gateway: Gateway, host: str, port: int) -> Iterator[int]:
    """Serve a gateway while the context lasts, and give the port it listens on."""
    server = ThreadingHTTPServer((host, port), _handler(pool, gateway))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(pool: Pool, gateway: Gateway) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def _answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length > _MOST_BYTES:
                self.close_connection = True
                self._send(gateway.too_large)
                return
            request = Request(
                self.command,
                self.path,
                tuple(self.headers.items()),
                self.rfile.read(length),
                str(self.client_address[0]),
            )
            if f"{request.path}/".startswith(f"{gateway.prefix}/"):
                self._send(pool.answer(gateway, request))
            else:
                self._send(Response(403, (), b'{"message":"Missing Authentication Token"}'))

        do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _answer

        def _send(self, response: Response) -> None:
            self.send_response_only(response.status)
            for name, value in response.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Handler
