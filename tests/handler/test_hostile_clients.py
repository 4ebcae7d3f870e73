"""Clients that send slowly, much, or nothing stop nobody else: over sockets, to a real server."""

import re
import select
import socket
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from handler.errors import BodyTooLarge, BodyTooSlow, FormTooLarge, NoCredentials, ServerBusy
from handler.server import asgi
from handler.server import serving as limits
from tests.handler.test_server import AUTHORIZATION, head, read_answer

HANG = 300  # seconds; nothing here takes that long
IMPATIENT = "tests.handler.impatient_server"


@pytest.fixture
def connect():
    """Open connections to a server, all of which are closed in the end."""
    with ExitStack() as opened:

        def connect(server):
            address = ("127.0.0.1", server.port)
            return opened.enter_context(socket.create_connection(address, timeout=HANG))

        yield connect


def is_closed(connection):
    """Wait until the server has closed a connection."""
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass
    return True


def without_password(request):
    return request.replace(AUTHORIZATION, b"")


# heads --------------------------------------------------------------------------------------------


def test_more_connections_than_are_taken_stop_nobody(server, connect):
    """Each would send its head for ever; whoever waits longest gives way to a new one."""
    waiting = [connect(server) for _ in range(limits._MAX_CONNECTIONS + 50)]
    for connection in waiting:
        with suppress(ConnectionError):
            connection.sendall(b"POST /training HTTP/1.1\r\nX: ")
    for _ in range(5):
        assert server.moodle.version().text == "3.0.5"
    assert is_closed(waiting[0])


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /training HTTP/1.1\r\nX: ",
        b"GET /version HTTP/1.1\r\nHost: x\r\n\r\nGET /version",  # after an answer
        without_password(head(1000)) + b"x",  # what is refused without reading more of it
    ],
)
def test_a_client_that_sends_byte_by_byte_is_left(running, connect, beginning):
    with running(module=IMPATIENT, PATIENCE="0.5") as server:
        connection = connect(server)
        connection.sendall(beginning)
        with suppress(ConnectionError):
            while True:  # until sending fails
                connection.sendall(b"x")
                time.sleep(0.05)
        assert server.moodle.version().text == "3.0.5"


# bodies -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("expect", [(), (b"Expect: 100-continue",)])
def test_without_a_password_the_answer_comes_before_the_body_is_read(server, connect, expect):
    connection = connect(server)
    connection.sendall(without_password(head(1 << 20, *expect)))
    assert read_answer(connection) == (401, NoCredentials.sentence)


def memory(server):
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) << 10


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells it so")
def test_bodies_without_a_password_take_no_memory(running, connect):
    size = 20 << 20
    with running() as server:
        assert server.moodle.version().text == "3.0.5"
        before = memory(server)
        for connection in [connect(server) for _ in range(5)]:
            with suppress(ConnectionError):
                connection.sendall(without_password(head(size + 1)) + bytes(size))
        assert server.moodle.version().text == "3.0.5"
        assert memory(server) < before + size


@pytest.mark.parametrize("n_clients", [40, asgi._USERS_BODIES + 10])
def test_slow_bodies_with_a_password_hold_no_thread(running, connect, course, n_clients):
    with running() as server:
        slow = [connect(server) for _ in range(n_clients)]
        for connection in slow:
            connection.sendall(head(1000) + b"x")
        assert server.moodle.version().text == "3.0.5"
        if n_clients <= asgi._USERS_BODIES:
            server.moodle.train(course.labelled(12))
        else:
            answer = server.moodle.training(course.labelled(12))
            assert (answer.status, answer.sentence) == (503, ServerBusy.sentence)
            server.moodle.but(user="other", password="secret").train(course.labelled(12))
        for connection in slow:
            connection.close()


def test_a_body_that_comes_in_too_slowly_is_refused(running, connect):
    with running(module=IMPATIENT, PATIENCE="0.5") as server:
        connection = connect(server)
        connection.sendall(head(1000) + b"x")
        assert read_answer(connection) == (408, str(BodyTooSlow(rate=32)))
    assert '"status": 408' in server.log.read_text()


def test_the_bodies_of_one_user_together_have_a_limit(running, connect, course):
    piece = 600_000
    with running(MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB="1") as server:
        held = [connect(server) for _ in range(2)]
        for connection in held:
            connection.sendall(head(1 << 20) + bytes(piece))
        # whichever of them comes last; what was sent may still be on its way
        (refused, *_), _, _ = select.select(held, [], [], 300)
        assert read_answer(refused) == (503, ServerBusy.sentence)
        server.moodle.but(user="other", password="secret").train(course.labelled(12))
        for connection in held:
            connection.close()
        while True:  # until the server has noticed
            again = server.moodle.training(bytes(piece))
            if again.status != 503:
                break
        assert again.status == 400


