"""The entry point on AWS Lambda, up to where it hands over to Zappa."""

import importlib
import json
import sys
import types
from pathlib import Path

import pytest

from handler import aws

REST = {"httpMethod": "GET", "path": "/version", "requestContext": {"stage": "production"}}
HTTP = {"version": "2.0", "requestContext": {"http": {"method": "GET", "path": "/version"}}}


@pytest.fixture
def zappa(monkeypatch):
    """Zappa's entry, replaced by one that remembers what it was given."""
    given = []
    module = types.ModuleType("zappa.handler")
    module.lambda_handler = lambda event, context: given.append((event, context)) or "answer"
    monkeypatch.setitem(sys.modules, "zappa", types.ModuleType("zappa"))
    monkeypatch.setitem(sys.modules, "zappa.handler", module)
    return given


@pytest.mark.parametrize("event", [REST, HTTP], ids=["REST", "HTTP and function URL"])
def test_http_requests_are_passed_on(zappa, event):
    assert aws.lambda_handler(event, "context") == "answer"
    assert zappa == [(event, "context")]


@pytest.mark.parametrize("http", [{}, REST, HTTP], ids=["alone", "with REST", "with HTTP"])
@pytest.mark.parametrize(
    "name", ["raw_command", "command", "manage", "Records", "detail-type", "triggerSource"]
)
def test_commands_and_other_events_are_refused(zappa, http, name):
    with pytest.raises(aws.NotHttp):
        aws.lambda_handler({**http, name: "print(1)"}, None)
    assert zappa == []


@pytest.mark.parametrize("event", [None, [], "raw_command", {}, {"requestContext": "x"}])
def test_anything_else_is_refused(zappa, event):
    with pytest.raises(aws.NotHttp):
        aws.lambda_handler(event, None)
    assert zappa == []


def test_zappa_finds_what_its_settings_name(monkeypatch):
    settings = json.loads(Path("zappa_settings.json").read_text())["production"]
    monkeypatch.delenv("MOODLE_MLBACKEND_PYTHON_USERS", raising=False)
    for dotted in (settings["app_function"], settings["lambda_handler"]):
        module, _, name = dotted.rpartition(".")
        assert callable(getattr(importlib.import_module(module), name))
