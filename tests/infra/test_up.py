"""From an empty account to a working server, from any state in between, and back."""

import re
import sys
from pathlib import Path

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from handler.auth.known_users import KEY
from handler.auth.users import VARIABLE
from infra.aws import (
    alarms,
    down,
    errors,
    function,
    parts,
    releases,
    smoke,
    stack,
    status,
    up,
    users,
)
from infra.aws.account import sign_in
from infra.aws.tools import Tools
from tests.infra.conftest import FakeTools

PACKAGE = f"{Path(sys.executable).name} -m infra.package"


@pytest.fixture
def really_bring_up(account, tools, deployed_server):
    """Run the command, and let its test reach a server."""

    def really_bring_up(email=None, dry_run=False):
        return up.run(account, email, tools, dry_run)

    return really_bring_up


@pytest.fixture
def bring_up(account, tools, monkeypatch):
    """Run the command without the test at its end."""
    monkeypatch.setattr(smoke, "run", lambda account: None)

    def bring_up(email=None, dry_run=False):
        return up.run(account, email, tools, dry_run)

    return bring_up


def variables(account):
    return function.configuration(account)["Environment"]["Variables"]


def stored_users(account):
    found = account.client("s3").get_object(Bucket=account.names.models, Key=KEY)
    return found["Body"].read().decode()


def password_in(printed):
    return re.search(r"Password +(\S+)", printed)[1]


def test_from_nothing_to_a_working_server(really_bring_up, account, zappa, names, capsys):
    assert really_bring_up() == 0
    printed = capsys.readouterr().out
    assert zappa.commands == [PACKAGE, "zappa deploy production"]
    assert stack.status(account, account.names.stack) == "CREATE_COMPLETE"
    assert variables(account)["MOODLE_MLBACKEND_PYTHON_S3_BUCKET_NAME"] == names.models
    assert VARIABLE not in variables(account)
    assert re.fullmatch(r"moodle:sha256:[0-9a-f]{32}:[0-9a-f]{64}", stored_users(account))
    assert printed.count("/version says 3.0.5") == 3
    assert printed.count("prediction: ") == 3
    assert status.stored(account).models == 0, "the test's models are removed"
    password = password_in(printed)
    assert len(password) >= 20
    settings = printed[printed.index("Moodle reaches") :]
    for address in function.addresses(account):
        assert f"--name=host --set={address.host}\n" in settings
    assert "--name=port --set=443/production\n" in settings
    assert settings.count(f"--name=password --set={password}\n") == 3


def test_no_secret_reaches_the_settings_or_the_log(really_bring_up, account, settings_file, capsys):
    really_bring_up()
    printed = capsys.readouterr().out
    hashed = stored_users(account)
    for text in (settings_file.read_text(), printed):
        assert "sha256" not in text
        assert hashed not in text
    assert password_in(printed) not in settings_file.read_text()


def test_again_it_updates_and_keeps_users_and_models(bring_up, account, zappa, names, capsys):
    bring_up()
    before = variables(account), stored_users(account)
    boto3.client("s3").put_object(Bucket=names.models, Key="models/u/m/d/model.json", Body=b"{}")
    zappa.commands.clear()
    capsys.readouterr()
    assert bring_up() == 0
    assert "zappa update production" in zappa.commands
    assert "zappa deploy production" not in zappa.commands
    assert (variables(account), stored_users(account)) == before
    assert status.stored(account).models == 1
    printed = capsys.readouterr().out
    assert "shown this once" not in printed
    assert "nothing to change" in printed
    assert "Password      PASSWORD" in printed


@pytest.mark.parametrize(
    ("tool", "part", "again"),
    [
        ("package", "it", "zappa deploy production"),
        ("deploy", "function", "zappa deploy production"),
        ("deploy", "api", "zappa update production"),
    ],
)
def test_after_a_failure_it_says_what_there_is_and_can_be_run_again(
    bring_up, account, zappa, capsys, tool, part, again
):
    def fail(reached):
        if reached == part:
            raise errors.ToolFailed(command="it", status=3)

    zappa.broken[tool] = fail
    with pytest.raises(errors.ToolFailed):
        bring_up()
    printed = capsys.readouterr().out
    assert "It stopped here. What there is now:" in printed
    assert re.search(r"  Stack +(none|CREATE_COMPLETE)", printed)
    assert "'python -m infra up' again" in printed
    zappa.broken.clear()
    zappa.commands.clear()
    assert bring_up() == 0
    assert again in zappa.commands
    assert len(function.addresses(account)) == 3
    assert users.names(account) == ["moodle"]


