"""Requests at the same time: nothing is lost, and nobody meets half a model."""

import json
import random
import zipfile
from io import BytesIO

import pytest

from handler.models import Models
from mlcore.errors import MlcoreError  # noqa: F401
from tests.handler.spy import Spy
from tests.reliability.models import (
    MODEL,
    exported,
    learn,
    manifest_of,
    require_union,
    require_whole,
)
from tests.reliability.processes import ask, at_once


def test_eight_processes_train_the_same_model(place, files):
    data = [files.labelled() for _ in range(8)]
    answers = at_once(place.environ, [[("training", one)] for one in data])
    assert [(status, json.loads(body)) for ((status, body),) in answers] == [
        (200, {"status": 0, "info": []})
    ] * 8
    require_union(place.store(), files, data)
    require_whole(place.store(), files)
