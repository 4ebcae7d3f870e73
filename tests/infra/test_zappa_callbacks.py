"""What Zappa calls, where that goes wrong; where it goes well is for tests/aws."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from infra.aws import zappa_callbacks
from infra.package import PackageError, build


def cli(command, **settings):
    return SimpleNamespace(command=command, architecture="x86_64", stage_config=settings)


ACCOUNT = {"aws_region": "eu-central-1", "s3_bucket": "uploads", "role_arn": "arn:aws:iam::1:x"}


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
    return folders


def test_zappa_can_load_them_without_the_project_on_its_path():
    """As its command does: by the file's place, in a process that cannot import `infra` yet."""
    code = """
import pkgutil, types
importer = pkgutil.get_importer("infra/aws")
module = importer.find_spec("zappa_callbacks").loader.load_module("zappa_callbacks")
module.prepare(types.SimpleNamespace(command="status"))
from infra.package import build
"""
    command = [sys.executable, "-P", "-W", "ignore::DeprecationWarning", "-c", code]
    subprocess.run(command, cwd=build.ROOT, check=True)


@pytest.mark.parametrize("command", ["status", "undeploy", "tail", "certify"])
def test_commands_that_pack_nothing_are_left_alone(folders, command):
    zappa_callbacks.prepare(cli(command))
    assert Path.cwd() == build.ROOT


@pytest.mark.parametrize("command", ["deploy", "update", "package"])
def test_zappa_is_led_to_what_was_built(folders, command):
    zappa_callbacks.prepare(cli(command, **ACCOUNT))
    assert Path.cwd() == folders.project
    assert os.environ["VIRTUAL_ENV"] == str(folders.environment)


@pytest.mark.parametrize("name", ACCOUNT)
def test_without_the_account_s_names_nothing_is_deployed(folders, name):
    settings = {key: value for key, value in ACCOUNT.items() if key != name}
    with pytest.raises(SystemExit, match=f"account's {name} yet: 'python -m infra up'"):
        zappa_callbacks.prepare(cli("deploy", **settings))


def test_a_package_that_cannot_be_built_is_a_sentence(folders, monkeypatch):
    def fail(architecture):
        raise PackageError("There is no Python.")

    monkeypatch.setattr(build, "build", fail)
    with pytest.raises(SystemExit, match=r"^There is no Python\.$"):
        zappa_callbacks.prepare(cli("package"))


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
