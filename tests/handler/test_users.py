"""Users and their passwords."""

import hashlib

import pytest
from werkzeug.security import generate_password_hash

from handler import users
from handler.errors import SettingsError
from handler.users import Users, make_entry

SALT = "da243a51bce11bf9083d78da99a2544b"
PLAIN = "default:sshhhh"
SHA256 = f"default:sha256:{SALT}:{hashlib.sha256(SALT.encode() + b'sshhhh').hexdigest()}"
SCRYPT = f"default:{generate_password_hash('sshhhh', method='scrypt:1024:8:1')}"
FORMATS = {"plain": PLAIN, "sha256": SHA256, "scrypt": SCRYPT}


@pytest.fixture(params=FORMATS)
def entry(request):
    return FORMATS[request.param]


@pytest.fixture
def checks(monkeypatch):
    """Lists the stored passwords that were compared with a given one, which is what costs time."""
    compared = []
    matches = users._matches

    def counting(stored, password):
        compared.append(stored)
        return matches(stored, password)

    monkeypatch.setattr(users, "_matches", counting)
    return compared


def test_the_right_password_and_no_other_signs_in(entry):
    parsed = Users.parse(entry)
    assert parsed.check("default", "sshhhh")
    for wrong in ("", "sshhh", "sshhhhh", "Sshhhh", "sshhhh ", entry, entry.partition(":")[2][1:]):
        assert not parsed.check("default", wrong)
    for nobody in ("", "Default", "other", "default "):
        assert not parsed.check(nobody, "sshhhh")


def test_the_format_of_the_existing_backends_tool_is_known():
    """user:sha256:salt:hexdigest, where the salt's text comes before the password."""
    digest = "1bc1a361f17092bc7af4b2f82bf9194ea9ee2ca49eb2e53e39f555bc1eeaed74"
    assert hashlib.sha256(b"saltpassword").hexdigest() != digest  # a made-up one
    good = hashlib.sha256(b"saltpassword").hexdigest()
    assert Users.parse(f"a:sha256:salt:{good}").check("a", "password")
    assert not Users.parse(f"a:sha256:salt:{digest}").check("a", "password")


def test_several_users_each_have_their_own_password():
    parsed = Users.parse(f"{SHA256}, a:b ,c:d")
    assert parsed.check("default", "sshhhh")
    assert parsed.check("a", "b")
    assert parsed.check("c", "d")
    assert not parsed.check("a", "d")
    assert not parsed.check("c", "sshhhh")


@pytest.mark.parametrize("text", ["", " ", "\n"])
def test_there_may_be_no_users(text):
    parsed = Users.parse(text)
    assert not parsed
    assert not parsed.check("", "")
    assert not parsed.check("default", "")


# time ---------------------------------------------------------------------------------------------


def test_the_cost_of_a_right_password_is_paid_once_in_a_process(entry, checks):
    parsed = Users.parse(entry)
    assert all(parsed.check("default", "sshhhh") for _ in range(3))
    assert len(checks) == 1


def test_a_wrong_password_is_compared_every_time(entry, checks):
    parsed = Users.parse(entry)
    parsed.check("default", "sshhhh")
    assert not any(parsed.check("default", "wrong") for _ in range(3))
    assert len(checks) == 4


def test_an_unknown_user_costs_as_much_as_a_wrong_password(entry, checks):
    parsed = Users.parse(entry)
    parsed.check("default", "wrong")
    parsed.check("nobody", "wrong")
    parsed.check("nobody", "sshhhh")
    assert checks == [entry.partition(":")[2]] * 3


@pytest.mark.parametrize("order", [1, -1])
def test_an_unknown_user_costs_as_much_as_the_most_expensive_one(checks, order):
    parsed = Users.parse(",".join(["a:b", SCRYPT, SHA256.replace("default", "c")][::order]))
    parsed.check("nobody", "wrong")
    assert checks == [SCRYPT.partition(":")[2]]


# malformed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "entry",
    [
        "secret",
        "secret:",
        ":secret",
        "user:md5:secret:0123",
        "user:secret:secret",
        "user:sha256:secret",
        "user:sha256:secret:0123",
        "user:scrypt:32768:8:1",
        "user:scrypt:32768:8:1$secret",
        "user:scrypt:32768:8:1$secret$0123",
        SCRYPT.replace("scrypt:1024:8:1", "scrypt:1025:8:1"),
        SCRYPT.replace("scrypt:1024:8:1", "scrypt:1:8:1"),
        SCRYPT.replace("scrypt:1024:8:1", "scrypt:1024:0:1"),
        "",
    ],
)
@pytest.mark.parametrize("position", [1, 3])
def test_an_entry_that_cannot_be_used_is_named_by_its_position_only(entry, position):
    entries = [*["a:b", "c:d"][: position - 1], entry, "e:f"]
    with pytest.raises(SettingsError) as raised:
        Users.parse(",".join(entries))
    assert str(raised.value).startswith(f"Entry {position} of MOODLE_MLBACKEND_PYTHON_USERS is not")
    assert "secret" not in str(raised.value)
    assert "scrypt:1" not in str(raised.value)


def test_two_entries_of_one_name_are_refused():
    with pytest.raises(SettingsError) as raised:
        Users.parse("secretname:b,c:d,secretname:e")
    assert str(raised.value) == (
        "Entry 3 of MOODLE_MLBACKEND_PYTHON_USERS has the name of an earlier entry: remove one."
    )


# making -------------------------------------------------------------------------------------------


def test_a_new_entry_works_with_its_password():
    entry, password = make_entry("my-moodle_1")
    assert entry.startswith("my-moodle_1:sha256:")
    assert password not in entry
    assert Users.parse(entry).check("my-moodle_1", password)
    assert not Users.parse(entry).check("my-moodle_1", password[:-1])


def test_passwords_are_long_random_and_of_what_moodles_form_takes():
    """[A-Za-z0-9_-]: the form refuses anything else."""
    passwords = {make_entry("a")[1] for _ in range(3)}
    assert len(passwords) == 3
    for password in passwords:
        assert users._ALPHABET.fullmatch(password)
        assert len(password) >= 32


@pytest.mark.parametrize("name", ["", "a b", "a.b", "a:b", "a,b", "é", "a\n", "a@b"])
def test_a_name_that_moodles_form_refuses_is_refused_here(name):
    with pytest.raises(ValueError, match="Moodle's rule"):
        make_entry(name)
