"""The code that is deployed, and the code before it, kept so that one can go back.

Both are in the bucket through which code is uploaded, which the function cannot read and which goes
with the rest. What each needs and reads is written beside it, as the zip's metadata.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handler.models import manifest
from handler.models.model_id import decoded
from infra.aws import errors, function
from infra.aws.account import Account, unless_gone
from mlcore import classifier, examples, modelfile
from mlcore.errors import ModelFileError

CURRENT = "code/current.zip"
PREVIOUS = "code/previous.zip"
_SWAP = "code/swap.zip"

_WHO_BUILT = "package_info.json"  # and when, which Zappa notes in each package
_PART = re.compile(
    r"models/(?P<user>[^/]+)/(?P<uniqueid>[^/]+)/[^/]+/"
    r"(model\.json|runs/[^/]+/(?P<kind>classifier|examples)\.npz)"
)
_MISSING = {"404", "NoSuchBucket", "NoSuchKey"}


@dataclass(frozen=True)
class Release:
    """What is known of code without running it.

    Attributes
    ----------
    content : str
        Digest of the files in the zip.
    deployed : str
        When, for people.
    formats : dict of str to int
        The newest format of each kind of stored file that it reads.
    runtime, handler, architecture : str
        What the function must be told to run it.
    """

    content: str
    deployed: str
    formats: dict[str, int]
    runtime: str
    handler: str
    architecture: str

    def to_metadata(self) -> dict[str, str]:
        """Return it as the metadata of an object."""
        return {**vars(self), "formats": json.dumps(self.formats)}

    @classmethod
    def from_metadata(cls, metadata: dict[str, Any]) -> Release:
        """Read what `to_metadata` wrote."""
        return cls(**metadata | {"formats": json.loads(metadata["formats"])})


def formats() -> dict[str, int]:
    """Return the newest format of each kind of stored file that today's code reads."""
    return {
        "manifest": manifest.FORMAT,
        "classifier": classifier.FORMAT,
        "examples": examples.FORMAT,
    }


def content(package: Path) -> str:
    """Return the digest of the files in a package, whoever built it and when."""
    digest = hashlib.sha256()
    with zipfile.ZipFile(package) as archive:
        for name in sorted(set(archive.namelist()) - {_WHO_BUILT}):
            digest.update(f"{name}\0{archive.getinfo(name).CRC}\n".encode())
    return digest.hexdigest()


def keep(client: Any, bucket: str, uploaded: str, release: Release) -> None:
    """Keep the code that was just deployed, and what was deployed before it.

    Parameters
    ----------
    client : boto3 client of S3
    bucket, uploaded : str
        Where its zip is, which is moved.
    release : Release
        What is known of it.
    """
    before = _find(client, bucket, CURRENT)
    if before and before.content != release.content:
        _copy(client, bucket, CURRENT, PREVIOUS)
    metadata = {"Metadata": release.to_metadata(), "MetadataDirective": "REPLACE"}
    _copy(client, bucket, uploaded, CURRENT, **metadata)
    client.delete_object(Bucket=bucket, Key=uploaded)


def previous(account: Account) -> Release:
    """Return the code before today's, once it is known to read all that is stored.

    Raises
    ------
    CommandFailed
        When there is no function or no earlier code, or models are too new for it.
    """
    if function.configuration(account) is None:
        raise errors.NotDeployed(region=account.names.region)
    release = _find(account.client("s3"), account.names.uploads, PREVIOUS)
    if release is None:
        raise errors.NothingBefore
    too_new = sorted(
        {model for model, kind, number in _stored(account) if number > release.formats.get(kind, 0)}
    )
    if too_new:
        raise errors.ModelsTooNew(deployed=release.deployed, models=", ".join(too_new))
    return release


def go_back(account: Account, release: Release) -> None:
    """Give the function the code before today's; its addresses, users and bounds stay.

    What was today's is from then on the code before, so that doing it again undoes it.
    """
    lambdas, s3 = account.client("lambda"), account.client("s3")
    name, bucket = account.names.function, account.names.uploads
    updated = lambdas.get_waiter("function_updated_v2")
    lambdas.update_function_configuration(
        FunctionName=name, Runtime=release.runtime, Handler=release.handler
    )
    updated.wait(FunctionName=name)
    lambdas.update_function_code(
        FunctionName=name,
        S3Bucket=bucket,
        S3Key=PREVIOUS,
        Architectures=[release.architecture],
    )
    updated.wait(FunctionName=name)
    for source, target in ((CURRENT, _SWAP), (PREVIOUS, CURRENT), (_SWAP, PREVIOUS)):
        _copy(s3, bucket, source, target)
    s3.delete_object(Bucket=bucket, Key=_SWAP)


def _copy(client: Any, bucket: str, source: str, target: str, **options: Any) -> None:
    client.copy_object(
        Bucket=bucket, Key=target, CopySource={"Bucket": bucket, "Key": source}, **options
    )


def _find(client: Any, bucket: str, key: str) -> Release | None:
    found = unless_gone(client.head_object, _MISSING, Bucket=bucket, Key=key)
    return Release.from_metadata(found["Metadata"]) if found else None


def _stored(account: Account) -> Iterator[tuple[str, str, int]]:
    """Say of each part of each model whose it is, what it is, and in which format it is stored."""
    client, bucket = account.client("s3"), account.names.models
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="models/")
    for key in [item["Key"] for page in pages for item in page.get("Contents", [])]:
        part = _PART.fullmatch(key)
        if not part:
            continue
        data = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        with suppress(ValueError, KeyError, ModelFileError):  # damaged, which is no matter of age
            if part["kind"]:
                yield _name(part), part["kind"], modelfile.format_of(data)
            else:
                yield _name(part), "manifest", int(json.loads(data)["format"])


def _name(part: re.Match[str]) -> str:
    """Say which model a part is of."""
    return f"{decoded(part['uniqueid'])} of {decoded(part['user'])}"
