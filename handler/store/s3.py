"""Objects in an Amazon S3 bucket: conditional writes, and retries with backoff and jitter."""

import random
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import urlsplit

from handler.deadline import deadline
from handler.store.interface import (
    ATTEMPT_SECONDS,
    Conflict,
    NotModified,
    ObjectStore,
    StoredObject,
    StoreError,
    best_effort,
    checked,
    is_key,
)

T = TypeVar("T")

# One attempt ends within ATTEMPT_SECONDS. The connect time-out counts for each of the (up to 8)
# addresses of S3, and a network without a way to S3 uses them all. Attempts are repeated here, as
# botocore knows neither the request deadline nor what to do about a body cut short.
_CONFIG = {
    "connect_timeout": 1,
    "read_timeout": 6,
    "retries": {"total_max_attempts": 1},
    "max_pool_connections": 50,  # with fewer, busy threads make urllib3 log warnings
}
_PAUSES = (0.1, 0.4, 1.0, 2.5)  # seconds at most between attempts,
_PATIENCE = 24.0  # and within how many all must end
_BATCH = 1000  # the most that DeleteObjects takes
_PAGES = 1000  # of a list, with a thousand keys each
_PROBE = "~probe"  # as no key begins
_WRITER = "writer"  # metadata: which swap wrote the object


class AccessDenied(StoreError):
    """S3 refused the operation, or a look at a missing key without s3:ListBucket."""

    sentence = (
        'Amazon S3 does not let this server use the bucket "{bucket}". Ask the person who manages '
        "your AWS account to allow the server's role (or its access key) s3:GetObject, "
        "s3:PutObject and s3:DeleteObject on what is in the bucket, and s3:ListBucket on the "
        "bucket itself. Without s3:ListBucket this also appears where a model merely does not "
        "exist yet."
    )


class BucketMissing(StoreError):
    """There is no such bucket, or not in this region."""

    sentence = (
        'Amazon S3 has no bucket "{bucket}" for this server. Check the bucket\'s name in the '
        "server's settings, and that the bucket was made in the AWS region the server uses."
    )


class CredentialsInvalid(StoreError):
    """There are no AWS credentials, or S3 does not accept them."""

    sentence = (
        "This server has no valid AWS credentials: they are missing, expired or wrong. On AWS "
        "Lambda, deploy again so that the function gets its role; elsewhere, set "
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY anew and check that the server's clock "
        "is right."
    )


class Unavailable(StoreError):
    """S3 is overloaded or has a fault of its own."""

    sentence = (
        "Amazon S3, which keeps the models, is overloaded or has a fault at this moment. The "
        "stored models are safe; try again in a few minutes."
    )
    status = 503


class Unreachable(StoreError):
    """S3 did not answer, not in time or not to the end."""

    sentence = (
        "Amazon S3, which keeps the models, did not answer in time. Try again in a few minutes; "
        "if it stays so, check that this server can reach S3 over its network and, where "
        "AWS_ENDPOINT_URL is set, that the address is right."
    )
    status = 503


class WrongRegion(StoreError):
    """The bucket is in another region than the one that calls are signed for."""

    sentence = (
        'The bucket "{bucket}" is in another AWS region than this server uses: set the server\'s '
        "AWS_DEFAULT_REGION to the region that the bucket's page in Amazon S3 shows."
    )


class KeyUnusable(StoreError):
    """AWS KMS does not encrypt or decrypt for us."""

    sentence = (
        'The bucket "{bucket}" encrypts with a key of AWS KMS that cannot be used: it is disabled '
        "or deleted, or the server's role lacks kms:Decrypt and kms:GenerateDataKey on it. Ask the "
        "person who manages your AWS account."
    )


class Archived(StoreError):
    """An object was moved to a storage class from which it must be restored first."""

    sentence = (
        'A part of a model in the bucket "{bucket}" was moved to an archive, from which this '
        "server cannot read. Restore it in Amazon S3, and remove the lifecycle rule that archives "
        "what is in this bucket."
    )


class StoreFull(StoreError):
    """The service that stands in for S3 has no space, or no quota, left."""

    sentence = (
        'The storage service has no space left for the bucket "{bucket}", or its quota is used '
        "up. Free some space there, then try again; the stored models are safe."
    )


class NotS3(StoreError):
    """What answers is not S3: a web console, a proxy's page, something else."""

    sentence = (
        "What this server was told to use as Amazon S3 answers, but not as S3 does. Check the "
        "address in AWS_ENDPOINT_URL (some services have another port for their web console), and "
        "that no proxy answers in its place."
    )


class ConditionalWritesMissing(StoreError):
    """A service that stands in for S3 ignores or refuses If-Match, so changes would get lost."""

    sentence = (
        "The storage service at AWS_ENDPOINT_URL does not support conditional writes (If-Match "
        "and If-None-Match of S3's PutObject), without which changes of models could get lost. "
        "Update it, or use Amazon S3 or a directory."
    )


class _NoSuchKey(StoreError):
    pass


class _Unchanged(StoreError):
    pass