def test_a_failed_smoke_test_is_told_and_the_user_stays(
    really_bring_up, account, monkeypatch, capsys
):
    def break_down(*_):
        raise OSError("out of order")

    monkeypatch.setattr(smoke, "over_http", lambda url: break_down)
    with pytest.raises(errors.SmokeFailed, match="out of order"):
        really_bring_up()
    assert users.names(account) == ["moodle"]
    assert "Password" in capsys.readouterr().out


def addresses(account):
    return {address.name: address.host for address in function.addresses(account)}


def delete_the_stack(account):
    account.client("cloudformation").delete_stack(StackName=account.names.api_stack)


def delete_the_api(account):
    api = function.rest_api(account).host.partition(".")[0]
    account.client("apigateway").delete_rest_api(restApiId=api)


@pytest.mark.parametrize("break_it", [delete_the_stack, delete_the_api])
def test_a_broken_api_is_made_anew_and_costs_neither_function_nor_users(
    bring_up, account, zappa, break_it, capsys
):
    bring_up()
    users.add(account, "second")
    before, kept = addresses(account), (variables(account), stored_users(account))
    break_it(account)
    assert before.items() - addresses(account).items() == {("REST API", before["REST API"])}
    zappa.commands.clear()
    capsys.readouterr()
    bring_up(dry_run=True)
    assert "make its API Gateway anew, under another address (zappa update production)" in (
        capsys.readouterr().out
    )
    bring_up()
    assert zappa.commands == [PACKAGE, "zappa update production"]
    assert (variables(account), stored_users(account)) == kept
    assert [name for name in before if addresses(account)[name] != before[name]] == ["REST API"]
    last = capsys.readouterr().out.splitlines()[-2:]
    assert last[0].startswith("ATTENTION: AN ADDRESS HAS CHANGED.")
    assert re.fullmatch(r"  REST API: was https://\S+/production, is now https://\S+", last[1])
    bring_up()
    assert "ATTENTION" not in capsys.readouterr().out


def test_a_missing_function_is_made_anew_behind_the_same_api_with_the_same_users(
    bring_up, account, zappa, names, capsys
):
    bring_up()
    before, kept = addresses(account), stored_users(account)
    account.client("lambda").delete_function(FunctionName=names.function)
    zappa.commands.clear()
    capsys.readouterr()
    bring_up()
    printed = capsys.readouterr().out
    assert "behind the address of API Gateway that is there" in printed
    assert f"function URL: was https://{before['function URL']}, is now https://" in printed
    assert zappa.commands == [PACKAGE, "zappa deploy production"]
    assert stored_users(account) == kept
    for name in ("HTTP API", "REST API"):
        assert addresses(account)[name] == before[name]


def delete_the_role(account):
    iam, name = account.client("iam"), account.names.role
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    iam.delete_role(RoleName=name)


def delete_the_models(account):
    down._delete_bucket(account, account.names.models)


def delete_the_uploads(account):
    down._delete_bucket(account, account.names.uploads)


def delete_the_log(account):
    account.client("logs").delete_log_group(logGroupName=account.names.log_group)


def delete_the_http_api(account):
    account.client("apigatewayv2").delete_api(ApiId=function.http_api_id(account))


PARTS = [
    (delete_the_role, "the function's role"),
    (delete_the_models, "the bucket for the models"),
    (delete_the_uploads, "the bucket for uploading the code"),
    (delete_the_log, "the function's log"),
    (delete_the_http_api, "the HTTP API"),
]


