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
MAX_DATASET_MB = "MOODLE_MLBACKEND_PYTHON_MAX_DATASET_MB"
REPORT_DAYS = "MOODLE_MLBACKEND_PYTHON_REPORT_DAYS"
PUBLIC_URL = "MOODLE_MLBACKEND_PYTHON_PUBLIC_URL"

VARIABLES = (
    *(users.VARIABLE, BUCKET, PREFIX, DIRECTORY, VERSION),
    *(MAX_BODY_MB, MAX_DATASET_MB, REPORT_DAYS, PUBLIC_URL),
)

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
_BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PREFIX = re.compile(r"/?([A-Za-z0-9_.-]+/)*[A-Za-z0-9_.-]*")

MAX_REPORT_DAYS = 30  # on AWS a rule of the bucket removes them then

_MAX_BODY_MB = 256
MEMORY_SHARE = 12  # of the memory that a dataset may take
_URL = re.compile(r"(https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?)?")


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
        What there is: of the function on Lambda, elsewhere of the machine.
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
        SettingsError
            With a sentence that names the variable.
        """
        megabytes = environ.get(MAX_BODY_MB) or str(_MAX_BODY_MB)
        if not re.fullmatch(r"[1-9][0-9]{0,3}", megabytes):
            raise SettingsError(f"{MAX_BODY_MB} must be a whole number of megabytes, 1 to 9999.")
        unpacked = environ.get(MAX_DATASET_MB) or str(_default_dataset_mb(environ))
        if not re.fullmatch(r"[1-9][0-9]{0,3}", unpacked):
            raise SettingsError(f"{MAX_DATASET_MB} must be a whole number of megabytes, 1 to 9999.")
        answered = environ.get(VERSION, "")
        if answered and not version.is_version(answered):
            raise SettingsError(f"{VERSION} must be three numbers with dots between, like 3.0.5.")
        bucket, prefix = environ.get(BUCKET, ""), environ.get(PREFIX, "")
        if bucket and not _BUCKET_NAME.fullmatch(bucket):
            raise SettingsError(
                f"{BUCKET} must be the name of an S3 bucket: 3 to 63 small letters, digits, dots "
                "and hyphens, without s3:// before it."
            )
        if not _PREFIX.fullmatch(prefix):
            raise SettingsError(
                f"{PREFIX} must be names of letters, digits, '_', '.' and '-', with '/' between "
                "them."
            )
        days = environ.get(REPORT_DAYS) or str(MAX_REPORT_DAYS)
        if not re.fullmatch(r"[0-9]{1,2}", days) or int(days) > MAX_REPORT_DAYS:
            raise SettingsError(f"{REPORT_DAYS} must be a whole number of days, 0 to 30.")
        public_url = environ.get(PUBLIC_URL, "")
        if not _URL.fullmatch(public_url):
            raise SettingsError(
                f"{PUBLIC_URL} must be an address like https://analytics.example.org or "
                "https://example.org/analytics."
            )
        return cls(
            users=Users.parse(environ.get(users.VARIABLE, "")),
            bucket=bucket,
            prefix=prefix,
            directory=_directory(environ),
            version=answered,
            max_body_bytes=int(megabytes) << 20,
            max_dataset_bytes=int(unpacked) << 20,
            memory_bytes=_memory_mb(environ) << 20,
            report_days=int(days),
            public_url=public_url.rstrip("/"),
        )


def _directory(environ: Mapping[str, str]) -> Path:
    """Return where models are kept; a relative path would lead elsewhere with each service."""
    text = environ.get(DIRECTORY)
    if not text:
        return _default_directory(environ)
    if not Path(text).is_absolute():
        raise SettingsError(f"{DIRECTORY} must be the whole path of a directory, like /srv/models.")
    return Path(text)


def _default_dataset_mb(environ: Mapping[str, str]) -> int:
    """Return a share of the memory: beside the file there are its matrix and the learning."""
    return min(max(_memory_mb(environ) // MEMORY_SHARE, 16), 9999)


def _memory_mb(environ: Mapping[str, str]) -> int:
    on_lambda = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    bytes_here = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(on_lambda) if on_lambda.isdecimal() else bytes_here >> 20


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
