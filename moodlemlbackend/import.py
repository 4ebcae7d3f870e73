"""``python -m moodlemlbackend.import``: take over the files of an exported model."""

from __future__ import annotations

import sys
from pathlib import Path

from handler.models import verbs
from handler.models.models import Models
from moodlemlbackend.command import MODEL, pack, run, store_in


def import_model(uniqueid: str, modeldir: str, importdir: str) -> tuple[int, str]:
    """Put the exported model in IMPORTDIR in the place of what is in MODELDIR."""
    verbs.import_model(Models(store_in(modeldir, make=True)), MODEL, pack(Path(importdir)))
    return 0, "Ok"


if __name__ == "__main__":
    sys.exit(run(import_model))
