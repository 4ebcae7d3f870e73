"""Zappa's settings: ``zappa_settings.json``, and this account's names, which are not in it.

The names are in ``zappa_account.json``, which git ignores; `zappa_callbacks` lays it over the
other. Nothing secret is in either.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from handler.moodle_settings import Address
from handler.settings import BUCKET
from infra import ROOT
from infra.aws import errors
from infra.aws.function import API_SECONDS
from infra.aws.resources import STAGE, WITHOUT_FUNCTION_URLS, Names

FILE = ROOT / "zappa_settings.json"
ACCOUNT_FILE = ROOT / "zappa_account.json"

_VARIABLES = "aws_environment_variables"

Settings = dict[str, Any]


def fill(names: Names) -> bool:
    """Write the account's names, leave all else as it is, and say whether that changed the file."""
    settings = before = _of_account()
    variables = settings.get(_VARIABLES, {}) | {BUCKET: names.models}
    settings = settings | _names(names) | {_VARIABLES: variables}
    if settings == before:
        return False
    ACCOUNT_FILE.write_text(json.dumps(settings, indent=4) + "\n")
    return True


def clear(names: Names) -> None:
    """Take the account's names out; where nothing else is left, the file goes, too."""
    settings = _of_account()
    for name in _names(names):
        settings.pop(name, None)
    variables = settings.pop(_VARIABLES, {})
    variables.pop(BUCKET, None)
    if variables:
        settings[_VARIABLES] = variables
    if settings:
        ACCOUNT_FILE.write_text(json.dumps(settings, indent=4) + "\n")
    else:
        ACCOUNT_FILE.unlink(missing_ok=True)


def stage() -> Settings:
    """Return what Zappa is to work with: its own settings, and those of this account over them."""
    settings: Settings = _read(FILE)[STAGE]
    account = _of_account()
    variables = settings.get(_VARIABLES, {}) | account.get(_VARIABLES, {})
    return settings | account | {_VARIABLES: variables}


def domain() -> list[Address]:
    """Return the address of the domain of one's own that ``zappa certify`` serves, if there is."""
    name = stage().get("domain")
    return [Address(f"https://{name}", "your domain", API_SECONDS)] if name else []


def _names(names: Names) -> Settings:
    url = {"function_url_enabled": False} if names.region in WITHOUT_FUNCTION_URLS else {}
    return {
        "aws_region": names.region,
        "s3_bucket": names.uploads,
        # else Zappa makes a role that may do nearly everything
        "manage_roles": False,
        "role_arn": names.global_arn("iam", f"role/{names.role}"),
        **url,
    }


def _of_account() -> Settings:
    return _read(ACCOUNT_FILE) if ACCOUNT_FILE.exists() else {}


def _read(file: Path) -> Settings:
    try:
        settings: Settings = json.loads(file.read_text())
        assert isinstance(settings, dict)
        assert file != FILE or isinstance(settings[STAGE], dict)
    except (OSError, ValueError, KeyError, AssertionError) as error:
        raise errors.SettingsUnreadable(file=file.name) from error
    return settings
