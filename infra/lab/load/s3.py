"""A stand-in for S3 on this machine: moto's server, in a process of its own.

It answers one request at a time. Real S3 checks a condition and writes in one step, moto does not.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from handler import settings

_BUCKET = "models"
_ACCOUNT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running() -> Iterator[dict[str, str]]:
    """Run it, and give the variables that lead a server to an empty bucket there."""
    with subprocess.Popen(
        [sys.executable, "-m", "infra.lab.load.s3"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = process.stdout.readline().strip()
            yield {"AWS_ENDPOINT_URL": address, settings.BUCKET: _BUCKET, **_ACCOUNT}
        finally:
            process.terminate()


def _serve() -> None:
    from moto.core.models import DEFAULT_ACCOUNT_ID
    from moto.moto_server import werkzeug_app
    from moto.s3.models import s3_backends
    from werkzeug.serving import make_server

    class QuietHandler(werkzeug_app.MotoRequestHandler):
        def log(self, *_: object) -> None:
            pass

    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(_BUCKET, _ACCOUNT["AWS_DEFAULT_REGION"])
    server = make_server("127.0.0.1", 0, app, request_handler=QuietHandler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    _serve()
