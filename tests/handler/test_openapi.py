"""handler/openapi.yaml: served as it is, in step with the application, and true of its answers."""

import re
from pathlib import Path

import pytest
import yaml

from handler import fields, parsing
from handler.endpoints import MAX_RUNID
from handler.models.model_id import _MAX_NAME
from handler.settings import _MAX_BODY_MB
from infra.lab.fuzz import api
from mlcore import classifier, dataset, modelfile

TEXT = (Path(__file__).parents[2] / "handler" / "openapi.yaml").read_text()
DOCUMENT = yaml.safe_load(TEXT)
SCHEMAS = DOCUMENT["components"]["schemas"]


def test_it_is_served_to_everybody(moodle):
    answer = moodle.but(password="wrong").get("openapi.yaml")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/yaml"
    assert answer.body.decode() == TEXT


def test_it_is_found_below_a_gateways_stage_too(moodle):
    assert moodle.but(prefix="/production").get("openapi.yaml").status == 200


@pytest.fixture
def routes(app):
    """The application's routes, but for the pages, which are for people."""
    return [rule for rule in app.url_map.iter_rules() if not rule.endpoint.startswith("pages.")]


def test_it_names_each_route_of_the_application_and_no_other(routes):
    documented = {
        (path, method.upper()) for path, item in DOCUMENT["paths"].items() for method in item
    }
    answered = {
        (rule.rule, method)
        for rule in routes
        for method in rule.methods - {"HEAD", "OPTIONS"}  # which Flask answers by itself
    }
    assert documented == answered


def test_it_names_each_route_as_the_application_does(routes):
    documented = {
        path: operation["operationId"]
        for path, item in DOCUMENT["paths"].items()
        for operation in item.values()
    }
    assert documented == {rule.rule: rule.endpoint for rule in routes}


def test_all_but_what_is_public_ask_for_credentials(moodle):
    stranger = moodle.but(user="nobody")
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            status = stranger.send(method.upper(), path).status
            assert status == (200 if operation.get("security") == [] else 401)
            assert ("401" in operation["responses"]) == (status == 401)


def numbers(text):
    return {int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)}


def test_the_limits_are_the_servers():
    assert {
        dataset.MAX_ROWS,
        dataset.MAX_FEATURES,
        dataset.MAX_CLASSES,
        dataset.MAX_HEADER_BYTES // 1000,
    } <= numbers(SCHEMAS["Labelled"]["description"])
    assert {modelfile.MAX_MEMBERS, classifier._FREE_BYTES >> 20, classifier._MAX_BYTES >> 20} == (
        numbers(SCHEMAS["Model"]["description"])
    )
    assert "ten times" in SCHEMAS["Model"]["description"]
    assert classifier._MAX_RATIO == 10
    large = DOCUMENT["components"]["responses"]["TooLarge"]["description"]
    assert {fields.MAX_PARTS, _MAX_BODY_MB} <= numbers(large)
    assert SCHEMAS["UniqueId"]["maxLength"] == SCHEMAS["DirHash"]["maxLength"] == _MAX_NAME
    assert DOCUMENT["components"]["parameters"]["RunId"]["schema"]["maximum"] == MAX_RUNID
    form = DOCUMENT["paths"]["/evaluation"]["post"]["requestBody"]["content"]
    iterations = form["multipart/form-data"]["schema"]["properties"]["niterations"]
    assert iterations["maximum"] == parsing.MAX_ITERATIONS


def test_answers_are_as_it_says_whatever_is_asked(app):
    """Requests that it allows, and others; `make fuzz` makes many more."""
    assert api.exercise(app, "Basic ZGVmYXVsdDpzc2hoaGg=", 15) > 100
