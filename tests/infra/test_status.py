"""What `status` shows."""

import time

import pytest

from infra.aws import status, users


def log(account, names, *messages):
    logs = account.client("logs")
    logs.create_log_group(logGroupName=names.log_group)
    logs.create_log_stream(logGroupName=names.log_group, logStreamName="s")
    now = int(time.time() * 1000)
    logs.put_log_events(
        logGroupName=names.log_group,
        logStreamName="s",
        logEvents=[{"timestamp": now + i, "message": text} for i, text in enumerate(messages)],
    )


def test_nothing_is_there(account, capsys):
    status.run(account)
    assert capsys.readouterr().out == (
        "Account   123456789012, region eu-central-1\n"
        "Stack     none\n"
        "Function  none\n"
        "Models    none\n"
        "Errors    none in the last 7 days\n"
    )


def test_what_is_there(deployed, names, capsys):
    users.add(deployed, "my-moodle")
    s3 = deployed.client("s3")
    for key in ("models/u/a/d/model.json", "models/u/a/d/runs/1/classifier.npz"):
        s3.put_object(Bucket=names.models, Key=key, Body=bytes(1_000_000))
    status.run(deployed)
    printed = capsys.readouterr().out
    assert "Function  moodle-mlbackend-production, Active, python3.13, 1769 MB" in printed
    assert "lambda-url.eu-central-1.on.aws (function URL)" in printed
    assert "execute-api.eu-central-1.amazonaws.com/production (REST API)" in printed
    assert "Users     my-moodle\n" in printed
    assert f"Models    1 model, 2.0 MB, in the bucket {names.models}\n" in printed
    assert "scrypt" not in printed


def test_nobody_may_use_it(deployed, capsys):
    status.run(deployed)
    assert "Users     none: every request is refused" in capsys.readouterr().out


def test_the_last_errors_are_shown_with_their_first_and_last_line(account, names, calls, capsys):
    log(
        account,
        names,
        "[ERROR]\tthe server failed, reference 1f\nTraceback\n  File\nValueError: no",
        "2026 r Task timed out after 900.00 seconds",
    )
    status.run(account)
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Error")]
    assert len(shown) == 2
    assert shown[0].endswith("UTC: [ERROR] the server failed, reference 1f ... ValueError: no")
    assert shown[1].endswith("Task timed out after 900.00 seconds")
    # moto does not know this pattern, and shows all
    (sent,) = [sent for _, operation, sent in calls if operation == "FilterLogEvents"]
    assert sent["filterPattern"] == '?"[ERROR]" ?"[CRITICAL]" ?"Task timed out" ?"Runtime."'


def test_only_the_last_few_errors_are_shown(account, names, capsys):
    log(account, names, *[f"[ERROR] number {i}" for i in range(9)])
    status.run(account)
    printed = capsys.readouterr().out
    assert "number 8" in printed
    assert "number 3" not in printed


@pytest.mark.parametrize("count", [0, 1, 2])
def test_models_are_counted(count):
    assert str(status.Stored(count, 0)).startswith(f"{count} model{'s' * (count != 1)},")
