"""Large answers, where they are compressed and where AWS Lambda would let none pass."""

import gzip
import json
import random

import pytest

import mlcore
from handler import compression, payload
from tests.handler.test_deadline import REST, context

LAMBDA = {"lambda.event": REST, "lambda.context": context(900.0)}
# as Moodle's curl says it
GZIP = {"HTTP_ACCEPT_ENCODING": "deflate, gzip, br, zstd"}


@pytest.fixture
def make_answer(make_moodle, app, moodle, course):
    """Predict so many rows, and return the answer and what it is when it is unpacked."""
    moodle.train(course.labelled(12))
    head, _, row = course.unlabelled(1).rstrip(b"\n").rpartition(b"\n")
    features = row.partition(b",")[2]

    def make_answer(rows, **environ):
        body = b"\n".join(b"%d-0,%b" % (i, features) for i in range(rows))
        answer = make_moodle(app, environ=environ).prediction(head + b"\n" + body + b"\n")
        packed = answer.headers.get("Content-Encoding") == "gzip"
        return answer, gzip.decompress(answer.body) if packed else answer.body

    return make_answer


@pytest.fixture
def small(monkeypatch):
    """Sizes that tests reach in a moment."""
    monkeypatch.setattr(compression, "_LARGE", 1000)
    monkeypatch.setattr(payload, "LAMBDA_BYTES", 20_000)


@pytest.mark.parametrize("place", [{}, LAMBDA])
def test_a_large_answer_is_compressed_where_the_client_takes_that(small, make_answer, place):
    plain, body = make_answer(300)
    packed, unpacked = make_answer(300, **place, **GZIP)
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in packed.headers["Vary"]
    assert len(packed.body) < len(body) / 3
    assert unpacked == body


@pytest.mark.parametrize("refused", ["gzip;q=0", "br", "identity"])
def test_nobody_gets_what_they_do_not_take(small, make_answer, refused):
    answer, body = make_answer(300, HTTP_ACCEPT_ENCODING=refused)
    assert "Content-Encoding" not in answer.headers
    assert json.loads(body)["status"] == 0


def test_a_small_answer_stays_as_it_is(make_answer):
    answer, _ = make_answer(300, **GZIP)
    assert "Content-Encoding" not in answer.headers


def test_what_would_not_pass_is_refused_before_the_work(small, make_answer, monkeypatch):
    """Fewer rows where the client takes no compressed answer; elsewhere all are answered."""
    assert make_answer(400, **LAMBDA)[0].status == 200
    assert make_answer(1000, **LAMBDA, **GZIP)[0].status == 200
    assert make_answer(2000)[0].status == 200
    monkeypatch.setattr(mlcore, "predict", None)
    for rows, environ in ((600, LAMBDA), (1500, LAMBDA | GZIP)):
        answer, body = make_answer(rows, **environ)
        assert answer.status == 413
        assert "larger than the 6 MB that AWS Lambda lets pass" in body.decode()


def test_an_export_that_would_not_pass_is_refused(small, make_moodle, app, moodle, course):
    moodle.train(course.labelled(60))
    size = len(moodle.export().body)
    assert size * 4 / 3 > payload.LAMBDA_BYTES
    answer = make_moodle(app, environ=LAMBDA).export()
    assert answer.status == 413
    assert answer.sentence.startswith("The answer would be larger")


def test_the_estimate_holds_for_the_worst_rows():
    """Ids and probabilities that are as long and as random as they come."""
    draw = random.Random(1)
    ids = [f"{draw.randrange(10**9)}-{draw.randrange(10)}" for _ in range(20_000)]
    rows = [[one, str(draw.randrange(10)), f"{draw.random():.6g}"] for one in ids]
    answer = json.dumps(rows).encode()
    estimated = sum(map(len, ids)) + payload._ROW_BYTES * len(ids)
    assert len(json.dumps(answer.decode())) < estimated * payload._ESCAPED
    packed = gzip.compress(answer, compression._LEVEL)
    assert len(packed) * 4 / 3 < estimated * payload._COMPRESSED
