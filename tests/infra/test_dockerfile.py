"""The Dockerfile: what can be said of it without building it (see ``make test-image``)."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from infra import ROOT

HADOLINT = shutil.which("hadolint", path=str(Path(sys.executable).parent))


@pytest.mark.skipif(HADOLINT is None, reason="hadolint is packed for x86-64 Linux only")
def test_hadolint_finds_nothing():
    found = subprocess.run(
        [HADOLINT, "--no-color", ROOT / "Dockerfile"], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout


def test_what_is_copied_is_sent_to_the_builder():
    """The .dockerignore leaves out all that is not named there."""
    sent = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"
    }
    copies = [
        line.split()[1:-1]
        for line in (ROOT / "Dockerfile").read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
    ]
    assert {name for names in copies for name in names} == sent
