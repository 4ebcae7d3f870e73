"""The house has one way down: infra or moodlemlbackend, then handler, then mlcore."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
FILES = {
    layer: sorted((PROJECT / layer).rglob("*.py"))
    for layer in ("mlcore", "handler", "moodlemlbackend")
}
FORBIDDEN = {
    "mlcore": {
        *("handler", "infra", "moodlemlbackend", "tests", "flask", "werkzeug", "uvicorn"),
        *("boto3", "botocore", "awslambdaric", "zappa", "os", "subprocess", "pickle", "logging"),
    },
    "handler": {"infra", "moodlemlbackend", "tests", "zappa", "pickle"},
    "moodlemlbackend": {"infra", "tests", "flask", "werkzeug", "boto3", "zappa", "pickle"},
}

ALLOWED = {"aws.py": {"zappa"}}  # the entry point hands over to it


def imports_of(path):
    """Return the names of the modules that a file imports, wherever in it."""
    tree = ast.walk(ast.parse(path.read_text()))
    for node in tree:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute, so that this test understands them"
            yield node.module


@pytest.mark.parametrize("layer", FILES)
def test_imports_only_from_below(layer):
    assert FILES[layer]
    for path in FILES[layer]:
        imported = {name.partition(".")[0] for name in imports_of(path)}
        upwards = imported & FORBIDDEN[layer] - ALLOWED.get(path.name, set())
        assert not upwards, path


BELOW_HTTP = ("deadline", "errors", "logs", "models.models", "models.overview", "report", "store")


def test_what_lies_below_the_endpoints_works_without_flask():
    """Moodle's commands store models, tell errors and write a log, too."""
    modules = ", ".join(f"handler.{name}" for name in BELOW_HTTP)
    code = f"import sys, {modules}\nassert 'flask' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT, check=True)
