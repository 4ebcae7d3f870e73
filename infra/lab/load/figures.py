"""What is measured while clients work."""

from __future__ import annotations

import statistics
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from infra.lab.bench.process import MB

_GROWTH = 0.05  # of the memory used before: less is chance,
_ROOM = 10 * MB  # and so are fewer bytes


class Figures:
    """Requests and errors of all clients."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.errors: list[str] = []
        self.events: Counter[str] = Counter()

    def request(self, endpoint: str, seconds: float) -> None:
        """Note a request that was answered."""
        with self._lock:
            self._seconds[endpoint].append(seconds)

    def forget_requests(self) -> None:
        """Begin anew, but for the errors."""
        with self._lock:
            self._seconds.clear()
            self.events.clear()

    def error(self, what: str) -> None:
        """Note what must not be."""
        with self._lock:
            self.errors.append(what)

    def event(self, what: str) -> None:
        """Count what may be, so that it can be told."""
        with self._lock:
            self.events[what] += 1

    @property
    def n_requests(self) -> int:
        """Requests so far."""
        with self._lock:
            return sum(map(len, self._seconds.values()))

    def table(self) -> Iterator[str]:
        """Return a line for each endpoint: its requests, and percentiles of their seconds."""
        yield f"{'seconds':<15}{'requests':>9}{'p50':>8}{'p95':>8}{'p99':>8}{'most':>8}"
        for endpoint, seconds in sorted(self._seconds.items()):
            shown = "".join(f"{value:8.3f}" for value in np.percentile(seconds, [50, 95, 99, 100]))
            yield f"{endpoint:<15}{len(seconds):9,}{shown}"


@dataclass(frozen=True)
class Trend:
    """What becomes of memory after the first quarter of a time, in which caches fill.

    Attributes
    ----------
    before, after : float
        Medians of the second quarter and of the last, in bytes.
    """

    before: float
    after: float

    @classmethod
    def of(cls, samples: Sequence[int]) -> Trend:
        """Look at samples that were taken at even intervals; four or more."""
        quarter = len(samples) // 4
        return cls(
            statistics.median(samples[quarter : 2 * quarter]), statistics.median(samples[-quarter:])
        )

    @property
    def is_flat(self) -> bool:
        """Whether it grew by no more than chance explains."""
        return self.after - self.before <= max(_GROWTH * self.before, _ROOM)

    def __str__(self) -> str:
        verdict = "flat" if self.is_flat else "GROWING"
        return (
            f"Memory: {self.before / MB:.0f} MB in the second quarter of the time, "
            f"{self.after / MB:.0f} MB in the last: {verdict}"
        )
