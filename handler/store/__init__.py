"""Where models are kept: one small interface, in Amazon S3 or in a local directory.

An object is some bytes under a key and has an etag, an opaque text that changes with its content.
Both stores give the same promises to any number of threads and processes at once: a reader sees
an object whole or not at all, and of several writers that swap the same object exactly one wins.
"""

from handler.store.directory import (
    DirectoryLocked,
    DirectoryStore,
    DirectoryUnusable,
    DiskFull,
    LocksMissing,
)
from handler.store.interface import (
    Conflict,
    NotModified,
    ObjectStore,
    StoredObject,
    StoreError,
    best_effort,
)
from handler.store.s3 import (
    AccessDenied,
    Archived,
    BucketMissing,
    ConditionalWritesMissing,
    CredentialsInvalid,
    KeyUnusable,
    NotS3,
    S3Store,
    StoreFull,
    Unavailable,
    Unreachable,
    WrongRegion,
)

__all__ = [
    "AccessDenied",
    "Archived",
    "BucketMissing",
    "ConditionalWritesMissing",
    "Conflict",
    "CredentialsInvalid",
    "DirectoryLocked",
    "DirectoryStore",
    "DirectoryUnusable",
    "DiskFull",
    "KeyUnusable",
    "LocksMissing",
    "NotModified",
    "NotS3",
    "ObjectStore",
    "S3Store",
    "StoreError",
    "StoreFull",
    "StoredObject",
    "Unavailable",
    "Unreachable",
    "WrongRegion",
    "best_effort",
]
