"""Feed what strangers may send to the parser, the model reader and the server, and look for harm.

Inputs are made from genuine ones by a coverage-guided fuzzer (atheris), and from the server's own
description by schemathesis. What fails, takes more than a second for 100 KB, or more memory than 50
times the input (32 MB where it is small), is saved in .fuzz and makes this end with 1.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.lab.fuzz import FOLDER, TARGETS

_INPUTS = 120_000
# in which each has its share of the inputs: a request takes ten times as long as a model file
_SHARES = {"dataset": 0.6, "model": 0.3, "request": 0.09, "api": 0.01}
_REQUESTS = 16  # to the API for each example: eight endpoints, with what is allowed and what is not


@dataclass(frozen=True)
class Report:
    """What came of one target."""

    name: str
    inputs: int
    seconds: float
    features: int
    slowest: float
    largest: int
    greediest: float
    findings: tuple[str, ...]

    def __str__(self) -> str:
        figures = f"{self.name:<9}{self.inputs:>9,}{self.inputs / self.seconds:>9.0f}"
        if self.name in TARGETS:
            figures += f"{self.features:>10}{self.slowest:>10.2f}{self.largest / 1e6:>9.1f}"
            figures += f"{self.greediest:>9.1f}"
        else:
            figures += f"{'-':>10}{'-':>10}{'-':>9}{'-':>9}"  # it is guided by the document alone
        return f"{figures}{len(self.findings):>10}"


_HEAD = (
    f"{'target':<9}{'inputs':>9}{'a second':>9}{'features':>10}{'s/100 KB':>10}{'small MB':>9}"
    f"{'large ×':>9}{'findings':>10}"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz, and print what came of it."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.lab.fuzz",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "target", nargs="*", help=f"fuzz only these: {', '.join(_SHARES)} (all of them)"
    )
    parser.add_argument(
        "--inputs", type=int, default=_INPUTS, help="how many in all, about (%(default)s)"
    )
    parser.add_argument(
        "--folder", type=Path, default=FOLDER, help="where findings are saved (.fuzz)"
    )
    options = parser.parse_args(arguments)
    chosen = options.target or list(_SHARES)
    unknown = sorted(set(chosen) - set(_SHARES))
    if unknown:
        parser.error(f"no target {', '.join(unknown)}; there are {', '.join(_SHARES)}")
    if importlib.util.find_spec("atheris") is None:
        parser.error("atheris, which fuzzes, is only there for Linux on x86_64 processors.")
    share = sum(_SHARES[name] for name in chosen)
    reports = []
    print(_HEAD, flush=True)
    for name in chosen:
        reports.append(_fuzz(name, int(options.inputs * _SHARES[name] / share), options.folder))
        print(reports[-1], flush=True)
    total = sum(report.inputs for report in reports)
    print(f"{total:,} inputs in {sum(report.seconds for report in reports):.0f} s")
    findings = [finding for report in reports for finding in report.findings]
    for finding in findings:
        print(f"FOUND {finding}")
    return 1 if findings else 0


def _fuzz(name: str, inputs: int, parent: Path) -> Report:
    """Fuzz one target in a process of its own."""
    folder = (parent / name).resolve()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if name in TARGETS:
        command = ["infra.lab.fuzz.worker", name, str(inputs), str(folder)]
    else:
        command = ["infra.lab.fuzz.api", str(max(1, inputs // _REQUESTS)), str(folder)]
    log = folder / "log.txt"
    began = time.monotonic()
    with log.open("wb") as out:
        ended = subprocess.run([sys.executable, "-m", *command], stdout=out, stderr=out)
    seconds = time.monotonic() - began
    text = log.read_text(errors="replace")
    summary = folder / "summary.json"
    known: dict[str, Any] = {
        "inputs": 0,
        "slowest": 0,
        "largest": 0,
        "greediest": 0,
        "findings": [],
    }
    if summary.exists():
        known |= json.loads(summary.read_text())
    if ended.returncode:
        known["findings"].append(f"{name} ended with {ended.returncode}, see {log}")
    features = [int(number) for number in re.findall(r" ft: (\d+) ", text)]
    return Report(
        name=name,
        seconds=seconds,
        features=features[-1] if features else 0,
        **known | {"findings": tuple(known["findings"])},
    )


if __name__ == "__main__":
    sys.exit(main())
