"""Users of the deployed server: changed in the function's environment, and nothing else."""

import pytest

from handler.auth.users import VARIABLE, Users
from infra.aws import errors, function, users


def test_a_user_that_was_made_can_sign_in(deployed):
    password = users.add(deployed, "my-moodle")
    environment = function.environment(deployed)
    assert Users.parse(environment[VARIABLE]).check("my-moodle", password)
    assert password not in environment[VARIABLE]


def test_a_change_leaves_all_other_variables_and_users(deployed):
    before = function.environment(deployed)
    first = users.add(deployed, "first")
    users.add(deployed, "second")
    users.remove(deployed, "second")
    after = function.environment(deployed)
    assert Users.parse(after.pop(VARIABLE)).check("first", first)
    assert after == before


def test_a_new_password_ends_the_old_one(deployed):
    old = users.add(deployed, "moodle")
    new = users.change_password(deployed, "moodle")
    known = Users.parse(function.environment(deployed)[VARIABLE])
    assert known.check("moodle", new)
    assert not known.check("moodle", old)


def test_entries_of_other_forms_stay_as_they_are(deployed):
    function.change_environment(deployed, lambda it: it | {VARIABLE: "a:plain, b:sha256:x:00"})
    users.add(deployed, "c")
    assert function.environment(deployed)[VARIABLE].startswith("a:plain,b:sha256:x:00,c:sha256:")


def test_removing_tells_who_remains(deployed):
    users.add(deployed, "a")
    users.add(deployed, "b")
    assert users.remove(deployed, "a") == ["b"]
    assert users.remove(deployed, "b") == []
    assert users.names(deployed) == []


@pytest.mark.parametrize("change", [users.remove, users.change_password])
def test_an_unknown_user_is_told_with_those_that_there_are(deployed, change):
    users.add(deployed, "a")
    with pytest.raises(errors.NoSuchUser, match=r"no user b\. There are: a"):
        change(deployed, "b")


def test_a_user_is_not_made_twice(deployed):
    users.add(deployed, "a")
    before = function.environment(deployed)
    for name in ("a", "A"):
        with pytest.raises(errors.UserExists, match="users password a"):
            users.add(deployed, name)
    assert function.environment(deployed) == before


def test_a_name_that_moodle_would_refuse_is_refused(deployed):
    with pytest.raises(errors.BadUserName, match="letters, digits"):
        users.add(deployed, "a b")


def test_there_is_room_for_some_thirty_users(deployed):
    entry = users.add(deployed, "moodle00") and function.environment(deployed)[VARIABLE]
    thirty = ",".join(entry.replace("moodle00", f"moodle{number:02}") for number in range(30))
    function.change_environment(deployed, lambda variables: variables | {VARIABLE: thirty})
    with pytest.raises(errors.EnvironmentFull, match="about thirty"):
        function.change_environment(deployed, lambda it: it | {VARIABLE: f"{thirty},{thirty}"})
    assert len(users.names(deployed)) == 30


def test_nothing_is_lost_when_two_change_users_at_once(deployed, monkeypatch):
    """The other one is faster, between our reading and our writing."""
    read = function.configuration
    others = iter(["other", None])

    def read_and_be_overtaken(account):
        found = read(account)
        name = next(others, None)
        if name:
            users.add(account, name)
        return found

    monkeypatch.setattr(function, "configuration", read_and_be_overtaken)
    users.add(deployed, "ours")
    assert users.names(deployed) == ["other", "ours"]


def test_who_is_always_too_late_is_told_so(deployed, monkeypatch, calls):
    read = function.configuration
    monkeypatch.setattr(function, "configuration", lambda it: read(it) | {"RevisionId": "old"})
    with pytest.raises(errors.Busy):
        users.add(deployed, "ours")
    assert users.names(deployed) == []


def test_what_aws_does_not_show_is_not_erased(deployed, monkeypatch):
    hidden = {"RevisionId": "1", "Environment": {"Error": {"Message": "KMS said no."}}}
    monkeypatch.setattr(function, "configuration", lambda account: hidden)
    with pytest.raises(errors.EnvironmentHidden, match=r"KMS said no\."):
        users.add(deployed, "ours")


def test_without_a_function_it_says_what_to_do(account):
    with pytest.raises(errors.NotDeployed, match="infra up"):
        users.add(account, "a")


def test_a_temporary_user_is_there_only_meanwhile(deployed):
    users.add(deployed, "moodle")
    with users.temporary(deployed) as (name, password):
        known = Users.parse(function.environment(deployed)[VARIABLE])
        assert known.check(name, password)
    assert users.names(deployed) == ["moodle"]


def test_a_temporary_user_that_was_left_behind_is_removed(deployed):
    users.add(deployed, "smoke-test-00000000")
    with users.temporary(deployed) as (name, _):
        assert users.names(deployed) == [name]
    assert users.names(deployed) == []


def test_a_change_does_not_touch_the_code(deployed, calls):
    users.add(deployed, "a")
    assert {operation for _, operation, _ in calls} == {
        "GetFunctionConfiguration",
        "UpdateFunctionConfiguration",
        "GetFunction",  # while waiting for the change to arrive
    }
    (update,) = [sent for _, operation, sent in calls if operation.startswith("Update")]
    assert update.keys() == {"FunctionName", "Environment", "RevisionId"}
