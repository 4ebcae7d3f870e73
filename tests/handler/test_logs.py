"""The log: one JSON line for each request, never data or credentials."""

import json
import logging
import re
import socket
from base64 import b64encode
from types import SimpleNamespace

import pytest

from handler import logs


@pytest.fixture
def lines(caplog):
    """Returns the lines of the requests so far, parsed."""
    caplog.set_level(logging.INFO)
    return lambda: [
        json.loads(record.getMessage()) for record in caplog.records if record.name == logs.__name__
    ]


def test_a_training_has_all_the_figures(moodle, course, lines):
    """Endpoint, user, model, rows, seconds per stage, status, cold or warm, request id."""
    data = course.labelled(12)
    moodle.train(data)
    (line,) = lines()
    seconds, total = line.pop("seconds"), line.pop("total_seconds")
    assert set(seconds) == {"sign-in", "store", "parse", "fit", "encode"}
    assert all(0 <= value <= total + 0.001 for value in seconds.values())
    assert len(line.pop("request")) == 16
    assert line.pop("cold") in (True, False)
    assert len(data) < line.pop("bytes_in") < len(data) + 1000
    assert line == {
        "method": "POST",
        "endpoint": "training",
        "user": "default",
        "model": f"models/default/{moodle.uniqueid}/{moodle.dirhash}",
        "rows": 12,
        "features": 12,
        "status": 200,
    }


def test_each_request_has_one_line(moodle, course, lines):
    data = course.labelled(12)
    moodle.version()
    moodle.training(data)
    moodle.prediction(course.unlabelled(3))
    runid = moodle.evaluation(data).json["runid"]
    moodle.evaluationlog(runid)
    moodle.import_(moodle.export().body)
    moodle.deletemodel()
    moodle.but(password="wrong").export()
    moodle.send("GET", "/nothing")
    moodle.send("GET", "/training")
    assert [(line["endpoint"], line["status"]) for line in lines()] == [
        ("version", 200),
        ("training", 200),
        ("prediction", 200),
        ("evaluation", 200),
        ("evaluationlog", 200),
        ("export", 200),
        ("import_model", 200),
        ("deletemodel", 200),
        ("export", 401),
        (None, 404),
        (None, 405),
    ]
    assert len({line["request"] for line in lines()}) == 11


@pytest.mark.parametrize(
    ("endpoint", "stages"),
    [
        ("prediction", {"sign-in", "store", "parse", "predict"}),
        ("evaluation", {"sign-in", "store", "parse", "evaluate", "report"}),
    ],
)
def test_the_stages_of_a_request_are_measured(moodle, course, lines, endpoint, stages):
    moodle.train(course.labelled(12))
    data = course.unlabelled(15) if endpoint == "prediction" else course.labelled(15)
    getattr(moodle, endpoint)(data)
    line = lines()[-1]
    assert set(line["seconds"]) == stages
    assert (line["rows"], line["features"]) == (15, 12)


def test_work_that_was_saved_is_told(moodle, course, lines):
    data, unlabelled = course.labelled(15), course.unlabelled(1)
    for _ in range(2):
        moodle.training(data)
        moodle.prediction(unlabelled)
        moodle.evaluation(data)
    saved = ["already_learned", "warm_model", "already_evaluated"]
    told = [[name for name in saved if line.get(name)] for line in lines()]
    assert told == [[], [], [], ["already_learned"], ["warm_model"], ["already_evaluated"]]


def test_only_the_first_request_of_a_process_is_cold(moodle, lines, monkeypatch):
    monkeypatch.setattr(logs, "_cold", True)
    for _ in range(3):
        moodle.version()
    assert [line["cold"] for line in lines()] == [True, False, False]


def test_on_lambda_the_request_id_is_that_of_aws(client, lines):
    context = SimpleNamespace(aws_request_id="3f7fda8c-8cd7")
    client.get("/version", environ_overrides={"lambda.context": context})
    assert lines()[0]["request"] == "3f7fda8c-8cd7"


def test_credentials_rows_and_sample_ids_are_never_logged(make_moodle, course, make_file, caplog):
    """Not when all is well, and not when nothing is."""
    caplog.set_level(logging.DEBUG)
    moodle = make_moodle(USERS="default:sshhhh,a:secretpassword")
    moodle.train(make_file("0.771,0,0", "0.332,1,1"))
    moodle.prediction(b"nfeatures\n2\nsampleid,a,b\n170040-2,0.771,0.5\n")
    moodle.prediction(b"nfeatures\n2\nsampleid,a,b\n170040-2,0.771,oops\n")
    moodle.evaluation(make_file("0.771,0,0", "0.332,1,1", "0.771,oops,0"))
    moodle.but(password="wrongpassword").export()
    moodle.but(user="wrongname").export()
    moodle.but(user="secretpassword").export()  # typed into the wrong field
    moodle.import_(b"170040-2")
    text = caplog.text
    assert text.count("default") > 5
    credentials = ("sshhhh", "secretpassword", "wrongpassword", "wrongname", "c3NoaGho")
    for secret in (*credentials, "Basic", "0.771", "0.332", "170040", "oops"):
        assert secret not in text


def test_a_name_cannot_forge_a_line(moodle, lines, caplog):
    moodle.but(uniqueid='x"}\n{"endpoint": "forged"', dirhash="\r\n\x1b[31m").export()
    (line,) = lines()
    assert line["endpoint"] == "export"
    (record,) = caplog.records
    assert record.getMessage().isprintable()


def test_outside_a_request_there_is_nothing_to_tell():
    """The models' store can be used by commands, too."""
    with logs.stage("store"):
        logs.note(rows=1)


# a whole server -----------------------------------------------------------------------------------

