"""What Zappa calls, where that goes wrong; where it goes well is for tests/aws."""

import getpass
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.aws import zappa_callbacks, zappa_settings
from infra.package import PackageError, build


class Cli:
    """Zappa's command line, as far as the callbacks use it."""

    lambda_name = "moodle-mlbackend-production"
    architecture = "x86_64"
    lambda_concurrency = None

    def __init__(self, command, reserved=None):
        self.command = command
        self.vargs = {"settings_file": None}
        self.overridden = {}
        self.loaded = []
        answer = {} if reserved is None else {"ReservedConcurrentExecutions": reserved}
        client = SimpleNamespace(get_function_concurrency=lambda FunctionName: answer)
        self.zappa = SimpleNamespace(
            lambda_client=client,
            update_stack=None,
            deploy_lambda_function_url=None,
            update_lambda_function_url=None,
        )

    def override_stage_config_setting(self, name, value):
        self.overridden[name] = value

    def load_settings(self, settings_file):
        print("loaded again")
        self.loaded.append(dict(self.overridden))


@pytest.fixture
def known(settings_file, names):
    """A checkout that knows its account."""
    zappa_settings.fill(names)


@pytest.fixture
def in_project(monkeypatch):
    monkeypatch.chdir(build.ROOT)


@pytest.fixture
def folders(tmp_path, monkeypatch, in_project):
    """Folders that were built."""
    monkeypatch.setattr(build, "FOLDER", tmp_path)
    monkeypatch.setattr(zappa_callbacks, "ROOT", tmp_path)
    folders = build.Folders("x86_64")
    for folder in (folders.project, folders.packages):
        folder.mkdir(parents=True)
    monkeypatch.setattr(build, "build", lambda architecture: folders)
    monkeypatch.setenv("VIRTUAL_ENV", "the developer's")
    monkeypatch.setenv("LOGNAME", "a-developer")
    return folders


def test_zappa_can_load_them_without_the_project_on_its_path():
    """As its command does: by the file's place, in a process that cannot import `infra` yet."""
    code = """
import pkgutil, types
importer = pkgutil.get_importer("infra/aws")
module = importer.find_spec("zappa_callbacks").loader.load_module("zappa_callbacks")
try:
    module.prepare(types.SimpleNamespace(command="status"))
except (SystemExit, AttributeError):
    pass  # as it should end in a checkout without an account, and in one with it
from infra.package import build
"""
    command = [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-c", code]
    subprocess.run(command, cwd=build.ROOT, check=True)


@pytest.mark.parametrize("command", ["status", "undeploy", "tail", "certify"])
def test_commands_that_pack_nothing_work_with_the_account(folders, known, names, command, capsys):
    cli = Cli(command)
    zappa_callbacks.prepare(cli)
    assert Path.cwd() == build.ROOT
    assert cli.loaded[-1]["aws_region"] == names.region
    assert cli.loaded[-1]["s3_bucket"] == names.uploads
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["deploy", "update", "package"])
def test_zappa_is_led_to_what_was_built(folders, known, command):
    zappa_callbacks.prepare(Cli(command))
    assert Path.cwd() == folders.project
    assert os.environ["VIRTUAL_ENV"] == str(folders.environment)
    assert getpass.getuser() == "moodle-mlbackend"  # which Zappa writes into the zip


@pytest.mark.parametrize("command", ["deploy", "update", "status", "undeploy", "tail"])
def test_a_checkout_that_knows_no_account_works_in_none(folders, settings_file, command):
    with pytest.raises(SystemExit, match="does not know your AWS account yet: 'python -m infra up"):
        zappa_callbacks.prepare(Cli(command))


@pytest.mark.parametrize("reserved", [None, 0, 7])
def test_an_update_keeps_the_concurrency_that_was_reserved(folders, known, reserved):
    cli = Cli("update", reserved)
    zappa_callbacks.prepare(cli)
    assert cli.lambda_concurrency == reserved


def test_requests_are_bounded():
    asked = []
    client = SimpleNamespace(update_stage=lambda **given: asked.append(given))
    zappa = SimpleNamespace(apigateway_client=client, get_api_id=lambda name: f"api of {name}")
    zappa_callbacks._bound_requests(SimpleNamespace(zappa=zappa, lambda_name="f", api_stage="s"))
    (given,) = asked
    assert (given["restApiId"], given["stageName"]) == ("api of f", "s")
    bounds = {change["path"]: change["value"] for change in given["patchOperations"]}
    assert bounds == {"/*/*/throttling/rateLimit": "10", "/*/*/throttling/burstLimit": "20"}


def test_a_package_that_cannot_be_built_is_a_sentence(folders, monkeypatch):
    def fail(architecture):
        raise PackageError("There is no Python.")

    monkeypatch.setattr(build, "build", fail)
    with pytest.raises(SystemExit, match=r"^There is no Python\.$"):
        zappa_callbacks.prepare(Cli("package"))


def pack(folders, name):
    with zipfile.ZipFile(folders.project / "package.zip", "w") as archive:
        archive.writestr(name, b"")
    return SimpleNamespace(zip_path="package.zip", architecture="x86_64")


def test_a_package_that_is_in_order_is_left_in_the_project(folders, monkeypatch, capsys):
    monkeypatch.chdir(folders.project)
    zappa_callbacks.check(pack(folders, "handler/aws.py"))
    assert Path.cwd() == zappa_callbacks.ROOT
    assert Path("package.zip").exists()
    assert "headroom" in capsys.readouterr().out


def test_a_package_that_is_not_in_order_is_not_sent(folders, monkeypatch):
    monkeypatch.chdir(folders.project)
    with pytest.raises(SystemExit, match=r"nothing was sent: secrets\.txt does not belong"):
        zappa_callbacks.check(pack(folders, "secrets.txt"))
    assert not Path("package.zip").exists()
