"""The command that Moodle runs on its own web server on many of its pages: its version."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from infra.lab.bench import process
from infra.lab.bench.goals import Goal

_PAIRS = 21


def goals() -> Iterator[Goal]:
    """Measure the version against a Python that does nothing, in turn."""
    with process.one_core():
        pairs = [
            (_seconds("-c", "pass"), _seconds("-m", "moodlemlbackend.version"))
            for _ in range(_PAIRS)
        ]
    ratio = statistics.median(version / nothing for nothing, version in pairs)
    base = statistics.median(nothing for nothing, _ in pairs)
    aside = f"of {base * 1000:.0f} ms for a Python that does nothing"
    yield Goal("the version as a command", ratio, 1.5, "×", aside=aside)


def _seconds(*arguments: str) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began
