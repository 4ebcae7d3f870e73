"""Reading requests, from Moodle, from other known clients, and from whoever sends nonsense."""

from urllib.parse import quote

import pytest
from flask import request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handler.app import create_app

MODEL = {"uniqueid": "4d3fce33", "dirhash": "818aba1d"}
GET = ["evaluationlog", "export"]
POST = ["training", "prediction", "evaluation", "import", "deletemodel"]
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture
def trained(moodle, course):
    return moodle.but(**MODEL).train(course.labelled(12))


# where fields are ---------------------------------------------------------------------------------


def test_get_parameters_may_be_in_the_query_string_or_in_the_form(trained):
    """Moodle puts them into the query string, other known clients into the body."""
    usual = trained.export()
    assert usual.files
    form = trained.send("GET", "/export", b"uniqueid=4d3fce33&dirhash=818aba1d", FORM)
    assert form.body == usual.body
    mixed = trained.send("GET", "/export?uniqueid=4d3fce33", b"dirhash=818aba1d", FORM)
    assert mixed.body == usual.body


def test_get_parameters_may_be_in_a_multipart_body(trained, client):
    answer = client.get("/export", data=MODEL | {"x": "1"}, auth=("default", "sshhhh"))
    assert answer.data == trained.export().body


def test_post_parameters_may_be_in_the_query_string(trained, course):
    data = course.unlabelled(2)
    answer = trained.post("prediction?uniqueid=4d3fce33&dirhash=818aba1d", dataset=data)
    assert answer.json == trained.prediction(data).json


def test_a_file_may_come_as_a_field(trained, course):
    """A part without a filename is a field to the parser."""
    data = course.unlabelled(2)
    assert trained.prediction(data.decode()).json == trained.prediction(data).json


def test_the_order_of_fields_and_further_ones_do_not_matter(trained, course):
    data = course.unlabelled(2)
    answer = trained.post("prediction", later="1", dataset=data, **dict(reversed(MODEL.items())))
    assert answer.json == trained.prediction(data).json


# addresses and methods ----------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", ["version", *GET])
def test_head_is_where_get_is(trained, endpoint):
    target = f"/{endpoint}?uniqueid=4d3fce33&dirhash=818aba1d&runid=0"
    head, get = trained.send("HEAD", target), trained.send("GET", target)
    assert (head.status, head.body) == (get.status, b"") == (200, b"")
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


@pytest.mark.parametrize("endpoint", ["version", *GET])
def test_get_endpoints_refuse_post_in_plain_text_and_name_what_they_allow(moodle, endpoint):
    answer = moodle.post(endpoint, **MODEL)
    assert answer.status == 405
    assert answer.sentence == "This address does not answer to POST requests."
    assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("endpoint", POST)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "BREW"])
def test_post_endpoints_refuse_other_methods(moodle, endpoint, method):
    answer = moodle.send(method, f"/{endpoint}")
    assert answer.status == 405
    assert method in answer.sentence
    assert answer.headers["Allow"] == "OPTIONS, POST"


def test_a_method_that_is_none_is_shown_as_plain_text(client):
    answer = client.open("/training", method="A\n\u202e" + "B" * 100)
    assert answer.status_code == 405
    assert answer.text == f"This address does not answer to A??{'B' * 17} requests."


@pytest.mark.parametrize("target", ["/train", "/training/", "/Training", "/static/x", "/%00"])
def test_other_addresses_are_404_in_plain_text(moodle, target):
    answer = moodle.send("POST", target)
    assert answer.status == 404
    assert answer.sentence.startswith("There is nothing at this address")


@pytest.mark.parametrize(
    ("method", "target", "status"), [("GET", "/training", 405), ("POST", "/nothing", 404)]
)
def test_404_and_405_come_before_401(moodle, method, target, status):
    assert moodle.but(password="wrong").send(method, target).status == status


@pytest.mark.parametrize(
    "prefix", ["/production", "/a/b", "/a/", "/production/training", "/%C3%A9"]
)
def test_endpoints_are_found_below_any_path(trained, course, prefix):
    """As behind an API Gateway stage that is passed on: /production/training."""
    below = trained.but(prefix=prefix)
    assert below.version().text == "3.0.5"
    assert below.export().body == trained.export().body
    assert below.prediction(course.unlabelled(1)).json["status"] == 0
    assert below.send("GET", "/training").status == 405


