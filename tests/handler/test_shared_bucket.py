"""End to end: two real servers share a bucket of moto's real HTTP server."""

import pytest


@pytest.fixture(scope="module")
def _two_servers(remote_bucket, tmp_path_factory, start_server):
    folder = tmp_path_factory.mktemp("two")
    with (
        start_server(folder, **remote_bucket) as one,
        start_server(folder, **remote_bucket) as other,
    ):
        yield one.moodle, other.moodle


@pytest.fixture
def one(_two_servers, request):
    return _two_servers[0].but(uniqueid=request.node.name)


@pytest.fixture
def other(_two_servers, request):
    return _two_servers[1].but(uniqueid=request.node.name)


def test_what_one_server_learned_the_other_knows(one, other, course):
    data = course.unlabelled(5)
    assert other.prediction(data).json["status"] == 2
    one.train(course.labelled(60))
    assert other.prediction(data).json == one.prediction(data).json
    assert other.export().body == one.export().body


def test_a_warm_server_sees_a_training_by_the_other_at_once(one, other, course):
    data = course.unlabelled(5)
    one.train(course.labelled(12))
    cold = other.prediction(data).json
    assert other.prediction(data).json == cold
    one.train(course.labelled(12))
    assert other.prediction(data).json == one.prediction(data).json != cold


def test_both_may_train_the_same_model(one, other, course):
    one.train(course.labelled(8))
    other.train(course.labelled(7))
    assert one.export().body == other.export().body


def test_an_evaluation_by_one_is_known_to_the_other(one, other, course):
    data = course.labelled(15)
    first = one.evaluation(data).json
    assert other.evaluationlog(first["runid"]).files == one.evaluationlog(first["runid"]).files
    second = other.evaluation(data).json
    assert second["runid"] > first["runid"]
    assert second["score"] == first["score"]


def test_a_model_goes_from_one_to_the_other_under_another_name(one, other, course):
    data = course.unlabelled(5)
    exported = one.train(course.labelled(60)).export().body
    imported = other.but(uniqueid="imported", dirhash="elsewhere")
    assert imported.import_(exported).text == "Ok"
    assert one.but(uniqueid="imported", dirhash="elsewhere").export().body == exported
    assert imported.prediction(data).json == one.prediction(data).json


def test_what_one_deletes_is_gone_on_the_other(one, other, course):
    one.train(course.labelled(12))
    assert other.prediction(course.unlabelled(1)).json["status"] == 0
    assert one.deletemodel().text == "Ok"
    assert other.prediction(course.unlabelled(1)).json["status"] == 2
    assert other.export().status == 503


def test_a_bucket_that_does_not_exist_is_told(running, remote_bucket, course):
    bucket = {"MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": "no-such-bucket"}
    with running(**remote_bucket | bucket) as server:
        answer = server.moodle.prediction(course.unlabelled(1))
    assert answer.status == 500
    assert answer.text.startswith('Amazon S3 has no bucket "no-such-bucket" for this server.')
