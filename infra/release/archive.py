"""Files of a release: zips whose bytes follow from their content alone, and digests."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

_TIME = (1980, 1, 1, 0, 0, 0)  # the first that a zip can tell
_FILE, _PROGRAM = 0o100644 << 16, 0o100755 << 16


def repack(package: Path, to: Path, without: frozenset[str] = frozenset()) -> None:
    """Write a zip anew: members in the order of their names, without times or owners.

    Parameters
    ----------
    package, to : Path
    without : frozenset of str
        Names of members to leave out.
    """
    with zipfile.ZipFile(package) as old, zipfile.ZipFile(to, "w") as new:
        for name in sorted(set(old.namelist()) - without):
            if name.endswith("/"):
                continue
            member = zipfile.ZipInfo(name, _TIME)
            is_program = old.getinfo(name).external_attr >> 16 & 0o100
            member.external_attr = _PROGRAM if is_program else _FILE
            member.create_system = 3  # Unix, whatever this machine is
            new.writestr(member, old.read(name), zipfile.ZIP_DEFLATED, compresslevel=9)


def digest(file: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