def test_the_path_before_an_endpoint_is_where_the_application_lies(app, moodle):
    """As WSGI has it, so that what Flask makes of addresses stays right."""
    roots = []
    app.before_request(lambda: roots.append(request.root_path))
    moodle.but(prefix="/production").version()
    moodle.version()
    assert roots == ["/production", ""]


# what is missing, or is no field ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "field"),
    [(endpoint, "uniqueid") for endpoint in GET + POST]
    + [(endpoint, "dirhash") for endpoint in GET + POST if endpoint != "deletemodel"]
    + [(endpoint, "dataset") for endpoint in ("training", "prediction", "evaluation")]
    + [("import", "importzip"), ("evaluationlog", "runid")],
)
@pytest.mark.parametrize("value", [None, ""], ids=["missing", "empty"])
def test_a_missing_field_is_named(moodle, endpoint, field, value):
    fields = {**MODEL, "dataset": b"x", "importzip": b"x", "runid": "1", field: value}
    answer = (moodle.get if endpoint in GET else moodle.post)(endpoint, **fields)
    assert answer.status == 400
    assert answer.sentence == f"The request has no {field}, which Moodle always sends."


@pytest.mark.parametrize("field", ["uniqueid", "dirhash"])
@pytest.mark.parametrize("name", ["x" * 1000, "." * 84, "é" * 42, "😀" * 300], ids=len)
def test_a_name_that_is_too_long_to_store_is_refused(moodle, field, name):
    answer = moodle.but(**{field: name}).export()
    assert answer.status == 400
    assert answer.sentence == f"The request's {field} is too long to be stored."


@pytest.mark.parametrize("name", ["x" * 250, "a name of 120 " + "c" * 106, "." * 83, "é" * 41])
def test_a_long_name_is_stored(moodle, course, name):
    long = moodle.but(uniqueid=name, dirhash=name[::-1])
    assert long.train(course.labelled(12)).export().files


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(uniqueid=st.text(max_size=100), dirhash=st.text(max_size=100))
def test_any_name_is_answered(moodle, uniqueid, dirhash):
    """Dots, slashes, unicode, NUL: a model that does not exist, or a sentence."""
    answer = moodle.but(uniqueid=uniqueid, dirhash=dirhash).export()
    assert answer.status in (400, 503)
    assert answer.sentence


@pytest.mark.parametrize("raw", ["%", "%zz", "%ff%fe", "%00", "%ED%A0%80", "%F0%9F", "a%2e%2e%2fb"])
def test_any_escape_in_a_query_string_is_answered(moodle, raw):
    answer = moodle.send("GET", f"/export?uniqueid={raw}&dirhash={raw}")
    assert answer.status == 503
    assert answer.sentence


@pytest.mark.parametrize(
    "raw", ["\xff", "uniqueid=\xff&dirhash=d", "uniqueid=u&dirhash=\xed\xa0\x80"]
)
def test_a_query_string_that_is_no_text_is_refused(client, raw):
    answer = client.get(
        "/export", environ_overrides={"QUERY_STRING": raw}, auth=("default", "sshhhh")
    )
    assert answer.status_code == 400
    assert answer.text.startswith("The request cannot be read")


@pytest.mark.parametrize("raw", [b"\xff", b"\xed\xa0\x80", b"a\0b", b"../..", b"a\r\nb"])
def test_any_bytes_in_a_multipart_field_are_answered(moodle, raw):
    answer = moodle.post("prediction", uniqueid=raw, dirhash="d", dataset=b"x")
    assert answer.sentence  # as a file, it is no field
    body = b'--b\r\nContent-Disposition: form-data; name="uniqueid"\r\n\r\n%s\r\n--b--\r\n' % raw
    multipart = {"Content-Type": "multipart/form-data; boundary=b"}
    assert moodle.send("POST", "/deletemodel", body, multipart).text == "Ok"


# bodies that cannot be read -----------------------------------------------------------------------


