"""Habits of programs written for the existing backend, its public tests above all."""

import io
import json
import random
import time
from base64 import b64encode
from math import cos, pi, sin

import pytest
from flask import url_for

AUTH = {"Authorization": "Basic " + b64encode(b"default:sshhhh").decode()}
OTHER = {"Authorization": "Basic " + b64encode(b"other:secret").decode()}
METADATA = 'nfeatures,nclasses,targettype,targetclasses\n2,2,discrete,"[0,1]"\n'


@pytest.fixture(autouse=True)
def _outer_context(app):
    """A request context around every test, as the pytest-flask plugin makes it."""
    app.config.update(DEBUG=True, TESTING=True)
    with app.test_request_context():
        yield


def draw(n):
    """Features beyond [-1, 1] with many digits, and targets like 1.0."""
    chance = random.Random(n)
    points = [(chance.uniform(-pi, pi), chance.uniform(-pi, pi)) for _ in range(n)]
    return [(a, b, float(cos(a) > sin(b))) for a, b in points]


def training_file(n):
    rows = "\n".join(f"{a},{b},{target}" for a, b, target in draw(n))
    return io.BytesIO(f"{METADATA}f0,f1,t0\n{rows}".encode()), "x.txt"


def prediction_file(n):
    """The header still names the target column that no row has."""
    rows = "\n".join(f"r{i},{a},{b}" for i, (a, b, _) in enumerate(draw(n)))
    return io.BytesIO(f"{METADATA}sampleid,f0,f1,t0\n{rows}".encode()), "x.txt"


@pytest.fixture
def uniqueid():
    """With spaces, colons and brackets, up to 120 characters."""
    name = f"temp model for test_training_prediction_evaluation at {time.asctime()} ({time.time()})"
    return name.ljust(120, ".")


def test_endpoints_have_the_existing_backends_names():
    assert [
        url_for(name)
        for name in (
            "version",
            "training",
            "prediction",
            "evaluation",
            "evaluationlog",
            "export",
            "import_model",
            "deletemodel",
        )
    ] == [
        "/version",
        "/training",
        "/prediction",
        "/evaluation",
        "/evaluationlog",
        "/export",
        "/import",
        "/deletemodel",
    ]


def test_floats_train_predict_and_evaluate(client, uniqueid):
    fields = {"uniqueid": uniqueid, "dirhash": "abc"}
    answer = client.post(
        url_for("training"), data=fields | {"dataset": training_file(500)}, headers=AUTH
    )
    assert json.loads(answer.data) == {"status": 0, "info": []}

    answer = client.post(
        url_for("prediction"), data=fields | {"dataset": prediction_file(200)}, headers=AUTH
    )
    predictions = json.loads(answer.data)["predictions"]
    assert [row[0] for row in predictions] == [f"r{i}" for i in range(200)]
    right = [
        float(row[1]) == target for row, (_, _, target) in zip(predictions, draw(200), strict=True)
    ]
    assert sum(right) > 160

    numbers = {"minscore": "0", "maxdeviation": "0", "niterations": "1"}
    answer = client.post(
        url_for("evaluation"),
        data=fields | numbers | {"dataset": training_file(400)},
        headers=AUTH,
    )
    figures = json.loads(answer.data)
    for name in ("accuracy", "recall", "precision", "score", "f1_score"):
        assert 0.8 < figures[name] <= 1


def test_get_parameters_come_as_form_data(client, uniqueid):
    fields = {"uniqueid": uniqueid, "dirhash": "123"}
    answer = client.get(url_for("export"), data=fields, headers=AUTH)
    assert answer.status_code == 503
    answer = client.get(url_for("evaluationlog"), data=fields | {"runid": 0}, headers=AUTH)
    assert answer.status_code == 200


def test_the_log_of_runid_0_may_be_asked_for_any_time(client, uniqueid):
    fields = {"uniqueid": uniqueid, "dirhash": "abc", "runid": 0}
    assert client.get(url_for("evaluationlog"), data=fields, headers=AUTH).status_code == 200
    assert client.post(url_for("evaluationlog"), data=fields, headers=AUTH).status_code == 405


def test_wrong_methods_come_before_missing_credentials(client):
    fields = {"uniqueid": "1", "dirhash": "abc", "dataset": training_file(5)}
    assert client.get(url_for("training"), data=fields).status_code == 405
    fields["dataset"] = training_file(5)
    assert client.post(url_for("training"), data=fields).status_code == 401
    assert client.post(url_for("version")).status_code == 405


def test_an_untrained_model_is_told_in_the_existing_backends_words(client):
    fields = {"uniqueid": "non-existent", "dirhash": "abc", "dataset": prediction_file(100)}
    answer = client.post(url_for("prediction"), data=fields, headers=AUTH)
    assert answer.status_code == 200
    assert json.loads(answer.data) == {
        "status": 2,
        "info": ["Provided model have not been trained yet"],
    }


def test_a_model_may_be_deleted_before_and_after(client, uniqueid):
    for _ in range(2):
        answer = client.post(url_for("deletemodel"), data={"uniqueid": uniqueid}, headers=AUTH)
        assert (answer.status_code, answer.data) == (200, b"Ok")


def test_users_do_not_mix_within_one_outer_context(client):
    """There, one application context may serve several requests."""
    fields = {"uniqueid": "1", "dirhash": "abc"}
    data = fields | {"dataset": training_file(10)}
    assert client.post(url_for("training"), data=data, headers=AUTH).json["status"] == 0
    for headers, status in [(AUTH, 200), (OTHER, 503), ({}, 401), (AUTH, 200)]:
        answer = client.get(url_for("export"), data=fields, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize(("password", "status"), [("sshhhh", 503), ("wrong", 401)])
def test_the_authorization_header_may_be_bytes_taken_for_text(client, password, status):
    """Werkzeug's test client makes ``b'Basic …'`` of a header that is given as bytes."""
    header = b"Basic " + b64encode(f"default:{password}".encode())
    answer = client.get(
        url_for("export"),
        data={"uniqueid": "a", "dirhash": "b"},
        headers={"Authorization": str(header)},
    )
    assert answer.status_code == status
