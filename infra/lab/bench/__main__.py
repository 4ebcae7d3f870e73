"""Measure speed and memory: first what is promised, then the ML core, dataset by dataset.

The real datasets are used where they lie beside the checkout; the made-up ones are always there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from infra.lab import datasets
from infra.lab.bench import cold, commands, core, growth, parsing, reporting, serving

_GOALS = {
    "parsing": parsing.goals,
    "requests": serving.goals,
    "reporting": reporting.goals,
    "cold": cold.goals,
    "commands": commands.goals,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the benchmark and print tables."""
    parser = argparse.ArgumentParser(prog="python -m infra.lab.bench", description=__doc__)
    parser.add_argument("name", nargs="*", help="measure only these datasets")
    parser.add_argument(
        "--goals",
        nargs="*",
        choices=_GOALS,
        metavar="WHICH",
        help=f"measure only what is promised, or some of it: {', '.join(_GOALS)}",
    )
    parser.add_argument(
        "--growth",
        nargs="?",
        type=int,
        const=1_000_000,
        metavar="ROWS",
        help="measure only how cost grows with the rows, up to so many (%(const)s)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("docs/quality"),
        help="folder for the page and the plot of --growth (%(default)s)",
    )
    options = parser.parse_args(arguments)
    names = datasets.timed()
    unknown = sorted(set(options.name) - set(names))
    if unknown:
        parser.error(f"no dataset {', '.join(unknown)}; there are {', '.join(names)}")
    if options.growth is not None:
        growth.show(options.growth, options.out)
    elif options.name:
        core.show(options.name)
    else:
        missing = datasets.missing()
        if missing:
            print(f"Not beside this checkout, and so not measured: {', '.join(missing)}.")
        for which in options.goals or _GOALS:
            for goal in _GOALS[which]():
                print(goal, flush=True)
        if options.goals is None:
            print()
            core.show(names)
    return 0


if __name__ == "__main__":
    sys.exit(main())
