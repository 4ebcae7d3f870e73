"""Requests that schemathesis makes up from ``handler/openapi.yaml``, true to it and not.

``python -m infra.lab.fuzz.api EXAMPLES FOLDER`` does so in a process of its own.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi import checks

from infra.lab.course import Course
from infra.lab.fuzz import hostile_datasets, hostile_models
from infra.lab.fuzz.hostile_requests import CREDENTIALS, make_app
from infra.lab.fuzz.meter import Meter

_CHECKS: list[Any] = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


def exercise(app: Flask, authorization: str, max_examples: int) -> int:
    """Send requests to each endpoint, and hold the answers to the document.

    Parameters
    ----------
    app : Flask
    authorization : str
        The header's value.
    max_examples : int
        How many requests to an endpoint that the document allows, and how many that it does not.

    Returns
    -------
    int
        How many requests there were.

    Raises
    ------
    Exception
        Of schemathesis, with what is wrong.
    """
    files = _files()
    n_requests = 0

    def exercise_operation(operation: Any, mode: GenerationMode) -> None:
        @settings(
            max_examples=max_examples,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy(generation_mode=mode), st.sampled_from([None, *files]))
        def send(case: Any, file: bytes | None) -> None:
            nonlocal n_requests
            n_requests += 1
            if file is not None and isinstance(case.body, dict):
                for name in {"dataset", "importzip"} & case.body.keys():
                    case.body[name] = file  # genuine files get further than any text
            answer = case.call(headers={"Authorization": authorization})
            # not schemathesis's check, which refuses 503, too: that there is nothing to export
            assert answer.status_code != 500, answer.text
            case.validate_response(answer, checks=_CHECKS)

        send()

    schema = schemathesis.openapi.from_wsgi("/openapi.yaml", app)
    for result in schema.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        for mode in GenerationMode:
            if mode is GenerationMode.POSITIVE or _has_input(operation):
                exercise_operation(operation, mode)
    return n_requests


def _has_input(operation: Any) -> bool:
    """Say whether there is anything that could be wrong."""
    return bool(operation.body or operation.query)


def _files() -> list[bytes]:
    small = Course(5).labelled(6)
    return [
        small,
        Course(5).unlabelled(3),
        hostile_datasets.seeds()[4],
        *hostile_models.seeds()[:2],
        b"",
        b"PK",
    ]


def main(examples: int, folder: Path) -> None:
    """Exercise an application that keeps its models in a temporary directory."""
    meter = Meter(lambda data: 0.0, folder)
    with tempfile.TemporaryDirectory() as directory:
        try:
            meter.inputs = exercise(make_app(directory), CREDENTIALS, examples)
        except Exception as error:  # whatever it is, it is a finding
            meter.findings.append(str(error))
    meter.write(folder / "summary.json")


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]))