def test_all_bodies_together_have_a_limit():
    room = asgi._Room(100)
    with ExitStack() as held:
        takes = [held.enter_context(room.for_body(user)) for user in ("a", "b", "c")]
        for take, size in zip(takes, (50, 40, 10), strict=True):
            take(size)
        for take in takes:
            with pytest.raises(ServerBusy):
                take(1)
        for number in range(asgi._MAX_BODIES - len(takes)):
            held.enter_context(room.for_body(f"user {number}"))
        with pytest.raises(ServerBusy), room.for_body("one more"):
            pass
    with room.for_body("a") as take:
        take(50)


def test_a_form_of_somebody_who_has_not_signed_in_is_small(server, connect):
    request = without_password(head(1 << 20)).replace(b"/training", b"/sign-in")
    connection = connect(server)
    connection.sendall(request)
    status, page = read_answer(connection)
    assert status == 413
    assert str(FormTooLarge(limit=10)).split(":")[0] in page


def test_a_chunked_body_without_end_is_refused(server, connect):
    request = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    connection = connect(server)
    connection.sendall(request)
    with suppress(ConnectionError):
        for _ in range(40):
            connection.sendall(b"10000\r\n" + bytes(1 << 16) + b"\r\n")
    assert read_answer(connection) == (413, str(BodyTooLarge(limit=1)))


def chunked(size, pieces):
    """A body of so many bytes, each chunk of which has so many."""
    chunk = b"%x\r\n" % pieces + bytes(pieces) + b"\r\n"
    return chunk * (size // pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize("pieces", [1, 63, 64, 8192])
def test_a_body_in_crumbs_is_read_no_further(server, connect, pieces):
    connection = connect(server)
    request = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with suppress(ConnectionError):
        connection.sendall(request + chunked(100_000, pieces))
    if pieces < 64:
        assert connection.recv(65536).startswith(b"HTTP/1.1 400")
        assert is_closed(connection)
    else:
        assert read_answer(connection)[1].startswith("The request cannot be read")


# answers ------------------------------------------------------------------------------------------


def test_a_client_that_reads_nothing_is_left(running, connect):
    with running(module=IMPATIENT, PATIENCE="0.5") as server:
        connection = connect(server)
        with suppress(ConnectionError):
            while True:  # until sending fails: answers to all of these are never read
                connection.sendall(b"GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n" * 100)
        assert server.moodle.version().text == "3.0.5"


# threads ------------------------------------------------------------------------------------------


@contextmanager
def in_background(work):
    """Do something meanwhile, and give what will hold its result."""
    result = []
    thread = threading.Thread(target=lambda: result.append(work()))
    thread.start()
    yield result
    thread.join()


def wait_for(path):
    end = time.monotonic() + 300  # a hang ends
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.fixture
def held(tmp_path):
    """Lets trainings of the impatient server wait; returns when one has begun."""
    (tmp_path / "wait").touch()
    yield lambda: wait_for(tmp_path / "begun")
    (tmp_path / "wait").unlink(missing_ok=True)


def test_trainings_leave_threads_for_all_else(running, course, held, tmp_path):
    data = course.labelled(12)
    with running(module=IMPATIENT) as server, ExitStack() as meanwhile:
        others = [server.moodle.but(uniqueid=f"other{number}") for number in range(10)]
        for other in others:
            meanwhile.enter_context(in_background(lambda other=other: other.training(data)))
        held()
        assert server.moodle.version().text == "3.0.5"
        assert server.moodle.export().status == 503
        assert server.moodle.send("GET", "/sign-in").status in (200, 303, 405)
        (tmp_path / "wait").unlink()


def test_the_trainings_of_one_user_leave_threads_for_another_and_for_pages(
    running, course, held, tmp_path
):
    data = course.labelled(12)
    with running(module=IMPATIENT) as server, ExitStack() as meanwhile:
        one = server.moodle
        for number in range(12):
            many = one.but(uniqueid=f"other{number}")
            meanwhile.enter_context(in_background(lambda many=many: many.training(data)))
        held()
        another = one.but(user="other", password="secret")
        assert another.prediction(course.unlabelled(3)).json["status"] == 2
        assert one.send("GET", "/").status == 200
        assert one.send("POST", "/sign-in").status in (400, 401, 403)
        (tmp_path / "wait").unlink()


def test_a_training_that_is_under_way_when_the_server_stops_is_answered(
    running, course, held, tmp_path
):
    with running(module=IMPATIENT) as server:
        data = course.labelled(12)
        with in_background(lambda: server.moodle.training(data)) as result:
            held()
            server.process.terminate()
            (tmp_path / "wait").unlink()
        assert result[0].status == 200
        assert server.process.wait(HANG) == 0


def test_a_training_that_takes_too_long_then_keeps_nobody_waiting(running, course, held):
    def ask():
        with suppress(Exception):
            server.moodle.training(course.labelled(12))

    with running(module=IMPATIENT, STOP_SECONDS="1") as server, in_background(ask):
        held()
        assert server.stop()[0] == 0
