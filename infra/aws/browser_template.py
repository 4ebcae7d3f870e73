"""The complete CloudFormation template, for whoever has a browser and nothing else.

What `infra up` lets Zappa make is in it, too. Bucket, role, log and alarms are those of
`infra.aws.template`; names that hold the account and the region are left to CloudFormation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from handler.settings import BUCKET
from infra import ROOT
from infra.aws import alarms, installer, policies, template
from infra.aws.resources import STAGE, TAGS, WITHOUT_FUNCTION_URLS, Names

Resource = dict[str, Any]

NAMES = Names("${AWS::AccountId}", "${AWS::Region}")
_SECRETS = "moodle-mlbackend-password-"
_PASSWORD = _SECRETS + "${UserName}"
_INSTALLER = "moodle-mlbackend-installer"
_INSTALLER_SECONDS = 600

# Types that take tags. `infra up` tags its whole stack; here nobody could be relied on to do so.
_TAG_LIST = [{"Key": key, "Value": value} for key, value in TAGS.items()]
_TAGGED = {
    "AWS::ApiGatewayV2::Api": TAGS,
    "AWS::ApiGatewayV2::Stage": TAGS,
    "AWS::CloudWatch::Alarm": _TAG_LIST,
    "AWS::IAM::Role": _TAG_LIST,
    "AWS::Lambda::Function": _TAG_LIST,
    "AWS::Logs::LogGroup": _TAG_LIST,
    "AWS::SNS::Topic": _TAG_LIST,
}


@dataclass(frozen=True)
class Release:
    """What a template belongs to.

    Parameters
    ----------
    version : str
    address : str
        Where the zips lie, ``https://…`` or ``s3://…``; empty: the admin must say.
    digests : mapping of str to str
        SHA-256 of the zip by Lambda's name for the processor it is for, hexadecimal.
    """

    version: str
    address: str
    digests: Mapping[str, str]

    def file(self, architecture: str) -> str:
        """Return the name of a zip for Lambda."""
        return f"moodle-mlbackend-{self.version}-lambda-{architecture}.zip"


def browser_template(release: Release) -> dict[str, Any]:
    """Return the template of a release."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": f"Moodle's machine learning backend {release.version}, complete",
        "Metadata": {"AWS::CloudFormation::Interface": _form()},
        "Parameters": _parameters(release),
        "Mappings": {
            "Release": {
                _key(architecture): {
                    "Architecture": architecture,
                    "File": release.file(architecture),
                    "Sha256": digest,
                    "Key": f"code/{release.version}-{architecture}-{digest[:12]}.zip",
                }
                for architecture, digest in release.digests.items()
            }
        },
        "Conditions": _conditions(),
        "Resources": _resources(),
        "Outputs": _outputs(),
    }


def as_yaml(value: Mapping[str, Any]) -> str:
    """Return a template as text to read: several lines stay several lines."""
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return text


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _form() -> Resource:
    """What CloudFormation's page asks, in groups."""

    def group(label: str, *names: str) -> Resource:
        return {"Label": {"default": label}, "Parameters": list(names)}

    labels = {
        "UserName": "Name of the user",
        "Email": "E-mail address for alarms",
        "Source": "Where the program lies",
        "Architecture": "Processor",
        "MemorySize": "Memory in MB",
    }
    return {
        "ParameterGroups": [
            group("For Moodle", "UserName", "Email"),
            group("Advanced: leave these as they are", "Source", "Architecture", "MemorySize"),
        ],
        "ParameterLabels": {name: {"default": label} for name, label in labels.items()},
    }


def _parameters(release: Release) -> Resource:
    source = {
        "Type": "String",
        "AllowedPattern": r"(https|s3)://[^\s]*[^\s/]",
        "ConstraintDescription": "begins with https:// or s3:// and ends without a slash",
        "Description": "The folder that holds the zip of this release: https://... or s3://bucket",
    }
    return {
        "UserName": {
            "Type": "String",
            "Default": "moodle",
            "AllowedPattern": "[A-Za-z0-9_-]{1,64}",
            "ConstraintDescription": "letters, digits, _ and - only, as Moodle takes no others",
            "Description": "Moodle signs in under this name; its password is made for you.",
        },
        "Email": {
            "Type": "String",
            "Default": "",
            "AllowedPattern": r"([^@\s]+@[^@\s]+)?",
            "ConstraintDescription": "an e-mail address, or nothing",
            "Description": "Gets a mail when something fails; empty: nobody does.",
        },
        "Source": source | ({"Default": release.address} if release.address else {}),
        "Architecture": {
            "Type": "String",
            "Default": _key("x86_64"),
            "AllowedValues": [_key(architecture) for architecture in release.digests],
            "Description": "What the function runs on.",
        },
        "MemorySize": {
            "Type": "Number",
            "Default": _zappa()["memory_size"],
            "MinValue": 512,
            "MaxValue": 10240,
            "Description": "1769 MB are one processor; new accounts allow 3008 MB at most.",
        },
    }