SECRETS = {
    "password": "pass-70e1",
    "wrong password": "wrong-70e2",
    "wrong user": "stranger-70e3",
    "sample id": "170040-7704",
    "value": "0.7705",
    "no number": "oops7706",
    "indicator": "indicator7707",
    "target": "target7708",
    "import": "import7709",
    "address": "address7710",
    "header": "header7711",
}


def dataset(cell="0.5", target="0", labelled=True):
    names = f"{SECRETS['indicator']},other"
    names = f"{names},{SECRETS['target']}" if labelled else f"sampleid,{names}"
    head = f'nfeatures,targettype,targetclasses\n2,discrete,"[0,1]"\n{names}\n'
    row = f"{SECRETS['value']},{cell}"
    row = f"{row},{target}\n-{row},1\n" if labelled else f"{SECRETS['sample id']},{row}\n"
    return f"{head}{row}".encode()


def bad_datasets(labelled):
    yield dataset(SECRETS["no number"], labelled=labelled)
    yield dataset("0.5,0.5", labelled=labelled)
    yield dataset("0.5", target="7706", labelled=True)
    yield dataset(labelled=labelled).replace(b"\n2,", b"\n3,")
    yield dataset(labelled=labelled).replace(b"[0,1]", b"[0]")
    yield dataset(labelled=labelled).replace(b"discrete", b"linear") + b"\xff"
    yield dataset(labelled=labelled)[:-9]
    yield SECRETS["value"].encode() * 10


def use_in_every_way(moodle):
    """Ask for everything, rightly and wrongly, and return the answers."""
    good, unlabelled = dataset(), dataset(labelled=False)
    for uniqueid in ("good", "fault"):
        site = moodle.but(uniqueid=uniqueid)
        yield site.training(good)
        yield site.prediction(unlabelled)
        yield site.evaluation(good)
        yield site.evaluation(good, trained=site.dirhash)
        yield site.evaluationlog(1)
        exported = site.export()
        yield exported
        yield site.import_(exported.body)
        if uniqueid == "fault":
            yield site.deletemodel()
        for bad in bad_datasets(labelled=True):
            yield site.training(bad)
            yield site.evaluation(bad)
        for bad in bad_datasets(labelled=False):
            yield site.prediction(bad)
        yield site.import_(SECRETS["import"].encode())
        yield site.import_(exported.body[:-30])
        yield site.evaluationlog(SECRETS["no number"])
        yield site.evaluation(good, minscore=SECRETS["no number"])
        yield site.but(dirhash=None).training(good)
    yield moodle.but(password=SECRETS["wrong password"]).training(good)
    yield moodle.but(user=SECRETS["wrong user"]).training(good)
    yield moodle.but(user=SECRETS["password"], password="default").training(good)
    yield moodle.send("GET", f"/{SECRETS['address']}?{SECRETS['address']}")
    yield moodle.send("GET", f"/training?{SECRETS['address']}")
    yield moodle.send("POST", "/training", b"--x\r\n" + good, {"Content-Type": "multipart/x"})
    yield moodle.send("POST", "/training", good, {"Content-Type": "multipart/form-data"})


def raw_requests():
    """What is no proper HTTP, or ends in its middle."""
    secret = SECRETS["header"].encode()
    head = b"POST /training HTTP/1.1\r\nHost: x\r\nAuthorization: Basic " + secret
    yield head + b"\r\nContent-Length: " + secret + b"\r\n\r\n"
    yield head + b"\r\nContent-Length: 1000\r\n\r\n" + secret
    yield head + b"\r\nTransfer-Encoding: " + secret + b"\r\n\r\n"
    yield head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + secret + b"\r\n"
    yield head + b"\r\n" + secret + b"\r\n\r\n"
    yield secret + b"\r\n\r\n"
    yield b"GET /" + secret + b" HTTP/9\r\n\r\n"
    yield head + b"\r\nContent-Length: 2000000\r\n\r\n" + secret
    yield head + b"x" * 300_000


def test_a_server_never_writes_what_it_was_sent(running):
    """Not to its log, and not to its output: when all is well, and when anything fails."""
    password = SECRETS["password"]
    with running(
        module="tests.handler.faulty_server",
        MOODLE_MLBACKEND_PYTHON_USERS=f"default:{password}",
        MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB="1",
    ) as server:
        statuses = [
            answer.status for answer in use_in_every_way(server.moodle.but(password=password))
        ]
        for raw in raw_requests():
            with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
                try:
                    connection.sendall(raw)
                    connection.shutdown(socket.SHUT_WR)
                    connection.recv(1000)
                except TimeoutError:
                    raise
                except OSError:  # ENOTCONN is no ConnectionError
                    continue  # it is refused before all was sent
        stopped, rest = server.stop()
        log = server.log.read_text()
    assert stopped == 0
    assert {200, 400, 401, 404, 405, 500} <= set(statuses)
    assert len(re.findall(r"^reference \w{8}$", log, re.M)) == statuses.count(500) > 20
    assert log.count("\nValueError\n") == statuses.count(500)
    assert log.count('"endpoint": "training"') > 20
    credentials = f"default:{password}"
    written = (server.first_line + rest + log).lower()
    for secret in (*SECRETS.values(), "nfeatures", b64encode(credentials.encode()).decode()):
        assert secret.lower().rstrip("=") not in written


def test_a_refusal_that_somebody_should_know_of_is_an_error_in_the_log(make_moodle, caplog):
    """As the alarm on AWS counts those."""
    moodle = make_moodle(MAX_BODY_MB="1")
    with caplog.at_level("INFO", logger="handler.logs"):
        assert moodle.version().status == 200
        assert moodle.training(bytes(2_000_000)).status == 413
    levels = [record.levelname for record in caplog.records if record.name == "handler.logs"]
    assert levels == ["INFO", "ERROR"]
