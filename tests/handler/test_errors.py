"""Errors: each is a sentence for Moodle's admin, and docs/errors.md lists them all."""

import logging
import re
from pathlib import Path

import pytest

from handler import answers, aws, errors, settings
from handler.app import create_app
from handler.errors import AdminError, SettingsError, UnusableValue
from handler.store import (
    AccessDenied,
    Conflict,
    DirectoryUnusable,
    DiskFull,
    StoreError,
    Unavailable,
    Unreachable,
)
from mlcore.errors import MlcoreError, NotEnoughData
from mlcore.evaluation import Evaluation, Measures
from moodlemlbackend.errors import CommandError

PROJECT = Path(__file__).parents[2]
DOCUMENT = (PROJECT / "docs" / "errors.md").read_text()


def subclasses(base):
    """All errors below a base that have a sentence."""
    found = {below for direct in base.__subclasses__() for below in (direct, *subclasses(direct))}
    return {kind for kind in found | {base} if getattr(kind, "sentence", None)}


def status_of(kind):
    """What the one place that turns errors into answers makes of a class."""
    if issubclass(kind, NotEnoughData):
        return "Moodle 8"
    if issubclass(kind, CommandError):
        return "command"
    if issubclass(kind, SettingsError):
        return "start"
    return str(kind.status if issubclass(kind, AdminError | StoreError) else 400)


KINDS = sorted(
    set().union(*map(subclasses, (AdminError, SettingsError, StoreError, MlcoreError))),
    key=lambda kind: kind.__name__,
)


# docs/errors.md -----------------------------------------------------------------------------------


def documented():
    """Message and status of each row of the tables, placeholders as ``*words*``."""
    rows = re.findall(r"^\| ([A-Z*][^|]+) \| ([^|]+) \| [^|]+ \| [^|]+ \|$", DOCUMENT, re.MULTILINE)
    return {(message, status) for message, status in rows if message != "Message"}


def blanked(text):
    """A sentence without what differs from case to case, in the code or in the document."""
    return re.sub(r"\*[^*]+\*|\{\w+\}", "{}", text)


def sentences():
    """All that the program may say, with where it is seen."""
    for kind in KINDS:
        if kind is UnusableValue:
            for variable, rule in settings.RULES.items():
                yield kind.sentence.format(variable=variable, expected=rule.expected), "start"
        else:
            yield kind.sentence, status_of(kind)
    for code, sentence in answers.SENTENCES.items():
        yield sentence, f"Moodle {code}"
    yield aws.NotHttp.sentence, "Lambda"


def test_every_sentence_is_documented_with_its_status_and_no_other():
    said = {(blanked(sentence), status) for sentence, status in sentences()}
    assert said == {(blanked(message), status) for message, status in documented()}


def documented_status(text):
    """The status that the document gives to an actual message."""
    for message, status in documented():
        pattern = ".+".join(map(re.escape, re.split(r"\*[^*]+\*", message)))
        if re.fullmatch(pattern, text):
            return status
    return None


def make_evaluation(score, *more_scores, asked=None):
    measures = [Measures(s, s, s, s, s, s, 0.1, 0.1) for s in (score, *more_scores)]
    return Evaluation(tuple(measures), asked or len(measures), {})


@pytest.mark.parametrize(
    ("evaluation", "status"),
    [
        (make_evaluation(0.5), 4),
        (make_evaluation(0.8, 1.0), 8),
        (make_evaluation(0.9, asked=10), 0),
    ],
)
def test_the_status_of_what_an_evaluation_says_is_documented(evaluation, status):
    answer = answers.of_evaluation(evaluation, 0.7, 0.05)
    assert answer["status"] == status
    (sentence,) = answer["info"]
    assert documented_status(sentence) == f"Moodle {status}"


def test_the_status_of_an_untrained_model_is_documented(moodle, course):
    answer = moodle.prediction(course.unlabelled(1)).json
    assert documented_status(answer["info"][0]) == f"Moodle {answer['status']}"


def test_the_documented_status_is_the_one_that_is_answered(app):
    for kind in KINDS:
        if not issubclass(kind, NotEnoughData | CommandError | SettingsError):
            error = kind.__new__(kind)
            Exception.__init__(error, "What happened.")
            error.bucket = ""
            with app.test_request_context("/export"):
                answer = app.handle_user_exception(error)
            assert str(answer.status_code) == status_of(kind)


def test_sentences_are_plain_text_that_moodle_may_escape_twice():
    """So that "&gt;" appears nowhere; menus are written with "›"."""
    shown = [kind.sentence for kind in KINDS if not issubclass(kind, SettingsError)]
    assert [text for text in shown if not re.fullmatch(r"[A-Z][^\n<>&]+\.", text)] == []


# how errors are answered --------------------------------------------------------------------------


class Broken:
    """A store in which everything fails in one way."""

    def __init__(self, error):
        self._error = error

    def __getattr__(self, name):
        def fail(*_, **__):
            raise self._error

        return fail


