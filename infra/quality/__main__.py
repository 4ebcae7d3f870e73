"""The command `python -m infra.quality`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.quality import cells
from infra.quality.datasets import DATASETS, at_hand
from infra.quality.learners import LEARNERS

_QUICK_ROWS, _QUICK_REPEATS = 1_000, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing."""
    parser = argparse.ArgumentParser(prog="python -m infra.quality", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(DATASETS), metavar="DATASET")
    parser.add_argument("--learners", nargs="+", choices=list(LEARNERS), metavar="LEARNER")
    parser.add_argument("--repeats", type=int, help="splits of each dataset")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one core each")
    parser.add_argument("--quick", action="store_true", help="few repeats of small datasets")
    parser.add_argument("--cache", type=Path, default=Path(".bench"), help="folder to go on in")
    options = parser.parse_args(arguments)
    datasets = [name for name in at_hand() if name in (options.only or DATASETS)]
    if options.quick:
        datasets = [name for name in datasets if DATASETS[name].rows <= _QUICK_ROWS]
    repeats = options.repeats or (_QUICK_REPEATS if options.quick else None)
    learners = options.learners or list(LEARNERS)
    cache = options.cache / "quality.jsonl"
    cells.run(cells.jobs(cache, datasets, learners, repeats), options.jobs)
    return 0


if __name__ == "__main__":
    sys.exit(main())
