"""The CloudFormation template: everything on AWS that is not Zappa's, as a plain value.

Names are written out rather than left to CloudFormation: it can take over a bucket that an earlier
installation left behind only where the template names it literally.
"""

from __future__ import annotations

from typing import Any

from handler.models.reports import FOLDER
from handler.settings import MAX_REPORT_DAYS
from infra.aws import policies
from infra.aws.resources import FUNCTION, Names

LOG_DAYS = 30
OLD_VERSION_DAYS = 30
UPLOAD_DAYS = 7

# of an API, in requests; a Moodle sends a few each night
RATE = 10  # a second
BURST = 20

Resource = dict[str, Any]


def template(names: Names) -> dict[str, Any]:
    """Return the template for a region of an account: what the server cannot be without."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "Moodle's machine learning backend: buckets, role, log and HTTP API",
        "Resources": {
            "Models": models_bucket(names),
            "ModelsPolicy": _models_policy(names),
            "Uploads": _uploads_bucket(names),
            "UploadsPolicy": _tls_only(names.uploads, "Uploads"),
            "Role": _bounded(role(names), names),
            "Log": log(names),
            **http_api(names),
        },
    }


def models_bucket(names: Names) -> Resource:
    """Return the bucket for the models."""
    return {
        "Type": "AWS::S3::Bucket",
        # Nothing that happens to the stack may cost a model.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            **_private(names.models),
            # An object that was changed or removed can be had back for a while.
            "VersioningConfiguration": {"Status": "Enabled"},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "old-versions",
                        "Status": "Enabled",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": OLD_VERSION_DAYS},
                        # of removed objects, once their last version is gone
                        "ExpiredObjectDeleteMarker": True,
                    },
                    # of models that were deleted, see handler/models/reports.py
                    {
                        "Id": "kept-reports",
                        "Status": "Enabled",
                        "Prefix": f"{FOLDER}/",
                        "ExpirationInDays": MAX_REPORT_DAYS,
                    },
                    _abort_uploads(),
                ]
            },
        },
    }


def _uploads_bucket(names: Names) -> Resource:
    return {
        "Type": "AWS::S3::Bucket",
        # As CloudFormation cannot delete a bucket with something in it, `down` does.
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            **_private(names.uploads),
            "LifecycleConfiguration": {
                "Rules": [
                    # Lambda has a copy of its own as soon as the function is deployed; what is
                    # kept to go back to has another name.
                    {
                        "Id": "uploads",
                        "Status": "Enabled",
                        "Prefix": f"{FUNCTION}-",
                        "ExpirationInDays": UPLOAD_DAYS,
                    },
                    _abort_uploads(),
                ]
            },
        },
    }


def _private(bucket: str) -> dict[str, Any]:
    return {
        "BucketName": bucket,
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
    }


def _abort_uploads() -> dict[str, Any]:
    return {
        "Id": "incomplete-uploads",
        "Status": "Enabled",
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
    }


def _tls_only(bucket: str, resource: str) -> Resource:
    return {
        "Type": "AWS::S3::BucketPolicy",
        "DependsOn": resource,
        "Properties": {"Bucket": bucket, "PolicyDocument": policies.tls_only(bucket)},
    }


def _models_policy(names: Names) -> Resource:
    # as long as there is the bucket
    kept = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
    return kept | _tls_only(names.models, "Models")


def role(names: Names) -> Resource:
    """Return the function's role."""
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": names.role,
            "Description": "What Moodle's machine learning backend may do",
            "AssumeRolePolicyDocument": policies.function_trust(),
            "Policies": [
                {
                    "PolicyName": "models-and-log",
                    "PolicyDocument": policies.function_access(names),
                }
            ],
        },
    }


def log(names: Names) -> Resource:
    """Return the function's log group."""
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {"LogGroupName": names.log_group, "RetentionInDays": LOG_DAYS},
    }


def _bounded(role: Resource, names: Names) -> Resource:
    arn = names.global_arn("iam", f"policy/{names.boundary}")
    return role | {"Properties": role["Properties"] | {"PermissionsBoundary": arn}}


def http_api(names: Names) -> dict[str, Resource]:
    """Return the API Gateway whose bare host fits Moodle's form, by name.

    It takes the function's role to call the function, rather than a right in the function's own
    policy: the function need not be there yet, and may be made anew.
    """
    api = {"Ref": "HttpApi"}
    return {
        "HttpApi": {
            "Type": "AWS::ApiGatewayV2::Api",
            "Properties": {
                "Name": names.function,
                "Description": "Moodle's machine learning backend",
                "ProtocolType": "HTTP",
            },
        },
        "HttpApiIntegration": {
            "Type": "AWS::ApiGatewayV2::Integration",
            "Properties": {
                "ApiId": api,
                "IntegrationType": "AWS_PROXY",
                "IntegrationUri": names.arn("lambda", f"function:{names.function}"),
                "CredentialsArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "PayloadFormatVersion": "2.0",
                "TimeoutInMillis": 30_000,  # the most that there is
            },
        },
        "HttpApiRoute": {
            "Type": "AWS::ApiGatewayV2::Route",
            "Properties": {
                "ApiId": api,
                "RouteKey": "$default",
                "Target": {"Fn::Join": ["/", ["integrations", {"Ref": "HttpApiIntegration"}]]},
            },
        },
        "HttpApiStage": {
            "Type": "AWS::ApiGatewayV2::Stage",
            "Properties": {
                "ApiId": api,
                "StageName": "$default",
                "AutoDeploy": True,
                "DefaultRouteSettings": {
                    "ThrottlingRateLimit": RATE,
                    "ThrottlingBurstLimit": BURST,
                },
            },
        },
    }
