"""The parser: how fast, and with how much memory."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections.abc import Iterator

from infra.lab import datasets
from infra.lab.bench import process
from infra.lab.bench.goals import Goal
from infra.lab.course import Course
from mlcore import read_labelled

_GENERATED = {"98×20000, made up": (98, 20_000), "414×5000, made up": (414, 5_000)}
_FAST = {98: 25, 414: 40}  # MB/s
_TIMES = 3


def goals() -> Iterator[Goal]:
    """Measure the parser."""
    for name in (*datasets.real(), *_GENERATED):
        found = process.run("parsing", name)
        limit = _FAST.get(found["features"])
        if limit and found["size"] >= 1:
            what = f"parse {name}, {found['size']:.0f} MB"
            yield Goal(what, found["size"] / found["seconds"], limit, "MB/s", at_least=True)
            yield Goal("  memory, to that of the matrix", found["memory"], 4, "×")


def _measure(name: str) -> dict[str, float]:
    if name in _GENERATED:
        features, rows = _GENERATED[name]
        data = Course(n_features=features).labelled(rows)
    else:
        data = datasets.FILES[name].data()
    seconds = min(process.timed(lambda: read_labelled(data))[0] for _ in range(_TIMES))
    tracemalloc.start()
    matrix = read_labelled(data).X
    memory = tracemalloc.get_traced_memory()[1]
    return {
        "features": matrix.shape[1],
        "size": len(data) / process.MB,
        "seconds": seconds,
        "memory": memory / matrix.nbytes,
    }


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1])))
