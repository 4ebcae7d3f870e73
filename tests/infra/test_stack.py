"""What is told of CloudFormation's work, and what is done about stacks in odd states."""

import pytest
from botocore.exceptions import ClientError

from infra.aws import errors, stack

ID = "arn:aws:cloudformation:eu-central-1:123456789012:stack/moodle-mlbackend/1"


def event(number, name, state, reason=""):
    return {
        "EventId": str(number),
        "LogicalResourceId": name,
        "PhysicalResourceId": ID if name == "moodle-mlbackend" else name,
        "ResourceStatus": state,
        "ResourceStatusReason": reason,
    }


class CloudFormation:
    """Answers with one state of the stack after the other, and with an event for each.

    Parameters
    ----------
    *history : tuple of str and events
        The state of the stack and what has happened by then; the last one stays.
    change : dict
        What is said of a change set.
    """

    def __init__(self, *history, change=None):
        self.history = list(history)
        self.change = change or {"Status": "CREATE_COMPLETE"}
        self.asked = []
        self.events = []

    def describe_stacks(self, StackName):
        state, *events = self.history[0]
        if state and state.endswith(("_COMPLETE", "_FAILED")):
            events.append(event(f"end {len(self.events)}", "moodle-mlbackend", state))
        if len(self.history) > 1:
            self.history.pop(0)
        self.events += events
        if state is None:
            raise ClientError({"Error": {"Code": "ValidationError", "Message": MISSING}}, "X")
        return {"Stacks": [{"StackId": ID, "StackName": "moodle-mlbackend", "StackStatus": state}]}

    def get_paginator(self, operation):
        return self

    def paginate(self, StackName):
        return [{"StackEvents": self.events[::-1]}]

    def describe_change_set(self, ChangeSetName, StackName):
        assert StackName == ID
        return {"StackId": ID, "ChangeSetId": "change", **self.change}

    def create_change_set(self, **sent):
        self.asked.append(f"create {sent['ChangeSetType']}")
        assert ("DeploymentMode" in sent) != sent.get("ImportExistingResources", False)
        return {"Id": "change", "StackId": ID}

    def __getattr__(self, operation):
        return lambda **_: self.asked.append(operation)


MISSING = "Stack with id moodle-mlbackend does not exist"


def bring_up(account):
    stack.apply(account, "moodle-mlbackend", {}, {})


@pytest.fixture
def cloudformation(account, monkeypatch):
    def cloudformation(*history, **options):
        client = CloudFormation(*history, **options)
        monkeypatch.setattr(type(account), "client", lambda account, service: client)
        return client

    return cloudformation


def test_what_happens_is_told_in_plain_words(account, cloudformation, capsys):
    cloudformation(
        (None,),
        ("REVIEW_IN_PROGRESS", event(0, "moodle-mlbackend", "REVIEW_IN_PROGRESS")),
        ("CREATE_IN_PROGRESS", event(1, "Models", "CREATE_IN_PROGRESS")),
        ("CREATE_IN_PROGRESS", event(2, "Models", "IMPORT_COMPLETE")),
        ("CREATE_IN_PROGRESS", event(3, "Role", "CREATE_COMPLETE")),
        ("CREATE_COMPLETE", event(4, "moodle-mlbackend", "CREATE_COMPLETE")),
    )
    bring_up(account)
    assert capsys.readouterr().out == (
        "  taken over as it was: the bucket for the models\n  made: the function's role\n"
    )


def test_a_rollback_is_told_with_aws_reasons_and_advice(account, cloudformation):
    cloudformation(
        (None,),
        ("REVIEW_IN_PROGRESS",),
        (
            "ROLLBACK_IN_PROGRESS",
            event(1, "Role", "CREATE_FAILED", "User x is not authorized to perform: iam:TagRole"),
            event(2, "Log", "CREATE_FAILED", "Resource creation cancelled"),
            event(3, "Uploads", "CREATE_FAILED", "moodle-x already exists"),
        ),
        ("ROLLBACK_COMPLETE",),
    )
    with pytest.raises(errors.StackFailed) as failure:
        bring_up(account)
    told = str(failure.value)
    assert "the function's role: User x is not authorized to perform: iam:TagRole" in told
    assert "python -m infra policy" in told
    assert "the bucket for uploading the code: moodle-x already exists" in told
    assert "cancelled" not in told


@pytest.mark.parametrize("left", ["ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS", "DELETE_FAILED"])
def test_what_an_unfinished_attempt_left_is_removed_first(account, cloudformation, left):
    client = cloudformation(
        (left,), (left,), ("DELETE_IN_PROGRESS",), ("DELETE_COMPLETE",), ("CREATE_COMPLETE",)
    )
    bring_up(account)
    assert client.asked == ["delete_stack", "create CREATE", "execute_change_set"]


def test_a_change_that_is_under_way_is_waited_for(account, cloudformation, capsys):
    client = cloudformation(("UPDATE_IN_PROGRESS",), ("UPDATE_COMPLETE",))
    bring_up(account)
    assert "waiting for an earlier change to end" in capsys.readouterr().out
    assert client.asked == ["create UPDATE", "execute_change_set"]


def test_the_state_before_is_not_taken_for_the_end(account, cloudformation):
    client = cloudformation(("UPDATE_COMPLETE",), ("UPDATE_COMPLETE",))
    begins = iter([[], [], [event(1, "moodle-mlbackend", "UPDATE_IN_PROGRESS")]])
    client.paginate = lambda StackName: [{"StackEvents": next(begins)}]
    bring_up(account)
    assert next(begins, "all asked") == "all asked"


def test_a_stack_that_only_a_person_can_help_is_told(account, cloudformation):
    cloudformation(("UPDATE_ROLLBACK_FAILED",))
    with pytest.raises(errors.StackStuck, match="Continue update rollback"):
        bring_up(account)


def test_nothing_to_change(account, cloudformation, capsys):
    reason = "The submitted information didn't contain changes."
    client = cloudformation(
        ("UPDATE_COMPLETE",), change={"Status": "FAILED", "StatusReason": reason}
    )
    bring_up(account)
    assert capsys.readouterr().out == "  nothing to change\n"
    assert client.asked == ["create UPDATE", "delete_change_set"] * 2  # drift is looked for first


def test_a_change_that_cannot_be_worked_out_is_told(account, cloudformation):
    cloudformation((None,), change={"Status": "FAILED", "StatusReason": "No such role."})
    with pytest.raises(errors.StackFailed, match=r"No such role\."):
        bring_up(account)


def test_a_deletion_that_fails_is_told(account, cloudformation):
    cloudformation(
        ("CREATE_COMPLETE",),
        ("DELETE_IN_PROGRESS",),
        ("DELETE_FAILED", event(1, "Uploads", "DELETE_FAILED", "The bucket is not empty")),
    )
    with pytest.raises(errors.StackFailed, match="for uploading the code: The bucket is not empty"):
        stack.delete(account, "moodle-mlbackend")


def test_other_errors_are_not_taken_for_a_missing_stack(account, monkeypatch, cloudformation):
    client = cloudformation((None,))

    def refuse(StackName):
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "DescribeStacks")

    client.describe_stacks = refuse
    with pytest.raises(ClientError):
        stack.status(account, "moodle-mlbackend")
