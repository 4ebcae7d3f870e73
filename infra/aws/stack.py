"""The CloudFormation stack: making, changing and deleting it, and waiting for the end of that."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.aws import errors
from infra.aws.account import Account
from infra.aws.resources import TAGS

Template = dict[str, Any]

USABLE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"}

# What is left of a stack that was never finished; nothing can be done with it but to delete it.
_UNFINISHED = {
    "CREATE_FAILED",
    "DELETE_FAILED",
    "REVIEW_IN_PROGRESS",
    "ROLLBACK_COMPLETE",
    "ROLLBACK_FAILED",
}
_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"}
_POLL_SECONDS = 4

PLAIN_NAMES = {
    "Models": "the bucket for the models",
    "ModelsPolicy": "its rule to encrypt connections",
    "Uploads": "the bucket for uploading the code",
    "UploadsPolicy": "its rule to encrypt connections",
    "Role": "the function's role",
    "Log": "the function's log",
    "HttpApi": "the HTTP API",
    "HttpApiIntegration": "its way to the function",
    "HttpApiRoute": "its one route",
    "HttpApiStage": "its bounds on requests",
    "Topic": "the list of who gets alarms",
    "FailuresInLog": "the count of failures in the log",
    "ErrorAlarm": "the alarm on errors",
    "GatewayAlarm": "the alarm on what the gateways cut short",
    "ThrottleAlarm": "the alarm on requests that were turned away",
}
_PLAIN_STATES = {
    "CREATE_COMPLETE": "made",
    "UPDATE_COMPLETE": "changed",
    "IMPORT_COMPLETE": "taken over as it was",
    "DELETE_COMPLETE": "deleted",
    "DELETE_SKIPPED": "kept",
}


def status(account: Account, name: str) -> str | None:
    """Return a stack's state, as CloudFormation calls it; None where there is no stack."""
    stack = _describe(account.client("cloudformation"), name)
    return stack["StackStatus"] if stack else None


def settled(account: Account, name: str) -> str | None:
    """Return the state in which a stack comes to rest, after waiting for what is under way."""
    state = status(account, name)
    if _is_under_way(state):
        print("  waiting for an earlier change to end ...", flush=True)
    while _is_under_way(state):
        time.sleep(_POLL_SECONDS)
        state = status(account, name)
    return state


def is_new(state: str | None) -> bool:
    """Say whether a stack in this state must be made, rather than changed."""
    return state is None or state in _UNFINISHED


def apply(
    account: Account, name: str, template: Template, parameters: Mapping[str, str | None]
) -> None:
    """Make a stack, or make it what its template says today.

    Parameters
    ----------
    account : Account
    name : str
    template : dict
    parameters : mapping of str to str
        Of the template; None: as it was until now.

    Raises
    ------
    CommandFailed
        With AWS's reasons when it took the change back.
    """
    cloudformation = account.client("cloudformation")
    state = settled(account, name)
    new = is_new(state)
    if new and state is not None:
        print("  removing what is left of an unfinished attempt", flush=True)
        delete(account, name)
    elif not new and state not in USABLE:
        raise errors.StackStuck(stack=name, status=state)
    change = _change_set(cloudformation, name, template, parameters, new)
    if change is None:
        print("  nothing to change", flush=True)
        return
    stack = _describe(cloudformation, change["StackId"])
    assert stack is not None
    seen = {event["EventId"] for event in _events(cloudformation, stack["StackId"])}
    cloudformation.execute_change_set(
        ChangeSetName=change["ChangeSetId"], StackName=stack["StackId"]
    )
    _follow(cloudformation, stack["StackId"], seen, _DONE)


def delete(account: Account, name: str) -> None:
    """Delete a stack and wait until it is gone; what it is to retain stays."""
    cloudformation = account.client("cloudformation")
    stack = _describe(cloudformation, name)
    if stack is None:
        return
    seen = {event["EventId"] for event in _events(cloudformation, stack["StackId"])}
    cloudformation.delete_stack(StackName=stack["StackId"])
    _follow(cloudformation, stack["StackId"], seen, {"DELETE_COMPLETE"})


def _is_under_way(state: str | None) -> bool:
    return state is not None and state.endswith("_IN_PROGRESS") and state not in _UNFINISHED


def _describe(cloudformation: Any, name: str) -> dict[str, Any] | None:
    try:
        (stack,) = cloudformation.describe_stacks(StackName=name)["Stacks"]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise
    found: dict[str, Any] = stack
    return found


