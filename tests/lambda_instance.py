"""An application as a function of AWS Lambda, for tests of what asks it through a gateway."""

import base64
import json
from types import SimpleNamespace

from werkzeug.test import run_wsgi_app
from zappa.wsgi import create_wsgi_request


class Instance:
    """An application as a function of AWS Lambda, in this process.

    Parameters
    ----------
    app : flask.Flask
    seconds : float
        How much time its context says is left.
    """

    def __init__(self, app, seconds=900.0):
        self._app = app
        self._context = SimpleNamespace(
            get_remaining_time_in_millis=lambda: int(seconds * 1000), aws_request_id="id"
        )

    def invoke(self, event):
        environ = create_wsgi_request(event, script_name="", binary_support=True)
        environ |= {"lambda.event": event, "lambda.context": self._context}
        body, status, headers = run_wsgi_app(self._app, environ, buffered=True)
        return json.dumps(
            {
                "statusCode": int(status.split()[0]),
                "headers": dict(headers),
                "isBase64Encoded": True,
                "body": base64.b64encode(b"".join(body)).decode(),
            }
        ).encode()
