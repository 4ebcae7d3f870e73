"""Ask PyPI for known vulnerabilities of the locked packages, where it can be reached.

A known vulnerability fails, and so does a lock without hashes. That nobody could be asked does not:
the code is no worse for it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

from infra import ROOT

LOCKS = tuple(ROOT / name for name in ("requirements.txt", "requirements-dev.txt"))

_SECONDS = 5  # in which the service must answer


def main() -> int:
    """Check the locks, and return 1 for what must not stay."""
    sound = _pip_audit("--dry-run")  # reads the locks and asks nobody
    if sound.returncode:
        print(sound.stderr.strip())
        return 1
    asked = _pip_audit("--format", "json", "--desc", "off", "--timeout", str(_SECONDS))
    if not asked.stdout:
        why = asked.stderr.strip().rpartition("\n")[2]
        print(f"Known vulnerabilities: NOT CHECKED, the service cannot be reached ({why})")
        return 0
    return judge(json.loads(asked.stdout)["dependencies"])


def judge(packages: Sequence[dict[str, Any]]) -> int:
    """Say what pip-audit found, and return 1 where a package is vulnerable.

    Parameters
    ----------
    packages : sequence of dict
        As pip-audit's JSON has them: ``name``, ``version`` and ``vulns``, or ``skip_reason``.
    """
    vulnerable = [package for package in packages if package.get("vulns")]
    for package in vulnerable:
        for known in package["vulns"]:
            repaired = ", ".join(known["fix_versions"]) or "none yet"
            print(f"{package['name']} {package['version']}: {known['id']}, repaired in: {repaired}")
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    if len(unknown) < len(packages):
        checked = len(packages) - len(unknown)
        print(f"Known vulnerabilities: {len(vulnerable)} of {checked} packages have some")
        names = ", ".join(unknown)
    else:
        names = f"any of the {len(unknown)} packages"
    if unknown:
        print(f"Known vulnerabilities: NOT CHECKED, the service does not know {names}")
    return int(bool(vulnerable))


def _pip_audit(*options: str) -> subprocess.CompletedProcess[str]:
    files = [option for lock in LOCKS for option in ("--requirement", str(lock))]
    return subprocess.run(
        [
            *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip"),
            *("--progress-spinner", "off", *files, *options),
        ],
        capture_output=True,
        text=True,
    )


if __name__ == "__main__":
    sys.exit(main())
