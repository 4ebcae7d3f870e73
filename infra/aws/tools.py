"""The programs that `up` and `down` call: the package's builder and Zappa."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from infra import ROOT
from infra.aws import errors
from infra.aws.resources import STAGE
from infra.aws.zappa_callbacks import SETTINGS_FOLLOW

Runner = Callable[[Sequence[str], Mapping[str, str]], None]

_ZAPPA = str(Path(sys.executable).with_name("zappa"))


def run(command: Sequence[str], environ: Mapping[str, str]) -> None:
    """Run a program whose output the user sees.

    Raises
    ------
    CommandFailed
        When it is not there or fails.
    """
    try:
        status = subprocess.run(command, cwd=ROOT, env=os.environ | environ).returncode
    except FileNotFoundError as error:
        raise errors.ToolMissing(program=Path(command[0]).name) from error
    if status:
        shown = " ".join([Path(command[0]).name, *command[1:]])
        raise errors.ToolFailed(command=shown, status=status)


@dataclass(frozen=True)
class Tools:
    """The programs, for one region.

    Parameters
    ----------
    region : str
    run : callable
        Runs a command with some environment variables.
    """

    region: str
    run: Runner = run

    def package(self) -> None:
        """Build the code for Lambda and check it."""
        self._run(sys.executable, "-m", "infra.package")

    def deploy(self) -> None:
        """Make the function and its addresses."""
        self._run(_ZAPPA, "deploy", STAGE)

    def update(self) -> None:
        """Give the function today's code and settings."""
        self._run(_ZAPPA, "update", STAGE)

    def undeploy(self) -> None:
        """Delete the function and its addresses."""
        self._run(_ZAPPA, "undeploy", STAGE, "--yes")

    def _run(self, *command: str) -> None:
        self.run(command, {"AWS_DEFAULT_REGION": self.region, SETTINGS_FOLLOW: "yes"})
