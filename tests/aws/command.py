"""``python -m infra``, but for AWS's addresses, which lead to a server on this machine."""

import json
import os
import sys
from urllib.parse import urlsplit

from infra.__main__ import main
from infra.aws import smoke
from infra.local.client import over_http

PORTS = "TEST_PORTS"  # variable: JSON, the port by the kind of address


def over_http_here(url):
    parts = urlsplit(url)
    kind = ("rest-api" if parts.path else "http-api") if ".execute-api." in url else "function-url"
    return over_http(f"http://127.0.0.1:{json.loads(os.environ[PORTS])[kind]}{parts.path}")


if __name__ == "__main__":
    smoke.over_http = over_http_here
    sys.exit(main())
