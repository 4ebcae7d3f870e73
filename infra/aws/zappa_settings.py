"""``zappa_settings.json``: writing the account's names into it, and taking them out.

Nothing secret goes there, as the file may well be committed.
"""

from __future__ import annotations

import json
from typing import Any

from handler.moodle_settings import Address
from handler.settings import BUCKET
from infra import ROOT
from infra.aws import errors
from infra.aws.function import API_SECONDS
from infra.aws.resources import STAGE, Names

FILE = ROOT / "zappa_settings.json"

_VARIABLES = "aws_environment_variables"


def fill(names: Names) -> bool:
    """Write the account's names, leave all else as it is, and say whether that changed the file."""
    settings = _read()
    stage = settings[STAGE]
    stage |= {
        "aws_region": names.region,
        "s3_bucket": names.uploads,
        # else Zappa makes a role that may do nearly everything
        "manage_roles": False,
        "role_arn": names.global_arn("iam", f"role/{names.role}"),
        _VARIABLES: stage.get(_VARIABLES, {}) | {BUCKET: names.models},
    }
    return _write(settings)


def clear() -> bool:
    """Take the account's names out, and say whether that changed the file."""
    settings = _read()
    stage = settings[STAGE]
    for name in ("aws_region", "s3_bucket", "role_arn"):
        stage.pop(name, None)
    stage.get(_VARIABLES, {}).pop(BUCKET, None)
    if not stage.get(_VARIABLES, True):
        del stage[_VARIABLES]
    return _write(settings)


def domain() -> list[Address]:
    """Return the address of the domain of one's own that ``zappa certify`` serves, if there is."""
    name = _read()[STAGE].get("domain")
    return [Address(f"https://{name}", "your domain", API_SECONDS)] if name else []


def _read() -> dict[str, Any]:
    try:
        settings: dict[str, Any] = json.loads(FILE.read_text())
        settings[STAGE].keys()
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise errors.SettingsUnreadable(file=FILE.name, reason=error) from error
    return settings


def _write(settings: dict[str, Any]) -> bool:
    if _read() == settings:
        return False
    FILE.write_text(json.dumps(settings, indent=4) + "\n")
    return True