@pytest.mark.parametrize(("delete", "name"), PARTS)
def test_what_somebody_deleted_is_made_anew(bring_up, account, capsys, delete, name):
    bring_up()
    before = addresses(account)
    delete(account)
    assert [stack.PLAIN_NAMES[part] for part in parts.missing(account)] == [name]
    capsys.readouterr()
    bring_up(dry_run=True)
    assert f"make anew what somebody has deleted: {name}\n" in capsys.readouterr().out
    bring_up()
    printed = capsys.readouterr().out
    assert parts.missing(account) == []
    assert users.names(account) == ["moodle"]
    changed = {kind for kind, host in addresses(account).items() if host != before[kind]}
    assert changed == ({"HTTP API"} if delete is delete_the_http_api else set())
    assert ("AN ADDRESS HAS CHANGED" in printed) == bool(changed)
    assert ("choose Clear predictions" in printed) == (delete is delete_the_models)
    assert ("shown this once" in printed) == (delete is delete_the_models)


def test_a_stack_that_somebody_deleted_is_made_anew(bring_up, account, zappa, names, capsys):
    bring_up()
    users.add(account, "second")
    account.client("cloudformation").delete_stack(StackName=names.stack)
    assert function.http_api(account) is None
    zappa.code = "later"
    bring_up()
    assert users.names(account) == ["moodle", "second"]
    assert len(function.addresses(account)) == 3
    assert "HTTP API: was https://" in capsys.readouterr().out
    assert releases.previous(account).content == "first"


def test_what_cloudformation_does_not_make_anew_is_told(bring_up, account, monkeypatch):
    bring_up()
    delete_the_role(account)
    monkeypatch.setattr(stack, "apply", lambda *_: None)
    with pytest.raises(errors.PartsMissing, match=r"anew: the function's role\. Run 'python -m"):
        bring_up()


def test_an_interrupted_run_says_what_there_is(bring_up, zappa, capsys):
    def interrupt(part):
        raise KeyboardInterrupt

    zappa.broken["deploy"] = interrupt
    with pytest.raises(KeyboardInterrupt):
        bring_up()
    assert "What there is now" in capsys.readouterr().out


def test_a_refusal_by_aws_is_explained(bring_up, account, monkeypatch):
    refusal = {"Error": {"Code": "AccessDenied", "Message": "You may not iam:CreateRole."}}

    def refuse(*_):
        raise ClientError(refusal, "CreateChangeSet")

    monkeypatch.setattr(stack, "apply", refuse)
    with pytest.raises(errors.Denied, match=r"(?s)You may not iam:CreateRole.*infra policy"):
        bring_up()


DRY_RUN = """\
AWS account 123456789012, region eu-central-1.
Nothing is changed now. Without --dry-run this would be done:
1. Build the code for AWS Lambda and check it
2. Make the stack "moodle-mlbackend": the buckets moodle-mlbackend-123456789012-eu-central-1 and \
moodle-mlbackend-123456789012-eu-central-1-zappa, the role moodle-mlbackend-eu-central-1, a log \
that is kept for 30 days, and an HTTP API whose address fits Moodle's form
3. Write these names into zappa_account.json, for Zappa
4. Make the function moodle-mlbackend-production and its addresses (zappa deploy production)
5. Make the user "moodle" with a random password, which is shown once
6. Test each address with a small training and prediction
7. Set up alarms on errors and on more than 5 USD a month to me@site.example
8. Print what to enter in Moodle
"""


def changes(calls):
    reading = ("Describe", "Get", "List", "Head", "Filter")
    return [operation for _, operation, _ in calls if not operation.startswith(reading)]


def test_a_dry_run_says_what_would_be_done_and_does_nothing(bring_up, zappa, calls, capsys):
    assert bring_up("me@site.example", dry_run=True) == 0
    assert capsys.readouterr().out == DRY_RUN
    assert not changes(calls)
    assert not zappa.commands


def test_a_dry_run_knows_what_is_there(bring_up, calls, capsys):
    bring_up()
    capsys.readouterr()
    calls.clear()
    bring_up(dry_run=True)
    printed = capsys.readouterr().out
    assert 'Bring up to date the stack "moodle-mlbackend"' in printed
    assert "(zappa update production)" in printed
    assert "Keep the users as they are" in printed
    assert not changes(calls)


def budgets(account):
    found = account.client("budgets").describe_budgets(AccountId=account.names.account)
    return [budget["BudgetName"] for budget in found["Budgets"]]


def mailbox(account):
    (found,) = account.client("sns").list_subscriptions()["Subscriptions"]
    return found["Endpoint"]


