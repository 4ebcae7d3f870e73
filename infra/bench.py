"""Measure the ML core: parse, train, predict and evaluate, and the memory that it takes.

Each dataset is measured in a process of its own on one core (where the system lets us choose). The
real datasets are used where they lie beside the checkout; the generated ones are always there.
"""

from __future__ import annotations

import argparse
import json
import lzma
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from mlcore import evaluate, predict, read_labelled, train
from mlcore.dataset import Unlabelled
from mlcore.errors import TooFewToEvaluate
from mlcore.synthetic import Course

T = TypeVar("T")

_REAL = Path(__file__).resolve().parents[2] / "shared" / "data"
_GENERATED: dict[str, tuple[int, int]] = {  # rows, features
    "course-98x300": (300, 98),
    "course-98x2000": (2_000, 98),
    "course-98x20000": (20_000, 98),
    "course-400x5000": (5_000, 400),
}
_ITERATIONS = 10
_MB = 1e6


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print a table."""
    parser = argparse.ArgumentParser(prog="python -m infra.bench", description=__doc__)
    parser.add_argument("name", nargs="*", help="datasets to measure; all when none is named")
    parser.add_argument("--in-process", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    real = sorted(path.name for path in _REAL.glob("*.csv*") if "unlabelled" not in path.name)
    names = options.name or [*real, *_GENERATED]
    unknown = sorted(set(names) - {*real, *_GENERATED})
    if unknown:
        parser.error(
            f"no dataset {', '.join(unknown)}; there are {', '.join([*real, *_GENERATED])}"
        )
    if options.in_process:
        print(json.dumps(_measure(_read(names[0]))))
        return 0
    if not real:
        print("The real datasets are not beside this checkout: measuring generated ones only.")
    print(
        f"{'dataset':<34}{'MB':>6}{'parse':>8}{'MB/s':>6}{'train':>8}{'predict':>9}"
        f"{f'evaluate×{_ITERATIONS}':>13}{'score':>7}{'AUC':>7}{'peak MB':>9}"
    )
    for name in names:
        print(f"{name:<34}", end="", flush=True)
        run = subprocess.run(
            [sys.executable, "-m", "infra.bench", "--in-process", name],
            stdout=subprocess.PIPE,
            check=True,
        )
        row = json.loads(run.stdout)
        print(
            f"{row['size']:6.1f}{row['parse']:8.3f}{row['size'] / row['parse']:6.0f}"
            f"{row['train']:8.2f}{row['predict']:9.3f}{_shown(row['evaluate'], 2):>13}"
            f"{_shown(row['score'], 3):>7}{_shown(row['auc'], 3):>7}{row['peak']:9.0f}",
            flush=True,
        )
    print("Seconds on one core; predict is of all rows; importing the learners is not counted.")
    return 0


def _read(name: str) -> bytes:
    """Return a dataset's bytes."""
    if name in _GENERATED:
        rows, features = _GENERATED[name]
        return Course(n_features=features).labelled(rows)
    data = (_REAL / name).read_bytes()
    return lzma.decompress(data) if name.endswith(".xz") else data


def _measure(data: bytes) -> dict[str, float | None]:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from mlcore import blend  # noqa: F401

    parse, dataset = _timed(lambda: read_labelled(data))
    training, (classifier, _) = _timed(lambda: train(dataset))
    unlabelled = Unlabelled([str(i) for i in range(len(dataset.X))], dataset.X)
    prediction, _ = _timed(lambda: predict(classifier, unlabelled))
    evaluation = score = auc = None
    with suppress(TooFewToEvaluate):
        evaluation, result = _timed(lambda: evaluate(dataset, _ITERATIONS))
        score, auc = result.mean("f1_score"), result.mean("auc")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "size": len(data) / _MB,
        "parse": parse,
        "train": training,
        "predict": prediction,
        "evaluate": evaluation,
        "score": score,
        "auc": auc,
        # kibibytes on Linux, bytes on a Mac
        "peak": peak / _MB * (1 if sys.platform == "darwin" else 1024),
    }


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


if __name__ == "__main__":
    sys.exit(main())
