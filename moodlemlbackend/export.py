"""``python -m moodlemlbackend.export``: write the files of a model that may be shared."""

from __future__ import annotations

import sys
from pathlib import Path

from handler.models import verbs
from handler.models.models import Models
from moodlemlbackend.command import MODEL, run, store_in, unpack


def export(uniqueid: str, modeldir: str, tmpdir: str) -> tuple[int, str]:
    """Write the model in MODELDIR into TMPDIR, without the samples that it has learned from."""
    unpack(verbs.export(Models(store_in(modeldir)), MODEL), Path(tmpdir))
    return 0, tmpdir


if __name__ == "__main__":
    sys.exit(run(export))