def broken(body):
    return [
        body[: len(body) // 2],
        body[:100],
        body[:-10],
        body.replace(b"\r\n\r\n", b"\r\n"),
        b"nothing of the kind",
        b"\r\n--b",
    ]


@pytest.mark.parametrize("i", range(6))
def test_a_multipart_body_that_was_cut_off_or_changed_is_refused(moodle, course, i):
    sent = []
    record = moodle.but(exchange=lambda *request: sent.append(request))
    record.training(course.labelled(12))
    ((method, target, headers, body),) = sent
    answer = moodle.exchange(method, target, headers, broken(body)[i])
    assert answer.status == 400
    assert answer.sentence.startswith("The request cannot be read: it was cut off or changed")


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=é", "application/json", "x", ""],
)
def test_a_body_of_another_kind_has_no_fields(moodle, content_type):
    answer = moodle.send("POST", "/training", b"{}", {"Content-Type": content_type})
    assert answer.status == 400
    assert answer.sentence


@pytest.mark.parametrize("body", [b"%ff=%ff&&=&\xff", b"uniqueid", b"&" * 1000, b"\xff\xfe"])
def test_any_urlencoded_body_is_answered(moodle, body):
    answer = moodle.send("POST", "/deletemodel", body, FORM)
    assert answer.status == 400
    assert answer.sentence


def test_a_type_without_a_body_does_no_harm(client):
    answer = client.get(
        "/evaluationlog?uniqueid=u&dirhash=d&runid=0",
        environ_overrides={"CONTENT_TYPE": "multipart/form-data"},
        auth=("default", "sshhhh"),
    )
    assert answer.status_code == 200


def test_a_body_shorter_than_its_content_length_is_refused(client):
    answer = client.post(
        "/training",
        data=b"--b\r\n",
        content_type="multipart/form-data; boundary=b",
        environ_overrides={"CONTENT_LENGTH": "1000"},
        auth=("default", "sshhhh"),
    )
    assert answer.status_code == 400
    assert answer.text.startswith("The request cannot be read: it was cut off or changed")


# limits -------------------------------------------------------------------------------------------


def test_more_form_fields_than_moodle_sends_are_refused(moodle):
    fields = {f"field{i}": "1" for i in range(50)}
    assert moodle.post("deletemodel", **fields | {"field0": None}, uniqueid="u").text == "Ok"
    answer = moodle.post("deletemodel", **fields, uniqueid="u")
    assert answer.status == 413
    assert (
        answer.sentence == "The request has more than 50 form fields; Moodle sends seven at most."
    )


@pytest.mark.parametrize("field", [b"0", "0"], ids=["file", "field"])
def test_a_body_larger_than_the_limit_is_refused_with_the_limit(make_moodle, field):
    moodle = make_moodle(MAX_BODY_MB="1")
    assert moodle.training(field * ((1 << 20) - 1000)).status == 400  # no dataset, but read
    answer = moodle.training(field * (1 << 20))
    assert answer.status == 413
    assert answer.sentence == (
        "The request is larger than the 1 MB that this server accepts: raise its "
        "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB."
    )


def test_a_body_of_unknown_size_is_refused_when_it_gets_too_large(make_settings):
    """Chunked, as some WSGI servers pass it on: without a Content-Length."""
    answer = (
        create_app(make_settings(MAX_BODY_MB="1"))
        .test_client()
        .post(
            "/training",
            data=b'--b\r\nContent-Disposition: form-data; name="dataset"\r\n\r\n' + bytes(2 << 20),
            content_type="multipart/form-data; boundary=b",
            headers={"Transfer-Encoding": "chunked"},
            environ_overrides={"wsgi.input_terminated": True, "CONTENT_LENGTH": ""},
            auth=("default", "sshhhh"),
        )
    )
    assert answer.status_code == 413
    assert answer.text.startswith("The request is larger than the 1 MB")


def test_a_stranger_may_not_even_make_the_server_read_a_body(make_moodle):
    moodle = make_moodle(MAX_BODY_MB="1").but(password="wrong")
    assert moodle.training(b"0" * (2 << 20)).status == 401


def test_uploads_stay_in_memory(moodle, course, monkeypatch):
    """Students' data never goes to a temporary file; werkzeug's own limit is 500 kB."""
    monkeypatch.setattr("tempfile.TemporaryFile", None)
    monkeypatch.setattr("tempfile.SpooledTemporaryFile", None)
    assert moodle.training(course.labelled(12) + b"\n" * 600_000).json["status"] == 0


def test_quoted_targets_are_as_good_as_plain_ones(trained):
    target = f"/export?uniqueid={quote('4d3fce33')}&dirhash=%38%31%38aba1d"
    assert trained.send("GET", target).body == trained.export().body
