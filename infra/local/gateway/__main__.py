"""`make serve-lambda`: the package for Lambda, served to a Moodle from this machine.

The function runs under AWS's own runtime client, with nothing but its package and the standard
library, behind gateways that make the events of AWS and keep its limits.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import threading
import zipfile
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

from handler.__main__ import add_address
from handler.auth.users import VARIABLE as USERS
from handler.errors import SettingsError
from handler.moodle_settings import Address
from handler.settings import BUCKET, DIRECTORY, PREFIX, Settings
from handler.settings import VARIABLES as OURS
from infra import ROOT, moodle_settings
from infra.aws.resources import STAGE
from infra.local import serve
from infra.local.gateway.events import FUNCTION_URL, HTTP_API, REST_API
from infra.local.gateway.listener import Pool, serving
from infra.local.gateway.runtime import Function, Instance, fetch_client
from infra.package import PackageError, build
from infra.package.__main__ import can_run, make


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted, and return an exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.local.gateway", description=__doc__)
    add_address(parser)
    parser.add_argument("--instances", type=int, default=1, help="of the function (%(default)s)")
    parser.add_argument(
        "--bucket",
        help="work on the models and with the users of this bucket, for real, instead of on those "
        "of this machine",
    )
    options = parser.parse_args(arguments)
    try:
        _serve(options.host, options.port, options.instances, options.bucket)
    except (PackageError, SettingsError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"Cannot listen there ({error.strerror}): choose another --port.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


def _serve(host: str, port: int, n_instances: int, bucket: str | None) -> None:
    architecture = "arm64" if platform.machine() == "aarch64" else "x86_64"
    if not can_run(architecture):
        raise PackageError("The package is for Linux, so it cannot run here: use 'make serve'.")
    folders = build.Folders(architecture)
    if folders.zip.exists():
        made = datetime.fromtimestamp(folders.zip.stat().st_mtime)
        print(f"Using the package of {made:%Y-%m-%d %H:%M}; 'make package' makes a new one.")
    else:
        make(architecture)
    with ExitStack() as stack:
        code = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        zipfile.ZipFile(folders.zip).extractall(code)
        username, password, variables = environment(bucket)
        function = Function(code, fetch_client(folders), variables, _handler())
        instances = [Instance(function, sys.stderr.buffer) for _ in range(n_instances)]
        for instance in instances:
            stack.callback(instance.stop)
        pool = Pool(instances)
        addresses = []
        for offset, gateway in enumerate((FUNCTION_URL, REST_API, HTTP_API)):
            number = stack.enter_context(serving(pool, gateway, host, port + offset if port else 0))
            url = f"http://{host}:{number}{gateway.prefix}"
            addresses.append(Address(url, gateway.name, int(gateway.seconds)))
        print(moodle_settings.describe(addresses, username, password), flush=True)
        threading.Event().wait()


def _handler() -> str:
    return str(_stage()["lambda_handler"])


def _stage() -> dict[str, object]:
    stages = json.loads((ROOT / "zappa_settings.json").read_text())
    stage: dict[str, object] = stages[STAGE]
    return stage


def environment(bucket: str | None) -> tuple[str, str, dict[str, str]]:
    """Return a user, the password, and the function's variables.

    Parameters
    ----------
    bucket : str, optional
        Where models and users are, with the AWS credentials of this environment; None: in this
        machine's directory, whatever bucket the environment and Zappa's settings name. These are
        the production's after ``up``.
    """
    declared = _stage()["aws_environment_variables"]
    assert isinstance(declared, dict)
    variables = {name: os.environ[name] for name in OURS if name in os.environ} | declared
    if bucket:
        of_aws = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        print("Users are those of the bucket.")
        return "USERNAME", "PASSWORD", variables | of_aws | {BUCKET: bucket}
    variables = {name: value for name, value in variables.items() if name not in (BUCKET, PREFIX)}
    settings = Settings.from_environ({**os.environ, BUCKET: ""})
    variables[DIRECTORY] = str(settings.directory)
    username, password = serve.local_user(settings)
    if not settings.users:
        variables[USERS] = f"{username}:{password}"
    return username, password, variables


if __name__ == "__main__":
    sys.exit(main())
