"""The HTTP server of one's own: uvicorn, with time-outs for clients, and graceful shutdown."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import sys
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from handler import moodle_settings
from handler.app import create_app
from handler.errors import CannotListen
from handler.moodle_settings import Address
from handler.server.asgi import Front
from handler.settings import Settings

STOP_SECONDS = 30  # in which requests that are under way when the server stops may end

_MAX_CONNECTIONS = 200  # some systems let a process have 256 files open
_HEAD_SECONDS = 10.0  # in which a client must send the head of a request
_DRAIN_SECONDS = 30.0  # in which it must take some of an answer
_MAX_HEAD_BYTES = 1 << 16
_FREE_PIECES = 200  # of a body (chunks), of any size; more must have
_PIECE_BYTES = 64  # so much each, on average


class _Parser(h11.Connection):
    """Reads requests, but no body in crumbs: each piece costs as much work as a large one."""

    def __init__(self) -> None:
        super().__init__(h11.SERVER, _MAX_HEAD_BYTES)
        self._n_pieces = self._n_bytes = 0

    def next_event(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        event = super().next_event()
        if isinstance(event, h11.Request):
            self._n_pieces = self._n_bytes = 0
        elif isinstance(event, h11.Data):
            self._n_pieces += 1
            self._n_bytes += len(event.data)
            if self._n_pieces > _FREE_PIECES and self._n_bytes < _PIECE_BYTES * self._n_pieces:
                raise h11.RemoteProtocolError("a body in crumbs")
        return event


class _Connection(H11Protocol):
    """A connection that ends when its client does not send the head of a request in time.

    That time runs from the beginning, and from the end of each answer: what remains of a body that
    nobody wants must have come by then, too. Where there are too many connections, the one that
    waits longest gives way.
    """

    _waits_since: float | None = None
    _ends: asyncio.TimerHandle | None = None
    _stalls: asyncio.TimerHandle | None = None

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.conn = _Parser()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()
        if len(self.connections) > _MAX_CONNECTIONS:
            waiting = [other for other in self.connections if isinstance(other, _Connection)]
            min(waiting, key=_Connection._patience).transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._work()
        self.resume_writing()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.cycle and not self.cycle.response_complete:
            self._work()

    def on_response_complete(self) -> None:
        self._wait()
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalls = self.loop.call_later(_DRAIN_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        if self._stalls:
            self._stalls.cancel()
        super().resume_writing()

    def _wait(self) -> None:
        self._work()
        self._waits_since = self.loop.time()
        self._ends = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def _work(self) -> None:
        self._waits_since = None
        if self._ends:
            self._ends.cancel()

    def _patience(self) -> float:
        """Return since when it waits; one that works does not give way."""
        return float("inf") if self._waits_since is None else self._waits_since


def serve_until_interrupted(
    settings: Settings, host: str, port: int, username: str | None = None
) -> int:
    """Serve until Ctrl-C or SIGTERM, and return the exit status.

    Parameters
    ----------
    settings : Settings
    host : str
        Address to listen on.
    port : int
        0 takes a free one; the line that says where the server listens names it.
    username : str or None
        For the line that the Moodle plugin wants, without the password, as this may be read by
        many; None: it is not told.

    Raises
    ------
    handler.errors.CannotListen
        When the address is not to be had.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    front = None
    with suppress(KeyboardInterrupt), _listen(host, port) as listener:
        front = Front(create_app(settings), settings.max_body_bytes)
        where = f"S3 bucket {settings.bucket}" if settings.bucket else str(settings.directory)
        port = listener.getsockname()[1]
        print(f"Serving Moodle at http://{host}:{port}, models in {where}", flush=True)
        if username:
            everywhere = ip_address(listener.getsockname()[0]).is_unspecified
            name = "HOST" if everywhere else f"[{host}]" if ":" in host else host
            address = Address(settings.public_url or f"http://{name}:{port}")
            pasted = moodle_settings.line(address, username, "PASSWORD")
            print(f"This project's Moodle plugin takes one line: {pasted}", flush=True)
        _serve(front, listener)
    print("Stopped.", flush=True)
    if front and front.busy:  # the interpreter would wait for it; what it stores is whole or not
        os._exit(0)
    return 0


def _serve(front: Front, listener: socket.socket) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.INFO)
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # what clients send wrongly is no news
    application: Any = front  # whose types are plainer than uvicorn's
    config = uvicorn.Config(
        application,
        interface="asgi3",
        http=_Connection,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    uvicorn.Server(config).run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        is_unknown = isinstance(error, socket.gaierror)
        reason = "no such host" if is_unknown else os.strerror(error.errno or 0)
        raise CannotListen(host=host, port=port, reason=reason) from error
