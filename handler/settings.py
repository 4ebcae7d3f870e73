"""All settings, read once from the environment (see ``docs/settings.md``)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from handler import version
from handler.auth import users
from handler.auth.users import Users
from handler.errors import SettingsError

BUCKET = "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME"
PREFIX = "MOODLE_MLBACKEND_PYTHON_S3_PREFIX"
DIRECTORY = "MOODLE_MLBACKEND_PYTHON_DIR"
VERSION = version.VARIABLE
MAX_BODY_MB = "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB"
REPORT_DAYS = "MOODLE_MLBACKEND_PYTHON_REPORT_DAYS"

VARIABLES = (users.VARIABLE, BUCKET, PREFIX, DIRECTORY, VERSION, MAX_BODY_MB, REPORT_DAYS)

MAX_REPORT_DAYS = 30  # on AWS a rule of the bucket removes them then

_MAX_BODY_MB = 256


@dataclass(frozen=True)
class Settings:
    """What the environment says.

    Attributes
    ----------
    users : Users
    bucket : str
        S3 bucket for the models; empty: they are kept in `directory`.
    prefix : str
        Folder in the bucket.
    directory : Path
    version : str
        What ``/version`` answers; empty: what suits the Moodle that asks.
    max_body_bytes : int
        Size of the largest request.
    report_days : int
        For how many days reports are kept after Moodle deleted their model.
    """

    users: Users
    bucket: str
    prefix: str
    directory: Path
    version: str
    max_body_bytes: int
    report_days: int

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; an empty variable counts as not set.

        Raises
        ------
        SettingsError
            With a sentence that names the variable.
        """
        megabytes = environ.get(MAX_BODY_MB) or str(_MAX_BODY_MB)
        if not re.fullmatch(r"[1-9][0-9]{0,3}", megabytes):
            raise SettingsError(f"{MAX_BODY_MB} must be a whole number of megabytes, 1 to 9999.")
        answered = environ.get(VERSION, "")
        if answered and not version.is_version(answered):
            raise SettingsError(f"{VERSION} must be three numbers with dots between, like 3.0.5.")
        days = environ.get(REPORT_DAYS) or str(MAX_REPORT_DAYS)
        if not re.fullmatch(r"[0-9]{1,2}", days) or int(days) > MAX_REPORT_DAYS:
            raise SettingsError(f"{REPORT_DAYS} must be a whole number of days, 0 to 30.")
        return cls(
            users=Users.parse(environ.get(users.VARIABLE, "")),
            bucket=environ.get(BUCKET, ""),
            prefix=environ.get(PREFIX, ""),
            directory=Path(environ.get(DIRECTORY) or _default_directory(environ)),
            version=answered,
            max_body_bytes=int(megabytes) << 20,
            report_days=int(days),
        )


def _default_directory(environ: Mapping[str, str]) -> Path:
    """Return a folder where the user's data belongs (XDG base directories)."""
    data = environ.get("XDG_DATA_HOME") or "~/.local/share"
    try:
        return Path(data).expanduser() / "moodle-mlbackend"
    except RuntimeError as error:
        if environ.get(BUCKET):
            return Path("unused")
        raise SettingsError(
            f"{DIRECTORY} must be set: the user that this server runs as has no home directory."
        ) from error
