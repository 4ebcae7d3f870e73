"""Fill the folders that Zappa packs: the packages for Lambda's Python, and our own code.

Zappa packs the working directory and the packages of ``$VIRTUAL_ENV``. What a developer has there
is not what Lambda needs, so both are made anew, below ``.package``.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra import ROOT
from infra.package import PackageError
from infra.package.prune import prune

# The dot keeps Zappa from searching it: it would take its own sources for a use of web sockets.
FOLDER = ROOT / ".package"

PYTHON = "3.13"
ARCHITECTURES = {"x86_64": "x86_64", "arm64": "aarch64"}  # as AWS calls them, as wheels do

_UV = f".venv/bin/uv python install {PYTHON}"

OURS = ("handler", "mlcore")
# What Lambda runs is requirements.txt and of Zappa no more than answers requests.
_REQUIREMENTS = ROOT / "requirements.txt"
_DEV_REQUIREMENTS = ROOT / "requirements-dev.txt"
_OF_ZAPPA = ("zappa", "durationpy")


@dataclass(frozen=True)
class Folders:
    """Where the parts of one package are made.

    Parameters
    ----------
    architecture : str
        A key of `ARCHITECTURES`.
    """

    architecture: str

    @property
    def root(self) -> Path:
        """Holds all of the others."""
        return FOLDER / self.architecture

    @property
    def project(self) -> Path:
        """Our own code: Zappa's working directory."""
        return self.root / "project"

    @property
    def packages(self) -> Path:
        """Everybody else's code."""
        return self.root / "packages"

    @property
    def environment(self) -> Path:
        """What `packages` looks like to Zappa: a virtual environment."""
        return self.root / "environment"

    @property
    def zip(self) -> Path:
        """What ``make package`` is for."""
        return self.root / "package.zip"


def build(architecture: str) -> Folders:
    """Make the folders; packages that are there already stay.

    Raises
    ------
    PackageError
        When there is no suitable Python, or the packages cannot be had.
    """
    folders = Folders(architecture)
    python = find_python()
    _fill_packages(folders, python)
    _fill_project(folders, python)
    return folders


def find_python() -> str:
    """Return the path of an interpreter of Lambda's version; uv fetches one where there is none.

    Raises
    ------
    PackageError
        When none is installed, nor to be had.
    """
    if sys.version_info[:2] == tuple(map(int, PYTHON.split("."))):
        return sys.executable
    return _run("sh", "infra/find_python.sh", PYTHON).strip() or _fetch_python()


def _fetch_python() -> str:
    _say(f"fetching Python {PYTHON}, AWS Lambda's own, which was not found here")
    uv = (sys.executable, "-m", "uv", "python")
    try:
        _run(*uv, "install", "--quiet", "--no-bin", PYTHON)
        return _run(*uv, "find", "--managed-python", PYTHON).strip()
    except PackageError as error:
        raise PackageError(
            f"The package is for Python {PYTHON}, which is neither here nor could be fetched from "
            "GitHub. Install it, then try again: on Ubuntu 25.04 and Debian 13 or newer 'sudo "
            f"apt-get install python{PYTHON}'; on older ones, and under WSL, '{_UV}' where GitHub "
            f"can be reached; on a Mac 'brew install python@{PYTHON}'; on Amazon Linux and in AWS "
            f"CloudShell 'sudo dnf install python{PYTHON}'. Why it could not be fetched: {error}"
        ) from error


def _fill_packages(folders: Folders, python: str) -> None:
    stamp = folders.root / "stamp"  # written last, so that an interrupted build is done again
    fingerprint = _fingerprint(folders)
    if stamp.exists() and stamp.read_text() == fingerprint:
        _say("the packages are there already")
        return
    shutil.rmtree(folders.root, ignore_errors=True)
    folders.packages.mkdir(parents=True)
    _say(f"fetching the packages for {folders.architecture}, which takes a minute the first time")
    install(_REQUIREMENTS.read_text() + locked(*_OF_ZAPPA), folders)
    prune(folders.packages)
    _add_libgomp(folders)
    _say("compiling them")
    _compile_without_sources(folders.packages, python)
    library = folders.environment / "lib" / "python{}.{}".format(*sys.version_info)
    library.mkdir(parents=True)
    (library / "site-packages").symlink_to(folders.packages)
    stamp.write_text(fingerprint)


def _fingerprint(folders: Folders) -> str:
    files = (_REQUIREMENTS, _DEV_REQUIREMENTS, *Path(__file__).parent.glob("*.py"))
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    return f"{digest} {sys.version_info[:2]} {folders.root}"


def locked(*names: str) -> str:
    """Return the lines of ``requirements-dev.txt`` that lock these packages, with their hashes."""
    blocks = re.split(r"\n(?=\S)", _DEV_REQUIREMENTS.read_text())
    return "\n".join(block for block in blocks if block.partition("==")[0] in names) + "\n"


def install(requirements: str, folders: Folders, into: Path | None = None) -> None:
    """Install wheels for Lambda, whatever this machine is.

    Parameters
    ----------
    requirements : str
        Lines of a requirements file, with hashes.
    folders : Folders
    into : Path, optional
        Without it, the folder for packages.

    Raises
    ------
    PackageError
        When one of them is not to be had.
    """
    file = folders.root / "requirements.txt"
    file.write_text(requirements)
    _run(
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--link-mode", "copy"),
        *("--no-deps", "--require-hashes", "--only-binary", ":all:"),
        *("--python-version", PYTHON),
        *("--python-platform", f"{ARCHITECTURES[folders.architecture]}-manylinux_2_28"),
        *("--target", str(into or folders.packages)),
        *("--requirements", str(file)),
    )


def _add_libgomp(folders: Folders) -> None:
    """Put libgomp where Lambda's loader looks, for LightGBM, as Lambda's image has none.

    scikit-learn's wheel, of which nothing else is needed, brings a copy for either processor.
    """
    wheel = folders.root / "wheel"
    install(locked("scikit-learn"), folders, wheel)
    (copy,) = (wheel / "scikit_learn.libs").glob("libgomp-*.so*")
    (folders.packages / "lib").mkdir()
    shutil.copy(copy, folders.packages / "lib" / "libgomp.so.1")
    shutil.rmtree(wheel)


def _compile_without_sources(packages: Path, python: str) -> None:
    """Replace modules by their byte code, which is all that runs and saves 30 MB.

    The sources of ``__init__`` stay, as Zappa puts an empty one where there is none.
    """
    _compile(packages, python, "-b", "-x", r"/__init__\.py$")
    for source in packages.rglob("*.py"):
        if source.with_suffix(".pyc").exists():
            source.unlink()
    _compile(packages, python)


def _fill_project(folders: Folders, python: str) -> None:
    """Copy our own code, with its sources, so that the log's traces can be read."""
    shutil.rmtree(folders.project, ignore_errors=True)
    for name in OURS:
        shutil.copytree(
            ROOT / name, folders.project / name, ignore=shutil.ignore_patterns("__pycache__")
        )
    _compile(folders.project, python)


def _compile(folder: Path, python: str, *options: str) -> None:
    """Compile for a place where nothing can be written and times of files mean nothing."""
    _run(
        *(python, "-m", "compileall", "-q", "-j", "0"),
        *("--invalidation-mode", "unchecked-hash"),
        *("-s", str(folder), "-p", "/var/task"),  # the paths in traces
        *options,
        str(folder),
    )


def _run(*command: str) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise PackageError(
            f"A step of the build failed, '{' '.join(command[:5])} ...': {done.stderr.strip()}"
        )
    return done.stdout


def _say(what: str) -> None:
    print(f"package: {what}", flush=True)
