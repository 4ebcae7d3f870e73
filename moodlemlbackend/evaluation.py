"""``python -m moodlemlbackend.evaluation``: say how well a model would predict."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from handler import parsing
from handler.memory import available
from handler.models import verbs
from handler.models.evaluations import Evaluations
from handler.models.models import Models
from handler.report import EMPTY_LOG
from moodlemlbackend.command import MODEL, content, run, store_in, unpack


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
    evaluations = Evaluations(store_in(outputdir))
    answer, runid = verbs.evaluate(
        Models(store_in(trainedmodeldir or outputdir)),
        evaluations,
        MODEL,
        content(dataset),
        criteria,
        MODEL if trainedmodeldir else None,
        available(os.environ),
    )
    folder = Path(outputdir) / "logs" / str(runid)
    unpack(evaluations.log(MODEL, runid) or EMPTY_LOG, folder)
    return answer["status"], json.dumps(answer | {"runid": runid, "dir": str(folder)})


if __name__ == "__main__":
    sys.exit(run(evaluation))
