"""Zappa's settings, and the account's names beside them."""

import json

import pytest

from infra.aws import errors, zappa_settings
from infra.aws.resources import Names

BUCKET = "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME"


def test_the_account_s_names_lie_over_the_settings(names, settings_file):
    before, tracked = zappa_settings.stage(), zappa_settings.FILE.read_bytes()
    assert "role_arn" not in before
    assert zappa_settings.fill(names)
    variables = before["aws_environment_variables"] | {BUCKET: names.models}
    assert zappa_settings.stage() == before | {
        "aws_region": "eu-central-1",
        "s3_bucket": names.uploads,
        "manage_roles": False,
        "role_arn": f"arn:aws:iam::123456789012:role/{names.role}",
        "aws_environment_variables": variables,
    }
    assert not zappa_settings.fill(names)
    assert zappa_settings.FILE.read_bytes() == tracked
    zappa_settings.clear(names)
    assert not settings_file.exists()


def test_where_there_are_no_function_urls_zappa_makes_none(settings_file):
    names = Names("123456789012", "eu-central-2")
    assert zappa_settings.stage()["function_url_enabled"] is True
    zappa_settings.fill(names)
    assert zappa_settings.stage()["function_url_enabled"] is False
    zappa_settings.clear(names)
    assert zappa_settings.stage()["function_url_enabled"] is True


def test_what_the_user_set_for_this_account_stays(names, settings_file):
    own = {"memory_size": 3008, "function_url_enabled": False}
    own["aws_environment_variables"] = {"OWN": "1"}
    settings_file.write_text(json.dumps(own))
    zappa_settings.fill(names)
    filled = zappa_settings.stage()
    assert (filled["memory_size"], filled["function_url_enabled"]) == (3008, False)
    assert filled["aws_environment_variables"].items() >= {"OWN": "1", BUCKET: names.models}.items()
    zappa_settings.clear(names)
    assert json.loads(settings_file.read_text()) == own


@pytest.mark.parametrize("text", ["", "[]", "1", "{"])
def test_a_broken_file_is_told(names, settings_file, text):
    settings_file.write_text(text)
    with pytest.raises(errors.SettingsUnreadable, match=r"^zappa_account\.json is not JSON"):
        zappa_settings.fill(names)
    assert settings_file.read_text() == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"production": 1}'])
def test_a_broken_file_of_the_project_is_told(settings_file, tmp_path, monkeypatch, text):
    file = tmp_path / "zappa_settings.json"
    file.write_text(text)
    monkeypatch.setattr(zappa_settings, "FILE", file)
    with pytest.raises(errors.SettingsUnreadable, match=r"git checkout zappa_settings\.json"):
        zappa_settings.stage()


def test_the_domain_that_zappa_serves_is_known(settings_file):
    assert zappa_settings.domain() == []
    settings_file.write_text('{"domain": "ml.site.example"}')
    (domain,) = zappa_settings.domain()
    assert (domain.url, domain.seconds) == ("https://ml.site.example", 29)
