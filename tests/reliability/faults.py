"""An S3 with faults: moto's server, which does something else with some of the calls."""

import io
import socket
import struct
from itertools import count

from tests.conftest import QuietHandler


def error(status, code):
    """Refuse the call before it is done."""

    def refuse(handler):
        body = f"<Error><Code>{code}</Code><Message>raw words</Message></Error>".encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/xml")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return refuse


def done_and(fault):
    """Do the call, and answer as if it had gone wrong."""

    def do(handler):
        handler.done_in_silence()
        fault(handler)

    return do


def silence(handler):
    """Say nothing until the client gives up."""
    handler.connection.settimeout(300)
    assert handler.connection.recv(1) == b""


def reset(handler):
    """Break the connection with a RST."""
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()


def cut(handler):
    """Do the call, and send half of the answer."""
    answer = handler.done_in_silence()
    handler.wfile.write(answer[: len(answer) // 2])


class Plan:
    """Which calls go wrong, and how.

    Parameters
    ----------
    fault : callable
        Takes the request's handler.
    moment : int
        How many calls that suit pass before.
    forever : bool
        Whether all that follow go wrong, too.
    suits : callable, optional
        Says of the request's method, path and headers whether it may go wrong at all.
    """

    def __init__(self, fault, moment, forever, suits=lambda method, path, headers: True):
        self._fault = fault
        self._forever = forever
        self._suits = suits
        self._moment = moment
        self._calls = count()
        self.hits = 0

    def fault(self, handler):
        if not self._suits(handler.command, handler.path, handler.headers):
            return None
        call = next(self._calls)
        if call == self._moment or (self._forever and call > self._moment):
            self.hits += 1
            return self._fault
        return None


class FaultyHandler(QuietHandler):
    """Carries out `plan`, which is for all requests."""

    plan = None

    def run_wsgi(self):
        fault = self.plan and self.plan.fault(self)
        if not fault:
            super().run_wsgi()
            return
        self.close_connection = True
        if self.headers["Expect"]:  # boto3 waits a second before it sends the body otherwise
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            del self.headers["Expect"]
        self._body = io.BytesIO(self.rfile.read(int(self.headers.get("Content-Length", 0))))
        fault(self)

    def done_in_silence(self):
        """Do the call, and return the answer that it would have got."""
        rfile, wfile = self.rfile, self.wfile
        self.rfile, self.wfile = self._body, io.BytesIO()
        try:
            super().run_wsgi()
            return self.wfile.getvalue()
        finally:
            self.rfile, self.wfile = rfile, wfile
