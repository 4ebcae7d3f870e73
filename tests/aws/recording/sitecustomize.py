"""Python imports this when it starts: notes each call of boto3 in a file."""

import json
import os
from pathlib import Path

try:
    from botocore.client import BaseClient
except ImportError:  # an interpreter that has nothing to do with AWS
    BaseClient = None

if BaseClient and "RECORD_CALLS" in os.environ:
    call = BaseClient._make_api_call

    def noted(client, operation, parameters):
        service = client.meta.service_model.service_name
        line = json.dumps([service, operation, parameters], default=str)
        with Path(os.environ["RECORD_CALLS"]).open("a") as record:
            record.write(f"{line}\n")
        return call(client, operation, parameters)

    BaseClient._make_api_call = noted
