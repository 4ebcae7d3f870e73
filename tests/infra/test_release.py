"""The files of a release: what they hold, and that equal content makes equal bytes."""

import re
import zipfile
from pathlib import Path

import pytest

from handler.version import SOFTWARE
from infra import ROOT
from infra.release import ReleaseError
from infra.release.__main__ import notes_of
from infra.release.archive import digest, repack

CHANGELOG = "# Changes\n\n## 0.2.0 (2027-01-02)\n\n* Second.\n\n## 0.1.0\n\n* First.\n"


def pack(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, time in members:
            archive.writestr(zipfile.ZipInfo(name, time), name.encode())
    return path


def test_equal_content_makes_equal_bytes_whoever_packed_it_and_when(tmp_path):
    early, late = (2020, 1, 1, 0, 0, 0), (2026, 2, 3, 4, 5, 6)
    one = pack(tmp_path / "1", [("a", early), ("b/c", early), ("package_info.json", early)])
    other = pack(tmp_path / "2", [("b/", late), ("b/c", late), ("a", late)])
    for number, path in enumerate((one, other)):
        repack(path, tmp_path / f"made{number}", frozenset({"package_info.json"}))
    assert digest(tmp_path / "made0") == digest(tmp_path / "made1")
    with zipfile.ZipFile(tmp_path / "made0") as made:
        assert made.namelist() == ["a", "b/c"]
        assert made.read("b/c") == b"b/c"


def test_programs_stay_programs(tmp_path):
    with zipfile.ZipFile(tmp_path / "old", "w") as archive:
        program = zipfile.ZipInfo("run")
        program.external_attr = 0o100755 << 16
        archive.writestr(program, b"")
        archive.writestr("read", b"")
    repack(tmp_path / "old", tmp_path / "new")
    with zipfile.ZipFile(tmp_path / "new") as made:
        modes = {item.filename: item.external_attr >> 16 & 0o777 for item in made.infolist()}
    assert modes == {"run": 0o755, "read": 0o644}


def test_the_notes_are_the_changelog_s_entry():
    assert notes_of("0.2.0", CHANGELOG) == "* Second.\n"
    assert notes_of("0.1.0", CHANGELOG) == "* First.\n"


@pytest.mark.parametrize("version", ["0.3.0", "0.1", "1.0"])
def test_a_version_without_an_entry_is_not_released(version):
    with pytest.raises(ReleaseError, match=r"^CHANGELOG\.md has no entry for"):
        notes_of(version, CHANGELOG)


def test_this_version_has_an_entry():
    assert notes_of(SOFTWARE, (ROOT / "CHANGELOG.md").read_text())


def test_the_workflows_use_what_there_is():
    """What a workflow runs of ours is there under that name."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    files = sorted(Path(ROOT, ".github", "workflows").glob("*.yml"))
    text = "".join(file.read_text() for file in files)
    assert set(re.findall(r"run: .*\bmake ([a-z-]+)", text)) == {"release"} & targets
    assert set(re.findall(r"run: .*\bbash (\S+)", text)) == {".ci/run"}
    assert (ROOT / ".ci" / "run").exists()
