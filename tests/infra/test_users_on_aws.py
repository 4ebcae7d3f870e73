"""Users of the deployed server: changed in the bucket, and nowhere else."""

import pytest

from handler.auth.known_users import KEY, KnownUsers
from handler.auth.users import Users
from handler.store import S3Store
from infra.aws import errors, users


@pytest.fixture
def known(deployed, names):
    """Who may sign in at the server."""
    return KnownUsers(Users.parse(""), S3Store(names.models))


@pytest.fixture
def content(deployed, names):
    """Returns what is stored."""
    s3 = deployed.client("s3")
    return lambda: s3.get_object(Bucket=names.models, Key=KEY)["Body"].read().decode()


def test_a_user_that_was_made_can_sign_in_and_only_a_hash_is_kept(deployed, known, content):
    password = users.add(deployed, "my-moodle")
    assert known.check("my-moodle", password)
    assert password not in content()


def test_hundreds_of_users_fit(deployed, known, names):
    first = users.add(deployed, "first")
    s3 = deployed.client("s3")
    others = ",\n".join(f"site{i}:sha256:{i:032}:{i:064}" for i in range(500))
    stored = s3.get_object(Bucket=names.models, Key=KEY)["Body"].read().decode()
    s3.put_object(Bucket=names.models, Key=KEY, Body=f"{stored},\n{others}".encode())
    last = users.add(deployed, "last")
    assert len(users.names(deployed)) == 502
    assert known.check("first", first)
    assert known.check("last", last)


def test_a_change_leaves_all_others_as_they_are(deployed, content):
    users.add(deployed, "first")
    before = content()
    users.add(deployed, "second")
    users.remove(deployed, "second")
    assert content() == before


def test_a_new_password_ends_the_old_one(deployed, known):
    old = users.add(deployed, "moodle")
    new = users.change_password(deployed, "moodle")
    assert known.check("moodle", new)
    assert not known.check("moodle", old)


def test_entries_of_other_forms_stay_as_they_are(deployed, names, content):
    deployed.client("s3").put_object(
        Bucket=names.models, Key=KEY, Body=b"a:plain, b:sha256:x:00\n,\n"
    )
    users.add(deployed, "c")
    assert content().startswith("a:plain,\nb:sha256:x:00,\nc:sha256:")


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


def test_a_user_is_not_made_twice(deployed, content):
    users.add(deployed, "a")
    before = content()
    for name in ("a", "A"):
        with pytest.raises(errors.UserExists, match="users password a"):
            users.add(deployed, name)
    assert content() == before


def test_a_name_that_moodle_would_refuse_is_refused(deployed):
    with pytest.raises(errors.BadUserName, match="letters, digits"):
        users.add(deployed, "a b")


@pytest.mark.parametrize("there_before", [[], ["earlier"]])
def test_nothing_is_lost_when_two_change_users_at_once(deployed, monkeypatch, there_before):
    """The other one is faster, between our reading and our writing."""
    for name in there_before:
        users.add(deployed, name)
    read = users._read
    others = iter(["other", None])

    def read_and_be_overtaken(account):
        found = read(account)
        name = next(others, None)
        if name:
            users.add(account, name)
        return found

    monkeypatch.setattr(users, "_read", read_and_be_overtaken)
    users.add(deployed, "ours")
    assert users.names(deployed) == [*there_before, "other", "ours"]


def test_who_is_always_too_late_is_told_so(deployed, monkeypatch):
    read = users._read
    monkeypatch.setattr(users, "_read", lambda account: ({}, '"old"'))
    with pytest.raises(errors.Busy):
        users.add(deployed, "ours")
    monkeypatch.setattr(users, "_read", read)
    assert users.names(deployed) == []


def test_without_a_bucket_it_says_what_to_do(account):
    for ask in (users.names, lambda account: users.add(account, "a")):
        with pytest.raises(errors.NothingThere, match="infra up"):
            ask(account)


def test_a_temporary_user_is_there_only_meanwhile(deployed, known):
    users.add(deployed, "moodle")
    with users.temporary(deployed) as (name, password):
        assert known.check(name, password)
    assert users.names(deployed) == ["moodle"]


def test_a_temporary_user_that_was_left_behind_is_removed(deployed):
    users.add(deployed, "smoke-test-00000000")
    with users.temporary(deployed) as (name, _):
        assert users.names(deployed) == [name]
    assert users.names(deployed) == []


def test_a_change_touches_nothing_but_that_object(deployed, names, calls):
    users.add(deployed, "a")
    assert [(operation, sent["Bucket"], sent["Key"]) for _, operation, sent in calls] == [
        ("GetObject", names.models, KEY),
        ("PutObject", names.models, KEY),
    ]
