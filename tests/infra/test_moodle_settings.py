"""What Moodle is to be told about a function on AWS."""

from handler.moodle_settings import Address
from infra import moodle_settings

URL = Address("https://abc123.lambda-url.eu-central-1.on.aws", "function URL", 900)
API = Address("https://xyz789.execute-api.eu-central-1.amazonaws.com/production", "API Gateway", 29)
DOMAIN = Address("https://predictions.school.example", "your domain", 29)


def lines(*addresses):
    text = moodle_settings.describe(addresses, "school", "s3cret")
    return [line.strip() for line in text.splitlines()]


def test_the_function_url_fits_the_form():
    shown = lines(URL)
    for line in (
        "Host          abc123.lambda-url.eu-central-1.on.aws",
        "Port          443",
        "Use HTTPS     yes",
        "Username      school",
        "Password      s3cret",
    ):
        assert line in shown


def test_the_stage_of_api_gateway_goes_into_the_port():
    shown = lines(API)
    cfg = "php admin/cli/cfg.php --component=mlbackend_python"
    assert [line for line in shown if line.startswith("php admin")] == [
        f"{cfg} --name=useserver --set=1",
        f"{cfg} --name=host --set=xyz789.execute-api.eu-central-1.amazonaws.com",
        f"{cfg} --name=port --set=443/production",
        f"{cfg} --name=secure --set=1",
        f"{cfg} --name=username --set=school",
        f"{cfg} --name=password --set=s3cret",
    ]
    assert not [line for line in shown if line.startswith("Host")]


def test_a_domain_of_ones_own_fits_the_form():
    shown = lines(URL, DOMAIN, API)
    assert "Host          predictions.school.example" in shown
    assert [line for line in shown if line[:2] in ("1.", "2.", "3.")] == [
        "1. function URL, where a request may take 15 minutes.",
        "2. your domain, where a request may take 29 seconds.",
        "3. API Gateway, where a request may take 29 seconds.",
    ]


def test_the_plugin_takes_one_line_for_each_address():
    port = Address("http://127.0.0.1:5000/", "here")
    assert [line for line in lines(URL, API, port) if "s3cret@" in line] == [
        "https://school:s3cret@abc123.lambda-url.eu-central-1.on.aws",
        "https://school:s3cret@xyz789.execute-api.eu-central-1.amazonaws.com/production",
        "http://school:s3cret@127.0.0.1:5000",
    ]
