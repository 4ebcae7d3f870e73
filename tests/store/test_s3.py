"""What only the store in S3 promises: faults of the network and of AWS, told in sentences."""

import io
import logging
import pickle
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import boto3
import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from moto.core import DEFAULT_ACCOUNT_ID
from moto.s3.models import s3_backends

import handler.store
from handler.store import (
    AccessDenied,
    Archived,
    BucketMissing,
    ConditionalWritesMissing,
    Conflict,
    CredentialsInvalid,
    DirectoryLocked,
    KeyUnusable,
    NotS3,
    S3Store,
    StoredObject,
    StoreError,
    StoreFull,
    Unavailable,
    Unreachable,
    WrongRegion,
)
from handler.store.interface import ATTEMPT_SECONDS

OPERATIONS = {
    "get": lambda store: store.get("secret-key"),
    "put": lambda store: store.put("secret-key", b"1"),
    "swap": lambda store: store.swap("secret-key", b"1", "etag"),
    "delete": lambda store: store.delete(["secret-key"]),
    "keys": lambda store: store.keys("secret-key"),
}


class Raw(io.BytesIO):
    def stream(self, **_):
        yield self.read()


def make_answer(status, code=None):
    # Without its region, boto3 asks for that of the bucket again and again.
    headers = {"x-amz-bucket-region": "eu-west-1"}
    body = f"<Error><Code>{code}</Code><Message>raw words</Message></Error>" if code else ""
    return AWSResponse("https://s3", status, headers, Raw(body.encode()))


def lose_the_answer(exchange):
    assert exchange().status_code < 300
    raise ConnectionClosedError(endpoint_url="https://s3")


def change_the_body(change):
    def step(exchange):
        answer = exchange()
        answer.raw = Raw(change(answer.raw.read()))
        return answer

    return step


@pytest.fixture
def remote(remote_bucket):
    return S3Store(remote_bucket)


@pytest.fixture(scope="module")
def store():
    """A store whose answers the tests make up; to make its client is slow."""
    return S3Store("our-bucket")


@pytest.fixture(params=OPERATIONS)
def operation(request):
    return OPERATIONS[request.param]


