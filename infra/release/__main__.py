"""`make release`: all files of a release, in ``dist/``, by a reproducible build.

The same commit makes the same bytes. Those of compiled modules depend on the Python that compiles
them: use the same one, too.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

from handler.version import SOFTWARE
from infra import ROOT, plugin
from infra.aws.browser_template import Release, as_yaml, browser_template
from infra.package import PackageError
from infra.package.__main__ import make as make_package
from infra.package.build import ARCHITECTURES
from infra.release import ReleaseError
from infra.release.archive import digest, repack

FOLDER = ROOT / "dist"
TEMPLATE = "moodle-mlbackend.yaml"
NOTES = "RELEASE.md"
SUMS = "SHA256SUMS"

# Zappa notes who built a package, and when.
_OF_THE_BUILD = frozenset({"package_info.json"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the release and return an exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.release", description=__doc__)
    parser.add_argument(
        "--address",
        default="",
        metavar="URL",
        help="where the files will be downloaded from, https://... without a slash at its end; it "
        "becomes the template's default (none: whoever uses the template says it)",
    )
    options = parser.parse_args(arguments)
    try:
        release(options.address)
    except (ReleaseError, PackageError, plugin.PluginError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The release {SOFTWARE} is in {FOLDER.name}/:")
    print((FOLDER / SUMS).read_text(), end="")
    return 0


def release(address: str) -> None:
    """Fill `FOLDER`, whatever was in it.

    Raises
    ------
    ReleaseError, infra.package.PackageError, infra.plugin.PluginError
    """
    notes = notes_of(SOFTWARE, (ROOT / "CHANGELOG.md").read_text())
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir()
    (FOLDER / NOTES).write_text(notes)
    plugin.build(plugin.FOLDER, FOLDER / plugin.ZIP.name)
    _build_wheel()
    digests = {architecture: _build_zip(architecture) for architecture in ARCHITECTURES}
    made = Release(SOFTWARE, address, digests)
    (FOLDER / TEMPLATE).write_text(as_yaml(browser_template(made)))
    files = sorted(FOLDER.iterdir())
    sums = (f"{digest(file)}  {file.name}\n" for file in files)
    (FOLDER / SUMS).write_text("".join(sums))


def notes_of(version: str, changelog: str) -> str:
    """Return what the changelog says of a version.

    Raises
    ------
    ReleaseError
        When it says nothing.
    """
    heading = rf"^## {re.escape(version)}(?!\S)[^\n]*\n"
    found = re.search(rf"{heading}(.*?)(?=^## |\Z)", changelog, re.MULTILINE | re.DOTALL)
    if not found or not found[1].strip():
        raise ReleaseError(
            f"CHANGELOG.md has no entry for {version}: write '## {version}' and below it what "
            "changes for users, then try again."
        )
    return found[1].strip() + "\n"


def _build_zip(architecture: str) -> str:
    to = FOLDER / Release(SOFTWARE, "", {}).file(architecture)
    repack(make_package(architecture), to, _OF_THE_BUILD)
    return digest(to)


def _build_wheel() -> None:
    command = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", str(FOLDER)]
    time = {"SOURCE_DATE_EPOCH": "315532800"}  # 1980, the first that a zip can tell
    if subprocess.run(command, cwd=ROOT, env=os.environ | time).returncode:
        raise ReleaseError("The wheel could not be built: see above.")
    (FOLDER / ".gitignore").unlink(missing_ok=True)  # uv's


if __name__ == "__main__":
    sys.exit(main())
