"""What each process of these tests has in memory when it begins, so that it begins at once."""

import botocore.session
from botocore.loaders import create_loader

import handler.report
import mlcore.blend  # noqa: F401
import tests.reliability.processes  # noqa: F401
from tests.reliability.models import undrawn

_read = {}


def _create_loader(*arguments):
    loader = create_loader(*arguments)
    loader._cache = _read
    return loader


# boto3's descriptions of S3 are read once, here.
botocore.session.create_loader = _create_loader
botocore.session.get_session().create_client(
    "s3", "us-east-1", aws_access_key_id="testing", aws_secret_access_key="testing"
)
# How an evaluation's log is stored does not depend on its charts, which take half a second.
handler.report.evaluation_log = undrawn
