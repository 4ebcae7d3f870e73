"""The real server, over a socket."""

import json
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

AUTHORIZATION = b"Authorization: Basic ZGVmYXVsdDpzc2hoaGg=\r\n"


@pytest.fixture
def connection(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
        yield connection


def head(body_length, *lines):
    return b"\r\n".join(
        [
            b"POST /training HTTP/1.1",
            b"Host: 127.0.0.1",
            AUTHORIZATION.strip(),
            b"Content-Type: multipart/form-data; boundary=b",
            b"Content-Length: %d" % body_length,
            *lines,
            b"\r\n",
        ]
    )


def read_answer(connection):
    """Read up to the end of an answer that says how long it is."""
    received = b""
    while b"\r\n\r\n" not in received:
        received += connection.recv(65536) or pytest.fail("no answer")
    header, _, body = received.partition(b"\r\n\r\n")
    (length,) = [
        int(line.split(b":")[1]) for line in header.lower().split(b"\r\n") if b"length" in line
    ]
    while len(body) < length:
        body += connection.recv(65536) or pytest.fail("half an answer")
    return int(header.split()[1]), body.decode()


def test_expect_100_continue_is_answered(server, connection, make_file):
    """Bodies of 1 MiB and more; a server that never answers 100 costs 1 s."""
    dataset = make_file("1,0,0", "0,1,1") + b"\n" * 1000
    body = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % part
        for part in [
            (b"uniqueid", b"", b"expect"),
            (b"dirhash", b"", b"continue"),
            (b"dataset", b'; filename="x.csv"', dataset),
        ]
    )
    body += b"--b--\r\n"
    connection.sendall(head(len(body), b"Expect: 100-continue"))
    assert connection.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(body)
    status, text = read_answer(connection)
    assert status == 200
    assert json.loads(text) == {"status": 0, "info": []}


SENTENCE = (
    "The request is larger than the 1 MB that this server accepts: raise its "
    "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB."
)


@pytest.mark.parametrize("size", [(1 << 20) + 1, (1 << 20) + 2, 300 << 20, 1 << 40])
def test_a_body_too_large_is_refused_in_our_words_before_it_is_sent(connection, size):
    """WIRE: the body of the answer is our error message."""
    connection.sendall(head(size, b"Expect: 100-continue"))
    assert read_answer(connection) == (413, SENTENCE)


def test_a_body_too_large_is_refused_when_nobody_asked_for_leave(connection):
    connection.sendall(head((1 << 20) + 1))
    assert read_answer(connection) == (413, SENTENCE)


def test_a_chunked_body_is_refused_when_it_gets_too_large(connection):
    request = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    connection.sendall(request + b"%x\r\n" % (2 << 20) + bytes((1 << 20) + 1))
    assert read_answer(connection) == (413, SENTENCE)


def test_the_largest_body_is_taken(server):
    """No dataset, but read."""
    size = (1 << 20) - 600
    answer = server.moodle.training(bytes(size))
    assert answer.status == 400
    assert answer.sentence


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files so")
def test_half_a_body_is_in_memory_only(server, connection):
    """Students' data never goes to a temporary file."""
    connection.sendall(head(1 << 20) + bytes(1_000_000))
    time.sleep(0.3)
    files = Path(f"/proc/{server.process.pid}/fd").iterdir()
    assert not [name for name in map(os.readlink, files) if name.endswith("(deleted)")]


def test_a_chunked_body_is_as_good_as_any(connection):
    body = b'--b\r\nContent-Disposition: form-data; name="uniqueid"\r\n\r\nx\r\n--b--\r\n'
    request = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    request = request.replace(b"/training", b"/deletemodel")
    connection.sendall(request + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
    assert read_answer(connection) == (200, "Ok")


def test_a_path_of_slashes_leads_to_the_endpoint(connection):
    connection.sendall(b"GET //version HTTP/1.1\r\nHost: x\r\n\r\n")
    assert read_answer(connection) == (200, "3.0.5")


@pytest.mark.parametrize(
    "request_line",
    [b"GET /%ff%fe HTTP/1.1", b"GET /%00 HTTP/1.1", b"GET /" + b"x" * 5000 + b" HTTP/1.1"],
    ids=["no UTF-8", "NUL", "long"],
)
def test_any_address_is_answered(connection, request_line):
    connection.sendall(request_line + b"\r\nHost: x\r\n\r\n")
    status, text = read_answer(connection)
    assert status == 404
    assert text.startswith("There is nothing at this address")


def test_answers_do_not_name_the_software(server):
    """And hold no more headers than needed."""
    headers = {name.lower() for name in server.moodle.version().headers}
    assert headers == {"content-length", "content-type", "date"}


def test_requests_at_the_same_time_get_their_own_answers(server, course):
    """The existing backend answers 500s and loses models when two requests meet."""
    n = 16  # more than the server has threads
    start = threading.Barrier(n)
    datasets = [(course.labelled(12), course.unlabelled(3)) for _ in range(n)]

    def use(i):
        labelled, unlabelled = datasets[i]
        moodle = server.moodle.but(uniqueid=f"site {i}")
        start.wait()
        rows = moodle.train(labelled).prediction(unlabelled).json["predictions"]
        return [row[0] for row in rows], moodle.export().body

    with ThreadPoolExecutor(n) as pool:
        results = list(pool.map(use, range(n)))
    for i, (sample_ids, _) in enumerate(results):
        assert sample_ids == [f"{3 * i + j}-{j}" for j in range(3)]
    assert len({body for _, body in results}) == n


def test_the_log_is_json_lines(server):
    server.moodle.version()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert lines[-1]["endpoint"] == "version"
    assert [line["cold"] for line in lines].count(True) == 1
