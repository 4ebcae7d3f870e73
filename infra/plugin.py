"""`make plugin`: the Moodle plugin as the zip that Moodle's page for installing plugins takes."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

from handler.version import SOFTWARE
from infra import ROOT

FOLDER = ROOT / "moodle-plugin"
ZIP = ROOT / "dist" / "mlbackend_serverless.zip"
TOP = "serverless"  # as the folder is called in Moodle's lib/mlbackend

_EARLIEST = (1980, 1, 1, 0, 0, 0)  # that a zip can say: equal files make an equal zip


class PluginError(Exception):
    """The plugin cannot be built as it is."""


def version_number(release: str) -> int:
    """Return the number by which Moodle tells a newer plugin.

    Parameters
    ----------
    release : str
        The project's version, three numbers below 100.

    Returns
    -------
    int
        Ten digits, as Moodle wants them. ``0.1.0`` is 2026000100.
    """
    major, minor, patch = map(int, release.split("."))
    return 2026_00_00_00 + major * 10_000 + minor * 100 + patch


def build(folder: Path, target: Path) -> None:
    """Write the zip.

    Raises
    ------
    PluginError
        When the plugin's ``version.php`` does not have the project's version.
    """
    _check((folder / "version.php").read_text())
    target.parent.mkdir(exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(filter(Path.is_file, folder.rglob("*"))):
            _add(archive, path.relative_to(folder), path)
        _add(archive, Path("LICENSE"), ROOT / "LICENSE")


def _add(archive: zipfile.ZipFile, name: Path, path: Path) -> None:
    entry = zipfile.ZipInfo(f"{TOP}/{name.as_posix()}", _EARLIEST)
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)


def _check(version_php: str) -> None:
    said = dict(re.findall(r"^\$plugin->(version|release) = '?([\d.]+)", version_php, re.MULTILINE))
    expected = {"version": str(version_number(SOFTWARE)), "release": SOFTWARE}
    if said != expected:
        raise PluginError(f"moodle-plugin/version.php has to say {expected}, and says {said}.")


def main() -> int:
    """Build the zip, say where it is, and return an exit status."""
    try:
        build(FOLDER, ZIP)
    except PluginError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{ZIP.relative_to(ROOT)}: version {SOFTWARE}, {ZIP.stat().st_size / 1000:.0f} kB.")
    print("In Moodle, upload it under Site administration › Plugins › Install plugins.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
