"""Cold start: what a fresh process imports before it can answer."""

import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
HEAVY = ("sklearn", "scipy", "lightgbm", "matplotlib", "pandas", "tensorflow")

REPORT = """
import sys
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""
PREDICT = """
import base64
from handler.app import create_app
credentials = base64.b64encode(b"default:sshhhh").decode()
answer = create_app().test_client().post(
    "/prediction?uniqueid=u&dirhash=d",
    data={"dataset": open(sys.argv[1], "rb")},
    headers={"Authorization": "Basic " + credentials},
)
assert answer.json["status"] == 0, answer.data
assert not {"mlcore.evaluation", "handler.report.page"} & set(sys.modules)
"""


def imported_by(code, *arguments, **environ):
    """Run code in a fresh process with this environment only, and list what it imported."""
    command = [sys.executable, "-c", f"import sys\n{code}{REPORT}", *arguments]
    done = subprocess.run(command, cwd=PROJECT, env=environ, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def test_an_application_without_any_setting_imports_nothing_heavy():
    imported = imported_by("from handler.app import create_app; create_app()")
    assert {"flask", "numpy"} <= imported
    assert not imported & {*HEAVY, "boto3", "botocore"}


def test_an_application_with_a_bucket_waits_for_the_first_request_to_import_boto3():
    imported = imported_by(
        "from handler.app import create_app; create_app()",
        MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME="my-models",
    )
    assert not imported & {*HEAVY, "boto3", "botocore"}


def test_a_prediction_imports_nothing_heavy(moodle, course, tmp_path):
    """With a model of all kinds of parts; boto3 neither, as the store is a directory."""
    moodle.but(uniqueid="u", dirhash="d").train(course.labelled(60))
    dataset = tmp_path / "dataset.csv"
    dataset.write_bytes(course.unlabelled(5))
    imported = imported_by(
        PREDICT,
        str(dataset),
        MOODLE_MLBACKEND_PYTHON_USERS="default:sshhhh",
        MOODLE_MLBACKEND_PYTHON_DIR=str(tmp_path / "models"),
    )
    assert not imported & {*HEAVY, "boto3", "botocore"}


@pytest.mark.parametrize("module", ["handler.__main__", "handler.wsgi"])
def test_no_way_to_start_imports_anything_heavy(module):
    assert not imported_by(f"import {module}") & {*HEAVY, "boto3", "uvicorn", "zappa"}


def test_on_lambda_only_zappa_is_added():
    """It imports boto3, most of which is botocore, which the first request needs anyway."""
    imported = imported_by("import handler.aws", INSTANTIATE_LAMBDA_HANDLER_ON_IMPORT="")
    assert "zappa" in imported
    assert not imported & {*HEAVY, "uvicorn"}


def test_there_is_an_application_for_servers_that_want_an_object():
    imported_by("from handler.wsgi import app; assert app.test_client().get('/version').data")
