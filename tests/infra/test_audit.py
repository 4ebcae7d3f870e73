"""The supply chain: every package is locked by its hashes, and looked up among known faults."""

import os
import re
import subprocess
import sys

import pytest

from infra import audit

SOUND = {"name": "flask", "version": "3.1.3", "vulns": []}
UNKNOWN = {"name": "ours", "skip_reason": "Dependency not found on PyPI: ours (1)"}
VULNERABLE = {
    "name": "jinja2",
    "version": "2.4.1",
    "vulns": [{"id": "PYSEC-2014-8", "fix_versions": ["2.7.3"]}, {"id": "X-1", "fix_versions": []}],
}


@pytest.mark.parametrize("lock", audit.LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_locked_by_hashes(lock):
    text = re.sub(r"\\\n", "", lock.read_text())
    lines = [line for line in text.splitlines() if not re.match(r"\s*(#|$)", line)]
    assert len(lines) > 20
    for line in lines:
        assert re.fullmatch(
            r"[a-z0-9-]+==[\w.]+( ; [^;]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", line
        ), line


def test_a_known_vulnerability_fails(capsys):
    assert audit.judge([SOUND, VULNERABLE, UNKNOWN]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "jinja2 2.4.1: PYSEC-2014-8, repaired in: 2.7.3",
        "jinja2 2.4.1: X-1, repaired in: none yet",
        "Known vulnerabilities: 1 of 2 packages have some",
        "Known vulnerabilities: NOT CHECKED, the service does not know ours",
    ]


def test_packages_without_one_pass(capsys):
    assert audit.judge([SOUND]) == 0
    assert "NOT CHECKED" not in capsys.readouterr().out


def test_a_service_that_knows_nothing_is_told_and_no_failure(capsys):
    """Such as a mirror of PyPI, which has packages and nothing else."""
    assert audit.judge([UNKNOWN, UNKNOWN]) == 0
    assert capsys.readouterr().out == (
        "Known vulnerabilities: NOT CHECKED, the service does not know any of the 2 packages\n"
    )


def test_that_the_service_cannot_be_reached_is_told_and_no_failure(tmp_path):
    nobody = {"HTTPS_PROXY": "http://127.0.0.1:1", "NO_PROXY": ""}
    caches = dict.fromkeys(("XDG_CACHE_HOME", "PIP_CACHE_DIR"), str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-m", "infra.audit"],
        env=os.environ | nobody | caches,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Known vulnerabilities: NOT CHECKED, the service cannot be reach")


def test_a_lock_without_hashes_fails(tmp_path, monkeypatch, capsys):
    lock = tmp_path / "requirements.txt"
    lock.write_text("flask==3.1.3\n")
    monkeypatch.setattr(audit, "LOCKS", [lock])
    assert audit.main() == 1
    assert "does not contain a hash" in capsys.readouterr().out
