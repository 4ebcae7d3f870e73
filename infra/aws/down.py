"""`python -m infra down`: remove everything from AWS, and keep the models unless told otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from infra.aws import alarms, errors, function, role_boundary, stack, status, zappa_settings
from infra.aws.account import Account, unless_gone
from infra.aws.steps import Step, announce, do
from infra.aws.tools import Tools

_BATCH = 1000  # the most that DeleteObjects takes
_USD_PER_GB = 0.025  # a month in S3 Standard, in Frankfurt; elsewhere much the same


def run(
    account: Account,
    tools: Tools,
    models_too: bool,
    dry_run: bool,
    ask: Callable[[str], str] | None = input,
) -> int:
    """Remove what there is, after a question.

    Parameters
    ----------
    account : Account
    tools : Tools
    models_too : bool
        Also delete the models with all their old versions, for good.
    dry_run : bool
        Only say what would be done.
    ask : callable, optional
        Shows a question and returns the answer; None: do not ask.
    """
    print(f"AWS account {account.names.account}, region {account.names.region}.")
    function.refuse_another_way(account)
    steps = plan(account, tools, models_too)
    if not steps:
        print("There is nothing to remove.")
        _tell_what_remains(account)
        return 0
    announce(steps, dry_run)
    if dry_run:
        return 0
    if ask and not _is_confirmed(ask, models_too):
        print("Nothing was changed.")
        return 1
    do(account, steps, "down")
    zappa_settings.clear(account.names)
    _tell_what_remains(account)
    return 0


def plan(account: Account, tools: Tools, models_too: bool) -> list[Step]:
    """Return the steps that remove what there is now."""
    names = account.names
    steps = []
    if function.configuration(account):
        steps.append(
            Step(
                f"Delete the function {names.function} and its addresses (zappa undeploy "
                "production)",
                lambda: _undeploy(account, tools),
            )
        )
    elif stack.status(account, names.api_stack):
        steps.append(
            Step(
                f'Delete the stack "{names.api_stack}", Zappa\'s',
                lambda: stack.delete(account, names.api_stack),
            )
        )
    if alarms.are_on(account):
        steps.append(Step("Remove the alarms and the budget", lambda: alarms.switch_off(account)))
    if stack.status(account, account.names.stack):
        steps.append(
            Step(
                f'Delete the stack "{names.stack}": the role, the log and the HTTP API; the models '
                "and the users stay",
                lambda: stack.delete(account, names.stack),
            )
        )
    if _exists(account, names.uploads):
        steps.append(
            Step(
                f"Delete the bucket {names.uploads}, through which code was uploaded",
                lambda: _delete_bucket(account, names.uploads),
            )
        )
    if models_too and _exists(account, names.models):
        steps.append(
            Step(
                f"Delete the bucket {names.models} with the users and every model in it "
                f"({status.stored(account)}), for good",
                lambda: _delete_bucket(account, names.models),
            )
        )
    return steps


def _undeploy(account: Account, tools: Tools) -> None:
    zappa_settings.fill(account.names)  # as this may be another checkout than that of `up`
    tools.undeploy()


def _is_confirmed(ask: Callable[[str], str], models_too: bool) -> bool:
    wanted = "delete the models" if models_too else "yes"
    try:
        return ask(f'Type "{wanted}" to go on: ').strip() == wanted
    except EOFError:
        return False


def _exists(account: Account, bucket: str) -> bool:
    ask = account.client("s3").head_bucket
    return unless_gone(ask, {"404", "NoSuchBucket"}, Bucket=bucket) is not None


def _delete_bucket(account: Account, bucket: str) -> None:
    _empty(account, bucket)
    account.client("s3").delete_bucket(Bucket=bucket)


def _empty(account: Account, bucket: str) -> None:
    """Delete all objects with all their versions."""
    client = account.client("s3")
    removed = 0
    for batch in _batches(client, bucket):
        answer = client.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        for refused in answer.get("Errors", []):
            raise errors.Denied(reason=f"{refused['Key']}: {refused.get('Message', '')}")
        removed += len(batch)
        print(f"  deleted: {removed} objects and versions", flush=True)


def _batches(client: Any, bucket: str) -> Iterator[list[dict[str, str]]]:
    pages = client.get_paginator("list_object_versions").paginate(
        Bucket=bucket, PaginationConfig={"PageSize": _BATCH}
    )
    for page in pages:
        batch = [
            {"Key": item["Key"], "VersionId": item["VersionId"]}
            for item in (*page.get("Versions", []), *page.get("DeleteMarkers", []))
        ]
        if batch:
            yield batch


def _tell_what_remains(account: Account) -> None:
    kept = status.stored(account)
    if kept is None:
        print("No data of the backend remains in this region, and nothing costs anything.")
    else:
        cost = kept.size / 1e9 * _USD_PER_GB
        print(
            f"The bucket {account.names.models} remains with the users and {kept}, which costs "
            f"{'less than 0.01' if cost < 0.01 else f'about {cost:.2f}'} USD a month. "
            "'python -m infra up' takes it into use again; 'python -m infra down --models-too' "
            "deletes it."
        )
    if role_boundary.find(account):
        print(
            f"The IAM policy {account.names.boundary} remains for the account's other regions; "
            "it costs nothing. Where there are none, an administrator deletes it in the AWS "
            "console under IAM, Policies."
        )
