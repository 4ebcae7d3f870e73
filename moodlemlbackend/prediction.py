"""``python -m moodlemlbackend.prediction``: predict the classes of an unlabelled dataset."""

from __future__ import annotations

import sys

from handler import answers
from handler.models import verbs
from handler.models.models import Models
from moodlemlbackend.command import MODEL, content, memory, run, store_in


def prediction(uniqueid: str, modeldir: str, dataset: str) -> tuple[int, str]:
    """Predict the classes of the unlabelled DATASET with the model in MODELDIR."""
    models = Models(store_in(modeldir))
    predictions = verbs.predict(models, MODEL, content(dataset), memory())
    status = answers.NO_MODEL if predictions is None else answers.OK
    return status, answers.of_predictions(predictions).decode()


if __name__ == "__main__":
    sys.exit(run(prediction))
