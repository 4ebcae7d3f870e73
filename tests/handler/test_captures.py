"""What a real Moodle 4.5 sent, byte for byte, to the real server."""

import io
import json
import re
import socket
import zipfile
from http.client import HTTPResponse
from pathlib import Path

import pytest

CAPTURES = Path(__file__).parents[1] / "captures"


@pytest.fixture
def replay(server):
    """Send a request as it came off the socket; returns status and body."""

    def replay(name, change=lambda request: request):
        request = change((CAPTURES / f"{name}.req").read_bytes())
        with socket.create_connection(("127.0.0.1", server.port), timeout=300) as connection:
            connection.sendall(request)
            answer = HTTPResponse(connection)
            answer.begin()
            return answer.status, answer.read()

    return replay


def rows_of(name):
    """The sample ids of a captured prediction."""
    request = (CAPTURES / f"{name}.req").read_bytes()
    return re.findall(rb"^(\d+-\d),", request, re.MULTILINE)


def check_ok(answer):
    assert answer == (200, b"Ok")


def check_version(answer):
    assert answer == (200, b"3.0.5")


def check_trained(answer):
    status, body = answer
    assert status == 200
    assert json.loads(body) == {"status": 0, "info": []}


def check_predicted(answer, ids):
    status, body = answer
    assert status == 200
    predicted = json.loads(body)
    assert predicted["status"] == 0
    assert [row[0].encode() for row in predicted["predictions"]] == ids
    assert {row[1] for row in predicted["predictions"]} <= {"0", "1"}
    assert all(0.5 <= float(row[2]) <= 1 for row in predicted["predictions"])


def check_evaluated(answer, statuses=(0, 4, 8, 12)):
    """Return the runid."""
    status, body = answer
    assert status == 200
    evaluated = json.loads(body)
    assert evaluated["status"] in statuses
    assert len(evaluated["info"]) == evaluated["status"].bit_count() + 1  # the report
    assert 0 <= evaluated["score"] <= 1
    return evaluated["runid"]


def members(answer):
    status, body = answer
    assert status == 200
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        return archive.namelist()


def check_foreign(answer):
    """A zip of another backend's files is refused with a sentence."""
    status, body = answer
    assert status == 400
    assert body.startswith(b"The file to import is not a model that was exported from this server")


def of_run(runid):
    """Ask for this run, where the request names one of the other backend."""
    return lambda request: re.sub(rb"runid=\d+", b"runid=%d" % runid, request)


def test_client(replay):
    """One of each endpoint."""
    check_version(replay("client/001-GET-version"))
    check_trained(replay("client/002-POST-training"))
    check_predicted(replay("client/003-POST-prediction"), rows_of("client/003-POST-prediction"))
    runid = check_evaluated(replay("client/004-POST-evaluation"))
    assert members(replay("client/005-GET-evaluationlog")) == []
    assert members(replay("client/005-GET-evaluationlog", of_run(runid)))
    trained = check_evaluated(replay("client/006-POST-evaluation"))
    assert trained > runid
    assert members(replay("client/007-GET-evaluationlog", of_run(trained)))
    assert members(replay("client/008-GET-export"))
    check_foreign(replay("client/009-POST-import"))
    assert members(replay("client/008-GET-export"))  # the refused import changed nothing
    check_ok(replay("client/010-POST-deletemodel"))
    check_ok(replay("client/011-POST-deletemodel"))
    assert replay("client/008-GET-export")[0] == 503


def test_dropout(replay):
    """The real model of students at risk of dropping out, 98 features."""
    check_version(replay("dropout/001-GET-version"))
    runid = check_evaluated(replay("dropout/002-POST-evaluation"))
    assert members(replay("dropout/003-GET-evaluationlog", of_run(runid)))
    check_trained(replay("dropout/004-POST-training"))
    check_predicted(replay("dropout/005-POST-prediction"), rows_of("dropout/005-POST-prediction"))
    assert members(replay("dropout/006-GET-export"))
    check_foreign(replay("dropout/007-POST-import"))
    # the evaluation of the model whose import was refused
    runid = check_evaluated(replay("dropout/008-POST-evaluation"), statuses=[2])
    assert members(replay("dropout/009-GET-evaluationlog", of_run(runid)))
    for name in ("010-GET-version", "012-GET-version", "014-GET-version"):
        check_version(replay(f"dropout/{name}"))
    for name in ("011-POST-deletemodel", "013-POST-deletemodel", "015-POST-deletemodel"):
        check_ok(replay(f"dropout/{name}"))
    assert replay("dropout/006-GET-export")[0] == 503


def test_pathtrick(replay):
    """A path before the endpoint, as for an API Gateway stage."""
    check_version(replay("pathtrick/001-GET-version"))
    check_trained(replay("pathtrick/002-POST-training"))
    check_predicted(
        replay("pathtrick/003-POST-prediction"), rows_of("pathtrick/003-POST-prediction")
    )
    runid = check_evaluated(replay("pathtrick/004-POST-evaluation"))
    assert members(replay("pathtrick/005-GET-evaluationlog", of_run(runid)))
    assert members(replay("pathtrick/006-GET-export"))


def test_all_captures_are_replayed():
    source = Path(__file__).read_text()
    for path in CAPTURES.glob("*/*.req"):
        assert path.stem in source
