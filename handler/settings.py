"""All settings, read once from the environment (see ``docs/settings.md``)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from handler import memory, version
from handler.auth import users
from handler.auth.users import Users
from handler.errors import NoHomeDirectory, UnusableValue

BUCKET = "MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME"
PREFIX = "MOODLE_MLBACKEND_PYTHON_S3_PREFIX"
DIRECTORY = "MOODLE_MLBACKEND_PYTHON_DIR"
VERSION = version.VARIABLE
MAX_BODY_MB = "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB"
MAX_DATASET_MB = "MOODLE_MLBACKEND_PYTHON_MAX_DATASET_MB"
REPORT_DAYS = "MOODLE_MLBACKEND_PYTHON_REPORT_DAYS"
PUBLIC_URL = "MOODLE_MLBACKEND_PYTHON_PUBLIC_URL"

MAX_REPORT_DAYS = 30  # on AWS a rule of the bucket removes them then
MEMORY_SHARE = 12  # of the memory that a dataset may take

_MAX_BODY_MB = 256


class Rule(NamedTuple):
    """Which values a variable may have, and how this is told to whoever sets it.

    Attributes
    ----------
    accepts : callable
        Truthy for a text that can be used.
    expected : str
        What follows "must be".
    """

    accepts: Callable[[str], object]
    expected: str


_MEGABYTES = Rule(
    re.compile(r"[1-9][0-9]{0,3}").fullmatch, "a whole number of megabytes, 1 to 9999"
)

# The users have rules of their own (see handler.auth.users).
RULES = {
    # https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    BUCKET: Rule(
        re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]").fullmatch,
        "the name of an S3 bucket: 3 to 63 small letters, digits, dots and hyphens, without "
        "s3:// before it",
    ),
    PREFIX: Rule(
        re.compile(r"/?([A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]*").fullmatch,
        "names of letters, digits, '_', '.' and '-', with '/' between them",
    ),
    DIRECTORY: Rule(  # a relative path would lead elsewhere with each service
        lambda text: Path(text).is_absolute(), "the whole path of a directory, like /srv/models"
    ),
    VERSION: Rule(version.is_version, "three numbers with dots between, like 3.0.5"),
    MAX_BODY_MB: _MEGABYTES,
    MAX_DATASET_MB: _MEGABYTES,
    REPORT_DAYS: Rule(
        re.compile(r"[12]?[0-9]|30").fullmatch, f"a whole number of days, 0 to {MAX_REPORT_DAYS}"
    ),
    PUBLIC_URL: Rule(
        re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?").fullmatch,
        "an address like https://analytics.example.org or https://example.org/analytics",
    ),
}
VARIABLES = (users.VARIABLE, *RULES)


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
    max_dataset_bytes : int
        Size of the largest dataset that came compressed, unpacked.
    memory_bytes : int
        What there is: see `handler.memory`.
    public_url : str
        Where others reach this server through a proxy; empty: as each request says.
    report_days : int
        For how many days reports are kept after Moodle deleted their model.
    """

    users: Users
    bucket: str
    prefix: str
    directory: Path
    version: str
    max_body_bytes: int
    max_dataset_bytes: int
    memory_bytes: int
    report_days: int
    public_url: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Read the settings; an empty variable counts as not set.

        Raises
        ------
        handler.errors.SettingsError
            With a sentence that names the variable.
        """
        bucket = _value(environ, BUCKET)
        directory = _value(environ, DIRECTORY)
        memory_bytes = memory.available(environ)
        max_dataset_mb = _value(environ, MAX_DATASET_MB, str(_default_dataset_mb(memory_bytes)))
        return cls(
            users=Users.parse(environ.get(users.VARIABLE, "")),
            bucket=bucket,
            prefix=_value(environ, PREFIX),
            directory=Path(directory) if directory else _default_directory(environ, bucket),
            version=_value(environ, VERSION),
            max_body_bytes=int(_value(environ, MAX_BODY_MB, str(_MAX_BODY_MB))) << 20,
            max_dataset_bytes=int(max_dataset_mb) << 20,
            memory_bytes=memory_bytes,
            report_days=int(_value(environ, REPORT_DAYS, str(MAX_REPORT_DAYS))),
            public_url=_value(environ, PUBLIC_URL).rstrip("/"),
        )


def _value(environ: Mapping[str, str], variable: str, default: str = "") -> str:
    text = environ.get(variable) or default
    if text and not RULES[variable].accepts(text):
        raise UnusableValue(variable=variable, expected=RULES[variable].expected)
    return text


def _default_dataset_mb(memory_bytes: int) -> int:
    """Return a share of the memory: beside the file there are its matrix and the learning."""
    return min(max((memory_bytes >> 20) // MEMORY_SHARE, 16), 9999)


def _default_directory(environ: Mapping[str, str], bucket: str) -> Path:
    """Return a folder where the user's data belongs (XDG base directories)."""
    data = environ.get("XDG_DATA_HOME") or "~/.local/share"
    try:
        return Path(data).expanduser() / "moodle-mlbackend"
    except RuntimeError as error:
        if bucket:
            return Path("unused")
        raise NoHomeDirectory from error
