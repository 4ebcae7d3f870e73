"""The account's names in zappa_settings.json."""

import json

import pytest

from infra.aws import errors, zappa_settings


def test_labels_are_filled_in_once(names, settings_file):
    before = json.loads(settings_file.read_text())["production"]
    assert zappa_settings.fill(names)
    after = json.loads(settings_file.read_text())["production"]
    assert after == before | {
        "aws_region": "eu-central-1",
        "s3_bucket": names.uploads,
        "manage_roles": False,
        "role_arn": f"arn:aws:iam::123456789012:role/{names.role}",
        "aws_environment_variables": before.get("aws_environment_variables", {})
        | {"MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME": names.models},
    }
    assert not zappa_settings.fill(names)


def test_the_file_is_written_as_the_commands_write_it():
    """So that filling it in changes nothing but the names."""
    text = zappa_settings.FILE.read_text()
    assert text == json.dumps(json.loads(text), indent=4) + "\n"


def test_what_the_user_changed_stays(names, settings_file):
    settings = json.loads(settings_file.read_text())
    settings["production"] |= {"memory_size": 3008, "aws_environment_variables": {"OWN": "1"}}
    settings_file.write_text(json.dumps(settings))
    zappa_settings.fill(names)
    filled = json.loads(settings_file.read_text())["production"]
    assert filled["memory_size"] == 3008
    assert filled["aws_environment_variables"]["OWN"] == "1"
    zappa_settings.clear()
    cleared = json.loads(settings_file.read_text())["production"]
    assert cleared["aws_environment_variables"] == {"OWN": "1"}
    assert "role_arn" not in cleared


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"production": 1}'])
def test_a_broken_file_is_told(names, settings_file, text):
    settings_file.write_text(text)
    with pytest.raises(errors.SettingsUnreadable, match=r"git checkout zappa_settings\.json"):
        zappa_settings.fill(names)
    assert settings_file.read_text() == text


def test_the_domain_that_zappa_serves_is_known(settings_file):
    assert zappa_settings.domain() == []
    settings_file.write_text('{"production": {"domain": "ml.site.example"}}')
    (domain,) = zappa_settings.domain()
    assert (domain.url, domain.seconds) == ("https://ml.site.example", 29)
