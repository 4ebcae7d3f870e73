"""The function's policy, as moto holds it after what Zappa writes."""

import io
import json
import zipfile

import boto3
import pytest
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
