"""The deployed package under AWS's runtime client, behind gateways that keep AWS's limits."""

import gzip
import json
import re
import time
from dataclasses import replace
from urllib.parse import urlencode, urljoin

import pytest

from infra.lab.course import Course
from infra.local.client import multipart
from infra.local.gateway.events import FUNCTION_URL, REST_API
from infra.local.gateway.runtime import FunctionFailed


def test_models_land_in_the_bucket(moodle, course, client, names):
    moodle.train(course.labelled(12))
    found = client("s3").list_objects_v2(Bucket=names.models, Prefix="models/default/")
    names_of_files = {item["Key"].rpartition("/")[2] for item in found["Contents"]}
    assert {"model.json", "classifier.npz", "examples.npz"} <= names_of_files


def test_two_instances_share_the_models(moodle, course):
    """They take turns, so that each request is the other's."""
    data = course.unlabelled(5)
    for _ in range(3):
        moodle.train(course.labelled(12))
        assert moodle.prediction(data).json == moodle.prediction(data).json
    assert moodle.export().body == moodle.export().body


def test_an_evaluation_and_its_log_come_back(moodle, course):
    answer = moodle.evaluation(course.labelled(60)).json
    files = moodle.evaluationlog(answer["runid"]).files
    assert {"report.html", "roc-curve.png", "evaluation.json"} <= set(files)
    assert "tensor/validation/events.out.tfevents.0" in files


def test_errors_are_sentences_behind_a_gateway_too(moodle):
    assert moodle.export().sentence.startswith("This model has not been trained yet")
    assert "password is wrong" in moodle.but(password="x").export().sentence


