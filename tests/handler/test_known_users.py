"""Users of the bucket beside those of the environment."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from handler.auth import known_users
from handler.auth.known_users import KEY, KnownUsers
from handler.auth.users import Users, make_entry
from handler.errors import UsersDamaged
from handler.store import S3Store, Unavailable
from tests.handler.spy import Spy


@pytest.fixture
def clock(monkeypatch):
    """A clock that only a test sets forward."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(known_users, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def store(bucket):
    return Spy(S3Store(bucket))


@pytest.fixture
def write(store):
    """Put users into the bucket as somebody else does, and return their passwords."""

    def write(*names):
        made = {name: make_entry(name) for name in names}
        store._store.put(KEY, ",\n".join(entry for entry, _ in made.values()).encode())
        return [password for _, password in made.values()]

    return write


def known(store, own=""):
    return KnownUsers(Users.parse(own), store)


def test_users_of_the_bucket_sign_in_beside_those_of_the_environment(store, write):
    (password,) = write("a")
    users = known(store, "b:secret")
    assert users
    assert users.check("a", password)
    assert users.check("b", "secret")
    assert not users.check("a", "secret")
    assert not users.check("b", password)
    assert not users.check("c", password)


def test_hundreds_of_users_fit(store, write):
    passwords = write(*(f"site{i}" for i in range(500)))
    users = known(store)
    assert all(users.check(f"site{i}", passwords[i]) for i in (0, 250, 499))


def test_a_bucket_without_users_has_none(store):
    assert not known(store)
    assert not known(store).check("a", "b")
    assert known(store, "a:b").check("a", "b")


def test_an_own_user_signs_in_without_a_look_at_the_bucket(store):
    users = known(store, "a:b")
    assert users
    assert users.check("a", "b")
    assert users.secret("a")
    assert store.calls == []


def test_an_own_entry_comes_before_one_of_the_bucket(store, write):
    (password,) = write("Moodle")
    users = known(store, "moodle:secret")
    assert not users.check("Moodle", password)
    assert not users.check("moodle", password)
    assert users.check("moodle", "secret")


def test_right_passwords_cost_one_call_a_minute(store, write, clock):
    (password,) = write("a")
    users = known(store)
    for calls, now in ((1, 1000.0), (1, 1059.0), (2, 1061.0), (2, 1062.0)):
        clock.now = now
        assert all(users.check("a", password) for _ in range(5))
        assert len(store.calls) == calls


def test_what_did_not_change_is_not_sent_again(store, write, clock, monkeypatch):
    (password,) = write("a")
    users = known(store)
    assert users.check("a", password)
    get, asked = store._store.get, []
    etag = get(KEY).etag
    monkeypatch.setattr(
        store._store, "get", lambda key, unless: asked.append(unless) or get(key, unless)
    )
    clock.now += 61
    assert users.check("a", password)
    assert asked == [etag]


def test_a_new_user_and_a_new_password_work_at_once(store, write, clock):
    (old,) = write("a")
    users = known(store)
    assert users.check("a", old)
    clock.now += 1
    new, other = write("a", "b")
    assert users.check("b", other)
    assert users.check("a", new)
    assert not users.check("a", old)


def test_a_removed_user_is_out_within_a_minute(store, write, clock):
    password, _ = write("a", "b")
    users = known(store)
    assert users.check("a", password)
    write("b")
    clock.now += 61
    assert not users.check("a", password)
    with pytest.raises(KeyError):
        users.secret("a")


def test_all_users_are_out_when_the_object_is_gone(store, write, clock):
    (password,) = write("a")
    users = known(store)
    assert users.check("a", password)
    store._store.delete([KEY])
    clock.now += 61
    assert not users.check("a", password)
    assert not users


def test_waiting_requests_share_one_look(store, write):
    (password,) = write("a")
    users, together = known(store), threading.Barrier(8)
    slow = threading.Event()
    store.before = lambda name, key: slow.wait(0.2)

    def ask(number):
        together.wait()
        return users.check("a", password)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
    assert store.calls == [("get", KEY)]


# faults -------------------------------------------------------------------------------------------


