"""The commands that users of Zappa know, as they type them, against moto's AWS, in their order."""

import json

import pytest
from botocore.exceptions import ClientError

from infra import function_url
from tests.aws.conftest import NAME


@pytest.fixture
def public(client):
    """Returns the statements of the function's policy that are about everybody."""

    def public():
        policy = json.loads(client("lambda").get_policy(FunctionName=NAME)["Policy"])
        return {
            statement["Sid"]: statement
            for statement in policy["Statement"]
            if statement["Principal"] == "*"
        }

    return public


def test_deploy_says_what_moodle_needs(deployed, client):
    url = client("lambda").get_function_url_config(FunctionName=NAME)["FunctionUrl"]
    (api,) = client("apigateway").get_rest_apis()["items"]
    assert f"Host          {url.removeprefix('https://').strip('/')}" in deployed
    assert f"--name=host --set={api['id']}.execute-api.us-east-1.amazonaws.com" in deployed
    assert "--name=port --set=443/production" in deployed
    assert "headroom" in deployed  # the size of what was sent


def test_deploy_leaves_no_way_past_the_function_url(deployed, public):
    assert set(public()) == {"FunctionURLAllowPublicAccess", function_url.SID}
    assert public()[function_url.SID]["InvokedViaFunctionUrl"] is True


def test_deploy_makes_what_the_settings_say(deployed, client):
    configuration = client("lambda").get_function_configuration(FunctionName=NAME)
    assert configuration["Handler"] == "handler.aws.lambda_handler"
    assert configuration["Runtime"] == "python3.13"
    assert configuration["MemorySize"] == 1769
    assert configuration["Timeout"] == 900
    variables = configuration["Environment"]["Variables"]
    assert variables["INSTANTIATE_LAMBDA_HANDLER_ON_IMPORT"] == "True"
    assert not client("events").list_rules()["Rules"]  # nothing keeps it warm
    template = client("cloudformation").get_template(StackName=NAME)["TemplateBody"]
    (api,) = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::ApiGateway::RestApi"
    ]
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_status(deployed, zappa, client):
    shown = zappa("status", "production")
    assert NAME in shown
    assert client("lambda").get_function_url_config(FunctionName=NAME)["FunctionUrl"] in shown


def test_update_keeps_the_function_closed_and_says_what_moodle_needs(deployed, zappa, public):
    shown = zappa("update", "production")
    assert "is live" in shown
    assert "--name=port --set=443/production" in shown
    assert public()[function_url.SID]["InvokedViaFunctionUrl"] is True


def test_undeploy(deployed, zappa, client):
    zappa("undeploy", "production", "--yes")
    with pytest.raises(ClientError, match="ResourceNotFound"):
        client("lambda").get_function(FunctionName=NAME)
    # moto keeps the API of a stack that is gone
    with pytest.raises(ClientError, match="does not exist"):
        client("cloudformation").describe_stacks(StackName=NAME)
