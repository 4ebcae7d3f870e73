"""Measure how well ours and its peers learn, and whether the goals are reached.

What was measured is kept: a stopped run goes on where it was, and only what is new is measured.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.lab.datasets import DATASETS, at_hand
from infra.lab.quality import cells, refinement, sample, write_up
from infra.lab.quality.cache import Cell
from infra.lab.quality.learners import LEARNERS, OURS
from infra.lab.quality.verdicts import judge

_PARTS = ("datasets", "refinement", "sample")
_QUICK_ROWS, _QUICK_REPEATS = 1_000, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark, and print or write what it says."""
    parser = _parser()
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parser.parse_args(arguments)
    if options.repeats is not None and options.repeats < 2:
        parser.error("--repeats must be at least 2: one split has no standard error")
    try:
        _run(options, arguments)
    except KeyboardInterrupt:
        print("Stopped. The same command goes on from here.")
        return 130
    return 0


def _run(options: argparse.Namespace, arguments: Sequence[str]) -> None:
    measured: dict[str, list[Cell]] = {}
    refinements: list[refinement.Refinement] = []
    samplings: list[sample.Sampling] = []
    if "datasets" in options.parts:
        measured = _datasets(options)
    verdicts = [verdict for name in measured if (verdict := judge(name, measured[name]))]
    if verdicts:
        print(f"\n{write_up.verdicts_text(verdicts)}\n")
    if "refinement" in options.parts and OURS in options.learners:
        cache = options.cache / "refinement.jsonl"
        if not options.as_measured:
            repeats = refinement.QUICK_REPEATS if options.quick else refinement.REPEATS
            refinement.measure(cache, repeats)
        refinements = refinement.results(cache)
        print(f"\n{write_up.refinement_text(refinements)}\n")
    if "sample" in options.parts and OURS in options.learners:
        cache = options.cache / "sample.jsonl"
        if not options.as_measured:
            sample.measure(cache, sample.QUICK_REPEATS if options.quick else sample.REPEATS)
        samplings = sample.results(cache)
        print(f"\n{write_up.sample_text(samplings)}\n")
    if options.report:
        from infra.lab.quality import plot

        options.report.mkdir(parents=True, exist_ok=True)
        plot.draw(options.report / write_up.FIGURE, measured, verdicts)
        page = options.report / "README.md"
        page.write_text(write_up.page(measured, verdicts, refinements, samplings, arguments))
        print(f"Wrote {page} and {options.report / write_up.FIGURE}.")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m infra.lab.quality",
        description=__doc__,
        epilog=f"Datasets: {', '.join(DATASETS)}.",
    )
    add = parser.add_argument
    add("--parts", nargs="+", choices=_PARTS, default=_PARTS, help="what to measure")
    add("--only", nargs="+", choices=list(DATASETS), default=list(DATASETS), metavar="DATASET")
    add("--learners", nargs="+", choices=list(LEARNERS), default=list(LEARNERS), metavar="LEARNER")
    add("--repeats", type=int, help="splits of each dataset; as many as suit it by default")
    add("--jobs", type=int, default=1, help="processes, each on one core")
    add("--quick", action="store_true", help="a few splits of the small datasets")
    add("--cache", type=Path, default=Path(".bench"), help="where what was measured is kept")
    add("--as-measured", action="store_true", help="measure nothing more: tell of what there is")
    add("--report", type=Path, metavar="FOLDER", help="write the page and the figure there")
    return parser


def _datasets(options: argparse.Namespace) -> dict[str, list[Cell]]:
    """Measure what is missing, unless told not to, and return what there is by dataset."""
    available = at_hand()
    absent = [name for name in options.only if name not in available]
    if absent:
        print(f"Not at hand, so left out: {', '.join(absent)}.")
    names = [
        name
        for name in available
        if name in options.only and not (options.quick and DATASETS[name].rows > _QUICK_ROWS)
    ]
    repeats = options.repeats or (_QUICK_REPEATS if options.quick else None)
    cache = options.cache / "quality.jsonl"
    if not options.as_measured:
        cells.run(cells.jobs(cache, names, options.learners, repeats), options.jobs)
    return cells.by_dataset(cache, names, options.learners)


if __name__ == "__main__":
    sys.exit(main())
