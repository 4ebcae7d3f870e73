"""Users and their passwords."""

import hashlib
import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.security import generate_password_hash

from handler.auth import users
from handler.auth.users import Users, make_entry
from handler.errors import SettingsError, TooManyWrongPasswords, UsernameNotForMoodle

SALT = "da243a51bce11bf9083d78da99a2544b"
PLAIN = "default:sshhhh"
SHA256 = f"default:sha256:{SALT}:{hashlib.sha256(SALT.encode() + b'sshhhh').hexdigest()}"
SCRYPT = f"default:{generate_password_hash('sshhhh', method='scrypt:1024:8:1')}"
MALFORMED = (
    "Entry {} of MOODLE_MLBACKEND_PYTHON_USERS is not of the form user:password, "
    "user:sha256:salt:hexdigest or user:scrypt:...$salt$hash: make it anew with "
    "'python -m handler users add NAME'."
)
TWICE = (
    "Entry {} of MOODLE_MLBACKEND_PYTHON_USERS has the name of an earlier entry, upper and lower "
    "case aside: remove one."
)
QUOTED = (
    "MOODLE_MLBACKEND_PYTHON_USERS begins or ends with a quotation mark: leave quotation marks out "
    "('docker run --env-file', for one, keeps them)."
)
NOT_FOR_MOODLE = (
    "Entry {} of MOODLE_MLBACKEND_PYTHON_USERS has a name or a password that Moodle's form does "
    "not take: use only letters, digits, '_' and '-'."
)
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
    parsed = Users.parse(entry)  # as there may not be many wrong ones in a minute
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


@pytest.mark.parametrize("password", ["wrong", "sshhhh"])
def test_an_unknown_user_costs_as_much_as_one_whose_entry_is_cheap(checks, password):
    """Else the time would tell that there is such a user."""
    parsed = Users.parse(f"a:b,{SCRYPT}")
    for name in ("a", "nobody"):
        checks.clear()
        assert not parsed.check(name, password)
        assert checks[-1] == SCRYPT.partition(":")[2]
        assert checks[:-1] in ([], ["b"])


# guessing -----------------------------------------------------------------------------------------


