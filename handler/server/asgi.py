"""The application as a server of one's own runs it: bodies come in before a thread is taken.

Whoever sends slowly (Slowloris), or much, or without a password, must not stop the others (denial
of service). So what can be refused is refused before its body is read; bodies are read side by side
by the event loop, at a minimum rate and within a common limit of memory, never to a disk; and what
has a body, or waits for the store, leaves threads for what does not. On AWS Lambda, gateways and
instances do all this.
"""

from __future__ import annotations

import asyncio
import io
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

from flask import Flask, g, request
from werkzeug.wrappers import Response

from handler import errors
from handler.auth import signin

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

    Scope = dict[str, Any]
    Receive = Callable[[], Any]
    Send = Callable[[dict[str, Any]], Any]

T = TypeVar("T")

_QUICK_THREADS = 2  # for what waits neither for the store nor for a password's hash
_PAGE_THREADS = 2  # for the pages, which are not to wait for what Moodle asks
_THREADS = 6  # for what has a body, and as many for what has none
_MAX_BODIES = 100  # which come in, wait or are worked on at a time
_USERS_BODIES = 50  # and those of one user,
_USERS_THREADS = 2  # for whom no more are worked on at a time
_GRACE_SECONDS = 10.0  # after which a body
_BYTES_PER_SECOND = 32 << 10  # must have come in at this rate
_PIECE = 1 << 16  # of an answer, which a slow reader takes in its own time


class Front:
    """A Flask application as an ASGI application.

    Parameters
    ----------
    app : flask.Flask
    max_body_bytes : int
        Size of the largest body; all of one user together may have as much, all twice as much.
    """

    def __init__(self, app: Flask, max_body_bytes: int) -> None:
        self._app = app
        self._max_body = max_body_bytes
        self._room = _Room(2 * max_body_bytes)
        self._turns: defaultdict[str, asyncio.Semaphore] = defaultdict(
            lambda: asyncio.Semaphore(_USERS_THREADS)
        )
        self._quick, self._pages = map(ThreadPoolExecutor, (_QUICK_THREADS, _PAGE_THREADS))
        self._with_body, self._without = ThreadPoolExecutor(_THREADS), ThreadPoolExecutor(_THREADS)
        self._at_work: set[Future[Any]] = set()

    @property
    def busy(self) -> bool:
        """Whether a thread still works on a request."""
        return any(future.running() for future in self._at_work)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or nothing where its client is gone."""
        answer = await self._answer(_environ(scope), receive)
        if answer is not None:
            await _send(answer, send)

    async def _answer(self, environ: WSGIEnvironment, receive: Receive) -> Response | None:
        is_page, is_quick = self._about(environ)
        if not _has_body(environ):
            pool = self._quick if is_quick else self._pages if is_page else self._without
            return await self._run(pool, self._answered, environ)
        pool = self._pages if is_page else self._without
        refusal, user = await self._run(pool, self._admission, environ.copy())
        if refusal is not None:
            return refusal
        limit = signin.MAX_FORM_BYTES if user is None else self._max_body
        try:
            with self._room.for_body(user) as take:
                body = await _read(receive, _declared(environ), limit, take)
                environ |= {"wsgi.input": body, "CONTENT_LENGTH": str(len(body.getbuffer()))}
                environ.pop("HTTP_TRANSFER_ENCODING", None)
                if is_page or user is None:
                    return await self._run(self._pages, self._answered, environ)
                async with self._turns[user]:
                    return await self._run(self._with_body, self._answered, environ)
        except errors.AdminError as error:
            return await self._run(self._quick, self._refused, environ, error)
        except _ClientGone:
            return None

    async def _run(self, pool: ThreadPoolExecutor, work: Callable[..., T], *given: Any) -> T:
        future = pool.submit(work, *given)
        self._at_work.add(future)
        future.add_done_callback(self._at_work.discard)
        return await asyncio.wrap_future(future)

    def _about(self, environ: WSGIEnvironment) -> tuple[bool, bool]:
        """Say whether a request is for a page, and whether it waits for nothing."""
        with self._app.request_context(environ.copy()):
            is_quick = request.endpoint is None or request.endpoint in signin.PUBLIC
            return request.blueprint == signin.PAGES, is_quick

    def _answered(self, environ: WSGIEnvironment) -> Response:
        return Response.from_app(self._app.wsgi_app, environ, buffered=True)

    def _admission(self, environ: WSGIEnvironment) -> tuple[Response | None, str | None]:
        """Return a refusal, or None and who has signed in, None where nobody has.

        All that the application does before a request is done here, too: nothing of it reads a
        body.
        """
        with self._app.request_context(environ):
            try:
                answer = self._app.preprocess_request()
                if answer is None and request.routing_exception:
                    raise request.routing_exception
            except Exception as error:
                answer = self._app.handle_user_exception(error)
            if answer is None:
                return None, g.get("user")
            return self._app.finalize_request(answer), None

    def _refused(self, environ: WSGIEnvironment, error: Exception) -> Response:
        """Answer with a sentence, and a line of the log, as to any other request."""
        with self._app.request_context(environ):
            self._app.preprocess_request()
            return self._app.finalize_request(self._app.handle_user_exception(error))


class _ClientGone(Exception):
    """Nobody waits for the answer any more."""


class _Room:
    """How much all bodies together may hold, and those of one user.

    Parameters
    ----------
    limit : int
        In bytes; one user may hold half of it.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes: Counter[str | None] = Counter()
        self._bodies: Counter[str | None] = Counter()

    @contextmanager
    def for_body(self, user: str | None) -> Iterator[Callable[[int], None]]:
        """Give what takes room for more bytes of one body; all of it is free again afterwards."""
        if self._bodies.total() >= _MAX_BODIES or self._bodies[user] >= _USERS_BODIES:
            raise errors.ServerBusy
        taken = 0

        def take(size: int) -> None:
            nonlocal taken
            if self._bytes.total() + size > self._limit or (
                self._bytes[user] + size > self._limit // 2
            ):
                raise errors.ServerBusy
            taken += size
            self._bytes[user] += size

        self._bodies[user] += 1
        try:
            yield take
        finally:
            self._bodies[user] -= 1
            self._bytes[user] -= taken


