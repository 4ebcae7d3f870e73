"""`make plugin`: the zip that Moodle's installer takes."""

import shutil
import zipfile

import pytest

from handler.version import SOFTWARE
from infra import plugin


@pytest.fixture
def built(tmp_path):
    target = tmp_path / "dist" / "plugin.zip"
    plugin.build(plugin.FOLDER, target)
    return target


def test_all_of_it_is_below_the_folder_that_moodle_expects(built):
    names = zipfile.ZipFile(built).namelist()
    assert {name.partition("/")[0] for name in names} == {"serverless"}
    files = {path.relative_to(plugin.FOLDER) for path in plugin.FOLDER.rglob("*") if path.is_file()}
    assert set(names) == {f"serverless/{path.as_posix()}" for path in files} | {
        "serverless/LICENSE"
    }


def test_equal_files_make_an_equal_zip(built, tmp_path):
    plugin.build(plugin.FOLDER, tmp_path / "again.zip")
    assert (tmp_path / "again.zip").read_bytes() == built.read_bytes()


def test_its_version_is_the_projects(built):
    version_php = zipfile.ZipFile(built).read("serverless/version.php").decode()
    assert f"$plugin->release = '{SOFTWARE}';" in version_php
    assert f"$plugin->version = {plugin.version_number(SOFTWARE)};" in version_php


@pytest.mark.parametrize(
    ("older", "newer"), [("0.1.0", "0.1.1"), ("0.1.99", "0.2.0"), ("0.99.99", "1.0.0")]
)
def test_moodle_takes_a_later_version_for_newer(older, newer):
    assert plugin.version_number(older) < plugin.version_number(newer)
    assert len(str(plugin.version_number(newer))) == 10


def test_another_version_than_the_projects_is_refused(tmp_path):
    folder = shutil.copytree(plugin.FOLDER, tmp_path / "moodle-plugin")
    text = (folder / "version.php").read_text()
    (folder / "version.php").write_text(text.replace(SOFTWARE, "9.9.9"))
    with pytest.raises(plugin.PluginError, match=r"version\.php has to say .*" + SOFTWARE):
        plugin.build(folder, tmp_path / "plugin.zip")
    assert not (tmp_path / "plugin.zip").exists()
