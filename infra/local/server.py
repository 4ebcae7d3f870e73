"""A server in a process of its own, for as long as it is needed."""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

from handler import settings
from handler.auth import users
from infra.local.client import Moodle

_USERNAME = "demonstration"
_START_SECONDS = 60


class NotStarted(Exception):
    """The server did not start; the message says what it wrote."""


@contextmanager
def running(
    directory: Path,
    more_users: Sequence[str] = (),
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[tuple[Moodle, int]]:
    """Run ``python -m handler`` on a free port, with a store of its own, and stop it afterwards.

    Parameters
    ----------
    directory : Path
        For its log, and for the models where `environ` names no bucket.
    more_users : sequence of str
        Entries of further users.
    environ : mapping of str to str
        Further variables.

    Yields
    ------
    moodle : Moodle
        A site that may use it.
    pid : int
        The server's process.
    """
    entry, password = users.make_entry(_USERNAME)
    environ = {
        **{name: value for name, value in os.environ.items() if name not in settings.VARIABLES},
        users.VARIABLE: ",".join([entry, *more_users]),
        settings.DIRECTORY: str(directory / "models"),
        **environ,
    }
    log = directory / "server.log"
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-m", "handler", "--port", "0"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as server,
    ):
        try:
            yield Moodle("127.0.0.1", _port(server, log), _USERNAME, password), server.pid
        finally:
            server.terminate()


def _port(server: subprocess.Popen[str], log: Path) -> int:
    """Wait for the line in which the server says where it listens."""
    assert server.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(
        target=lambda out: lines.put(out.readline()), args=(server.stdout,), daemon=True
    ).start()
    try:
        line = lines.get(timeout=_START_SECONDS)
    except queue.Empty:
        line = ""
    port = re.search(r"http://\S+:(\d+),", line)
    if not port:
        raise NotStarted(f"The server did not start: {log.read_text().strip() or 'no answer'}")
    return int(port[1])
