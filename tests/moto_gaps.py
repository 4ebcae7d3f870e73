"""What AWS does and moto does not (yet), and our commands rely on."""

import hashlib
import json

from moto.awslambda.exceptions import PreconditionFailedException
from moto.awslambda.models import LambdaFunction
from moto.cloudformation.responses import CloudFormationResponse
from moto.s3.models import FakeBucket, s3_backends


def know_revisions(monkeypatch):
    """Give each state of a function a RevisionId, and refuse changes that expect another one."""
    read, update = LambdaFunction.get_configuration, LambdaFunction.update_configuration

    def revision(lambda_function):
        state = json.dumps(read(lambda_function), sort_keys=True, default=str)
        return hashlib.md5(state.encode()).hexdigest()

    def get_configuration(lambda_function, *arguments, **options):
        found = read(lambda_function, *arguments, **options)
        return found | {"RevisionId": revision(lambda_function)}

    def update_configuration(lambda_function, updates):
        if updates.get("RevisionId", revision(lambda_function)) != revision(lambda_function):
            raise PreconditionFailedException("The RevisionId provided does not match.")
        return update(lambda_function, updates)

    monkeypatch.setattr(LambdaFunction, "get_configuration", get_configuration)
    monkeypatch.setattr(LambdaFunction, "update_configuration", update_configuration)


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
