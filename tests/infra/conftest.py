"""AWS to test with: moto, and a record of what it was asked."""

import pytest
from botocore.client import BaseClient

from infra.names import Names


@pytest.fixture
def names():
    return Names("123456789012", "eu-central-1")


@pytest.fixture
def calls(monkeypatch):
    """Every call that any client of boto3 makes: service, operation, parameters."""
    made = []
    call = BaseClient._make_api_call

    def recorded(client, operation, parameters):
        made.append((client.meta.service_model.service_name, operation, parameters))
        return call(client, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", recorded)
    return made
