"""Holds each input to its limits: no unforeseen error, little time, little memory."""

from __future__ import annotations

import hashlib
import json
import sys
import time
import traceback
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

SECONDS = 1.0  # for each 100 KB that have begun
BYTES = 100_000
MEMORY = 50  # times the input,
_ALIKE = 5
FREE_MEMORY = 32 << 20  # or this where the input is small


@dataclass
class Meter:
    """Runs inputs and keeps what they took.

    Parameters
    ----------
    run : callable
        Takes an input, and returns how many of the processor's seconds it took do not count.
        Whatever it raises is a finding.
    folder : Path
        Where inputs that break a limit are saved.

    Attributes
    ----------
    inputs : int
    slowest : float
        The most seconds for 100 KB.
    largest : int
        The most bytes that a small input took.
    greediest : float
        How many times its own size a larger input took, at most.
    findings : list of str
        What was wrong, a few of each kind, with the file where the input is.
    """

    run: Callable[[bytes], float]
    folder: Path
    inputs: int = 0
    slowest: float = 0.0
    largest: int = 0
    greediest: float = 0.0
    findings: list[str] = field(default_factory=list)
    _kinds: Counter[str] = field(default_factory=Counter)

    def __call__(self, data: bytes) -> None:
        """Run one input."""
        self.inputs += 1
        try:
            seconds, memory = self._measured(data)
            if not self._is_within(data, seconds, memory):
                # some things are done once, and another process may have been in the way
                seconds, memory = min(seconds, self._seconds(data)), self._measured(data)[1]
        except Exception as error:  # whatever it is, it is a finding
            where = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(where.filename).name}:{where.lineno}"
            self._found(kind, f"{kind}: {error}"[:300], data)
            return
        seconds /= max(1, len(data) / BYTES)
        self.slowest = max(self.slowest, seconds)
        if MEMORY * len(data) > FREE_MEMORY:
            self.greediest = max(self.greediest, memory / len(data))
        else:
            self.largest = max(self.largest, memory)
        if seconds > SECONDS:
            self._found("time", f"{seconds:.1f} s for 100 KB", data)
        if memory > max(FREE_MEMORY, MEMORY * len(data)):
            what = f"{memory >> 20} MB, {memory / max(1, len(data)):.0f} times the input"
            self._found("memory", what, data)

    def _is_within(self, data: bytes, seconds: float, memory: int) -> bool:
        return seconds <= SECONDS * max(1, len(data) / BYTES) and memory <= max(
            FREE_MEMORY, MEMORY * len(data)
        )

    def _seconds(self, data: bytes) -> float:
        began = time.process_time()
        other = self.run(data)
        return time.process_time() - began - other

    def _measured(self, data: bytes) -> tuple[float, int]:
        """Return the seconds and bytes that an input takes; tracing the bytes takes time, too."""
        tracemalloc.start()
        try:
            return self._seconds(data), tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    def _found(self, kind: str, what: str, data: bytes) -> None:
        self._kinds[kind] += 1
        if self._kinds[kind] > _ALIKE:
            return
        file = self.folder / f"finding-{hashlib.sha256(data).hexdigest()[:12]}"
        file.write_bytes(data)
        self.findings.append(f"{what} ({file})")
        print(f"FOUND {self.findings[-1]}", file=sys.stderr, flush=True)

    def write(self, file: Path) -> None:
        """Write down what is known so far."""
        names = ("inputs", "slowest", "largest", "greediest", "findings")
        file.write_text(json.dumps({name: getattr(self, name) for name in names}))
