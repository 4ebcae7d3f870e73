"""`make package`: build the package for AWS Lambda, check it and say how large it is.

Needs neither an AWS account nor a way to AWS.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from handler.payload import REQUEST_MB
from handler.settings import MEMORY_SHARE
from infra import ROOT
from infra.aws.resources import STAGE
from infra.lab.course import Course
from infra.package import PackageError
from infra.package.build import ARCHITECTURES, Folders, find_python


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the package and return an exit status."""
    parser = argparse.ArgumentParser(prog="python -m infra.package", description=__doc__)
    parser.add_argument(
        "--architecture",
        choices=ARCHITECTURES,
        default="x86_64",
        help="the processor it is for (%(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        package = make(options.architecture)
    except PackageError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"The package is {package.relative_to(ROOT)}.")
    return 0


def make(architecture: str) -> Path:
    """Let Zappa pack and check a package, try it out, and return its place.

    Raises
    ------
    PackageError
        When it is not to be used; what is wrong with it was printed.
    """
    package = Folders(architecture).zip
    with tempfile.TemporaryDirectory() as folder:
        settings = Path(folder) / "zappa_settings.json"
        stages = json.loads((ROOT / "zappa_settings.json").read_text())
        stages[STAGE]["architecture"] = architecture
        settings.write_text(json.dumps(stages))
        zappa = Path(sys.executable).with_name("zappa")
        done = subprocess.run(
            [zappa, "package", STAGE, "--settings_file", settings, "--output", package],
            cwd=ROOT,
        )
    if done.returncode or not package.exists():
        raise PackageError("There is no package: see above.")
    try_out(package, architecture)
    memory = stages[STAGE]["memory_size"]
    print(
        f"package: a function with {memory} MB of memory takes datasets of up to "
        f"{memory // MEMORY_SHARE} MB; of what comes uncompressed, AWS lets {REQUEST_MB} MB through"
    )
    return package


def can_run(architecture: str) -> bool:
    """Say whether this machine can run what is made for Lambda."""
    return sys.platform == "linux" and platform.machine() == ARCHITECTURES[architecture]


def try_out(package: Path, architecture: str) -> None:
    """Use a package in an interpreter that has nothing else.

    Raises
    ------
    PackageError
        When that fails.
    """
    if not can_run(architecture):
        print(f"package: not tried out, as this machine is no Linux on {architecture}")
        return
    print("package: trying it out", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(package).extractall(folder)
        course = Course(noise=0.3, seed=4)
        datasets = [Path(folder, name) for name in ("labelled.csv", "unlabelled.csv")]
        for path, data in zip(datasets, (course.labelled(400), course.unlabelled(50)), strict=True):
            path.write_bytes(data)
        script = Path(__file__).with_name("isolated.py")
        done = subprocess.run(
            [find_python(), "-I", "-S", script, folder, *datasets],
            env=os.environ | {"LD_LIBRARY_PATH": f"{folder}/lib", "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise PackageError(f"The package does not work by itself:\n{done.stderr}")
    print(f"package: {done.stdout.strip()}")


if __name__ == "__main__":
    sys.exit(main())