def test_alarms_are_remembered_moved_and_ended(bring_up, account, names):
    bring_up("me@site.example")
    bring_up()
    assert mailbox(account) == "me@site.example"
    assert budgets(account) == [names.budget]
    bring_up("you@site.example")
    assert mailbox(account) == "you@site.example"
    assert budgets(account) == [names.budget]
    bring_up("")
    assert not alarms.are_on(account)
    assert not budgets(account)


def test_a_refused_budget_undoes_nothing(bring_up, account, monkeypatch, capsys):
    def refuse(*_):
        refusal = {"Error": {"Code": "AccessDeniedException", "Message": "No budgets for you."}}
        raise ClientError(refusal, "CreateBudget")

    monkeypatch.setattr(alarms, "_renew_budget", refuse)
    assert bring_up("me@site.example") == 0
    printed = capsys.readouterr().out
    assert "Not done: AWS refused this: No budgets for you." in printed
    assert printed.index("Not done") < printed.index("Moodle reaches")
    assert stack.status(account, account.names.stack) == "CREATE_COMPLETE"
    assert len(function.addresses(account)) == 3


# down ---------------------------------------------------------------------------------------------


@pytest.fixture
def take_down(account, tools):
    def take_down(models_too=False, dry_run=False, answer="yes"):
        return down.run(account, tools, models_too, dry_run, lambda question: answer)

    return take_down


@pytest.fixture
def with_models(bring_up, names):
    bring_up()
    client = boto3.client("s3")
    client.put_bucket_versioning(
        Bucket=names.models, VersioningConfiguration={"Status": "Enabled"}
    )  # which moto does not take from the template
    for _ in range(2):
        client.put_object(Bucket=names.models, Key="models/u/m/d/model.json", Body=b"{}")
    client.delete_object(Bucket=names.models, Key="models/u/m/d/model.json")
    client.put_object(Bucket=names.models, Key="models/u/n/d/model.json", Body=b"{}")


def buckets():
    return [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]]


def test_down_removes_all_but_the_models(
    with_models, take_down, account, zappa, names, settings_file, capsys
):
    assert take_down() == 0
    assert "zappa undeploy production --yes" in zappa.commands
    assert stack.status(account, account.names.stack) is None
    assert function.configuration(account) is None
    assert buckets() == [names.models]
    assert (
        "remains with the users and 1 model, 0.0 MB, which costs less than 0.01 USD"
        in capsys.readouterr().out
    )
    assert not settings_file.exists()


def test_up_takes_the_models_of_an_earlier_installation_into_use_again(
    with_models, take_down, bring_up, account
):
    take_down()
    assert bring_up() == 0
    assert status.stored(account).models == 1


def test_down_with_models_leaves_nothing(with_models, take_down, capsys):
    assert take_down(models_too=True, answer="delete the models") == 0
    assert buckets() == []
    printed = capsys.readouterr().out
    assert "nothing costs anything" in printed
    assert "The IAM policy moodle-mlbackend-boundary remains" in printed


@pytest.mark.parametrize(("models_too", "answer"), [(False, "n"), (False, ""), (True, "yes")])
def test_down_does_nothing_without_a_clear_yes(with_models, take_down, calls, models_too, answer):
    calls.clear()
    assert take_down(models_too=models_too, answer=answer) == 1
    assert not changes(calls)


def test_down_dry_says_what_would_be_done(with_models, take_down, calls, capsys):
    capsys.readouterr()
    calls.clear()
    assert take_down(models_too=True, dry_run=True) == 0
    assert capsys.readouterr().out == DOWN_DRY_RUN
    assert not changes(calls)


DOWN_DRY_RUN = """\
AWS account 123456789012, region eu-central-1.
Nothing is changed now. Without --dry-run this would be done:
1. Delete the function moodle-mlbackend-production and its addresses (zappa undeploy production)
2. Delete the stack "moodle-mlbackend": the role, the log and the HTTP API; the models and the \
users stay
3. Delete the bucket moodle-mlbackend-123456789012-eu-central-1-zappa, through which code was \
uploaded
4. Delete the bucket moodle-mlbackend-123456789012-eu-central-1 with the users and every model in \
it (1 model, 0.0 MB), for good
"""


