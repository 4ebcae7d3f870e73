"""What Moodle asks of a model: train, predict, evaluate, export, import and delete.

Plain functions from values to values. Moodle reaches them in two ways: over HTTP by
`handler.endpoints`, and on its own web server by the commands of `moodlemlbackend`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

import mlcore
from handler import answers, payload, report
from handler.deadline import cores, deadline
from handler.logs import note, stage
from handler.models.evaluations import Evaluations
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.models.reports import Reports
from handler.store import best_effort
from mlcore import Classifier, Labelled
from mlcore.dataset import File, blocks
from mlcore.errors import NotEnoughData

if TYPE_CHECKING:
    from mlcore.evaluation import Evaluation

Json = dict[str, Any]

_LOG_SECONDS = 3.0  # in which an evaluation's log is made


class Criteria(NamedTuple):
    """What an evaluation is asked for.

    Attributes
    ----------
    min_score : float
        Least score that is accepted.
    max_deviation : float
        Largest standard deviation of the score that is accepted.
    n_iterations : int
        How many splits are tried.
    """

    min_score: float
    max_deviation: float
    n_iterations: int


def train(
    models: Models, model: ModelId, data: File, key: str = "", memory: int | None = None
) -> Json:
    """Learn from a labelled dataset, and return Moodle's answer.

    Parameters
    ----------
    models : Models
    model : ModelId
    data : bytes or iterable of bytes
        The file, whole or block by block, as often as it is asked for.
    key : str
        The same one is the same training, another one another, whatever the data; "" leaves that
        to the data.
    memory : int or None
        Bytes that there are for the process; None: as many as it needs.

    Raises
    ------
    mlcore.errors.MlcoreError, handler.errors.AdminError, handler.store.StoreError
    """
    try:
        key = key and _digest([key.encode()])
        models.learn(
            model, _digest(blocks(data)), lambda: mlcore.read_labelled(data, memory), key, memory
        )
    except NotEnoughData as error:
        return {
            "status": answers.NOT_ENOUGH_DATA,
            "info": [str(error)],
            "errors": [str(error)],
        }
    return {"status": answers.OK, "info": []}


def predict(
    models: Models, model: ModelId, data: File, memory: int | None = None
) -> answers.Predictions | None:
    """Predict the classes of an unlabelled dataset; None where nothing was trained.

    Parameters
    ----------
    models : Models
    model : ModelId
    data : bytes or iterable of bytes
        As of `train`.
    memory : int or None
        Bytes that there are for the process; None: as many as it needs.

    Raises
    ------
    mlcore.errors.MlcoreError, handler.errors.AdminError, handler.store.StoreError
    """
    classifier = models.classifier(model)
    if classifier is None:
        return None
    with stage("parse"):
        dataset = mlcore.read_unlabelled(data, memory)
    note(rows=len(dataset.sample_ids), features=dataset.X.shape[1])
    payload.require_room(dataset.sample_ids)
    with stage("predict"):
        return answers.Predictions(dataset.sample_ids, *mlcore.predict(classifier, dataset))


def evaluate(
    models: Models,
    evaluations: Evaluations,
    model: ModelId,
    data: File,
    criteria: Criteria,
    trained: ModelId | None = None,
    memory: int | None = None,
) -> tuple[Json, int]:
    """Evaluate a dataset, or a trained model on a dataset, and keep the result with its report.

    Parameters
    ----------
    models : Models
        Where the trained model is.
    evaluations : Evaluations
    model : ModelId
        What the result is kept with.
    data : bytes or iterable of bytes
        As of `train`.
    criteria : Criteria
    trained : ModelId, optional
        The trained model to test as it is; None: fresh ones are fitted.
    memory : int or None
        Bytes that there are for the process; None: as many as it needs.

    Returns
    -------
    answer : dict
        Moodle's answer, all but ``runid`` and ``dir``.
    runid : int
        By which `Evaluations.log` finds the report.

    Raises
    ------
    mlcore.errors.MlcoreError, handler.errors.AdminError, handler.store.StoreError
    """
    classifier = models.classifier(trained) if trained else None
    tested = classifier and _digest([classifier.to_bytes()])
    asked = (*criteria, trained is not None, tested)
    digest = _digest(chain(blocks(data), [repr(asked).encode()]))
    repeated = evaluations.repeated(model, digest)
    if repeated is not None:
        note(already_evaluated=True)
        return repeated

    handed_over: list[Labelled] = []  # an evaluation lets go of it, so nothing here may hold it
    n_samples = 0
    context = report.Context(datetime.now(UTC), trained=trained is not None)
    if trained is None or classifier is not None:
        with stage("parse"):
            dataset = mlcore.read_labelled(data, memory)
        n_samples, n_features = dataset.X.shape
        note(rows=n_samples, features=n_features)
        context = replace(context, target=dataset.target, time_splitting=dataset.time_splitting)
        handed_over.append(dataset)
        del dataset
    claim = evaluations.claim(model)
    answer, result = _evaluated(handed_over, criteria, classifier, memory)
    with stage("report"):
        log = report.evaluation_log(answer, result, context)
    found = report.verdict(answer, result, context.target)
    about = (context.target, context.time_splitting, n_samples)
    evaluations.keep(model, claim, digest, answer, found, log, *about)
    return answer, claim.runid


def export(models: Models, model: ModelId) -> bytes:
    """Return the trained model as a zip to share.

    Raises
    ------
    handler.errors.NothingToExport
    """
    return models.export(model)


def import_model(models: Models, model: ModelId, data: bytes) -> None:
    """Take over a model that was exported.

    Raises
    ------
    mlcore.errors.ModelFileError
    """
    models.replace(model, data)


def delete(models: Models, reports: Reports, model: ModelId) -> None:
    """Delete all that is kept under the model's uniqueid, but for reports, which stay for a while.

    It may be there or not.
    """
    best_effort("keeping reports", lambda: reports.keep(model))
    models.delete(model)


def _evaluated(
    datasets: list[Labelled],
    criteria: Criteria,
    classifier: Classifier | None,
    memory: int | None,
) -> tuple[Json, Evaluation | None]:
    """Return Moodle's answer and what was measured, None where nothing could be.

    `datasets` has one, which is taken from it, or none where there is no model to test.
    """
    from mlcore import evaluation  # no cold start for a prediction pays for it

    accepted = (criteria.min_score, criteria.max_deviation)
    if not datasets:
        return answers.without_evaluation(answers.NO_MODEL, answers.UNTRAINED, *accepted), None
    try:
        with stage("evaluate"):
            result = evaluation.evaluate(
                datasets.pop(),
                criteria.n_iterations,
                classifier,
                deadline(_LOG_SECONDS),
                memory,
                cores(memory),
            )
    except NotEnoughData as error:
        return answers.without_evaluation(answers.NOT_ENOUGH_DATA, str(error), *accepted), None
    return answers.of_evaluation(result, *accepted), result


def _digest(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()
