"""CSRF protection: requests that a page of another website makes a browser send."""

import pytest

from handler import errors
from handler.auth.csrf import is_same_host


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": ""}, False),
        ({"Origin": "http://localhost"}, True),
        ({"Origin": "https://elsewhere.example"}, False),
        ({"Origin": "null"}, False),
    ],
)
def test_a_cross_origin_post_changes_nothing(moodle, course, headers, allowed):
    moodle.train(course.labelled(12))
    target = f"/deletemodel?uniqueid={moodle.uniqueid}"
    answer = moodle.send("POST", target, headers=headers)
    assert answer.status == (200 if allowed else 403)
    assert (moodle.export().status == 503) is allowed
    if not allowed:
        assert answer.sentence == errors.CrossOriginRequest.sentence


def test_it_is_refused_before_the_sign_in(client):
    headers = {"Origin": "https://elsewhere.example"}
    assert client.post("/sign-in", headers=headers).status_code == 403
    assert client.post("/training", headers=headers).status_code == 403


def test_what_changes_nothing_may_come_from_anywhere(moodle):
    """As a link on another page does."""
    assert moodle.send("GET", "/", headers={"Sec-Fetch-Site": "cross-site"}).status == 200


@pytest.mark.parametrize(
    ("origin", "host", "same"),
    [
        ("https://ml.school.example", "ml.school.example", True),
        ("https://ml.school.example", "ML.School.example", True),
        ("HTTPS://ML.school.example", "ml.school.example", True),
        ("https://ml.school.example", "ml.school.example:443", True),
        ("https://ml.school.example:443", "ml.school.example", True),
        ("http://ml.school.example:80", "ml.school.example", True),
        ("http://ml.school.example:8080", "ml.school.example:8080", True),
        ("https://[2001:DB8::1]:8443", "[2001:db8::1]:8443", True),
        ("http://ml.school.example:443", "ml.school.example", False),
        ("https://ml.school.example:8443", "ml.school.example", False),
        ("https://ml.school.example", "ml.school.example.evil.example", False),
        ("https://evil.example#ml.school.example", "ml.school.example", False),
        ("https://ml.school.example@evil.example", "ml.school.example", False),
        ("http://[half", "[half", False),
        ("http://host:port", "host:port", False),
        ("null", "null", False),
        ("", "", False),
        ("file://", "", False),
    ],
)
def test_origin_and_host_are_compared_normalised(origin, host, same):
    assert is_same_host(origin, host) is same
