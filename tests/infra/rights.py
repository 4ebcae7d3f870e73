"""What AWS asks IAM before it does something: pairs of an action and a resource."""

import functools
import json
import re
from pathlib import Path

import botocore.session
import cfnlint

from infra.aws.resources import bucket_arn

# what only Zappa asks for, with our settings
OF_ZAPPA = {
    "cloudformation:UpdateStack",
    "cloudwatch:GetMetricStatistics",
    "events:ListRuleNamesByTarget",
    "logs:DescribeLogStreams",
}

_S3 = {
    "CompleteMultipartUpload": ["s3:PutObject"],
    "CopyObject": ["s3:GetObject", "s3:PutObject"],
    "CreateMultipartUpload": ["s3:PutObject"],
    "DeleteObjects": ["s3:DeleteObject", "s3:DeleteObjectVersion"],
    "HeadBucket": ["s3:ListBucket"],
    "HeadObject": ["s3:GetObject"],
    "ListObjectsV2": ["s3:ListBucket"],
    "ListObjectVersions": ["s3:ListBucketVersions"],
    "UploadPart": ["s3:PutObject"],
}
_BUDGETS = {"CreateBudget": "budgets:ModifyBudget", "DeleteBudget": "budgets:ModifyBudget"}


@functools.cache
def _model(service):
    return botocore.session.get_session().get_service_model(service)


def needed(names, service, operation, sent):
    """Say what IAM is asked before an operation of boto3 on what is called by `names`."""
    match service:
        case "sts":
            return []  # everybody may ask who they are
        case "s3":
            objects = sent.get("Key") or ("*" if operation == "DeleteObjects" else "")
            actions = _S3.get(operation, [f"s3:{operation}"])
            return [(action, bucket_arn(sent["Bucket"], objects)) for action in actions]
        case "lambda":
            return [(f"lambda:{operation}", names.arn("lambda", f"function:{names.function}"))]
        case "logs" if operation == "DescribeLogGroups":
            return [(f"logs:{operation}", "*")]
        case "logs":
            group = names.arn("logs", f"log-group:{sent['logGroupName']}:log-stream:")
            return [(f"logs:{operation}", group)]
        case "cloudformation":
            name = sent["StackName"]
            arn = name if ":" in name else names.arn("cloudformation", f"stack/{name}/1")
            tags = [("cloudformation:TagResource", arn)] if sent.get("Tags") else []
            return [(f"cloudformation:{operation}", arn), *tags]
        case "apigateway" | "apigatewayv2":
            model = _model(service).operation_model(operation)
            members = model.input_shape.members.items()
            parts = {part.serialization.get("name"): str(sent.get(name)) for name, part in members}
            path = re.sub(r"{(\w+)\+?}", lambda it: parts[it[1]], model.http["requestUri"])
            path = path.partition("?")[0].removeprefix("/v2")
            arn = f"arn:aws:apigateway:{names.region}::{path}"
            return [(f"apigateway:{model.http['method']}", arn)]
        case "iam" if "RoleName" in sent:
            return [(f"iam:{operation}", names.global_arn("iam", f"role/{sent['RoleName']}"))]
        case "iam":
            arn = sent.get("PolicyArn") or names.global_arn("iam", f"policy/{sent['PolicyName']}")
            return [(f"iam:{operation}", arn)]
        case "budgets":
            arn = names.global_arn("budgets", f"budget/{names.budget}")
            return [(_BUDGETS[operation], arn)]
        case "events" | "cloudwatch":
            return [(f"{service}:{operation}", "*")]
    raise AssertionError(f"{service}:{operation} is not known to be used")


def schema(resource_type):
    """Return what CloudFormation's registry says of a type of resource."""
    schemas = Path(cfnlint.__file__).parent / "data" / "schemas"
    provider = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    return json.loads((schemas / "resources" / f"{provider[resource_type]}.json").read_text())


def handlers(resource_type):
    """Return what CloudFormation does with a type of resource, by step, as its registry says."""
    steps = schema(resource_type)["handlers"]
    return {step: set(handler["permissions"]) for step, handler in steps.items()}