def body_of(size):
    """Return a dataset that makes a request's body this large."""
    fields = {"uniqueid": "size", "dirhash": "execution"}
    rows = Course().labelled(size // 300)
    return rows + b"\n" * (size - len(multipart({**fields, "dataset": rows})))


def test_a_body_of_4_6_mb_passes(moodle):
    moodle.but(uniqueid="size", dirhash="execution").train(body_of(4_600_000))


def test_a_body_of_4_8_mb_is_refused_with_a_sentence(moodle):
    answer = moodle.but(uniqueid="size", dirhash="execution").training(body_of(4_800_000))
    assert answer.status == 413
    assert json.loads(answer.body)["message"].startswith("Request ")


def test_a_packed_dataset_of_10_mb_passes(moodle):
    """As the Moodle plugin sends it."""
    data = gzip.compress(body_of(10_000_000))
    moodle.but(uniqueid="size", dirhash="execution").train(data)


def test_an_answer_of_more_than_6_mib_is_refused_with_a_sentence(moodle, make_narrow):
    labelled, unlabelled = make_narrow
    answer = moodle.train(labelled).prediction(unlabelled)
    assert answer.status == 413
    assert "predictions" in answer.sentence
    for _ in range(2):  # of both instances
        assert moodle.version().text == "3.0.5"


@pytest.fixture
def make_narrow():
    """Datasets of one feature, so that many rows are a small request, and a large answer."""
    head = b'nfeatures,targetclasses,targettype\n1,"[0,1]",discrete\n'
    unlabelled = head + b"sampleid,a\n" + b"".join(b"%d-1,1\n" % i for i in range(250_000))
    return head + b"a,target\n1,1\n0,0\n", unlabelled


# time ---------------------------------------------------------------------------------------------


def test_the_limits_are_those_of_aws():
    assert (REST_API.seconds, FUNCTION_URL.seconds) == (29, 900)


def test_work_that_took_too_long_for_the_gateway_is_there_when_asked_again(start):
    """WIRE: a training that ended on our side, but whose answer did not arrive."""
    data = Course().labelled(2_000)
    with start(replace(REST_API, seconds=0.3), REST_API) as (hasty, patient):
        late = hasty.moodle.but(uniqueid="late").evaluation(data, niterations=3)
        assert late.status == 504
        assert json.loads(late.body) == {"message": "Endpoint request timed out"}
        began = time.monotonic()
        patient.moodle.version()  # waits for its turn
        evaluated = time.monotonic()
        assert patient.moodle.but(uniqueid="late").evaluation(data, niterations=3).json["score"]
        assert time.monotonic() - evaluated < max(1, evaluated - began)


def test_a_function_that_takes_too_long_is_ended_and_started_anew(start):
    with start(FUNCTION_URL, seconds=8) as (door,):
        assert door.moodle.version().text == "3.0.5"
    with start(FUNCTION_URL, seconds=0.2) as (door,):
        assert door.moodle.evaluation(Course().labelled(5_000)).status == 502


# the pages for the admin --------------------------------------------------------------------------


def test_people_sign_in_with_a_form_and_find_all_pages_behind_the_stage(moodle, door, course):
    """Gateways rename what makes browsers ask for a password, and carry cookies apart."""
    moodle.but(uniqueid="seen in a page").train(course.labelled(12))

    def ask(method, target, body=b"", **headers):
        return door.moodle.exchange(method, target, headers, body)

    stage = moodle.prefix
    for target in {f"{stage}/", stage or "/"}:
        answer = ask("GET", target)
        assert answer.status == 401
        assert "WWW-Authenticate" not in answer.headers
        assert b'<label for="password">' in answer.body
    style = re.search(rb'stylesheet" href="([^"]+)"', answer.body)[1].decode()
    assert ask("GET", urljoin(f"{stage}/", style)).status == 200

    credentials = urlencode({"username": moodle.user, "password": moodle.password}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask("POST", f"{stage}/sign-in", credentials, **form)
    assert answer.status == 303
    assert "Secure" in answer.headers["Set-Cookie"]
    cookie = answer.headers["Set-Cookie"].partition(";")[0]

    answer = ask("GET", urljoin(f"{stage}/sign-in", answer.headers["Location"]), Cookie=cookie)
    assert answer.status == 200
    assert b"Everything works" in answer.body
    assert b"About 4.7 MB, or about 110 MB with" in answer.body
    assert (b"15 minutes" if door.gateway is FUNCTION_URL else b"29 seconds") in answer.body
    page = re.search(rb'href="([^"]+model\?uniqueid=seen[^"]+)"', answer.body)[1].decode()
    answer = ask("GET", urljoin(f"{stage}/", page), Cookie=cookie)
    assert b"Moodle calls this model <code>seen in a page</code>" in answer.body


# what must not be ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "event",
    [
        {"raw_command": "print('executed')"},
        {"command": "os.getcwd"},
        {"manage": "check"},
        {"Records": [{"s3": {"configurationId": "x:os.getcwd"}}]},
        {},
    ],
    ids=lambda event: next(iter(event), "nothing"),
)
def test_events_that_are_no_requests_are_refused(instance, event):
    with pytest.raises(FunctionFailed, match="answers HTTP requests only"):
        instance.invoke(event)


def test_the_log_has_a_line_for_each_request_and_no_secrets(start, log, course):
    with start(REST_API) as (door,):
        moodle = door.moodle.but(uniqueid="logged")
        moodle.train(course.labelled(12))
        moodle.prediction(course.unlabelled(2))
        moodle.but(password="wrongpassword").export()
    log = log.read_text()
    lines = [
        json.loads(line[line.index("{") :]) for line in log.splitlines() if '"endpoint"' in line
    ]
    told = [
        line
        for line in lines
        if line.get("model", "").endswith("logged/818aba1d274d49706da25c4816a8fd57")
    ]
    assert [line["endpoint"] for line in told] == ["training", "prediction"]
    assert all(len(line["request"]) == 36 for line in told)  # AWS's request ids
    assert "executed" not in log
    for secret in ("sshhhh", "wrongpassword", "Basic", "Authorization", "MoodleBot"):
        assert secret not in log
