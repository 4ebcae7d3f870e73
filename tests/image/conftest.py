"""Builds the container where there is no Docker: with buildah, on a Debian that debootstrap makes.

The Debian stands in for ``python:3.13-slim``, which is a Debian with a Python, too.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra import ROOT

TOOLS = ("buildah", "debootstrap", "unshare", "nsenter", "ip")
FOLDER = ROOT / ".image"
BASE = "localhost/moodle-mlbackend-base"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")  # some networks have one of their own

# What a container runtime does, and a read-only root; $0 is the root, $1 what is mounted at /data.
CONTAIN = """
mount --make-rprivate /
mount --bind "$0" "$0"
mount -o remount,ro,bind "$0"
mount -t proc proc "$0/proc"
mount -t tmpfs tmpfs "$0/tmp"
mount --bind "$1" "$0/data"
ip link set lo up
root=$0
shift
exec chroot --userspec=10001:10001 "$root" "$@"
"""


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="session")
def _tools():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing or os.geteuid():
        pytest.skip(f"this needs root, and {', '.join(missing) or 'nothing else'}")


@pytest.fixture(scope="session")
def base(_tools):
    """The image to build on, which is made once."""
    if not run("buildah", "images", "--quiet", "--filter", f"reference={BASE}"):
        tree = FOLDER / "debian"
        shutil.rmtree(tree, ignore_errors=True)
        tree.parent.mkdir(exist_ok=True)
        packages = "--include=python3,python3-venv,ca-certificates"
        run("debootstrap", "--variant=minbase", packages, "trixie", tree)
        shutil.copy(CERTIFICATES, tree / str(CERTIFICATES).lstrip("/"))
        (FOLDER / "Dockerfile").write_text("FROM scratch\nCOPY debian /\n")
        run("buildah", "bud", "--isolation", "chroot", "--tag", BASE, FOLDER)
        shutil.rmtree(tree)
    return BASE


@dataclass(frozen=True)
class Image:
    """What was built.

    Attributes
    ----------
    root : Path
        Where its files are mounted.
    config : dict
        As Docker shows it.
    """

    root: Path
    config: dict

    @contextmanager
    def running(self, data, **environ):
        """Run the image as Docker would, in namespaces of its own; yields its first process."""
        entries = [*self.config["Env"], *(f"{name}={value}" for name, value in environ.items())]
        inside = ["env", "-i", "-C", self.config["WorkingDir"], *entries]
        command = [*self.config["Entrypoint"], *self.config["Cmd"]]
        contain = ["sh", "-euc", CONTAIN, str(self.root), str(data), *inside, *command]
        process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--net", "--fork", *contain],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        container = Running(process, self)
        try:
            yield container
        finally:
            if process.poll() is None:
                os.kill(container.pid, signal.SIGKILL)
            process.communicate()


@dataclass(frozen=True)
class Running:
    """A container that runs."""

    process: subprocess.Popen
    image: Image

    @property
    def pid(self):
        """Of its first process, as it is called outside."""
        path = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        for _ in range(600):
            if children := path.read_text():
                return int(children)
            time.sleep(0.1)
        return pytest.fail("it does not start")

    def inside(self, *command, **options):
        """Run a command of this machine in the container's network."""
        enter = ["nsenter", "--net", f"--target={self.pid}"]
        return subprocess.run([*enter, *command], capture_output=True, text=True, **options)

    def is_healthy(self):
        """Do what the health check says."""
        _, *check = self.image.config["Healthcheck"]["Test"]
        chroot = ["chroot", "--userspec=10001:10001", str(self.image.root)]
        return self.inside(*chroot, *check).returncode == 0

    def wait(self):
        """Wait until it is healthy."""
        for _ in range(240):
            if self.is_healthy():
                return
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.5)
        pytest.fail("it does not become healthy")

    def ask(self, program, *arguments):
        """Run Python code of this checkout in the container's network."""
        done = self.inside(sys.executable, "-c", program, *arguments, cwd=ROOT)
        assert done.returncode == 0, done.stderr
        return done.stdout


@contextmanager
def _built(base, target=None):
    options = ["--isolation", "chroot", "--format", "docker", "--build-arg", f"PYTHON={base}"]
    options += ["--target", target] if target else []
    name = run("buildah", "bud", "--quiet", "--layers", *options, ROOT).splitlines()[-1]
    described = json.loads(run("buildah", "inspect", "--type", "image", name))
    container = run("buildah", "from", name)
    try:
        yield Image(Path(run("buildah", "mount", container)), described["Docker"]["config"])
    finally:
        run("buildah", "rm", container)


@pytest.fixture(scope="session")
def image(base):
    """What ``docker build .`` makes."""
    with _built(base) as image:
        yield image


@pytest.fixture(scope="session")
def ci_image(base):
    """What ``docker build --target moodle-ci .`` makes."""
    with _built(base, "moodle-ci") as image:
        yield image
