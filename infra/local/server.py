"""A server in a process of its own, for as long as it is needed."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from handler import settings
from infra import ROOT
from infra.local.client import Exchange, over_http

_START_SECONDS = 300
_STOP_SECONDS = 300


class NotStarted(Exception):
    """The server did not start; the message says what it wrote."""


@dataclass(frozen=True)
class Server:
    """A ``python -m handler`` that answers.

    Attributes
    ----------
    process : subprocess.Popen
    first_line : str
        In which it says where it listens.
    log : Path
        What it writes to standard error.
    """

    process: subprocess.Popen[str]
    first_line: str
    log: Path

    @property
    def port(self) -> int:
        """Where it listens on this machine."""
        found = re.search(r"http://\S+:(\d+),", self.first_line)
        assert found
        return int(found[1])

    @property
    def exchange(self) -> Exchange:
        """What sends requests to it."""
        return over_http(f"http://127.0.0.1:{self.port}")

    def stop(self, by: int = signal.SIGTERM) -> tuple[int, str]:
        """Stop it, and return its exit status and what it printed in the end."""
        assert self.process.stdout is not None
        self.process.send_signal(by)
        rest = self.process.stdout.read()
        return self.process.wait(timeout=_STOP_SECONDS), rest


@contextmanager
def running(
    folder: Path,
    *arguments: str,
    module: str = "handler",
    environ: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Server]:
    """Run a server on a free port, with nothing of this process's settings, and stop it afterwards.

    Parameters
    ----------
    folder : Path
        For its log, and for the models where `environ` names no bucket.
    *arguments : str
        Further options.
    module : str
        What to run instead of the usual one.
    environ : mapping of str to str
        Its settings; users, above all.

    Raises
    ------
    NotStarted
    """
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "MOODLE"))
    }
    log = folder / f"{uuid.uuid4().hex}.log"
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, "-m", module, "--port", "0", *arguments],
            cwd=ROOT,
            env={**inherited, settings.DIRECTORY: str(folder / "models"), **environ},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        ) as process,
    ):
        try:
            yield Server(process, _first_line(process, log), log)
        finally:
            if process.poll() is None:
                process.terminate()


def _first_line(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(
        target=lambda out: lines.put(out.readline()), args=(process.stdout,), daemon=True
    ).start()
    try:
        line = lines.get(timeout=_START_SECONDS)
    except queue.Empty:
        line = ""
    if not re.search(r"http://\S+:\d+,", line):
        raise NotStarted(f"The server did not start: {log.read_text().strip() or 'no answer'}")
    return line
