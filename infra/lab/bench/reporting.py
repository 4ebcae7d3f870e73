"""The report of an evaluation: how long a fresh process takes for it, and how large it is."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from handler import answers
from handler.report import Context, evaluation_log
from infra.lab import datasets
from infra.lab.bench import process
from infra.lab.bench.goals import Goal
from mlcore import read_labelled
from mlcore.evaluation import evaluate


def goals() -> Iterator[Goal]:
    """Measure the report of the small file's evaluation."""
    found = process.run("reporting")
    yield Goal(f"report on {found['what']}", found["seconds"], 2, "s", aside="with imports")
    yield Goal("  its files, zipped", found["size"], 1, "MB")


def _measure() -> dict[str, float | str]:
    what, data = datasets.small()
    dataset = read_labelled(data)
    evaluation = evaluate(dataset, 10)
    answer = answers.of_evaluation(evaluation, 0.7, 0.05)
    context = Context(datetime.now(UTC), dataset.target, dataset.time_splitting)
    began = time.process_time()
    log = evaluation_log(answer, evaluation, context)
    return {
        "what": what,
        "seconds": time.process_time() - began,
        "size": len(log) / process.MB,
    }


if __name__ == "__main__":
    print(json.dumps(_measure()))
