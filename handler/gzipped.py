"""Datasets that a client compressed: 30 MB become little more than 1, and AWS Lambda takes 4.7."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from itertools import chain

from handler.errors import BrokenGzip, DatasetTooLarge

MAGIC = b"\x1f\x8b"

_MAX_MEMBERS = 10_000  # of a file that was joined of several, or packed by several threads
_GZIP = 16 + zlib.MAX_WBITS  # checks the lengths and checksums at the members' ends, too
_BLOCK = 1 << 16  # bytes at a time, packed and unpacked


class Unpacked:
    """A file's content, unpacked block by block where it begins as gzip's do (RFC 1952).

    It can be read several times, and never lies in memory whole where it came compressed.

    Parameters
    ----------
    data : bytes
        The file.
    limit : int
        The most bytes that it may unpack to; not many more are unpacked.
    """

    def __init__(self, data: bytes, limit: int) -> None:
        self._data = data
        self._limit = limit

    def __iter__(self) -> Iterator[bytes]:
        """Return its blocks.

        Raises
        ------
        DatasetTooLarge
        BrokenGzip
            When it is cut short, damaged, or followed by something else.
        """
        starts = range(0, len(self._data), _BLOCK)
        blocks = (self._data[start : start + _BLOCK] for start in starts)
        if self._data.startswith(MAGIC):
            return self._limited(_unpacked(blocks))
        return blocks

    def _limited(self, blocks: Iterator[bytes]) -> Iterator[bytes]:
        size = 0
        for block in blocks:
            size += len(block)
            if size > self._limit:
                raise DatasetTooLarge(limit=self._limit >> 20)
            yield block


def _unpacked(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack the members of a gzip file, one after the other."""
    member = None
    n_members = 0
    for block in chain(blocks, [b""]):
        packed = block
        while packed or member:
            if member is None:
                member, n_members = zlib.decompressobj(_GZIP), n_members + 1
            if n_members > _MAX_MEMBERS:
                raise BrokenGzip
            try:
                unpacked = member.decompress(packed, _BLOCK)
            except zlib.error as error:
                raise BrokenGzip from error
            if unpacked:
                yield unpacked
            if member.eof:
                packed, member = member.unused_data, None
            else:
                packed = member.unconsumed_tail
                if not (packed or unpacked):  # nothing is held back: it asks for more
                    break
    if member:
        raise BrokenGzip