def test_is_made_without_boto3_and_without_s3():
    code = """
import sys
from handler.store import S3Store
S3Store("our-bucket")
assert not {"boto3", "botocore"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=True)


@pytest.mark.parametrize(
    ("prefix", "folder"),
    [("", ""), ("/", ""), ("a", "a/"), ("/a/", "a/"), ("a/b", "a/b/"), ("//a//b//", "a/b/")],
)
def test_keeps_everything_under_its_prefix(bucket, prefix, folder):
    store = S3Store(bucket, prefix)
    store.put("models/x", b"1")
    listed = boto3.client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    assert [item["Key"] for item in listed] == [f"{folder}models/x"]
    assert store.keys() == store.keys("models") == ["models/x"]


def test_stores_with_different_prefixes_do_not_meet(bucket):
    S3Store(bucket, "a").put("x", b"1")
    S3Store(bucket, "ab").put("y", b"1")
    assert S3Store(bucket, "a").keys() == ["x"]
    assert S3Store(bucket, "a").get("y") is None


def test_passes_over_what_others_put_into_the_bucket(bucket):
    for key in ("models/", "models/a b", "models//x", "models/mine"):
        boto3.client("s3").put_object(Bucket=bucket, Key=key)
    assert S3Store(bucket).keys() == ["models/mine"]


def test_lists_and_deletes_thousands(remote, remote_bucket, wire):
    names = [f"many/{number:04}" for number in range(2001)]
    for name in ["other", *names]:
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(remote_bucket, name, b"")
    assert remote.keys("many") == names
    wire.sent.clear()
    remote.delete(names)
    assert [request.body.count(b"<Key>") for request in wire.sent] == [1000, 1000, 1]
    assert remote.keys() == ["other"]


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (403, "AccessDenied", AccessDenied),
        (403, "AllAccessDisabled", AccessDenied),
        (404, "NoSuchBucket", BucketMissing),
        (400, "InvalidBucketName", BucketMissing),
        (301, "PermanentRedirect", BucketMissing),
        (403, "InvalidAccessKeyId", CredentialsInvalid),
        (403, "SignatureDoesNotMatch", CredentialsInvalid),
        (403, "RequestTimeTooSkewed", CredentialsInvalid),
        (400, "ExpiredToken", CredentialsInvalid),
        (401, None, CredentialsInvalid),
        (503, "SlowDown", Unavailable),
        (500, "InternalError", Unavailable),
        (503, None, Unavailable),
        (429, "Unheard", Unavailable),
        (409, "OperationAborted", Unavailable),
        (400, "RequestTimeout", Unreachable),
        (409, "ConditionalRequestConflict", Unavailable),
        (409, None, Unavailable),
        (412, None, Conflict),
        (400, "AuthorizationHeaderMalformed", WrongRegion),
        (400, "KMS.DisabledException", KeyUnusable),
        (403, "InvalidObjectState", Archived),
        (507, None, StoreFull),
        (507, "XMinioStorageFull", StoreFull),
        (501, None, ConditionalWritesMissing),
        (501, "NotImplemented", ConditionalWritesMissing),
        (400, "Unheard", StoreError),
        (404, "Unheard", Unreachable),
        (404, None, Unreachable),
    ],
)
def test_labels_the_fault_that_s3_answers(store, wire, operation, status, code, error):
    wire.forever = lambda _: make_answer(status, code)
    with pytest.raises(StoreError) as caught:
        operation(store)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    "fault",
    [
        ReadTimeoutError(endpoint_url="https://s3"),
        ConnectionClosedError(endpoint_url="https://s3"),
        ConnectionResetError(),
    ],
    ids=type,
)
def test_labels_silence(store, wire, operation, fault):
    wire.forever = fault
    with pytest.raises(Unreachable) as caught:
        operation(store)
    assert caught.value.__cause__ is not None


def test_a_forbidden_look_at_a_missing_key_is_an_error_that_tells_why(store, wire):
    wire.forever = make_answer(403, "AccessDenied")
    with pytest.raises(AccessDenied, match="s3:ListBucket"):
        store.get("missing")


@pytest.mark.parametrize("name", ["no-such-bucket", "", "not a bucket", "s3://bucket", "{x}"])
def test_labels_a_bucket_that_is_not_there(s3_server, monkeypatch, name):
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    store = S3Store(name)
    for operation in OPERATIONS.values():
        with pytest.raises(BucketMissing) as caught:
            operation(store)
        assert f'"{name}"' in str(caught.value)


def test_labels_what_boto3_itself_refuses(store):
    with pytest.raises(StoreError) as caught:
        store.put("a", 1)
    assert type(caught.value) is StoreError


@pytest.mark.parametrize(
    ("settings", "error"),
    [
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, CredentialsInvalid),
        ({"AWS_SECRET_ACCESS_KEY": ""}, CredentialsInvalid),
        ({"AWS_PROFILE": "none"}, CredentialsInvalid),
        ({"AWS_ENDPOINT_URL": "no address"}, Unreachable),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, Unreachable),
        ({"AWS_DEFAULT_REGION": "no region"}, BucketMissing),
    ],
)
def test_labels_faults_of_the_settings(monkeypatch, settings, error):
    monkeypatch.setattr("time.sleep", lambda _: None)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    store = S3Store("our-bucket")
    for operation in OPERATIONS.values():
        with pytest.raises(StoreError) as caught:
            operation(store)
        assert type(caught.value) is error


ERRORS = [
    value
    for value in vars(handler.store).values()
    if isinstance(value, type) and issubclass(value, StoreError)
]
WAITING_HELPS = {Conflict, DirectoryLocked, Unavailable, Unreachable}


@pytest.mark.parametrize("error", ERRORS)
def test_every_error_is_a_sentence(error):
    told = str(pickle.loads(pickle.dumps(error("our-bucket"))))
    assert told.endswith(".")
    assert "{" not in told
    assert ("our-bucket" in told) == ("{bucket}" in error.sentence)
    assert error.status == (503 if error in WAITING_HELPS else 500)


def test_a_sentence_tells_nothing_of_keys_and_raw_messages(store, wire, operation):
    wire.forever = lambda _: make_answer(400, "Unheard")
    with pytest.raises(StoreError) as caught:
        operation(store)
    assert "secret-key" not in str(caught.value)
    assert "raw words" not in str(caught.value)


@pytest.mark.parametrize(
    "fault",
    [lambda _: make_answer(503, "SlowDown"), ReadTimeoutError(endpoint_url="https://s3")],
    ids=["overload", "silence"],
)
def test_gets_over_passing_faults(remote, wire, fault):
    for work in (
        lambda: remote.put("secret-key", b"0"),
        lambda: remote.swap("secret-key", b"1", remote.get("secret-key").etag),
        lambda: remote.get("secret-key"),
        remote.keys,
        lambda: remote.delete(["secret-key"]),
    ):
        wire.steps.extend([fault] * 4)
        work()
        assert not wire.steps


def test_asks_again_whether_there_is_no_object_where_the_answer_was_cut_short(remote, wire):
    remote.keys()
    wire.steps.append(change_the_body(lambda body: body[: len(body) // 2]))
    assert remote.get("missing") is None
    assert len(wire.sent) == 3


@pytest.mark.parametrize("damage", [lambda body: body[:-1], lambda _: b""], ids=["cut", "empty"])
def test_asks_again_for_a_damaged_body(remote, wire, damage):
    etag = remote.put("a", b"whole content")
    wire.steps.extend([change_the_body(damage)] * 2)
    assert remote.get("a") == StoredObject(b"whole content", etag)
    wire.forever = change_the_body(damage)
    with pytest.raises(Unreachable):
        remote.get("a")


def test_asks_again_for_a_changed_body(remote, wire):
    pytest.importorskip("botocore", "1.36", reason="older ones compare no checksums")
    etag = remote.put("a", b"whole content")
    wire.steps.append(change_the_body(lambda body: body[:-1] + b"!"))
    assert remote.get("a") == StoredObject(b"whole content", etag)


def test_does_not_ask_again_when_time_is_short(remote, wire, monkeypatch):
    remote.put("a", b"whole content")
    clock = iter(range(0, 1000, 20))
    monkeypatch.setattr("handler.store.s3.time.monotonic", lambda: next(clock))
    wire.sent.clear()
    wire.forever = change_the_body(lambda body: body[:-1])
    with pytest.raises(Unreachable):
        remote.get("a")
    assert len(wire.sent) == 1


def make_deletion_answer(*codes):
    errors = "".join(f"<Error><Key>k</Key><Code>{code}</Code></Error>" for code in codes)
    body = f"<DeleteResult>{errors}</DeleteResult>"
    return AWSResponse("https://s3", 200, {}, Raw(body.encode()))


def test_sees_that_single_objects_were_not_deleted(store, wire):
    wire.steps.append(make_deletion_answer("AccessDenied"))
    with pytest.raises(AccessDenied):
        store.delete(["k"])


def test_deletes_again_what_was_not_deleted_for_a_moment(store, wire):
    wire.steps.extend([make_deletion_answer("InternalError"), make_deletion_answer()])
    store.delete(["k"])
    wire.steps.extend(make_deletion_answer("SlowDown") for _ in range(5))
    with pytest.raises(Unavailable):
        store.delete(["k"])
    assert len(wire.sent) == 7


def test_a_swap_that_won_but_whose_answer_was_lost_has_won(remote, wire):
    wire.steps.append(lose_the_answer)
    first = remote.swap("a", b"1", None)
    wire.steps.append(lose_the_answer)
    second = remote.swap("a", b"2", first)
    assert remote.get("a") == StoredObject(b"2", second)


def test_a_lost_swap_is_not_taken_for_won_where_another_wrote_the_same(remote, wire):
    first = remote.swap("a", b"1", None)

    def be_overtaken(_):
        remote.swap("a", b"2", first)
        raise ConnectionClosedError(endpoint_url="https://s3")

    wire.steps.append(be_overtaken)
    with pytest.raises(Conflict):
        remote.swap("a", b"2", first)


def test_a_swap_that_won_and_was_deleted_at_once_has_not_won(remote, wire):
    def write_and_delete(exchange):
        exchange()
        remote.delete(["a"])
        raise ConnectionClosedError(endpoint_url="https://s3")

    etag = remote.swap("a", b"1", None)
    wire.steps.append(write_and_delete)
    with pytest.raises(Conflict):
        remote.swap("a", b"2", etag)
    assert remote.get("a") is None


def test_of_two_writers_at_the_same_moment_the_loser_asks_again_and_hears_of_a_conflict(
    remote, wire
):
    etag = remote.swap("a", b"1", None)

    def win(_):
        remote.swap("a", b"2", etag)
        return make_answer(409, "ConditionalRequestConflict")

    wire.steps.append(win)
    with pytest.raises(Conflict) as caught:
        remote.swap("a", b"3", etag)
    assert caught.value.__cause__ is not None
    assert remote.get("a").data == b"2"


def test_an_attempt_that_arrives_late_is_not_taken_for_a_conflict(remote, wire):
    """The first attempt is still at work in S3 when the second one comes."""
    etag = remote.swap("a", b"1", None)

    def be_slow(exchange):
        def conflict_and_arrive(_):
            exchange()
            return make_answer(409, "ConditionalRequestConflict")

        wire.steps.append(conflict_and_arrive)
        raise ReadTimeoutError(endpoint_url="https://s3")

    wire.steps.append(be_slow)
    written = remote.swap("a", b"2", etag)
    assert remote.get("a") == StoredObject(b"2", written)


def test_a_fault_while_looking_who_won_is_that_fault(remote, wire):
    etag = remote.swap("a", b"1", None)
    wire.steps.extend([make_answer(412, "PreconditionFailed"), make_answer(403, "AccessDenied")])
    with pytest.raises(AccessDenied):
        remote.swap("a", b"2", etag)


@pytest.fixture
def made(monkeypatch):
    """The settings of every client that is made."""
    made = []
    create_client = botocore.session.Session.create_client

    def noting(session, name, config):
        made.append(config)
        return create_client(session, name, config=config)

    monkeypatch.setattr(botocore.session.Session, "create_client", noting)
    return made


def test_many_threads_share_one_client_in_silence(remote_bucket, made, caplog):
    store = S3Store(remote_bucket)
    start = threading.Barrier(16)

    def work(number):
        start.wait()
        return store.put(f"a/{number}", b"")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(work, range(16)))
    assert len(store.keys()) == 16
    assert len(made) == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.fixture
def slow(monkeypatch):
    """A clock that only waiting moves: for S3, which says nothing for 8 s, and between attempts."""
    clock = SimpleNamespace(now=1000.0)

    def wait(seconds):
        clock.now += seconds

    def be_silent(exchange):
        wait(8)
        raise ReadTimeoutError(endpoint_url="https://s3")

    clock.be_silent = be_silent
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    monkeypatch.setattr("time.sleep", wait)
    return clock


def test_a_call_gives_up_before_api_gateway_does(made, wire, slow):
    wire.forever = slow.be_silent
    with pytest.raises(Unreachable):
        S3Store("our-bucket").put("a", b"1")
    assert len(wire.sent) > 1
    assert slow.now - 1000 < 29
    addresses_of_s3 = 8  # each is tried for the whole connect time-out
    [config] = made
    assert addresses_of_s3 * config.connect_timeout <= ATTEMPT_SECONDS
    assert config.connect_timeout + config.read_timeout <= ATTEMPT_SECONDS


def test_calls_together_keep_to_the_time_of_the_request(remote, wire, slow, monkeypatch):
    """What S3 answers late again and again is not asked again once the time is over."""
    monkeypatch.setattr("handler.store.s3.deadline", lambda: 1026.0)
    for number in range(2):
        wire.steps.append(slow.be_silent)
        remote.put(f"a/{number}", b"1")
    wire.forever = slow.be_silent
    with pytest.raises(Unreachable):
        remote.get("a/1")
    assert slow.now - 1000 < 29


# a peer that takes its time -----------------------------------------------------------------------

HEAD = b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Type: application/xml\r\n"
SLOW = {
    "head": b"HTTP/1.1 200 OK\r\nX: ",
    "body": HEAD + b"Content-Length: 1000000\r\n\r\n",
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\nfffff\r\n",
    "nothing": b"",
}


@pytest.fixture
def slow_peer(monkeypatch):
    """Begin every answer as told, then send a byte now and then, for as long as somebody waits."""
    stop = threading.Event()

    def answer(connection, beginning):
        with connection, suppress(OSError):
            connection.sendall(beginning)
            while not stop.wait(0.02):
                connection.sendall(b"x")

    def listen(server, beginning):
        with suppress(OSError):
            while True:
                connection, _ = server.accept()
                threading.Thread(target=answer, args=(connection, beginning)).start()

    with socket.create_server(("127.0.0.1", 0)) as server:

        def begin(beginning):
            thread = threading.Thread(target=listen, args=(server, beginning), daemon=True)
            thread.start()
            port = server.getsockname()[1]
            monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
            return S3Store("our-bucket")

        yield begin
        stop.set()
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("beginning", SLOW.values(), ids=SLOW)
def test_a_peer_that_sends_byte_by_byte_is_left(slow_peer, monkeypatch, beginning):
    monkeypatch.setattr("handler.store.s3._PATIENCE", 0.5)
    monkeypatch.setattr("handler.store.s3.ATTEMPT_SECONDS", 0.5)
    store = slow_peer(beginning)
    for operation in ("get", "put", "delete", "keys"):
        with pytest.raises(Unreachable):
            OPERATIONS[operation](store)


def test_a_peer_that_takes_byte_by_byte_is_left(slow_peer, monkeypatch):
    """It reads nothing at all of what is more than buffers hold."""
    monkeypatch.setattr("handler.store.s3._PATIENCE", 0.5)
    monkeypatch.setattr("handler.store.s3.ATTEMPT_SECONDS", 0.5)
    with pytest.raises(Unreachable):
        slow_peer(b"").put("a", bytes(30_000_000))


# what is not S3 -----------------------------------------------------------------------------------

PAGE = b"<!DOCTYPE html><html><body>Sign in to the console</body></html>"
ODD = {
    "a page of HTML": AWSResponse("https://s3", 200, {"Content-Type": "text/html"}, Raw(PAGE)),
    "no ETag": AWSResponse("https://s3", 200, {}, Raw(b"")),
}


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("asked", ["get", "put", "keys"])
def test_what_no_s3_answers_is_told(store, wire, odd, asked):
    answer = ODD[odd]
    body = answer.raw.getvalue()

    def step(_):
        answer.raw = Raw(body)
        answer._content = None
        return answer

    wire.forever = step
    with pytest.raises(NotS3):
        OPERATIONS[asked](store)


def test_that_nothing_changed_is_no_answer_to_who_knows_nothing(store, wire):
    wire.forever = lambda _: make_answer(304)
    with pytest.raises(NotS3):
        store.get("a")


def test_a_list_without_end_is_told(store, wire, monkeypatch):
    monkeypatch.setattr("handler.store.s3._PAGES", 10)
    page = b"<ListBucketResult><Name>b</Name><NextContinuationToken>x</NextContinuationToken>"
    wire.forever = lambda _: AWSResponse("https://s3", 200, {}, Raw(page + b"</ListBucketResult>"))
    with pytest.raises(NotS3):
        store.keys()
    assert len(wire.sent) == 10


# conditional writes -------------------------------------------------------------------------------


def probes_in(wire):
    names = (request.url.rpartition("/")[2] for request in wire.sent)
    return [name for name in names if name.startswith("~probe")]


def test_two_that_find_out_at_once_do_not_meet(remote_bucket, wire):
    for key in "ab":
        S3Store(remote_bucket).swap(key, b"1", None)
    assert len(set(probes_in(wire))) == 2


def test_another_service_is_asked_once_whether_it_heeds_conditions(remote, wire):
    etag = remote.swap("a", b"1", None)
    first = len(wire.sent)
    remote.swap("a", b"2", etag)
    assert len(wire.sent) == first + 1
    assert len(probes_in(wire)) == 3
    assert remote.keys() == ["a"]


@pytest.mark.parametrize("ignored", ["If-Match", "If-None-Match"])
def test_a_service_that_ignores_conditions_is_refused(remote, monkeypatch, ignored):
    prepare = AWSRequest.prepare

    def without_condition(request):
        del request.headers[ignored]
        return prepare(request)

    monkeypatch.setattr(AWSRequest, "prepare", without_condition)
    remote.put("a", b"1")
    for _ in range(2):
        with pytest.raises(ConditionalWritesMissing):
            remote.swap("a", b"2", remote.get("a").etag)
    assert remote.get("a").data == b"1"


def test_a_service_that_finds_nothing_where_an_etag_differs_is_refused(remote, wire):
    def step(exchange):
        missed = "If-Match" in wire.sent[-1].headers
        return make_answer(404, "NoSuchKey") if missed else exchange()

    wire.forever = step
    with pytest.raises(ConditionalWritesMissing):
        remote.swap("a", b"1", None)


def test_aws_itself_is_never_asked(bucket, wire):
    S3Store(bucket).swap("a", b"1", None)
    assert len(wire.sent) <= 1
