"""``python -m moodlemlbackend.evaluation``: say how well a model would predict."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from handler import parsing
from handler.models import verbs
from handler.models.evaluations import KEPT, Evaluations
from handler.models.models import Models
from handler.report import EMPTY_LOG
from moodlemlbackend.command import MODEL, content, made, memory, run, store_in, unpack


def evaluation(
    uniqueid: str,
    outputdir: str,
    dataset: str,
    minscore: str,
    maxdeviation: str,
    niterations: str,
    trainedmodeldir: str = "",
) -> tuple[int, str]:
    """Evaluate the labelled DATASET, or the model in TRAINEDMODELDIR on it.

    The report is in OUTPUTDIR/logs/RUNID.
    """
    criteria = verbs.Criteria(
        min_score=parsing.number("minscore", minscore),
        max_deviation=parsing.number("maxdeviation", maxdeviation),
        n_iterations=parsing.whole_number("niterations", niterations, 1, parsing.MAX_ITERATIONS),
    )
    logs = made(Path(outputdir) / "logs")
    with TemporaryDirectory() as folder:
        evaluations = Evaluations(store_in(folder))
        answer, runid = verbs.evaluate(
            Models(store_in(trainedmodeldir or outputdir)),
            evaluations,
            MODEL,
            content(dataset),
            criteria,
            MODEL if trainedmodeldir else None,
            memory(),
        )
        log = evaluations.log(MODEL, runid) or EMPTY_LOG
    while (logs / str(runid)).exists():  # of one that began in the same millisecond
        runid += 1
    unpack(log, logs / str(runid))
    _remove_old(logs)
    return answer["status"], json.dumps(answer | {"runid": runid, "dir": str(logs / str(runid))})


def _remove_old(logs: Path) -> None:
    """Keep the last evaluations, as a server does, and whatever was not written here."""
    names = [file.parent.name for file in logs.glob("*/evaluation.json")]
    for name in sorted(filter(str.isdecimal, names), key=int)[:-KEPT]:
        shutil.rmtree(logs / name, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(run(evaluation))
