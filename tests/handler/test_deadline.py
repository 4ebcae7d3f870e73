"""By when a request ends, on AWS and elsewhere."""

import time
from dataclasses import replace
from types import SimpleNamespace

import pytest

from handler.app import create_app
from mlcore import blend
from mlcore.evaluation import evaluate

REST = {"requestContext": {"domainName": "abc.execute-api.eu-central-1.amazonaws.com"}}
URL = {"requestContext": {"domainName": "abc.lambda-url.eu-central-1.on.aws"}}
CUSTOM = {"requestContext": {"domainName": "moodle.example"}}
NAMELESS = {"requestContext": {}}


def context(seconds):
    return SimpleNamespace(
        get_remaining_time_in_millis=lambda: int(seconds * 1000), aws_request_id="id"
    )


@pytest.fixture
def seconds_given(moodle, make_moodle, app, course, monkeypatch):
    """How many seconds an evaluation gets when it comes in such an event."""

    def seconds_given(event=None, remaining=900.0):
        given = []

        def spy(dataset, n_iterations, classifier, deadline, memory, cores):
            given.append(deadline and deadline - time.monotonic())
            return evaluate(dataset, n_iterations, classifier)

        monkeypatch.setattr("mlcore.evaluation.evaluate", spy)
        environ = {}
        if event:
            environ = {"lambda.event": event, "lambda.context": context(remaining)}
        asked = make_moodle(app, environ=environ).evaluation(course.labelled(12), niterations=1)
        assert asked.status == 200
        return given[0]

    return seconds_given


@pytest.mark.parametrize("event", [REST, CUSTOM, NAMELESS])
def test_behind_api_gateway_an_evaluation_ends_within_its_29_seconds(seconds_given, event):
    assert 15 < seconds_given(event) < 26


def test_a_function_url_gives_all_the_time_that_the_function_has(seconds_given):
    assert 850 < seconds_given(URL) < 897


def test_a_function_that_has_less_time_than_the_gateway_keeps_to_it(seconds_given):
    assert 5 < seconds_given(REST, remaining=15.0) < 12


def test_elsewhere_there_is_no_limit(seconds_given):
    assert seconds_given() is None


def test_an_evaluation_that_is_short_of_time_says_how_much_it_did(make_moodle, app, course):
    environ = {"lambda.event": REST, "lambda.context": context(1.0)}
    answer = make_moodle(app, environ=environ).evaluation(course.labelled(60), niterations=10).json
    assert "There was time for 1 of 10 iterations." in answer["info"]
    assert answer["runid"]


@pytest.fixture
def asked(make_settings, make_moodle, course, monkeypatch):
    """Ask for a training and an evaluation that take some 20 s of a whole processor."""
    monkeypatch.setattr("mlcore.duration._SECONDS_PER_CELL", 20 / (60 * 50))
    data = course.labelled(60)

    def asked(event, memory=1769):
        settings = replace(make_settings(), memory_bytes=memory << 20)
        environ = {"lambda.event": event, "lambda.context": context(900)} if event else {}
        moodle = make_moodle(create_app(settings), environ=environ)
        return moodle.training(data), moodle.evaluation(data, niterations=1)

    return asked


@pytest.mark.parametrize(("event", "memory"), [(REST, 1769), (URL, 1024), (None, 1024)])
def test_what_ends_in_time_is_done(asked, event, memory):
    assert [answer.status for answer in asked(event, memory)] == [200, 200]


def test_what_would_not_end_in_time_is_refused_before_the_work(asked, monkeypatch):
    """On a function with half a processor."""
    monkeypatch.setattr(blend, "choose", lambda task: pytest.fail("has begun"))
    for answer in asked(REST, 885):
        assert answer.status == 400
        assert answer.sentence.startswith("Learning from so many samples takes about 40 s here")


def test_a_trained_model_is_evaluated_whatever_its_training_takes(make_moodle, course, monkeypatch):
    moodle = make_moodle()
    data = course.labelled(60)
    moodle.train(data)
    monkeypatch.setattr("mlcore.duration._SECONDS_PER_CELL", 1.0)
    environ = {"lambda.event": REST, "lambda.context": context(900)}
    behind = make_moodle(environ=environ)
    assert behind.evaluation(data, trained=moodle.dirhash, niterations=1).status == 200
