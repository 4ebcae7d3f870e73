"""HTTP requests as events of AWS; that they reach a function is for tests/aws."""

import base64
import json

import pytest

from infra.local.gateway import events
from infra.local.gateway.events import FUNCTION_URL, HTTP_API, REST_API, Request

BODY = b"--b\r\nbinary \xff\r\n"


def event_of(gateway):
    """The event of a form that is sent to the path which a gateway wants."""
    request = Request(
        "POST",
        f"{gateway.prefix}/training?uniqueid=a%20b&x=1&x=2",
        (
            ("Host", "127.0.0.1:5000"),
            ("Authorization", "Basic eDp5"),
            ("Content-Type", "multipart/form-data; boundary=b"),
            ("Content-Length", str(len(BODY))),
            ("Expect", "100-continue"),
        ),
        BODY,
    )
    return gateway.event(gateway, request)


def test_a_rest_api_takes_the_stage_off_the_path():
    event = event_of(REST_API)
    assert (event["httpMethod"], event["path"]) == ("POST", "/training")
    assert event["requestContext"]["path"] == "/production/training"
    assert event["headers"]["Host"].endswith(".execute-api.eu-central-1.amazonaws.com")
    assert event["headers"]["Authorization"] == "Basic eDp5"
    assert event["multiValueHeaders"]["Content-Type"] == ["multipart/form-data; boundary=b"]
    assert event["queryStringParameters"] == {"uniqueid": "a b", "x": "2"}
    assert event["multiValueQueryStringParameters"] == {"uniqueid": ["a b"], "x": ["1", "2"]}
    assert not {"Expect", "Content-Length"} & set(event["headers"])


@pytest.mark.parametrize("gateway", [HTTP_API, FUNCTION_URL], ids=lambda gateway: gateway.name)
def test_payload_format_2_has_small_letters_and_the_query_as_it_was(gateway):
    event = event_of(gateway)
    assert event["version"] == "2.0"
    assert event["rawPath"] == event["requestContext"]["http"]["path"] == "/training"
    assert event["rawQueryString"] == "uniqueid=a%20b&x=1&x=2"
    assert event["queryStringParameters"] == {"uniqueid": "a b", "x": "1,2"}
    assert event["headers"]["host"] == gateway.domain
    assert event["headers"]["content-length"] == str(len(BODY))


@pytest.mark.parametrize(
    "gateway", [REST_API, HTTP_API, FUNCTION_URL], ids=lambda gateway: gateway.name
)
def test_a_form_arrives_as_base64(gateway):
    event = event_of(gateway)
    assert event["isBase64Encoded"] is True
    assert base64.b64decode(event["body"]) == BODY


def test_a_request_without_a_body_has_none():
    event = REST_API.event(REST_API, Request("GET", "/production/version", (), b""))
    assert (event["body"], event["isBase64Encoded"]) == (None, False)
    assert event["queryStringParameters"] is None
    event = FUNCTION_URL.event(FUNCTION_URL, Request("GET", "/version", (), b""))
    assert "body" not in event


def test_an_answer_is_unpacked():
    result = {
        "statusCode": 200,
        "headers": {"Content-Type": "application/zip", "Content-Length": "9"},
        "isBase64Encoded": True,
        "body": base64.b64encode(b"\xff\x00").decode(),
    }
    answer = events.response(FUNCTION_URL, json.dumps(result).encode())
    assert answer == events.Response(200, (("Content-Type", "application/zip"),), b"\xff\x00")


def test_aws_renames_a_header_that_it_keeps_for_itself():
    result = {"statusCode": 401, "multiValueHeaders": {"WWW-Authenticate": ["Basic"]}, "body": "x"}
    answer = events.response(REST_API, json.dumps(result).encode())
    assert answer.headers == (("x-amzn-Remapped-WWW-Authenticate", "Basic"),)


@pytest.mark.parametrize("gateway", [HTTP_API, FUNCTION_URL], ids=lambda gateway: gateway.name)
def test_payload_format_2_has_cookies_apart_from_headers(gateway):
    request = Request("GET", "/", (("Cookie", "a=1; b=2"),), b"")
    event = gateway.event(gateway, request)
    assert event["cookies"] == ["a=1", "b=2"]
    assert "cookie" not in event["headers"]
    assert "cookies" not in gateway.event(gateway, Request("GET", "/", (), b""))
    result = json.dumps({"statusCode": 200, "headers": {}, "cookies": ["a=1; Path=/", "b=2"]})
    answer = events.response(gateway, result.encode())
    assert answer.headers == (("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2"))


@pytest.mark.parametrize("result", [b"null", b"{}", b"x", b'"x"', b'{"statusCode": "x"}'])
def test_what_is_no_answer_is_a_failure(result):
    assert events.response(REST_API, result) is REST_API.failed
