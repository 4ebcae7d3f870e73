"""Moodle's endpoints.

They have the names of the existing backend's and hang on the application itself, not on a
blueprint, so that what was written for that backend (its public tests, for one) finds them with
``url_for``.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, request

from handler import answers, current, fields
from handler.deadline import deadline
from handler.logs import note, stage
from handler.models.model_id import ModelId
from handler.report import EMPTY_LOG, Context, evaluation_log, verdict
from handler.version import version_for
from mlcore import evaluate, predict, read_labelled, read_unlabelled
from mlcore.errors import NotEnoughData

Json = dict[str, Any]

_OPENAPI = Path(__file__).with_name("openapi.yaml")

MAX_RUNID = 10**18 - 1
_LOG_SECONDS = 3.0  # in which an evaluation's log is made


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
    data = fields.upload("dataset")
    try:
        current.models().learn(model, _digest(data), lambda: read_labelled(data))
    except NotEnoughData as error:
        return {
            "status": answers.NOT_ENOUGH_DATA,
            "info": [str(error)],
            "errors": [str(error)],
        }
    _note(model)
    return {"status": answers.OK, "info": []}


def prediction() -> Json | Response:
    """Predict the classes of an unlabelled dataset."""
    model = fields.model_id()
    data = fields.upload("dataset")
    classifier = current.models().classifier(model)
    if classifier is None:
        return {"status": answers.NO_MODEL, "info": [answers.UNTRAINED]}
    with stage("parse"):
        dataset = read_unlabelled(data)
    note(rows=len(dataset.sample_ids), features=dataset.X.shape[1])
    with stage("predict"):
        classes, scores = predict(classifier, dataset)
    _note(model, predicted=len(classes))
    answer = answers.of_predictions(dataset.sample_ids, classes, scores)
    return Response(answer, mimetype="application/json")


def evaluation() -> Json:
    """Evaluate a dataset, or a trained model on a dataset."""
    model = fields.model_id()
    has_trained = bool(fields.text("trainedmodeldirhash", ""))
    trained = fields.model_id("trainedmodeldirhash") if has_trained else None
    min_score = fields.number("minscore", 0.7)
    max_deviation = fields.number("maxdeviation", 0.05)
    n_iterations = fields.whole_number("niterations", 10, 1, fields.MAX_ITERATIONS)
    data = fields.upload("dataset")

    classifier = current.models().classifier(trained) if trained else None
    tested = classifier and _digest(classifier.to_bytes())
    asked = (min_score, max_deviation, n_iterations, has_trained, tested)
    digest = _digest(data, repr(asked).encode())
    repeated = current.evaluations().repeated(model, digest)
    if repeated is not None:
        note(already_evaluated=True)
        answer, runid = repeated
        return _with_run(answer, runid)

    result = dataset = None
    context = Context(datetime.now(UTC), trained=has_trained)
    if trained is None or classifier is not None:
        with stage("parse"):
            dataset = read_labelled(data)
        note(rows=len(dataset.y), features=dataset.X.shape[1])
        context = replace(context, target=dataset.target, time_splitting=dataset.time_splitting)
    claim = current.evaluations().claim(model)
    if dataset is None:
        answer = answers.without_evaluation(
            answers.NO_MODEL, answers.UNTRAINED, min_score, max_deviation
        )
    else:
        try:
            with stage("evaluate"):
                result = evaluate(dataset, n_iterations, classifier, deadline(_LOG_SECONDS))
            answer = answers.of_evaluation(result, min_score, max_deviation)
        except NotEnoughData as error:
            answer = answers.without_evaluation(
                answers.NOT_ENOUGH_DATA, str(error), min_score, max_deviation
            )
    with stage("report"):
        log = evaluation_log(answer, result, context)
    found = verdict(answer, result, context.target)
    about = (context.target, context.time_splitting)
    current.evaluations().keep(model, claim, digest, answer, found, log, *about)
    _note(model)
    return _with_run(answer, claim.runid)


def evaluationlog() -> Response:
    """Send the files of an evaluation; an unknown run has none."""
    model = fields.model_id()
    runid = fields.whole_number("runid", None, 0, MAX_RUNID)
    return _zip(current.evaluations().log(model, runid) or EMPTY_LOG)


def export() -> Response:
    """Send the trained model as a zip to share."""
    return _zip(current.models().export(fields.model_id()))


def import_model() -> Response:
    """Take over a model that was exported from a server like this."""
    model = fields.model_id()
    current.models().replace(model, fields.upload("importzip"))
    return _text("Ok")


def deletemodel() -> Response:
    """Delete all that is kept under a uniqueid, also where there is nothing."""
    model = ModelId.of(g.user, fields.text("uniqueid"), "")
    note(model=model.unique_folder)
    current.models().delete(model)
    return _text("Ok")


def _with_run(answer: Json, runid: int) -> Json:
    return answer | {"runid": runid, "dir": f"evaluations/{runid}"}


def _note(model: ModelId, predicted: int | None = None) -> None:
    """Note for the admin's page who asked for something about a model."""
    current.activities().note(model, request.headers.get("User-Agent", ""), predicted)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _text(text: str) -> Response:
    return Response(text, mimetype="text/plain")


def _zip(data: bytes) -> Response:
    return Response(data, mimetype="application/zip")
