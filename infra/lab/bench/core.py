"""The ML core, dataset by dataset: parse, train, predict and evaluate, and the memory it takes."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from contextlib import suppress

from infra.lab import datasets
from infra.lab.bench import process
from mlcore import Unlabelled, predict, read_labelled, train
from mlcore.errors import TooFewToEvaluate
from mlcore.evaluation import evaluate

_ITERATIONS = 10


def show(names: Sequence[str]) -> None:
    """Measure datasets and print a table."""
    print(
        f"{'dataset':<34}{'MB':>6}{'parse':>8}{'MB/s':>6}{'train':>8}{'predict':>9}"
        f"{f'evaluate×{_ITERATIONS}':>13}{'score':>7}{'AUC':>7}{'peak MB':>9}"
    )
    for name in names:
        print(f"{name:<34}", end="", flush=True)
        row = process.run("core", name)
        print(
            f"{row['size']:6.1f}{row['parse']:8.3f}{row['size'] / row['parse']:6.0f}"
            f"{row['train']:8.2f}{row['predict']:9.3f}{_shown(row['evaluate'], 2):>13}"
            f"{_shown(row['score'], 3):>7}{_shown(row['auc'], 3):>7}{row['peak']:9.0f}",
            flush=True,
        )
    print("Seconds on one core; predict is of all rows; importing the learners is not counted.")


def _measure(data: bytes) -> dict[str, float | None]:
    from mlcore import blend  # noqa: F401

    parse, dataset = process.timed(lambda: read_labelled(data))
    training, (classifier, _) = process.timed(lambda: train(dataset))
    unlabelled = Unlabelled(
        [str(i) for i in range(len(dataset.X))], dataset.X, dataset.feature_names
    )
    prediction, _ = process.timed(lambda: predict(classifier, unlabelled))
    evaluation = score = auc = None
    with suppress(TooFewToEvaluate):
        evaluation, result = process.timed(lambda: evaluate(dataset, _ITERATIONS))
        score, auc = result.mean("f1_score"), result.mean("auc")
    return {
        "size": len(data) / process.MB,
        "parse": parse,
        "train": training,
        "predict": prediction,
        "evaluate": evaluation,
        "score": score,
        "auc": auc,
        "peak": process.peak() / process.MB,
    }


def _shown(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


if __name__ == "__main__":
    print(json.dumps(_measure(datasets.FILES[sys.argv[1]].data())))