def _zappa() -> Resource:
    """What Zappa would give the function."""
    settings: Resource = json.loads((ROOT / "zappa_settings.json").read_text())[STAGE]
    return settings


def _conditions() -> Resource:
    regions = [{"Fn::Equals": [{"Ref": "AWS::Region"}, name]} for name in WITHOUT_FUNCTION_URLS]
    some, others = regions[:5], regions[5:]  # one Or takes ten at most
    return {
        "HasEmail": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Email"}, ""]}]},
        "LacksFunctionUrls": {"Fn::Or": [{"Fn::Or": some}, {"Fn::Or": others}]},
        "HasFunctionUrls": {"Fn::Not": [{"Condition": "LacksFunctionUrls"}]},
    }


def _resources() -> Resource:
    resources = {
        "InstallerLog": _installer_log(),
        "InstallerRole": _installer_role(),
        "Installer": _installer(),
        "Models": _custom(
            "Bucket",
            Name=NAMES.models,
            Settings=json.dumps(bucket_calls(NAMES)),
            Tags=_TAG_LIST,
        ),
        "Code": _custom(
            "Code",
            Bucket={"Ref": "Models"},
            Key=_of_release("Key"),
            Source={"Fn::Join": ["/", [{"Ref": "Source"}, _of_release("File")]]},
            Sha256=_of_release("Sha256"),
        ),
        "User": _custom(
            "User", Bucket={"Ref": "Models"}, Name={"Ref": "UserName"}, PasswordParameter=_PASSWORD
        ),
        "Role": template.role(NAMES),
        "Log": template.log(NAMES),
        "Function": _function(),
        "FunctionUrl": {
            "Type": "AWS::Lambda::Url",
            "Condition": "HasFunctionUrls",
            "Properties": {"TargetFunctionArn": {"Ref": "Function"}, "AuthType": "NONE"},
        },
        "OpenFunctionUrl": _permission("lambda:InvokeFunctionUrl", FunctionUrlAuthType="NONE"),
        "InvokeThroughUrl": _permission("lambda:InvokeFunction", InvokedViaFunctionUrl=True),
        **template.http_api(NAMES),
        **_alarms(),
    }
    for resource in resources.values():
        if tags := _TAGGED.get(resource["Type"]):
            resource["Properties"] |= {"Tags": tags}
    substituted: Resource = _substituted(resources)
    return substituted


def _key(architecture: str) -> str:
    """Return what a mapping can call a processor, as it takes no underscore."""
    return architecture.replace("_", "-")


def _of_release(name: str) -> Resource:
    return {"Fn::FindInMap": ["Release", {"Ref": "Architecture"}, name]}


def _custom(kind: str, **properties: Any) -> Resource:
    """Return a resource that the installer makes."""
    return {
        "Type": f"Custom::{kind}",
        # the installer must still be there, with its rights, when the stack is deleted
        "DependsOn": ["InstallerRole", "InstallerLog"],
        "Properties": {
            "ServiceToken": {"Fn::GetAtt": ["Installer", "Arn"]},
            "ServiceTimeout": _INSTALLER_SECONDS,
            **properties,
        },
    }


def _function() -> Resource:
    zappa = _zappa()
    return {
        "Type": "AWS::Lambda::Function",
        "DependsOn": ["Log", "User"],
        "Properties": {
            "FunctionName": NAMES.function,
            "Description": zappa["lambda_description"],
            "Role": {"Fn::GetAtt": ["Role", "Arn"]},
            "Code": {"S3Bucket": {"Ref": "Models"}, "S3Key": {"Ref": "Code"}},
            "Handler": zappa["lambda_handler"],
            "Runtime": zappa["runtime"],
            "Architectures": [_of_release("Architecture")],
            "MemorySize": {"Ref": "MemorySize"},
            "Timeout": zappa["timeout_seconds"],
            "Environment": {
                "Variables": zappa["aws_environment_variables"] | {BUCKET: {"Ref": "Models"}}
            },
        },
    }


def _permission(action: str, **condition: Any) -> Resource:
    return {
        "Type": "AWS::Lambda::Permission",
        "Condition": "HasFunctionUrls",
        "Properties": {
            "FunctionName": {"Ref": "Function"},
            "Principal": "*",
            "Action": action,
            **condition,
        },
    }


