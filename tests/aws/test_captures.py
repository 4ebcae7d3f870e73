"""What a real Moodle sent, byte for byte, through each kind of gateway to the deployed package."""

import re
import socket
from http.client import HTTPResponse

import pytest

from tests.handler.test_captures import (  # noqa: F401
    CAPTURES,
    test_client,
    test_dropout,
    test_pathtrick,
)


@pytest.fixture
def replay(door):
    """Send a request as it came off the socket, below the gateway's path."""

    def replay(name, change=lambda request: request):
        request = change((CAPTURES / f"{name}.req").read_bytes())
        if not re.match(rb"\w+ /production/", request):
            request = request.replace(b" /", f" {door.gateway.prefix}/".encode(), 1)
        with socket.create_connection(("127.0.0.1", door.port), timeout=300) as connection:
            connection.sendall(request)
            answer = HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read()

    return replay
