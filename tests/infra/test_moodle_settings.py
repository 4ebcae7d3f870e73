"""What Moodle is to be told about a function on AWS."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from infra.aws import moodle_settings
from infra.aws.moodle_settings import Way

URL = "https://abc123.lambda-url.eu-central-1.on.aws/"
API = "https://xyz789.execute-api.eu-central-1.amazonaws.com/production"


def lines(*addresses):
    text = moodle_settings.describe(moodle_settings.ways(*addresses), "school", "s3cret")
    return [line.strip() for line in text.splitlines()]


def test_the_function_url_fits_the_form():
    shown = lines(URL, "")
    for line in (
        "Host          abc123.lambda-url.eu-central-1.on.aws",
        "Port          443",
        "Use HTTPS     yes",
        "Username      school",
        "Password      s3cret",
    ):
        assert line in shown


def test_the_stage_of_api_gateway_goes_into_the_port():
    shown = lines("", API)
    cfg = "php admin/cli/cfg.php --component=mlbackend_python"
    assert [line for line in shown if line.startswith("php")] == [
        f"{cfg} --name=useserver --set=1",
        f"{cfg} --name=host --set=xyz789.execute-api.eu-central-1.amazonaws.com",
        f"{cfg} --name=port --set=443/production",
        f"{cfg} --name=secure --set=1",
        f"{cfg} --name=username --set=school",
        f"{cfg} --name=password --set=s3cret",
    ]
    assert not [line for line in shown if line.startswith("Host")]


def test_a_domain_of_ones_own_fits_the_form():
    shown = lines(URL, API, "predictions.school.example")
    assert "Host          predictions.school.example" in shown
    assert [line for line in shown if line[:2] in ("1.", "2.", "3.")] == [
        "1. Function URL, where a request may take 15 minutes.",
        "2. Your domain, where a request may take 29 seconds.",
        "3. API Gateway, where a request may take 29 seconds.",
    ]


@pytest.fixture
def server():
    """Answers only the second request, as new addresses on AWS do."""

    class Handler(BaseHTTPRequestHandler):
        asked = []  # noqa: RUF012

        def do_GET(self):
            self.asked.append(self.path)
            self.send_response(200 if len(self.asked) > 1 else 403)
            self.end_headers()
            self.wfile.write(b"3.0.5")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def way(server, monkeypatch):
    monkeypatch.setattr(moodle_settings, "_PAUSE", 0)
    return Way("API Gateway", f"http://127.0.0.1:{server.server_port}/production", "")


def test_a_new_address_is_asked_until_it_answers(way, server):
    assert moodle_settings.version(way) == "3.0.5"
    assert server.RequestHandlerClass.asked == ["/production/version"] * 2


def test_an_address_that_does_not_answer_is_told(way):
    with pytest.raises(moodle_settings.NoAnswer, match=r"/production/version does not .* 403"):
        moodle_settings.version(way, patience=-1)
