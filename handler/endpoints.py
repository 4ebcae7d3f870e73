"""Moodle's endpoints.

They have the names of the existing backend's and hang on the application itself, not on a
blueprint, so that what was written for that backend (its public tests, for one) finds them with
``url_for``.
"""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from flask import Flask, Response, g, request

from handler import answers, current, fields, parsing
from handler.logs import note
from handler.models import verbs
from handler.models.model_id import ModelId
from handler.report import EMPTY_LOG
from handler.version import version_for

Json = dict[str, Any]

_OPENAPI = Path(__file__).with_name("openapi.yaml")

MAX_RUNID = 10**18 - 1


def init_app(app: Flask) -> None:
    """Register the endpoints."""
    for view, method in (
        (version, "GET"),
        (training, "POST"),
        (prediction, "POST"),
        (evaluation, "POST"),
        (evaluationlog, "GET"),
        (export, "GET"),
        (deletemodel, "POST"),
    ):
        app.add_url_rule(f"/{view.__name__}", view_func=view, methods=[method])
    app.add_url_rule("/openapi.yaml", view_func=openapi, methods=["GET"])
    app.add_url_rule("/import", view_func=import_model, methods=["POST"])


def version() -> Response:
    """Answer with the version alone: Moodle takes a trailing newline for an older version."""
    override = current.settings().version
    return _text(override or version_for(request.headers.get("User-Agent", "")))


def openapi() -> Response:
    """Send the description of all endpoints."""
    return Response(_OPENAPI.read_bytes(), mimetype="application/yaml")


def training() -> Json:
    """Learn from a labelled dataset."""
    model = fields.model_id()
    key = request.headers.get("Idempotency-Key", "")
    answer = verbs.train(
        current.models(), model, fields.dataset(), key, current.settings().memory_bytes
    )
    current.note_request(refused=" ".join(answer["info"]))
    return answer


def prediction() -> Response:
    """Predict the classes of an unlabelled dataset."""
    model = fields.model_id()
    memory = current.settings().memory_bytes
    predictions = verbs.predict(current.models(), model, fields.dataset(), memory)
    if predictions is None:
        current.note_request(refused=answers.UNTRAINED)
    else:
        current.note_request(samples=len(predictions.classes), unsure=predictions.n_unsure)
    return Response(answers.of_predictions(predictions), mimetype="application/json")


def evaluation() -> Json:
    """Evaluate a dataset, or a trained model on a dataset."""
    model = fields.model_id()
    has_trained = bool(fields.text("trainedmodeldirhash", ""))
    trained = fields.model_id("trainedmodeldirhash") if has_trained else None
    criteria = verbs.Criteria(
        min_score=fields.number("minscore", 0.7),
        max_deviation=fields.number("maxdeviation", 0.05),
        n_iterations=fields.whole_number("niterations", 10, 1, parsing.MAX_ITERATIONS),
    )
    data = fields.dataset()
    answer, runid = verbs.evaluate(
        current.models(),
        current.evaluations(),
        model,
        data,
        criteria,
        trained,
        current.settings().memory_bytes,
    )
    current.note_request()
    # Moodle shows these lines as HTML, and its log dialog even runs scripts in them
    info = [escape(line, quote=False) for line in answer["info"]] + _report_link(model, runid)
    return answer | {"info": info, "runid": runid, "dir": f"evaluations/{runid}"}


def evaluationlog() -> Response:
    """Send the files of an evaluation; an unknown run has none."""
    model = fields.model_id()
    runid = fields.whole_number("runid", None, 0, MAX_RUNID)
    return _zip(current.evaluations().log(model, runid) or EMPTY_LOG)


def export() -> Response:
    """Send the trained model as a zip to share."""
    return _zip(verbs.export(current.models(), fields.model_id()))


def import_model() -> Response:
    """Take over a model that was exported from a server like this."""
    model = fields.model_id()
    verbs.import_model(current.models(), model, fields.upload("importzip"))
    return _text("Ok")


def deletemodel() -> Response:
    """Delete all that is kept under a uniqueid, also where there is nothing."""
    model = ModelId.of(g.user, fields.text("uniqueid"), "")
    note(model=model.unique_folder)
    verbs.delete(current.models(), current.reports(), model)
    return _text("Ok")


def _report_link(model: ModelId, runid: int) -> list[str]:
    """Return a line that leads to an evaluation's report, where a browser may know the address.

    That is any but a name without a dot, by which containers call each other.
    """
    if "." not in request.host and not request.host.startswith("localhost"):
        return []
    query = urlencode({"uniqueid": model.uniqueid, "dirhash": model.dirhash, "runid": runid})
    return [f'<a href="{escape(f"{request.url_root}report?{query}")}">Open the report</a>']


def _text(text: str) -> Response:
    return Response(text, mimetype="text/plain")


def _zip(data: bytes) -> Response:
    return Response(data, mimetype="application/zip")