# By S3's error code, else by HTTP status.
_MEANING: dict[str, type[Exception]] = {
    "NoSuchKey": _NoSuchKey,
    # Another write is under way, maybe our own whose answer is lost: to be asked again.
    "ConditionalRequestConflict": Unavailable,
    "NoSuchBucket": BucketMissing,
    "InvalidBucketName": BucketMissing,
    "PermanentRedirect": BucketMissing,
    "ExpiredToken": CredentialsInvalid,
    "InvalidAccessKeyId": CredentialsInvalid,
    "InvalidToken": CredentialsInvalid,
    "RequestExpired": CredentialsInvalid,
    "RequestTimeTooSkewed": CredentialsInvalid,
    "SignatureDoesNotMatch": CredentialsInvalid,
    "TokenRefreshRequired": CredentialsInvalid,
    "AccessDenied": AccessDenied,
    "AuthorizationHeaderMalformed": WrongRegion,
    "IllegalLocationConstraintException": WrongRegion,
    "InvalidObjectState": Archived,
    "InsufficientStorage": StoreFull,
    "QuotaExceeded": StoreFull,
    "XMinioStorageFull": StoreFull,
    "XMinioAdminBucketQuotaExceeded": StoreFull,
    "NotImplemented": ConditionalWritesMissing,
    "InternalError": Unavailable,
    "OperationAborted": Unavailable,
    "ServiceUnavailable": Unavailable,
    "SlowDown": Unavailable,
    "RequestTimeout": Unreachable,
    "401": CredentialsInvalid,
    "403": AccessDenied,
    "404": Unreachable,  # without one of S3's codes: cut short, or not from S3 at all
    "409": Unavailable,
    "412": Conflict,
    "429": Unavailable,
    "500": Unavailable,
    "501": ConditionalWritesMissing,
    "502": Unavailable,
    "503": Unavailable,
    "504": Unavailable,
    "507": StoreFull,
}


class S3Store(ObjectStore):
    """Keep objects in an S3 bucket, with the credentials that botocore finds by itself.

    Nothing is imported or contacted before the first use.

    Parameters
    ----------
    bucket : str
        Name of the bucket.
    prefix : str, optional
        Folder of the bucket that holds everything of this store.
    """

    def __init__(self, bucket: str, prefix: str = "") -> None:
        self._bucket = bucket
        self._prefix = "".join(f"{name}/" for name in prefix.split("/") if name)
        self._client: Any = None
        self._connecting = threading.Lock()
        self._swaps = False  # whether it is known that S3 heeds conditions

    def get(self, key: str, unless: str | None = None) -> StoredObject | None:
        """Read an object; one that S3 cuts short is asked for again."""
        conditions = {} if unless is None else {"IfNoneMatch": unless}
        try:
            data, answer = self._read(self._prefix + checked(key), **conditions)
        except _NoSuchKey:
            return None
        except _Unchanged as error:
            if unless is None:
                raise NotS3 from error
            raise NotModified from error
        return StoredObject(data, answer["ETag"])

    def put(self, key: str, data: bytes) -> str:
        """Write an object whatever was there before, and return its etag."""
        return self._write(self._prefix + checked(key), data)

    def swap(self, key: str, data: bytes, expected: str | None) -> str:
        """Write an object on condition that its etag is the expected one, and return the new."""
        name = self._prefix + checked(key)
        self._require_conditions()
        condition = {"IfNoneMatch": "*"} if expected is None else {"IfMatch": expected}
        writer = uuid.uuid4().hex
        try:
            return self._write(name, data, Metadata={_WRITER: writer}, **condition)
        except (Conflict, _NoSuchKey) as error:
            # When the answer to a successful write is lost, the next attempt hears of a conflict
            # with itself. Equal content would not do as a proof: another may write it.
            etag = self._etag_written_by(writer, name)
            if etag is None:
                raise Conflict(self._bucket) from error
            return etag

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects, up to a thousand in one request."""
        names = [{"Key": self._prefix + checked(key)} for key in keys]
        for start in range(0, len(names), _BATCH):
            self._remove(names[start : start + _BATCH])

    def keys(self, prefix: str = "") -> list[str]:
        """List the keys in a folder, sorted; what is not a key of ours is passed over."""
        folder = self._prefix + (checked(prefix.removesuffix("/")) + "/" if prefix else "")
        found: list[str] = []
        page: dict[str, str] = {}
        for _ in range(_PAGES):
            answer = self._list(folder, **page)
            found += [item["Key"].removeprefix(self._prefix) for item in answer.get("Contents", [])]
            if "NextContinuationToken" not in answer:
                return [key for key in found if is_key(key)]
            page = {"ContinuationToken": answer["NextContinuationToken"]}
        raise NotS3

    def _list(self, folder: str, **page: str) -> Any:
        def work() -> Any:
            with self._explained():
                answer = self._connect().list_objects_v2(Bucket=self._bucket, Prefix=folder, **page)
            return _of_s3(answer, "Name")

        return _repeated(work)

    def _read(self, name: str, **conditions: str) -> tuple[bytes, Any]:
        def work() -> tuple[bytes, Any]:
            with self._explained():
                answer = self._connect().get_object(Bucket=self._bucket, Key=name, **conditions)
                return answer["Body"].read(), _of_s3(answer, "ETag")

        return _repeated(work)

    def _write(self, name: str, data: bytes, **options: Any) -> str:
        def work() -> str:
            with self._explained():
                answer = self._connect().put_object(
                    Bucket=self._bucket, Key=name, Body=data, **options
                )
            return str(_of_s3(answer, "ETag")["ETag"])

        return _repeated(work)

    def _require_conditions(self) -> None:
        """Find out once whether conditions are heeded, where not AWS itself is asked."""
        with self._explained():
            is_known = self._swaps or _is_aws(self._connect().meta.endpoint_url)
        if is_known:
            return
        # a name of its own, as others may find out at the same moment
        name = f"{self._prefix}{_PROBE}-{uuid.uuid4().hex}"
        self._write(name, b"")
        try:
            for condition in ({"IfNoneMatch": "*"}, {"IfMatch": '"of nothing"'}):
                try:
                    self._write(name, b"", **condition)
                except Conflict:
                    continue
                except _NoSuchKey:  # although it is there
                    pass
                raise ConditionalWritesMissing
        finally:
            best_effort("removing a probe", lambda: self._remove([{"Key": name}]))
        self._swaps = True

    def _etag_written_by(self, writer: str, name: str) -> str | None:
        try:
            _, answer = self._read(name)
        except _NoSuchKey:
            return None
        return str(answer["ETag"]) if answer["Metadata"].get(_WRITER) == writer else None

    def _remove(self, names: list[dict[str, str]]) -> None:
        def work() -> None:
            with self._explained():
                answer = self._connect().delete_objects(
                    Bucket=self._bucket, Delete={"Objects": names, "Quiet": True}
                )
            # The request as a whole succeeds even where every object of it was refused.
            for error in answer.get("Errors", []):
                raise _meaning(error["Code"])(self._bucket)

        _repeated(work)

    def _connect(self) -> Any:
        from botocore.config import Config
        from botocore.session import get_session

        from handler.store.s3_connection import limit_calls

        with self._connecting:
            if self._client is None:
                session = get_session()
                # Listing the hundreds of services that there are takes a quarter of the time.
                loader = session.get_component("data_loader")
                loader.list_available_services = lambda type_name: ["s3"]
                self._client = session.create_client("s3", config=Config(**_CONFIG))
                limit_calls(self._client)
            return self._client

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn whatever botocore raises into an error of the store."""
        try:
            yield
        except StoreError:
            raise
        except Exception as error:
            raise _kind(error)(self._bucket) from error


