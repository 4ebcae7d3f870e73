"""Datasets that a client compressed: 30 MB become little more than 1, and AWS Lambda takes 4.7."""

from __future__ import annotations

import zlib

from handler.errors import BrokenGzip, DatasetTooLarge

MAGIC = b"\x1f\x8b"

_MAX_MEMBERS = 100  # of a file that was joined of several; each costs a copy of what follows it
_GZIP = 16 + zlib.MAX_WBITS  # checks the lengths and checksums at the members' ends, too


def unpack(data: bytes, limit: int) -> bytes:
    """Return a file's content, unpacked where it begins as gzip's do (RFC 1952).

    Parameters
    ----------
    data : bytes
    limit : int
        The most bytes that it may unpack to; not one more is unpacked.

    Raises
    ------
    DatasetTooLarge
    BrokenGzip
        When it is cut short, damaged, or followed by something else.
    """
    if not data.startswith(MAGIC):
        return data
    unpacked = bytearray()
    for _ in range(_MAX_MEMBERS):
        member = zlib.decompressobj(_GZIP)
        try:
            unpacked += member.decompress(data, limit - len(unpacked) + 1)
        except zlib.error as error:
            raise BrokenGzip from error
        if len(unpacked) > limit:
            raise DatasetTooLarge(limit=limit >> 20)
        data = member.unused_data
        if not (member.eof and data):
            break
    if data or not member.eof:
        raise BrokenGzip
    return bytes(unpacked)
