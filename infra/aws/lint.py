"""`make lint`: CloudFormation's templates, in every region that the commands offer."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import boto3

from infra.aws import alarms, template
from infra.aws.browser_template import Release, browser_template
from infra.aws.resources import Names


def regions() -> list[str]:
    """Return the regions in which `up` can be asked to work."""
    return list(boto3.session.Session().get_available_regions("lambda"))


def templates(names: Names) -> dict[str, dict[str, Any]]:
    """Return every template, by a name for its file."""
    release = Release("1.2.3", "https://example.org", {"x86_64": "0" * 64, "arm64": "1" * 64})
    return {
        "stack": template.template(names),
        "alarms": alarms.template(names, "abcdefghij"),
        "browser": browser_template(release),
    }


def main() -> int:
    """Run cfn-lint, which knows what there is in which region, and return its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for name, content in templates(Names("123456789012", "us-east-1")).items():
            files.append(Path(folder, f"{name}.json"))
            files[-1].write_text(json.dumps(content))
        cfn_lint = Path(sys.executable).with_name("cfn-lint")
        return subprocess.run([cfn_lint, "--regions", *regions(), "--", *files]).returncode


if __name__ == "__main__":
    sys.exit(main())
