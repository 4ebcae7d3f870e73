"""Work in a process of its own, on one core where the system lets us choose."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

MB = 1e6


def run(module: str, *arguments: str) -> Any:
    """Run a module of this package, and return the JSON that it prints."""
    with one_core():
        done = subprocess.run(
            [sys.executable, "-m", f"infra.lab.bench.{module}", *arguments],
            stdout=subprocess.PIPE,
            check=True,
        )
    return json.loads(done.stdout)


@contextmanager
def one_core() -> Iterator[None]:
    """Keep what is started within on one core."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def peak() -> int:
    """Return the most memory that this process has used, in bytes."""
    known = memory(os.getpid(), "VmHWM")
    if known is not None:  # what the system's own call says may be the parent's
        return known
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def processor_seconds(pid: int) -> float | None:
    """Return the processor time of a process, where the system tells."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int, what: str = "VmRSS") -> int | None:
    """Return the memory of a process in bytes, where the system tells.

    Parameters
    ----------
    pid : int
    what : str
        ``VmRSS`` for what it uses now, ``VmHWM`` for the most that it has used.
    """
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Return how many seconds some work took, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result
