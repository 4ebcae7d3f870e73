"""How time and memory grow with the number of rows."""

from __future__ import annotations

import json
import platform
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from infra.lab import datasets
from infra.lab.bench import process
from infra.lab.course import Course
from mlcore import read_labelled, train
from mlcore.evaluation import evaluate

_FEATURES = 98
_ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
_ITERATIONS = 10
_TITLE = {"training": "training", "evaluation": f"evaluation ×{_ITERATIONS}"}


def show(most: int, out: Path) -> None:
    """Measure training and evaluation of more and more rows; write a plot and a page.

    Parameters
    ----------
    most : int
        Rows to end with.
    out : Path
        Folder for ``growth.png`` and ``speed.md``.
    """
    rows = []
    print(f"{'rows':>9}{'MB':>7}{'work':>17}{'seconds':>9}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for n_rows in (n for n in _ROWS if n <= most):
            file = Path(folder) / f"{n_rows}.csv"
            with file.open("wb") as dataset:
                dataset.writelines(datasets.pieces(Course(_FEATURES), n_rows))
            size = file.stat().st_size / process.MB
            for work, title in _TITLE.items():
                found = process.run("growth", work, str(file))
                rows.append({"rows": n_rows, "size": size, "work": work, **found})
                print(
                    f"{n_rows:9,}{size:7.1f}{title:>17}{found['seconds']:9.1f}{found['peak']:9.0f}",
                    flush=True,
                )
            file.unlink()
    out.mkdir(parents=True, exist_ok=True)
    _plot(rows, out / "growth.png")
    (out / "speed.md").write_text(_page(rows))
    print(f"Written: {out / 'growth.png'}, {out / 'speed.md'}")


def _plot(rows: Sequence[dict[str, Any]], file: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4), layout="constrained")
    for axes, value, label in zip(
        figure.subplots(1, 2),
        ("seconds", "peak"),
        ("processor seconds", "memory at its peak, MB"),
        strict=True,
    ):
        for work, title in _TITLE.items():
            points = [(row["rows"], row[value]) for row in rows if row["work"] == work]
            axes.loglog(*zip(*points, strict=True), marker="o", label=title)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.yaxis.set_major_formatter("{x:,g}")
        if value == "peak":  # spans little more than one power of ten
            axes.yaxis.set_minor_formatter(lambda x, _: f"{x:,g}" if f"{x:g}"[0] in "235" else "")
        axes.set_xlabel(f"rows of {_FEATURES} features")
        axes.set_ylabel(label)
        axes.grid(which="both", alpha=0.3)
        axes.legend()
    figure.savefig(file, dpi=100)


def _page(rows: Sequence[dict[str, Any]]) -> str:
    """Return the page that shows the figures."""
    lines = [
        f"| {row['rows']:,} | {row['size']:.1f} | {_TITLE[row['work']]} "
        f"| {row['seconds']:.1f} | {row['peak']:.0f} |"
        for row in rows
    ]
    return "\n".join(
        [
            "# Speed and memory",
            "",
            f"How the cost of a training and of an evaluation with {_ITERATIONS} iterations grows "
            f"with the rows of a made-up",
            f"course with {_FEATURES} features. Each was measured in a process of its own on one "
            "core, from the file's bytes in",
            "memory to the result. Seconds are the processor's, the peak is that of the whole "
            "process.",
            "",
            "![Time and memory by rows](growth.png)",
            "",
            "| rows | MB | work | seconds | peak MB |",
            "|---:|---:|---|---:|---:|",
            *lines,
            "",
            f"Written by `make bench ARGS=--growth` on {time.strftime('%Y-%m-%d')}, Python "
            f"{platform.python_version()}, {platform.machine()}.",
            "",
        ]
    )


def _measure(work: str, file: Path) -> dict[str, float]:
    from mlcore import blend  # noqa: F401

    data = file.read_bytes()

    def training() -> None:
        train(read_labelled(data))

    def evaluation() -> None:
        evaluate(read_labelled(data), _ITERATIONS)

    began = time.process_time()
    {"training": training, "evaluation": evaluation}[work]()
    return {"seconds": time.process_time() - began, "peak": process.peak() / process.MB}


if __name__ == "__main__":
    print(json.dumps(_measure(sys.argv[1], Path(sys.argv[2]))))