@pytest.fixture
def fail(store):
    def fail(name, key):
        raise Unavailable

    store.before = fail
    return store


@pytest.mark.parametrize(("name", "password"), [("a", "b"), ("own", "wrong"), ("", "")])
def test_a_fault_of_the_store_is_never_called_a_wrong_password(fail, name, password):
    with pytest.raises(Unavailable):
        known(fail, "own:secret").check(name, password)
    assert known(fail, "own:secret").check("own", "secret")


def test_a_fault_later_keeps_nobody_in_for_longer_than_a_minute(store, write, clock):
    (password,) = write("a")
    users = known(store)
    assert users.check("a", password)

    def fail(name, key):
        raise Unavailable

    store.before = fail
    clock.now += 59
    assert users.check("a", password)
    clock.now += 2
    with pytest.raises(Unavailable):
        users.check("a", password)
    with pytest.raises(Unavailable):
        users.secret("a")
    store.before = lambda name, key: None
    assert users.check("a", password)


@pytest.mark.parametrize("data", [b"a", b"a:b,broken", b"\xff", b"a:b:c"])
def test_what_is_no_list_of_users_lets_nobody_in_and_is_told(store, data, caplog):
    store._store.put(KEY, data)
    users = known(store, "own:secret")
    with pytest.raises(UsersDamaged, match="config/users"):
        users.check("a", "b")
    assert "config/users cannot be read" in caplog.text
    assert users.check("own", "secret")


# over HTTP ----------------------------------------------------------------------------------------


def test_over_http(make_moodle, store, write):
    (password,) = write("a")
    moodle = make_moodle(store=store, USERS="", S3_BUCKET_NAME="models")
    assert moodle.but(user="a", password=password).export().status == 503  # not trained yet
    assert moodle.but(user="a", password="wrong").export().status == 401
    assert moodle.but(user="b", password=password).export().status == 401

    def fail(name, key):
        raise Unavailable

    store.before = fail
    answer = moodle.but(user="a", password="wrong").export()
    assert answer.status == 503
    assert answer.sentence.startswith("Amazon S3, which keeps the models, is overloaded")


def test_a_cold_prediction_asks_once_more_where_the_user_is_in_the_bucket(
    make_moodle, store, write, course
):
    (password,) = write("a")

    def calls(user, password):
        moodle = make_moodle(store=store, USERS="own:secret", S3_BUCKET_NAME="models")
        moodle = moodle.but(user=user, password=password)
        moodle.train(course.labelled(12))
        again = make_moodle(store=store, USERS="own:secret", S3_BUCKET_NAME="models")
        store.calls.clear()
        again.but(user=user, password=password).prediction(course.unlabelled(3))
        return [key.rpartition("/")[2] for call, key in store.calls if call == "get"]

    assert calls("a", password) == ["users", *calls("own", "secret")]


def test_without_any_user_the_first_page_says_how_to_make_one(make_moodle, store):
    moodle = make_moodle(store=store, USERS="", S3_BUCKET_NAME="models")
    assert "python -m infra users add NAME" in moodle.export().sentence


class CountingLock:
    """A lock that knows how many wait for it."""

    def __init__(self):
        self._lock, self.waiting = threading.Lock(), 0

    def __enter__(self):
        self.waiting += 1
        self._lock.acquire()
        self.waiting -= 1

    def __exit__(self, *_):
        self._lock.release()


def test_who_waits_for_a_store_that_hangs_waits_no_longer_than_the_first(store, write):
    """Each of ten would wait anew otherwise, one after the other."""
    (password,) = write("a")
    users = known(store)
    users._reading = CountingLock()
    began, go, reads = threading.Event(), threading.Event(), []

    def get(key, unless=None):
        reads.append(key)
        began.set()
        go.wait(300)
        raise Unavailable("bucket")

    store.get = get
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(users.check, "a", password)
        began.wait(300)
        others = [pool.submit(users.check, "a", password) for _ in range(9)]
        while users._reading.waiting < 9:
            time.sleep(0.01)
        go.set()
        for asked in (first, *others):
            with pytest.raises(Unavailable):
                asked.result(300)
    assert len(reads) == 1
