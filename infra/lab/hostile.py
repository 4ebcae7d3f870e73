"""Attack ``python -m handler`` over sockets, and measure what others notice of it.

Each attack goes on until the figures are taken: how long ``/version`` and a prediction take
meanwhile, at most, and how much more memory the server has.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path

from handler.auth import users
from infra.lab.bench import process
from infra.lab.course import Course
from infra.local import server
from infra.local.client import Moodle

Attack = Callable[[], AbstractContextManager[None]]

_PROBES = 20
_NAME = "site"
_HEAD = "POST /training HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=b\r\n"


def main() -> int:
    """Run all attacks, and print a table."""
    entry, password = users.make_entry(_NAME)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        started = stack.enter_context(server.running(folder, environ={users.VARIABLE: entry}))
        moodle = Moodle(started.exchange, _NAME, password)
        moodle.train(Course().labelled(200))
        print("| attack | /version, s | prediction, s | more memory, MB |\n|---|---|---|---|")
        for name, attack in attacks(started.port, _NAME, password).items():
            _measure(name, attack, moodle, started.process.pid)
    return 0


def attacks(port: int, name: str, password: str) -> dict[str, Attack]:
    """Return attacks on a server of this machine by their names; each lasts while its context does.

    Parameters
    ----------
    port : int
    name, password : str
        Of a user who is hostile.
    """
    credentials = b64encode(f"{name}:{password}".encode()).decode()
    signed_in = f"{_HEAD}Authorization: Basic {credentials}\r\n"
    return {
        "none": lambda: _opened(port, 0, b""),
        "300 unfinished heads": lambda: _opened(port, 300, _HEAD.encode()),
        "12 bodies of 60 MB, no password": lambda: _opened(port, 12, _body(_HEAD, 60)),
        "40 slow bodies, with a password": lambda: _opened(port, 40, _slow(signed_in)),
    }


def _slow(head: str) -> bytes:
    return f"{head}Content-Length: 1000000\r\n\r\nx".encode()


def _body(head: str, megabytes: int) -> bytes:
    size = megabytes << 20
    return f"{head}Content-Length: {size + 1}\r\n\r\n".encode() + bytes(size)


@contextmanager
def _opened(port: int, count: int, begins: bytes) -> Iterator[None]:
    """Keep connections that have sent the beginning of a request."""
    with ExitStack() as stack:
        for _ in range(count):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            with suppress(ConnectionError):
                connection.sendall(begins)
        yield


def _measure(name: str, attack: Attack, moodle: Moodle, pid: int) -> None:
    before = _megabytes(pid)
    with attack():
        version = max(_seconds(moodle.version) for _ in range(_PROBES))
        data = Course().unlabelled(20)
        predicted = max(_seconds(lambda: moodle.prediction(data)) for _ in range(_PROBES))
        grown = _megabytes(pid) - before
    print(f"| {name} | {version:.3f} | {predicted:.3f} | {grown:.0f} |", flush=True)


def _megabytes(pid: int) -> float:
    return (process.memory(pid) or 0) / 1e6


def _seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    sys.exit(main())