def requests(moodle, course, exported):
    """One request of each kind that needs the store."""
    data = course.labelled(12)
    return {
        "training": lambda: moodle.training(data),
        "prediction": lambda: moodle.prediction(course.unlabelled(2)),
        "evaluation": lambda: moodle.evaluation(data, niterations=1),
        "evaluationlog": lambda: moodle.evaluationlog(1),
        "export": lambda: moodle.export(),
        "import": lambda: moodle.import_(exported),
        "deletemodel": lambda: moodle.deletemodel(),
    }


@pytest.fixture
def exported(make_moodle, course):
    """A model's file."""
    return make_moodle().train(course.labelled(12)).export().body


ENDPOINTS = ["training", "prediction", "evaluation", "evaluationlog"]
ENDPOINTS += ["export", "import", "deletemodel"]
PUBLIC = {"version", "openapi.yaml"}
FAULTS = [AccessDenied, Unavailable, Unreachable, DiskFull, DirectoryUnusable, Conflict]


def test_every_endpoint_that_needs_the_store_is_asked(app):
    routes = [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("pages.")]
    assert {rule.rule.strip("/") for rule in routes} == {*ENDPOINTS, *PUBLIC}


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_store_is_told_and_never_taken_for_no_model(
    make_moodle, course, exported, endpoint, fault, monkeypatch
):
    """Only a true missing object means "no model"."""
    monkeypatch.setattr("time.sleep", lambda _: None)  # between attempts
    moodle = make_moodle(store=Broken(fault("my-bucket")))
    answer = requests(moodle, course, exported)[endpoint]()
    assert answer.status == fault.status
    assert answer.text == fault.sentence.format(bucket="my-bucket")


def test_the_cause_of_a_fault_of_the_store_is_in_the_log(make_moodle, caplog):
    fault = Unreachable("my-bucket")
    fault.__cause__ = ConnectionError("no route to host")
    answer = make_moodle(store=Broken(fault)).export()
    assert "no route to host" not in answer.text
    assert "no route to host" in caplog.text


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_an_unexpected_error_has_a_reference_that_is_also_in_the_log(
    make_moodle, course, exported, endpoint, caplog
):
    caplog.set_level(logging.INFO)
    moodle = make_moodle(store=Broken(ZeroDivisionError("inner secrets")))
    answer = requests(moodle, course, exported)[endpoint]()
    assert answer.status == 500
    reference = re.search(r"under the reference ([0-9a-f]{8});", answer.text)[1]
    for inside in ("Traceback", "ZeroDivision", "secrets", ".py"):
        assert inside not in answer.text
    of_error, *_, of_request = caplog.records
    trace = of_error.getMessage()
    assert trace.startswith(f"reference {reference}\n")
    assert trace.endswith("raise self._error\nZeroDivisionError\n")
    assert "handler/endpoints.py" in trace
    assert "inner secrets" not in trace
    assert f'"reference": "{reference}"' in of_request.getMessage()


def test_a_system_without_lightgbms_library_is_told_what_to_install(moodle, course, monkeypatch):
    def load(*_, **__):
        raise OSError("libgomp.so.1: cannot open shared object file: No such file or directory")

    monkeypatch.setattr("handler.models.models.train", load)
    assert "'apt-get install libgomp1'" in moodle.training(course.labelled(12)).text


def test_the_trace_of_an_error_tells_what_led_to_it_and_quotes_nothing(make_moodle, caplog):
    """Messages of errors quote values: ``could not convert string to float: '0.771'``."""
    inner, outer = KeyError("170040-2"), ValueError("could not convert string to float: '0.771'")
    outer.__cause__ = inner
    assert make_moodle(store=Broken(outer)).export().status == 500
    trace = caplog.records[0].getMessage()
    assert trace.index("KeyError\nwhich led to\n") < trace.index("ValueError\n")
    assert "0.771" not in caplog.text
    assert "170040" not in caplog.text


def test_that_holds_in_flasks_debug_and_testing_modes_too(make_settings, make_moodle, monkeypatch):
    monkeypatch.setattr("handler.app.open_store", lambda settings: Broken(RuntimeError()))
    app = create_app(make_settings())
    app.debug = app.testing = True
    assert make_moodle(app).export().text.startswith("The server failed in a way nobody foresaw")


def test_other_errors_are_no_news_for_the_log(moodle, caplog):
    caplog.set_level(logging.WARNING)
    moodle.export()
    moodle.training(b"")
    moodle.but(password="wrong").export()
    assert caplog.records == []


@pytest.mark.parametrize("fault", [errors.NewerModel, errors.ModelIncomplete, errors.ModelDeleted])
def test_what_is_wrong_with_a_stored_model_is_503(make_moodle, fault):
    answer = make_moodle(store=Broken(fault())).export()
    assert answer.status == 503
    assert answer.sentence == fault.sentence
