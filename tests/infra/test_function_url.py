"""The function's policy, as moto holds it after what Zappa writes."""

import io
import json
import zipfile

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from moto import mock_aws
from zappa.core import Zappa

from infra.aws import function_url

FUNCTION = "moodle-mlbackend-production"
ROLE = {"Version": "2012-10-17", "Statement": []}


@pytest.fixture
def client(aws):
    """Lambda, with a function whose URL Zappa has opened."""
    with mock_aws():
        role = boto3.client("iam").create_role(
            RoleName="role", AssumeRolePolicyDocument=json.dumps(ROLE)
        )
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("handler.py", "")
        client = boto3.client("lambda")
        client.create_function(
            FunctionName=FUNCTION,
            Runtime="python3.13",
            Handler="handler.aws.lambda_handler",
            Role=role["Role"]["Arn"],
            Code={"ZipFile": code.getvalue()},
        )
        zappa = Zappa(load_credentials=False)
        zappa.lambda_client = client
        zappa.update_function_url_policy(FUNCTION, {"authorizer": "NONE"})
        client.add_permission(
            FunctionName=FUNCTION,
            StatementId="other",
            Action="lambda:InvokeFunction",
            Principal="apigateway.amazonaws.com",
        )
        yield client


def statements(client):
    policy = json.loads(client.get_policy(FunctionName=FUNCTION)["Policy"])
    return {statement["Sid"]: statement for statement in policy["Statement"]}


def test_zappa_lets_every_account_invoke_the_function(client):
    """When it no longer does, infra.aws.function_url can go."""
    statement = statements(client)[function_url.SID]
    assert statement["Principal"] == "*"
    assert statement["Action"] == "lambda:InvokeFunction"
    assert "InvokedViaFunctionUrl" not in statement


def test_the_public_may_invoke_the_function_through_its_url_only(client):
    before = statements(client)
    assert function_url.narrow(client, FUNCTION)
    after = statements(client)
    assert after[function_url.SID]["InvokedViaFunctionUrl"] is True
    assert after.pop(function_url.SID)["Action"] == "lambda:InvokeFunction"
    before.pop(function_url.SID)
    assert after == before


def test_narrowing_again_changes_nothing(client):
    function_url.narrow(client, FUNCTION)
    before = statements(client)
    assert not function_url.narrow(client, FUNCTION)
    assert statements(client) == before


# where it is forbidden ----------------------------------------------------------------------------

SENTENCES = [
    "with an explicit deny in a service control policy",
    "because no service control policy allows the {action} action",
    "with an explicit deny in an identity-based policy",
    "because no permissions boundary allows the {action} action",
]


@pytest.fixture
def forbid(monkeypatch):
    """Makes AWS refuse these operations of Lambda, in such words."""

    def forbid(why, *operations):
        call = BaseClient._make_api_call

        def or_refuse(client, operation, parameters):
            if operation in operations:
                action = f"lambda:{operation}"
                text = (
                    f"User: me is not authorized to perform: {action} {why.format(action=action)}"
                )
                refusal = {"Error": {"Code": "AccessDeniedException", "Message": text}}
                raise ClientError(refusal, operation)
            return call(client, operation, parameters)

        monkeypatch.setattr(BaseClient, "_make_api_call", or_refuse)

    return forbid


@pytest.fixture
def zappa(client):
    """Zappa on a function without a URL, as the callbacks change it."""
    for sid in ("FunctionURLAllowPublicAccess", function_url.SID):
        client.remove_permission(FunctionName=FUNCTION, StatementId=sid)
    zappa = Zappa(load_credentials=False)
    zappa.lambda_client = client
    function_url.do_without_where_forbidden(zappa)
    return zappa


def deploy_url(zappa):
    config = {"authorizer": "NONE", "cors": None}
    zappa.deploy_lambda_function_url(function_name=FUNCTION, function_url_config=config)


@pytest.mark.parametrize("why", SENTENCES)
def test_a_forbidden_url_is_told_and_gone_without(zappa, forbid, capsys, why):
    forbid(why, "CreateFunctionUrlConfig")
    deploy_url(zappa)
    printed = capsys.readouterr().out
    assert "forbidden: User: me is not authorized to perform: lambda:CreateFunctionUrl" in printed
    assert "Moodle uses the HTTP API instead" in printed


def test_a_url_that_may_not_be_opened_is_taken_away(zappa, client, forbid):
    forbid(SENTENCES[0], "AddPermission")
    deploy_url(zappa)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_function_url_config(FunctionName=FUNCTION)


def test_a_url_that_was_open_before_stays(zappa, client, forbid, capsys):
    deploy_url(zappa)
    forbid(SENTENCES[0], "CreateFunctionUrlConfig")
    deploy_url(zappa)
    assert "The function URL stays as it is" in capsys.readouterr().out
    assert client.get_function_url_config(FunctionName=FUNCTION)


def test_a_right_that_is_merely_missing_stops_as_ever(zappa, forbid):
    forbid("because no identity-based policy allows the action", "CreateFunctionUrlConfig")
    with pytest.raises(ClientError):
        deploy_url(zappa)
