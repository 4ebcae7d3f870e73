"""`make serve-lambda` after `up`: never on production's models, unless it is asked to."""

import pytest

from handler.auth.users import VARIABLE
from handler.settings import BUCKET, DIRECTORY, PREFIX
from infra.local.gateway import __main__ as command


@pytest.fixture(autouse=True)
def after_up(monkeypatch, tmp_path):
    """The account's names are in Zappa's settings, and credentials in the environment."""
    stage = {"aws_environment_variables": {BUCKET: "production", "OMP_NUM_THREADS": "1"}}
    monkeypatch.setattr(command, "_stage", lambda: stage)
    for name in (VARIABLE, PREFIX):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(BUCKET, "production")
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")


def test_it_keeps_a_store_of_its_own_and_has_no_credentials(tmp_path):
    username, password, variables = command.environment(None)
    assert variables == {
        "OMP_NUM_THREADS": "1",
        DIRECTORY: str(tmp_path),
        VARIABLE: f"{username}:{password}",
    }


def test_a_bucket_is_used_when_it_is_named_with_its_users_only():
    username, _, variables = command.environment("mine")
    assert variables[BUCKET] == "mine"
    assert variables["AWS_ACCESS_KEY_ID"] == "key"
    assert VARIABLE not in variables
    assert username == "USERNAME"
