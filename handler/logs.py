"""The server's log: one JSON line for each request, never data or credentials."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_log = logging.getLogger(__name__)

# Too large, too many, too late: refusals that somebody should know of (see infra.aws.alarms).
_ALARMING = (413, 429, 504)

_cold = True

_line: ContextVar[dict[str, Any] | None] = ContextVar("line", default=None)
_began: ContextVar[float] = ContextVar("began")


def begin(**facts: Any) -> None:
    """Begin the line of a request."""
    _began.set(time.monotonic())
    _line.set({**facts, "cold": _cold})


def write() -> None:
    """Write the line of the current request."""
    global _cold
    _cold = False
    note(total_seconds=round(time.monotonic() - _began.get(), 4))
    line = _line.get() or {}
    level = logging.ERROR if line.get("status") in _ALARMING else logging.INFO
    _log.log(level, "%s", json.dumps(line))


def end() -> None:
    """Forget the line of a request that has ended."""
    _line.set(None)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure a part of the work of the current request."""
    began = time.perf_counter()
    try:
        yield
    finally:
        line = _line.get()
        if line is not None:
            stages = line.setdefault("seconds", {})
            stages[name] = round(stages.get(name, 0) + time.perf_counter() - began, 4)


def note(**facts: Any) -> None:
    """Add facts to the line of the current request, where there is one."""
    line = _line.get()
    if line is not None:
        line |= facts