def test_down_goes_on_where_it_stopped(with_models, take_down, zappa, account, capsys):
    def fail(part):
        raise errors.ToolFailed(command="zappa", status=1)

    zappa.broken["undeploy"] = fail
    with pytest.raises(errors.ToolFailed):
        take_down()
    printed = capsys.readouterr().out
    assert "What there is now" in printed
    assert "'python -m infra down' again" in printed
    zappa.broken.clear()
    assert take_down() == 0
    assert take_down() == 0
    assert stack.status(account, account.names.stack) is None


def test_down_removes_what_is_left_where_the_function_was_deleted_by_hand(
    bring_up, take_down, account, names
):
    bring_up()
    account.client("lambda").delete_function(FunctionName=names.function)
    assert take_down() == 0
    assert stack.status(account, names.api_stack) is None


def test_down_in_an_empty_account(take_down, capsys):
    assert take_down() == 0
    printed = capsys.readouterr().out
    assert "There is nothing to remove." in printed
    assert "IAM policy" not in printed


def test_the_account_s_names_are_kept_beside_the_project_and_go(bring_up, take_down, settings_file):
    bring_up()
    assert settings_file.exists()
    take_down()
    assert not settings_file.exists()


def test_a_region_without_function_urls_is_known_before_anything_is_made(
    mock_account, monkeypatch, capsys
):
    account = sign_in("eu-central-2")
    zappa = FakeTools(account.names)
    monkeypatch.setattr(smoke, "run", lambda account: None)
    assert up.run(account, None, Tools("eu-central-2", zappa), dry_run=False) == 0
    printed = capsys.readouterr().out
    told = printed.index("Lambda has no function URLs in this region.")
    assert told < printed.index("[1/")
    assert [address.name for address in function.addresses(account)] == ["HTTP API", "REST API"]
    assert "1. HTTP API, where a request may take 30 seconds." in printed


@pytest.mark.parametrize("forbidden", ["GetFunctionUrlConfig", None])
def test_where_function_urls_are_forbidden_the_http_api_comes_first(
    bring_up, account, zappa, monkeypatch, capsys, forbidden
):
    """Zappa is told to go on without one, see test_function_url."""
    call = BaseClient._make_api_call

    def or_refuse(client, operation, parameters):
        if operation == "CreateFunctionUrlConfig":
            return {}
        if operation == forbidden:
            text = "You may not, with an explicit deny in a service control policy"
            refusal = {"Error": {"Code": "AccessDeniedException", "Message": text}}
            raise ClientError(refusal, operation)
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", or_refuse)
    assert bring_up() == 0
    assert [address.name for address in function.addresses(account)] == ["HTTP API", "REST API"]
    assert "1. HTTP API, where a request may take 30 seconds." in capsys.readouterr().out


def test_what_was_made_from_the_browser_is_left_alone(
    bring_up, take_down, account, names, calls, zappa
):
    bring_up()
    arn = function.configuration(account)["FunctionArn"]
    tag = {"aws:cloudformation:stack-name": "moodle"}
    account.client("lambda").tag_resource(Resource=arn, Tags=tag)
    calls.clear()
    zappa.commands.clear()
    for command in (bring_up, take_down, lambda: bring_up(dry_run=True)):
        with pytest.raises(errors.MadeFromBrowser, match='the stack "moodle"'):
            command()
    assert not changes(calls)
    assert not zappa.commands


def reserved(account, names):
    found = account.client("lambda").get_function_concurrency(FunctionName=names.function)
    return found.get("ReservedConcurrentExecutions")


def test_concurrency_is_reserved_where_that_is_asked_for(account, tools, bring_up, names):
    bring_up()
    assert reserved(account, names) is None
    assert up.run(account, None, tools, dry_run=False, concurrency=5) == 0
    bring_up()
    assert reserved(account, names) == 5
    up.run(account, None, tools, dry_run=False, concurrency=-1)
    assert reserved(account, names) is None


def test_concurrency_that_is_refused_undoes_nothing(account, bring_up, tools, monkeypatch, capsys):
    def refuse(*_):
        raise errors.ConcurrencyRefused(number=5, reason="Too few remain.")

    bring_up()
    monkeypatch.setattr(function, "reserve", refuse)
    assert up.run(account, None, tools, dry_run=False, concurrency=5) == 0
    assert "Not done: AWS does not reserve 5" in capsys.readouterr().out
