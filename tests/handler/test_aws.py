"""The entry point on AWS Lambda, up to where it hands over to Zappa."""

import importlib
import json
import logging
from pathlib import Path

import pytest

from handler import aws

CONTEXT = {"stage": "production", "identity": {"sourceIp": "192.0.2.1"}}
REST = {"httpMethod": "GET", "path": "/version", "headers": {}, "requestContext": CONTEXT}
HTTP = {
    "version": "2.0",
    "rawPath": "/version",
    "headers": {},
    "cookies": ["a=b"],
    "requestContext": {"http": {"method": "GET", "path": "/version"}},
}
# All that Zappa 0.63 acts upon, other than by answering a request.
COMMANDS = {
    "raw_command": "raise SystemExit",
    "command": "os.abort",
    "manage": "shell",
    "Records": [{"s3": {"configurationId": "x:os.abort"}}],
    "detail-type": "Scheduled Event",
    "resources": ["x/os.abort"],
    "bot": {"name": "x"},
    "type": "TOKEN",
    "triggerSource": "os.abort",
    "awslogs": {"data": ""},
    "stageVariables": {"AWS_ENDPOINT_URL": "https://elsewhere.example"},
}


@pytest.fixture
def zappa(monkeypatch):
    """Zappa's entry, replaced by one that remembers what it was given."""
    given = []
    monkeypatch.setattr(
        aws, "zappa_handler", lambda event, context: given.append((event, context)) or "answer"
    )
    return given


@pytest.mark.parametrize("event", [REST, HTTP], ids=["REST", "HTTP and function URL"])
def test_http_requests_are_passed_on(zappa, event):
    assert aws.lambda_handler(event, "context") == "answer"
    assert zappa == [(event, "context")]


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_and_other_events_are_refused(zappa, name):
    with pytest.raises(aws.NotHttp):
        aws.lambda_handler({name: COMMANDS[name]}, None)
    assert zappa == []


def test_all_commands_at_once_are_refused(zappa):
    with pytest.raises(aws.NotHttp):
        aws.lambda_handler(COMMANDS, None)
    assert zappa == []


@pytest.mark.parametrize("event", [REST, HTTP], ids=["REST", "HTTP and function URL"])
def test_a_command_in_a_request_does_not_reach_zappa(zappa, event):
    aws.lambda_handler(event | COMMANDS, None)
    assert zappa == [(event, None)]


@pytest.mark.parametrize(
    "event",
    [
        *(None, [], "raw_command", {}, {"requestContext": "x"}),
        REST | {"httpMethod": ""},
        REST | {"httpMethod": None},
        HTTP | {"requestContext": {}},
        {**HTTP, "version": "1.0"},
        {"requestContext": {"eventType": "CONNECT", "domainName": "x"}},  # a web socket
    ],
)
def test_anything_else_is_refused(zappa, event):
    with pytest.raises(aws.NotHttp):
        aws.lambda_handler(event, None)
    assert zappa == []


def test_zappa_finds_what_its_settings_name(monkeypatch):
    settings = json.loads(Path("zappa_settings.json").read_text())["production"]
    monkeypatch.delenv("MOODLE_MLBACKEND_PYTHON_USERS", raising=False)
    named = [settings["app_function"], settings["lambda_handler"], *settings["callbacks"].values()]
    for dotted in named:
        module, _, name = dotted.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))


def test_the_settings_leave_nothing_in_the_log_that_should_not_be_there():
    """Zappa logs whole events when it debugs, and addresses and paths at its level INFO."""
    settings = json.loads(Path("zappa_settings.json").read_text())["production"]
    assert settings["debug"] is False
    assert settings["log_level"] == "WARNING"
    assert "environment_variables" not in settings  # they are written into the zip
    assert logging.getLogger("handler.logs").isEnabledFor(logging.INFO)
