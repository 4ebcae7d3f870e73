"""``python -m handler`` with short time-outs, and with trainings that wait for a file.

A test that waits for a time-out would take ten seconds otherwise. A training writes the file
``begun`` into the directory of the models, and goes on when there is a file ``go``.
"""

import os
import sys
import time
from pathlib import Path

from handler.__main__ import main
from handler.models import models
from handler.server import asgi, serving

FOLDER = Path(os.environ["MOODLE_MLBACKEND_PYTHON_DIR"]).parent
train = models.train


def wait_and_train(*given, **more):
    (FOLDER / "begun").touch()
    while (FOLDER / "wait").exists():
        time.sleep(0.01)
    return train(*given, **more)


if "PATIENCE" in os.environ:
    patience = float(os.environ["PATIENCE"])
    serving._HEAD_SECONDS = serving._DRAIN_SECONDS = asgi._GRACE_SECONDS = patience
serving.STOP_SECONDS = int(os.environ.get("STOP_SECONDS", serving.STOP_SECONDS))
models.train = wait_and_train
sys.exit(main())