def _alarms() -> Resource:
    resources: Resource = alarms.template(NAMES, "${HttpApi}")["Resources"]
    resources["FailuresInLog"]["DependsOn"] = "Log"
    return {name: it | {"Condition": "HasEmail"} for name, it in resources.items()}


def _installer() -> Resource:
    return {
        "Type": "AWS::Lambda::Function",
        "DependsOn": "InstallerLog",
        "Properties": {
            "FunctionName": _INSTALLER,
            "Description": "Sets the backend up: bucket, program, user; runs with the stack only",
            "Role": {"Fn::GetAtt": ["InstallerRole", "Arn"]},
            "Code": {"ZipFile": Path(installer.__file__).read_text()},
            "Handler": "index.handler",
            "Runtime": _zappa()["runtime"],
            "MemorySize": 512,
            "Timeout": _INSTALLER_SECONDS,
        },
    }


def _installer_log() -> Resource:
    log = template.log(NAMES)
    name = {"LogGroupName": f"/aws/lambda/{_INSTALLER}"}
    return log | {"Properties": log["Properties"] | name}


def _installer_role() -> Resource:
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "What setting up Moodle's machine learning backend may do",
            "AssumeRolePolicyDocument": policies.installer_trust(),
            "Policies": [
                {
                    "PolicyName": "bucket-program-user",
                    "PolicyDocument": policies.installer_access(NAMES, _INSTALLER, f"{_SECRETS}*"),
                }
            ],
        },
    }


def bucket_calls(names: Names) -> dict[str, dict[str, Any]]:
    """Return the calls of S3 that give a bucket what the stack of `infra up` gives it.

    Returns
    -------
    dict
        Arguments, all but the bucket, by the name of boto3's method.
    """
    properties = template.models_bucket(names)["Properties"]
    encryption = [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    ]
    return {
        "put_bucket_encryption": {"ServerSideEncryptionConfiguration": {"Rules": encryption}},
        "put_public_access_block": {
            "PublicAccessBlockConfiguration": properties["PublicAccessBlockConfiguration"]
        },
        "put_bucket_ownership_controls": {"OwnershipControls": properties["OwnershipControls"]},
        "put_bucket_versioning": {"VersioningConfiguration": properties["VersioningConfiguration"]},
        "put_bucket_lifecycle_configuration": {
            "LifecycleConfiguration": {
                "Rules": list(map(_lifecycle_rule, properties["LifecycleConfiguration"]["Rules"]))
            }
        },
        "put_bucket_policy": {"Policy": json.dumps(policies.tls_only(names.models))},
    }


def _lifecycle_rule(rule: Mapping[str, Any]) -> Resource:
    """Return a rule as S3 takes it, which groups what CloudFormation keeps side by side."""
    known = dict(rule)
    expiration = {
        name: known.pop(key)
        for key, name in (
            ("ExpirationInDays", "Days"),
            ("ExpiredObjectDeleteMarker", "ExpiredObjectDeleteMarker"),
        )
        if key in known
    }
    renamed = {"ID": known.pop("Id"), "Filter": {"Prefix": known.pop("Prefix", "")}}
    return known | renamed | ({"Expiration": expiration} if expiration else {})


def _substituted(value: Any) -> Any:
    """Let CloudFormation fill in what of a text it knows only there."""
    if isinstance(value, str):
        return {"Fn::Sub": value} if "${" in value else value
    if isinstance(value, list):
        return [_substituted(item) for item in value]
    if isinstance(value, dict):
        return {name: _substituted(item) for name, item in value.items()}
    return value


def _outputs() -> Resource:
    console = "https://${AWS::Region}.console.aws.amazon.com/systems-manager/parameters"
    host = "${HttpApi}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    values = {
        "Host": (host, "For Moodle's form: the host, which allows 30 seconds for a request"),
        "Port": ("443", "For Moodle's form: the port, with HTTPS"),
        "Username": ("${UserName}", "For Moodle's form: the username"),
        "Password": (
            f"{console}/{_PASSWORD}/description?region=${{AWS::Region}}",
            "Open this and choose 'Show decrypted value' to see the password; within a day",
        ),
        "PluginLine": (
            f"https://${{UserName}}:PASSWORD@{host}",
            "For the plugin 'serverless', with the password in place of PASSWORD",
        ),
    }
    outputs = {
        name: {"Value": _substituted(value), "Description": description}
        for name, (value, description) in values.items()
    }
    url = {"Fn::Select": [2, {"Fn::Split": ["/", {"Fn::GetAtt": ["FunctionUrl", "FunctionUrl"]}]}]}
    outputs["HostForLongRequests"] = {
        "Condition": "HasFunctionUrls",
        "Value": url,
        "Description": "Another host for the same, which allows 15 minutes for a request",
    }
    return outputs
