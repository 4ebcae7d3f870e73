"""Connections to S3 whose calls end by a deadline.

A time-out of sockets begins anew with each byte, so a peer that sends a byte a second is waited for
for ever, by botocore as by any other client.
"""

from __future__ import annotations

import io
import time
from contextvars import ContextVar
from typing import Any

from botocore.awsrequest import (
    AWSHTTPConnection,
    AWSHTTPConnectionPool,
    AWSHTTPSConnection,
    AWSHTTPSConnectionPool,
)

call_end: ContextVar[float] = ContextVar("deadline of the current call of S3")
"""A time of `time.monotonic`: set it before a call."""


def limit_calls(client: Any) -> None:
    """Let all calls of a botocore client end by `call_end`."""
    # botocore has no public way to other connections; these names are urllib3's, which are public
    client._endpoint.http_session._pool_classes_by_scheme.update(http=_Pool, https=_SecurePool)


class _Reader(io.RawIOBase):
    """Reads from a socket until the deadline."""

    def __init__(self, limited: _Socket, file: Any) -> None:
        self._limited = limited
        self._file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._limited.set_time_left()
        count: int | None = self._file.readinto(buffer)
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


class _Socket:
    """A connected socket, of which each read and write ends by the deadline."""

    def __init__(self, connected: Any) -> None:
        self._socket = connected
        self._timeout: float | None = connected.gettimeout()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._socket, name)

    def settimeout(self, seconds: float | None) -> None:
        """Set how long one read or write waits at most."""
        self._timeout = seconds

    def makefile(self, mode: str, buffering: int = -1) -> Any:
        """Return a file to read answers from."""
        reader = _Reader(self, self._socket.makefile(mode, 0))
        return reader if buffering == 0 else io.BufferedReader(reader)

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        self.set_time_left()
        self._socket.sendall(data)

    def set_time_left(self) -> None:
        """Let the next read or write wait no longer than the call may take."""
        left = call_end.get() - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call took too long")
        self._socket.settimeout(left if self._timeout is None else min(left, self._timeout))


def _limit(connection: Any) -> None:
    connection.sock = _Socket(connection.sock)


class _Connection(AWSHTTPConnection):
    def connect(self) -> None:
        super().connect()
        _limit(self)


class _SecureConnection(AWSHTTPSConnection):
    def connect(self) -> None:
        super().connect()
        _limit(self)


class _Pool(AWSHTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(AWSHTTPSConnectionPool):
    ConnectionCls = _SecureConnection
