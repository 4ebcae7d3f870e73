"""A client that speaks to the server as Moodle does."""

from __future__ import annotations

import base64
import http.client
import json
import urllib.parse
from dataclasses import dataclass
from typing import Any

_BOUNDARY = "------------------------demonstration0"
_SECONDS = 300  # Moodle itself waits for ever


@dataclass(frozen=True)
class Moodle:
    """One Moodle site.

    Parameters
    ----------
    host : str
    port : int
    username, password : str
    secure : bool
        Whether to use HTTPS.
    path : str
        What a gateway wants before the endpoints, for instance ``/production``.
    """

    host: str
    port: int
    username: str
    password: str
    secure: bool = False
    path: str = ""

    def get(self, endpoint: str, **fields: str) -> bytes:
        """Send parameters in the query string and return the answer's body.

        Raises
        ------
        Refused
            With the server's sentence, as Moodle would show it.
        """
        query = f"?{urllib.parse.urlencode(fields)}" if fields else ""
        return self._send("GET", f"/{endpoint}{query}", b"", {})

    def post(self, endpoint: str, **fields: str | bytes) -> bytes:
        """Send a form, files as bytes, and return the answer's body; raise `Refused`."""
        parts = []
        for name, value in fields.items():
            extra = (
                f'; filename="{name}"\r\nContent-Type: application/octet-stream'
                if isinstance(value, bytes)
                else ""
            )
            content = value if isinstance(value, bytes) else value.encode()
            head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
            parts.append(head.encode() + content + b"\r\n")
        body = b"".join(parts) + f"--{_BOUNDARY}--\r\n".encode()
        content_type = f"multipart/form-data; boundary={_BOUNDARY}"
        return self._send("POST", f"/{endpoint}", body, {"Content-Type": content_type})

    def json(self, endpoint: str, **fields: str | bytes) -> dict[str, Any]:
        """Send a form and return the answer's JSON."""
        answer: dict[str, Any] = json.loads(self.post(endpoint, **fields))
        return answer

    def _send(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> bytes:
        credentials = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        # a new connection for each request, as Moodle makes it
        kind = http.client.HTTPSConnection if self.secure else http.client.HTTPConnection
        connection = kind(self.host, self.port, timeout=_SECONDS)
        try:
            connection.request(
                method,
                self.path + target,
                body,
                headers
                | {
                    "Authorization": f"Basic {credentials}",
                    "User-Agent": "MoodleBot/4.5 (+http://127.0.0.1/demonstration)",
                },
            )
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        if answer.status != 200:
            raise Refused(
                f"Server error HTTP status code {answer.status}: {content.decode(errors='replace')}"
            )
        return content


class Refused(Exception):
    """An answer other than 200, in the words in which Moodle shows it."""
