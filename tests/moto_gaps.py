"""What AWS does and moto does not (yet), and our commands rely on."""

from moto.cloudformation.responses import CloudFormationResponse
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
