"""What AWS does and moto does not (yet), and our commands rely on."""

import inspect

from botocore import xform_name
from moto.apigatewayv2.models import apigatewayv2_backends
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.common_models import CloudFormationModel
from moto.iam.models import iam_backends
from moto.logs.models import logs_backends
from moto.s3.models import FakeBucket, s3_backends


def take_over_buckets(monkeypatch):
    """Let a stack take over a bucket that exists, as with ImportExistingResources."""
    create = FakeBucket.create_from_cloudformation_json.__func__

    def create_or_take_over(cls, resource_name, cloudformation_json, account_id, region_name, **_):
        existing = s3_backends[account_id]["aws"].buckets.get(resource_name)
        return existing or create(cls, resource_name, cloudformation_json, account_id, region_name)

    monkeypatch.setattr(
        FakeBucket, "create_from_cloudformation_json", classmethod(create_or_take_over)
    )


def allow_change_sets_without_changes(monkeypatch):
    """Let a change set without changes be made, and fail afterwards, instead of refusing it."""
    monkeypatch.setattr(CloudFormationResponse, "_validate_different_update", lambda *_: None)


def revert_drift(monkeypatch):
    """Let a change set that is to revert drift make anew what was deleted past the stack."""
    create = CloudFormationResponse.create_change_set

    def create_and_look(response):
        answer = create(response)
        if response._get_param("DeploymentMode") == "REVERT_DRIFT":
            change = list(response.cloudformation_backend.change_sets.values())[-1]
            resources = change.stack.resource_map
            gone = [name for name in resources._resource_json_map if _is_gone(resources, name)]
            for name in gone:
                del resources._parsed_resources[name], resources._resource_json_map[name]
            if gone:
                change.status, change.execution_status = "CREATE_COMPLETE", "AVAILABLE"
        return answer

    monkeypatch.setattr(CloudFormationResponse, "create_change_set", create_and_look)


def _is_gone(resources, name):
    account, region = resources._account_id, resources._region_name
    part = resources._parsed_resources[name]
    match resources._resource_json_map[name]["Type"]:
        case "AWS::S3::Bucket":
            return part.name not in s3_backends[account]["aws"].buckets
        case "AWS::IAM::Role":
            return part.id not in iam_backends[account]["aws"].roles
        case "AWS::Logs::LogGroup":
            return part.name not in logs_backends[account][region].groups
        case kind if kind.startswith("AWS::ApiGatewayV2::"):
            api = resources._parsed_resources.get("HttpApi")
            apis = apigatewayv2_backends[account][region].apis
            return api is None or api.physical_resource_id not in apis
    return False


# parts of stacks ----------------------------------------------------------------------------------


def _made(create, given):
    """Call what creates something in moto with what a template says; the rest is None."""
    names = inspect.signature(create).parameters
    return create(**{name: given.get(name) for name in names})


class _Part:
    """A part of a stack that moto's CloudFormation does not know."""

    def __init__(self, identifier):
        self.physical_resource_id = identifier

    @staticmethod
    def cloudformation_name_type():
        return ""

    @classmethod
    def has_cfn_attr(cls, attr):
        return False

    @property
    def is_created(self):
        return True

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name, cloudformation_json, account_id, region_name, **_
    ):
        properties = cloudformation_json["Properties"]
        given = {xform_name(key): properties[key] for key in properties}
        return cls(cls.make(account_id, region_name, given))

    @classmethod
    def update_from_cloudformation_json(cls, original_resource, *_, **__):
        return original_resource

    @classmethod
    def delete_from_cloudformation_json(cls, *_):
        """It goes with its API."""


class HttpApi(_Part, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::ApiGatewayV2::Api"

    @staticmethod
    def make(account_id, region_name, given):
        backend = apigatewayv2_backends[account_id][region_name]
        return _made(backend.create_api, given | {"tags": {}}).api_id

    @classmethod
    def delete_from_cloudformation_json(cls, resource_name, _, account_id, region_name):
        apigatewayv2_backends[account_id][region_name].apis.pop(resource_name, None)


class HttpApiIntegration(_Part, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::ApiGatewayV2::Integration"

    @staticmethod
    def make(account_id, region_name, given):
        backend = apigatewayv2_backends[account_id][region_name]
        return _made(backend.create_integration, given).id


class HttpApiRoute(_Part, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::ApiGatewayV2::Route"

    @staticmethod
    def make(account_id, region_name, given):
        backend = apigatewayv2_backends[account_id][region_name]
        return _made(backend.create_route, given).route_id


class HttpApiStage(_Part, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::ApiGatewayV2::Stage"

    @staticmethod
    def make(account_id, region_name, given):
        backend = apigatewayv2_backends[account_id][region_name]
        config = {"stageName": given["stage_name"], "autoDeploy": given["auto_deploy"]}
        config["defaultRouteSettings"] = given["default_route_settings"]
        return backend.create_stage(given["api_id"], config).name


class BucketPolicy(_Part, CloudFormationModel):
    """Without effect, as moto disregards conditions and would refuse everything."""

    @staticmethod
    def cloudformation_type():
        return "AWS::S3::BucketPolicy"

    @staticmethod
    def make(account_id, region_name, given):
        return given["bucket"]


class Alarm(_Part, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::CloudWatch::Alarm"

    @staticmethod
    def make(account_id, region_name, given):
        return given["alarm_name"]


class MetricFilter(_Part, CloudFormationModel):
    @staticmethod
    def cloudformation_type():
        return "AWS::Logs::MetricFilter"

    @staticmethod
    def make(account_id, region_name, given):
        return f"{given['log_group_name']}-failures"
