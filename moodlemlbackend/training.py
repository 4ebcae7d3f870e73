"""``python -m moodlemlbackend.training``: learn from a labelled dataset."""

from __future__ import annotations

import json
import sys

from handler.models import verbs
from handler.models.models import Models
from moodlemlbackend.command import MODEL, content, memory, run, store_in


def training(uniqueid: str, modeldir: str, dataset: str) -> tuple[int, str]:
    """Learn from the labelled DATASET, and keep the model in MODELDIR."""
    models = Models(store_in(modeldir, make=True))
    answer = verbs.train(models, MODEL, content(dataset), memory=memory())
    return answer["status"], json.dumps(answer)


if __name__ == "__main__":
    sys.exit(run(training))
