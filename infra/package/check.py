"""What a package may hold, and how large it is."""

from __future__ import annotations

import ast
import fnmatch
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from infra.package.build import OURS, Folders
from infra.package.libraries import Library, is_library
from infra.package.libraries import problems as library_problems

LIMIT = 250 << 20  # what Lambda unpacks: 262.1 MB
HEADROOM = 10_000_000
_MB = 1e6

# Zappa's own files
_OF_ZAPPA = {"handler.py", "zappa_settings.py", "package_info.json"}
# names of folders and files that nothing on Lambda reads
_TESTS_AND_DOCS = ("tests", "test", "*.md", "*.rst", "*.ipynb")
_SECRETS = (".*", "*.key", "*.p12", "*.pfx", "*.pem", "id_rsa*", "id_ed25519*", "credentials")
_CERTIFICATES = "cacert.pem"  # which the public may see
_SECRET = re.compile(
    rb"\b(AKIA|ASIA)[A-Z0-9]{16}\b|scrypt:\d+:\d+:\d+\$\w|sha256:[^:\s]*:[0-9a-f]{64}"
)
# what ends up in the zip of the settings; all else belongs into aws_environment_variables
_HARMLESS_VARIABLES = {"AWS_REGION"}

# wheels that are called otherwise than what is imported
_ALIASES = {"python_dateutil": "dateutil", "lib": "lib (libgomp)"}


@dataclass
class Size:
    """Bytes, as they are on Lambda and as they are sent there."""

    unzipped: int = 0
    zipped: int = 0


def sizes(package: Path) -> dict[str, Size]:
    """Return how much each part of a package takes, largest first."""
    found: defaultdict[str, Size] = defaultdict(Size)
    with zipfile.ZipFile(package) as archive:
        for member in archive.infolist():
            size = found[_part(member.filename)]
            size.unzipped += member.file_size
            size.zipped += member.compress_size
    return dict(sorted(found.items(), key=lambda item: -item[1].unzipped))


def table(package: Path) -> str:
    """Return the sizes as text, with what is left of Lambda's limit."""
    found = sizes(package)
    total = sum(size.unzipped for size in found.values())
    zipped = sum(size.zipped for size in found.values())
    rows = [f"{'MB':<24}{'unzipped':>10}{'zipped':>10}"]
    rows += [
        f"{name:<24}{size.unzipped / _MB:>10.1f}{size.zipped / _MB:>10.1f}"
        for name, size in found.items()
        if size.unzipped >= _MB / 20
    ]
    rows.append(f"{'all':<24}{total / _MB:>10.1f}{zipped / _MB:>10.1f}")
    rows.append(f"{'headroom':<24}{(LIMIT - total) / _MB:>10.1f}  of {LIMIT / _MB:.1f}")
    return "\n".join(rows)


def _part(name: str) -> str:
    """Return the package that a file belongs to."""
    top = PurePosixPath(name).parts[0]
    if top in _OF_ZAPPA or name == top:
        return "single files"
    top = re.sub(r"(\.libs|-[^-]+\.dist-info)$", "", top)
    return _ALIASES.get(top, top)


def problems(package: Path, folders: Folders) -> list[str]:
    """Return what forbids using a package.

    Parameters
    ----------
    package : Path
        The zip that Zappa made.
    folders : Folders
        What it was made of.
    """
    libraries: dict[str, Library] = {}
    found: list[str] = []
    with zipfile.ZipFile(package) as archive:
        members = archive.infolist()
        expected = {path.name for path in folders.packages.iterdir()} | {*OURS} | _OF_ZAPPA
        found += _by_name((member.filename for member in members), expected)
        for member in members:
            content = archive.read(member)
            if is_library(content):
                libraries[member.filename] = Library.read(content)
            elif PurePosixPath(member.filename).parts[0] in {*OURS} | _OF_ZAPPA:
                found += _secrets(member.filename, content)
    found += library_problems(libraries, folders.architecture)
    total = sum(member.file_size for member in members)
    if total > LIMIT - HEADROOM:
        found.append(
            f"it is {total / _MB:.1f} MB large, and {LIMIT / _MB:.1f} MB with "
            f"{HEADROOM / _MB:.0f} MB to spare is the limit"
        )
    return found


def _by_name(names: Iterable[str], expected: set[str]) -> Iterator[str]:
    for name in names:
        parts = PurePosixPath(name).parts
        if parts[0] not in expected and not (len(parts) == 1 and name == "__init__.py"):
            yield f"{name} does not belong to what runs"
        for part in parts:
            if any(fnmatch.fnmatch(part, pattern) for pattern in _TESTS_AND_DOCS):
                yield f"{name} is of tests or documentation"
            if part != _CERTIFICATES and any(fnmatch.fnmatch(part, p) for p in _SECRETS):
                yield f"{name} may be a secret"


def _secrets(name: str, content: bytes) -> Iterator[str]:
    if _SECRET.search(content):
        yield f"{name} holds a password's hash or an access key"
    if name == "zappa_settings.py":
        for variable in sorted(_environment(content) - _HARMLESS_VARIABLES):
            yield (
                f"{name} holds {variable}: move it from environment_variables to "
                "aws_environment_variables in zappa_settings.json"
            )


def _environment(settings: bytes) -> set[str]:
    """Return the names of the variables that Zappa wrote into its settings."""
    for statement in ast.parse(settings).body:
        if isinstance(statement, ast.Assign):
            (target,) = statement.targets
            if isinstance(target, ast.Name) and target.id == "ENVIRONMENT_VARIABLES":
                return set(ast.literal_eval(statement.value))
    return set()