def _kind(error: Exception) -> type[Exception]:
    from botocore import exceptions as boto
    from botocore.parsers import ResponseParserError
    from urllib3.exceptions import HTTPError

    match error:
        case boto.ClientError():
            answer = error.response
            return _meaning(answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"])
        case (
            boto.NoCredentialsError()
            | boto.PartialCredentialsError()
            | boto.CredentialRetrievalError()
            | boto.TokenRetrievalError()
            | boto.SSOError()
            | boto.ProfileNotFound()
        ):
            return CredentialsInvalid
        case boto.ParamValidationError() if "bucket name" in str(error):
            return BucketMissing
        case boto.InvalidRegionError():
            return BucketMissing
        case (
            boto.ConnectionError()
            | boto.HTTPClientError()
            | boto.IncompleteReadError()
            | boto.FlexibleChecksumError()
            | HTTPError()
            | OSError()
            | ValueError()  # an AWS_ENDPOINT_URL that is no address
        ):
            return Unreachable
        case ResponseParserError():
            # half an answer, or a page for people: the message quotes it
            return NotS3 if "<html" in str(error).lower() else Unreachable
    return StoreError


def _of_s3(answer: Any, part: str) -> Any:
    """Return an answer that has what every one of S3 has; others answer 200 as well."""
    if part not in answer:
        raise NotS3
    return answer


def _is_aws(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn"))


def _meaning(code: str, status: int | None = None) -> type[Exception]:
    if code.startswith("KMS."):
        return KeyUnusable
    if code == "304":
        return _Unchanged
    return _MEANING.get(code) or _MEANING.get(str(status), StoreError)


def _repeated(work: Callable[[], T]) -> T:
    """Work, and again after passing faults while a further attempt would end in time."""
    from handler.store.s3_connection import call_end

    now = time.monotonic()
    end = min(now + _PATIENCE, deadline() or float("inf"))
    call_end.set(max(end, now + ATTEMPT_SECONDS))  # one attempt is made even where time is over
    for pause in _PAUSES:
        try:
            return work()
        except (Unavailable, Unreachable):
            if time.monotonic() + pause + ATTEMPT_SECONDS > end:
                raise
            time.sleep(random.uniform(pause / 2, pause))  # noqa: S311
    return work()
