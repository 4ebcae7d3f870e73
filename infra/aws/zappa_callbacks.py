"""What Zappa calls on its way (see ``callbacks`` in ``zappa_settings.json``).

Zappa loads this file from the working directory, in which it then does not look for what the file
imports. So the project is put on the path first.
"""

from __future__ import annotations

import io
import os
import shutil
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]  # as `infra` cannot be imported yet

# Variable of whoever runs Zappa and says himself what to enter into Moodle.
SETTINGS_FOLLOW = "MOODLE_MLBACKEND_SETTINGS_FOLLOW"

_PACKING = ("deploy", "update", "package")


def prepare(cli: Any) -> None:
    """Before anything is done: make what will be packed, and lead Zappa to it.

    Parameters
    ----------
    cli : zappa.cli.ZappaCLI
    """
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    from infra.aws import function_url
    from infra.package import PackageError, build

    if cli.command != "package":
        _work_with_the_account(cli)
    if cli.command not in _PACKING:
        return
    _make_what_is_missing(cli.zappa)
    function_url.do_without_where_forbidden(cli.zappa)
    _say_nothing_of_slim_handlers(cli)
    os.environ["LOGNAME"] = "moodle-mlbackend"  # Zappa writes into the zip whose machine this is
    try:
        folders = build.build(cli.architecture)
    except PackageError as error:
        sys.exit(str(error))
    os.environ["VIRTUAL_ENV"] = str(folders.environment)
    os.chdir(folders.project)


def check(cli: Any) -> None:
    """After packing, before anything is sent: look into the zip, and go back to the project.

    Parameters
    ----------
    cli : zappa.cli.ZappaCLI
    """
    from infra.aws import releases
    from infra.package import build
    from infra.package import check as checks

    package = Path(cli.zip_path).resolve()
    if package.parent == Path.cwd():  # else it was given a place of its own
        package = Path(shutil.move(package, ROOT / package.name))
    os.chdir(ROOT)
    print(checks.table(package))
    print("Zappa's warning about a namespace does not apply here.")
    problems = checks.problems(package, build.Folders(cli.architecture))
    if problems:
        package.unlink()
        sys.exit("The package must not be used, and nothing was sent: " + "; ".join(problems) + ".")
    cli.package_content = releases.content(package)


def finish(cli: Any) -> None:
    """After deploying and updating: close what Zappa leaves open, and say what Moodle needs.

    Parameters
    ----------
    cli : zappa.cli.ZappaCLI
    """
    from infra import moodle_settings
    from infra.aws import account, errors, function, function_url, smoke, zappa_settings

    if function_url.narrow(cli.zappa.lambda_client, cli.lambda_name):
        print("The function may now be invoked through its URL only, not by other AWS accounts.")
    if cli.use_apigateway:
        _bound_requests(cli)
    _keep_the_code(cli)
    if SETTINGS_FOLLOW in os.environ:
        return
    addresses = function.addresses(account.of_session(cli.zappa.boto_session))
    settings = moodle_settings.describe(
        [*addresses, *zappa_settings.domain()], "USERNAME", "PASSWORD"
    )
    print(settings)
    if os.environ.get("AWS_ENDPOINT_URL"):
        print("AWS_ENDPOINT_URL is set, so these addresses are not AWS's: not asked for /version.")
        return
    try:
        for address in addresses:
            print(f"{address} answers: version {smoke.version(address)}.", flush=True)
    except errors.SmokeFailed as error:
        sys.exit(str(error))


def _make_what_is_missing(zappa: Any) -> None:
    """Let an update make API Gateway's stack where it is gone, as a deployment does.

    Without this, only undeploying helps, which takes the function's other addresses away.
    """
    update_stack = zappa.update_stack
    zappa.update_stack = lambda *given, **named: update_stack(
        *given, **named | {"update_only": False}
    )


def _work_with_the_account(cli: Any) -> None:
    """Lay the account's names over the settings, which Zappa then reads again."""
    from infra.aws import errors, zappa_settings

    if not zappa_settings.ACCOUNT_FILE.exists():
        sys.exit(
            "This checkout does not know your AWS account yet: 'python -m infra up' makes all that "
            "is needed there, and writes its names into zappa_account.json."
        )
    try:
        for name, value in zappa_settings.stage().items():
            cli.override_stage_config_setting(name, value)
    except errors.SettingsUnreadable as error:
        sys.exit(str(error))
    with redirect_stdout(io.StringIO()):  # it said everything the first time
        cli.load_settings(cli.vargs.get("settings_file"))
    if cli.command == "update" and cli.lambda_concurrency is None:
        # an update removes what its settings do not name
        found = cli.zappa.lambda_client.get_function_concurrency(FunctionName=cli.lambda_name)
        cli.lambda_concurrency = found.get("ReservedConcurrentExecutions")


def _say_nothing_of_slim_handlers(cli: Any) -> None:
    """Keep back a warning about uploads of more than 50 MB, which go through S3 here."""

    def tell(*words: object, **options: Any) -> None:
        if "slim_handler" not in " ".join(map(str, words)):
            print(*words, **options)

    sys.modules[type(cli).__module__].print = tell  # type: ignore[attr-defined]


def _bound_requests(cli: Any) -> None:
    """Bound how many requests a second Zappa's API Gateway passes on."""
    from infra.aws.template import BURST, RATE

    every_method = "/*/*/throttling"
    cli.zappa.apigateway_client.update_stage(
        restApiId=cli.zappa.get_api_id(cli.lambda_name),
        stageName=cli.api_stage,
        patchOperations=[
            {"op": "replace", "path": f"{every_method}/rateLimit", "value": str(RATE)},
            {"op": "replace", "path": f"{every_method}/burstLimit", "value": str(BURST)},
        ],
    )


def _keep_the_code(cli: Any) -> None:
    """Keep what was uploaded, so that one can come back to it (``up --previous``)."""
    from infra.aws import releases

    if hasattr(cli, "package_content"):  # else it was packed elsewhere (``--zip``)
        release = releases.Release(
            content=cli.package_content,
            deployed=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            formats=releases.formats(),
            runtime=cli.runtime,
            handler=cli.lambda_handler,
            architecture=cli.architecture,
        )
        name = Path(cli.zip_path).name
        releases.keep(cli.zappa.s3_client, cli.s3_bucket_name, name, release)
