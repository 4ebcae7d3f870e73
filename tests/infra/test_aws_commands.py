"""The commands for AWS, as one types them; what they do is tested in files of their own."""

import json
import re
from pathlib import Path

import pytest

from handler.auth.known_users import KEY
from handler.moodle_settings import Address
from handler.settings import BUCKET
from infra import __main__ as command
from infra.aws import alarms, down, policies, smoke, template, tools, up, users
from infra.aws.resources import Names
from infra.aws.tools import Tools
from infra.local.client import Answer


@pytest.fixture
def type_(mock_account, capsys):
    def type_(*words):
        status = command.main([*words])
        out, err = capsys.readouterr()
        return status, out, err

    return type_


def test_users_are_listed_made_and_removed(type_, deployed):
    region = ["--region", "eu-central-1"]
    assert type_("users", "list", *region) == (0, "There are no users.\n", "")
    status, out, _ = type_("users", "add", "moodle", *region)
    assert status == 0
    assert "Username  moodle" in out
    assert "shown this once" in out
    assert type_("users", "list", *region) == (0, "moodle\n", "")
    assert "Password" in type_("users", "password", "moodle", *region)[1]
    _, out, _ = type_("users", "remove", "moodle", *region)
    assert "Removed moodle; its models stay" in out
    assert "every request is refused" in out


def test_a_failure_is_a_sentence_and_a_status(type_):
    status, out, err = type_("users", "list", "--region", "eu-central-1")
    assert (status, out) == (1, "")
    assert err.startswith("There is no bucket of the backend in the region eu-central-1")


def test_a_missing_region_is_a_sentence(type_, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert type_("status")[2].startswith("No AWS region was chosen")


def test_the_policy_needs_no_account(capsys, monkeypatch):
    assert command.main(["policy"]) == 0
    assert json.loads(capsys.readouterr().out) == policies.deployer()


def test_status_is_shown(type_, deployed):
    assert "Function  moodle-mlbackend-production" in type_("status", "--region", "eu-central-1")[1]


def test_up_and_down_get_their_options(type_, monkeypatch):
    given = []
    monkeypatch.setattr(up, "run", lambda *arguments: given.append(arguments) or 0)
    monkeypatch.setattr(down, "run", lambda *arguments: given.append(arguments) or 0)
    type_("up", "--region", "eu-west-1", "--email", "me@site.example", "--dry-run")
    type_("up", "--region", "eu-west-1", "--reserved-concurrency", "5")
    type_("up", "--region", "eu-west-1", "--reserved-concurrency", "off")
    type_("up", "--region", "eu-west-1", "--previous")
    type_("down", "--region", "eu-west-1", "--models-too", "--yes")
    type_("down", "--region", "eu-west-1")
    assert given[0][1:] == ("me@site.example", Tools("eu-west-1"), True, None, False)
    assert [arguments[4] for arguments in given[1:3]] == [5, -1]
    assert given[3][1:] == (None, Tools("eu-west-1"), False, None, True)
    assert given[4][1:] == (Tools("eu-west-1"), True, False, None)
    assert given[5][1:] == (Tools("eu-west-1"), False, False, input)


def test_smoke_tests_each_address_and_leaves_nothing(type_, deployed, deployed_server, names):
    status, out, _ = type_("smoke", "--region", names.region)
    assert status == 0
    assert out.count("/version says 3.0.5") == 2
    assert "The server works at each of its addresses." in out
    assert users.names(deployed) == []
    left = deployed.client("s3").list_objects_v2(Bucket=names.models)["Contents"]
    assert [item["Key"] for item in left] == [KEY]


def test_smoke_tells_what_does_not_work(type_, deployed, deployed_server, names):
    deployed.client("lambda").update_function_configuration(
        FunctionName=names.function, Environment={"Variables": {BUCKET: "gone"}}
    )
    status, _, err = type_("smoke", "--region", names.region)
    assert status == 1
    assert "does not work yet" in err
    assert "Amazon S3 has no bucket" in err
    assert users.names(deployed) == []


@pytest.fixture
def over(monkeypatch):
    """Send the requests of smoke tests to a function instead of over HTTP."""

    def over(answer):
        monkeypatch.setattr(smoke, "over_http", lambda url: lambda *request: answer(url, *request))

    return over


def test_smoke_tells_an_answer_that_is_no_success(deployed, over):
    def refuse(url, method, target, headers, body):
        return Answer(200, {}, b'{"status": 8, "info": ["Too little."]}')

    over(refuse)
    with pytest.raises(smoke.errors.SmokeFailed, match=r"training answered.*Too little\."):
        smoke.run(deployed)


def test_smoke_asks_aws_over_https(deployed, over):
    asked = []

    def refuse(url, *request):
        asked.append(url)
        return Answer(403, {}, b"Forbidden")

    over(refuse)
    with pytest.raises(smoke.errors.SmokeFailed, match="403: Forbidden"):
        smoke.run(deployed)
    assert all(re.fullmatch(r"https://\w+\.lambda-url\.\S+", url) for url in asked)


def test_a_new_address_is_asked_until_it_answers(mock_account, over):
    asked = []

    def answer_later(url, method, target, headers, body):
        asked.append((url, method, target))
        return Answer(200 if len(asked) > 2 else 403, {}, b"3.0.5")

    over(answer_later)
    assert smoke.version(Address("https://x.example/production")) == "3.0.5"
    assert asked == [("https://x.example/production", "GET", "/version")] * 3


# the programs -------------------------------------------------------------------------------------


def test_a_program_gets_the_region(capfd):
    tools.run(["sh", "-c", "echo $AWS_DEFAULT_REGION"], {"AWS_DEFAULT_REGION": "eu-west-1"})
    assert capfd.readouterr().out == "eu-west-1\n"


def test_a_program_that_fails_is_told():
    with pytest.raises(tools.errors.ToolFailed, match=r"'sh -c exit 3' failed \(exit status 3\)"):
        tools.run(["/bin/sh", "-c", "exit 3"], {})


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(tools.errors.ToolMissing, match="zappa is not there"):
        tools.run(["/nowhere/zappa"], {})


def test_the_programs_are_these(names):
    commands = []
    ours = Tools(names.region, lambda command, environ: commands.append(command))
    ours.package()
    ours.deploy()
    ours.update()
    ours.undeploy()
    assert [command[1:] for command in commands] == [
        ("-m", "infra.package"),
        ("deploy", "production"),
        ("update", "production"),
        ("undeploy", "production", "--yes"),
    ]


def test_labels_differ_between_regions_where_aws_wants_them_to():
    here, there = Names("1", "eu-central-1"), Names("1", "eu-west-1")
    for name in ("models", "uploads", "role", "budget"):
        assert getattr(here, name) != getattr(there, name)


# the manual ---------------------------------------------------------------------------------------

MANUAL = (Path(__file__).parents[2] / "docs" / "deploy.md").read_text()


@pytest.mark.parametrize(
    "words",
    ["up", "status", "smoke", "down", "policy"]
    + [f"users {action}" for action in ("list", "add", "password", "remove")],
)
def test_every_command_explains_itself_and_is_in_the_manual(words, capsys):
    with pytest.raises(SystemExit):
        command.main([*words.split(), "--help"])
    assert "usage:" in capsys.readouterr().out
    assert f"python -m infra {words}" in MANUAL


def test_the_manuals_numbers_are_those_of_the_template():
    assert f"exceed {alarms.BUDGET_USD} USD" in MANUAL
    assert f"plus {template.OLD_VERSION_DAYS} days as an old version" in MANUAL
    assert f"| {template.LOG_DAYS} days |" in MANUAL