@pytest.fixture
def clock(monkeypatch):
    """A clock that only a test sets forward."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(users, "monotonic", lambda: clock.now)
    return clock


def guess(parsed, names, times):
    """Try wrong passwords, and return how many were refused without a look at them."""
    refused = 0
    for i, name in zip(range(times), itertools.cycle(names), strict=False):
        try:
            assert not parsed.check(name, f"wrong{i}")
        except TooManyWrongPasswords:
            refused += 1
    return refused


@pytest.mark.parametrize("names", [["default"], ["nobody"], ["default", "nobody", "a"]])
def test_fifty_wrong_passwords_cost_ten_slow_hashes(checks, clock, names):
    """Whether such a user exists makes no difference."""
    parsed = Users.parse(f"{SCRYPT},a:b")
    assert guess(parsed, names, 50) == 40
    assert checks.count(SCRYPT.partition(":")[2]) == 10


def test_the_right_password_works_once_the_minute_is_over(clock):
    parsed = Users.parse(SCRYPT)
    guess(parsed, ["default"], 50)
    clock.now += 59
    with pytest.raises(TooManyWrongPasswords):
        parsed.check("default", "sshhhh")
    clock.now += 1
    assert parsed.check("default", "sshhhh")
    assert guess(parsed, ["default"], 50) == 40


def test_never_more_than_ten_wrong_ones_are_looked_at_within_a_minute(checks, clock):
    parsed = Users.parse(SCRYPT)
    looked_at = []
    for _ in range(300):
        before = len(checks)
        guess(parsed, ["default"], 1)
        looked_at += [clock.now] * (len(checks) - before)
        clock.now += 1
    assert len(looked_at) == 50
    assert all(later - first >= 60 for first, later in zip(looked_at, looked_at[10:], strict=False))


def test_who_has_signed_in_before_is_never_locked_out(clock):
    parsed = Users.parse(f"{SCRYPT},{SHA256.replace('default', 'a')},c:d")
    assert parsed.check("default", "sshhhh")
    assert guess(parsed, ["default", "nobody"], 50) == 40
    assert parsed.check("default", "sshhhh")
    assert parsed.check("a", "sshhhh")  # for the first time, but such an entry costs nothing
    assert parsed.check("c", "d")


@pytest.mark.parametrize("cheap", [PLAIN, SHA256])
def test_without_slow_hashes_there_is_no_limit(cheap, clock):
    assert guess(Users.parse(cheap), ["default", "nobody"], 50) == 0


def test_right_passwords_do_not_count(clock):
    hashed = SCRYPT.partition(":")[2]
    parsed = Users.parse(",".join(f"site{i}:{hashed}" for i in range(12)))
    assert all(parsed.check(f"site{i}", "sshhhh") for i in range(12))


def test_one_slow_hash_is_made_at_a_time(monkeypatch):
    """Each takes 32 MB and a core. Who waited for a password to be looked at pays nothing more."""
    at_work, most = [], []
    matches = users._matches

    def watched(stored, password):
        at_work.append(password)
        most.append(len(at_work))
        time.sleep(0.01)
        at_work.remove(password)
        return matches(stored, password)

    monkeypatch.setattr(users, "_matches", watched)
    parsed = Users.parse(SCRYPT)
    passwords = ["sshhhh"] * 16 + [f"wrong{i}" for i in range(16)]
    together = threading.Barrier(len(passwords))

    def answer(password):
        together.wait()
        try:
            return parsed.check("default", password)
        except TooManyWrongPasswords:
            return "refused"

    with ThreadPoolExecutor(len(passwords)) as pool:
        answers = list(pool.map(answer, passwords))
    assert max(most) == 1
    assert sorted(map(str, answers[16:])) == ["False"] * 10 + ["refused"] * 6
    right = answers[:16] == [True] * 16  # all of them, or none where ten wrong ones came first
    assert len(most) == 10 + right


def test_who_waited_for_a_right_password_to_be_hashed_finds_it_verified(checks):
    """However soon it goes on; else it hashes again, or is refused for too many wrong ones."""
    parsed = Users.parse(SCRYPT)
    lock, waiting = parsed._hashing, ["default"]

    class Handover:
        """A lock for which another request waits, and gets it at once."""

        def __enter__(self):
            lock.acquire()

        def __exit__(self, *_):
            lock.release()
            while waiting:
                assert parsed.check(waiting.pop(), "sshhhh")

    parsed._hashing = Handover()
    assert parsed.check("default", "sshhhh")
    assert len(checks) == 1


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
    assert str(raised.value) == MALFORMED.format(position)


@pytest.mark.parametrize("entry", ["us\udce9r:secret", "user:se\udcffcret"])
def test_an_entry_that_is_no_text_is_refused(entry):
    """Python stands such characters for bytes of the environment that are no UTF-8."""
    with pytest.raises(SettingsError, match="Entry 2"):
        Users.parse(f"a:b,{entry}")


ENTRIES = st.text(alphabet="ab:$,. sha256cryptMOODLEé\n0", max_size=40) | st.text(max_size=40)


@given(st.lists(ENTRIES | st.sampled_from([PLAIN, SHA256, SCRYPT]), min_size=1, max_size=4))
def test_whatever_the_variable_is_it_works_or_its_content_is_not_told(entries):
    """The message is known beforehand but for the position."""
    text = ",".join(entries)
    told = None
    try:
        Users.parse(text)
    except SettingsError as error:
        told = (str(error), error.__context__)
    assert told is None or told in [
        (sentence.format(position), None)
        for sentence in (MALFORMED, TWICE, QUOTED, NOT_FOR_MOODLE)
        for position in range(1, text.count(",") + 2)
    ]


@pytest.mark.parametrize("quoted", ['"a:b"', "'a:b'", '"a:b,c:d"', '"a:b', "a:b'", f'"{SCRYPT}"'])
def test_quotation_marks_that_were_kept_are_told(quoted):
    """As 'docker run --env-file' keeps them."""
    with pytest.raises(SettingsError) as raised:
        Users.parse(quoted)
    assert str(raised.value) == QUOTED


@pytest.mark.parametrize(
    "entry", ["a.b:c", "é:c", "a b:c", "a@b:c", "a:se cret", "a:secrét", "a:b.c", f"x y{SHA256}"]
)
def test_what_moodles_form_does_not_take_is_refused(entry):
    with pytest.raises(SettingsError) as raised:
        Users.parse(f"z:z,{entry}")
    assert str(raised.value) == NOT_FOR_MOODLE.format(2)


def test_two_entries_of_one_name_are_refused():
    with pytest.raises(SettingsError) as raised:
        Users.parse("secretname:b,c:d,SecretName:e")
    assert str(raised.value) == TWICE.format(3)


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
    with pytest.raises(UsernameNotForMoodle):
        make_entry(name)