def _change_set(
    cloudformation: Any,
    stack: str,
    template: Template,
    parameters: Mapping[str, str | None],
    new: bool,
) -> dict[str, Any] | None:
    """Let CloudFormation work out what is to change; None: nothing is.

    A change set, because only that can take over the bucket of an earlier installation, and bring
    back what somebody changed or deleted past CloudFormation.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/drift-aware-change-sets.html
    """
    asked = {
        "StackName": stack,
        "ChangeSetType": "CREATE" if new else "UPDATE",
        "TemplateBody": json.dumps(template),
        "Parameters": [
            {"ParameterKey": key}
            | ({"UsePreviousValue": True} if value is None else {"ParameterValue": value})
            for key, value in parameters.items()
        ],
        "Capabilities": ["CAPABILITY_NAMED_IAM"],  # the role has a name of ours
        "Tags": [{"Key": key, "Value": value} for key, value in TAGS.items()],
    }
    taking_over = {"ImportExistingResources": True}
    if not new:
        change = _worked_out(cloudformation, asked | {"DeploymentMode": "REVERT_DRIFT"})
        if change["Status"] != "FAILED":
            return change
        # most often nothing is to change, which a plain one says in the words that are known
    change = _worked_out(cloudformation, asked | taking_over)
    if change["Status"] != "FAILED":
        return change
    reason = change["StatusReason"]
    if "didn't contain changes" in reason or "No updates are to be performed" in reason:
        return None
    raise errors.StackFailed(stack=stack, reasons=_listed([reason]))


def _worked_out(cloudformation: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Return a change set when it is ready; one that failed is gone."""
    made = cloudformation.create_change_set(ChangeSetName=f"up-{uuid.uuid4().hex}", **asked)
    # IAM is asked about the stack, whose name an identifier alone does not tell it
    which = {"ChangeSetName": made["Id"], "StackName": made["StackId"]}
    while True:
        change: dict[str, Any] = cloudformation.describe_change_set(**which)
        if not change["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
            break
        time.sleep(_POLL_SECONDS)
    if change["Status"] == "FAILED":
        cloudformation.delete_change_set(**which)
    return change


def _events(cloudformation: Any, stack_id: str) -> list[dict[str, Any]]:
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack_id)
    return [event for page in pages for event in page["StackEvents"]][::-1]  # the oldest first


def _follow(cloudformation: Any, stack_id: str, seen: set[str], wanted: set[str]) -> None:
    """Print what happens to the stack's parts, until it comes to rest in a wanted state."""
    reasons: list[str] = []
    begun = False  # until then the stack still shows the state in which it was before
    while True:
        stack = _describe(cloudformation, stack_id)
        for event in _events(cloudformation, stack_id):
            if event["EventId"] in seen:
                continue
            seen.add(event["EventId"])
            if event.get("PhysicalResourceId") == stack_id:
                begun = True
                continue
            state, name = event["ResourceStatus"], event["LogicalResourceId"]
            name = PLAIN_NAMES.get(name, name)
            if state in _PLAIN_STATES:
                print(f"  {_PLAIN_STATES[state]}: {name}", flush=True)
            reason = event.get("ResourceStatusReason", "")
            # of parts that merely were not begun any more, it says that they were cancelled
            if state.endswith("_FAILED") and "cancelled" not in reason:
                reasons.append(f"{name}: {reason}")
        if stack is None or (begun and not _is_under_way(stack["StackStatus"])):
            break
        time.sleep(_POLL_SECONDS)
    if stack is not None and stack["StackStatus"] not in wanted:
        raise errors.StackFailed(
            stack=stack["StackName"],
            reasons=_listed(reasons or [stack.get("StackStatusReason", stack["StackStatus"])]),
        )


def _listed(reasons: list[str]) -> str:
    return "\n".join(f"  * {reason}{_advice(reason)}" for reason in reasons)


def _advice(reason: str) -> str:
    """Return what to do about a reason of CloudFormation's, where we know it."""
    if "not authorized to perform" in reason:
        return (
            "\n    Attach the rights that 'python -m infra policy' prints to the user of this "
            "access key, then run the same command again."
        )
    if "already exist" in reason or "AlreadyExists" in reason:
        return (
            "\n    Something of that name was made in another way. Delete it in the AWS console "
            "if you do not need it, then run the same command again."
        )
    return ""