async def _read(
    receive: Receive, declared: int, limit: int, take: Callable[[int], None]
) -> io.BytesIO:
    """Read a body.

    Raises
    ------
    handler.errors.BodyTooLarge, handler.errors.FormTooLarge
    handler.errors.BodyTooSlow
    handler.errors.ServerBusy
    """
    body, size = io.BytesIO(), declared
    clock = asyncio.get_running_loop().time
    began = clock()
    while size <= limit:
        patience = began + _GRACE_SECONDS + body.tell() / _BYTES_PER_SECOND - clock()
        try:
            message = await asyncio.wait_for(receive(), max(patience, 0))
        except TimeoutError as error:
            raise errors.BodyTooSlow(rate=_BYTES_PER_SECOND >> 10) from error
        if message["type"] == "http.disconnect":
            raise _ClientGone
        size = max(size, body.tell() + len(message["body"]))
        if size > limit:
            break
        take(len(message["body"]))
        body.write(message["body"])
        if not message["more_body"]:
            body.seek(0)
            return body
    raise errors.too_large(limit)


async def _send(answer: Response, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status_code, "headers": headers})
    body = answer.get_data()
    for begin in range(0, len(body), _PIECE):
        piece = body[begin : begin + _PIECE]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _environ(scope: Scope) -> WSGIEnvironment:
    """Return the WSGI environment of a request (PEP 3333), as yet without a body."""
    host, port = scope["server"] or ("", 0)
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "REMOTE_ADDR": (scope["client"] or [""])[0],
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": io.BytesIO(),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    for name, value in scope["headers"]:
        if b"_" in name:  # would be taken for the one with "-", which a proxy may have checked
            continue
        variable = name.decode("latin-1").upper().replace("-", "_")
        if variable not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            variable = f"HTTP_{variable}"
        text = value.decode("latin-1")
        environ[variable] = f"{environ[variable]},{text}" if variable in environ else text
    return environ


def _declared(environ: WSGIEnvironment) -> int:
    length: str = environ.get("CONTENT_LENGTH", "")
    return int(length) if length.isdecimal() else 0


def _has_body(environ: WSGIEnvironment) -> bool:
    return _declared(environ) > 0 or "HTTP_TRANSFER_ENCODING" in environ
