"""What everything on AWS is called, derived from the account and the region: nothing is looked up.

The same names are used each time, which is what makes every command safe to run again.
"""

from __future__ import annotations

from dataclasses import dataclass

PROJECT = "moodle-mlbackend"
STAGE = "production"
FUNCTION = f"{PROJECT}-{STAGE}"  # as Zappa makes it of project_name and stage

TAGS = {"Project": PROJECT}  # of all that can be tagged, to find it and what it costs

# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html, and mx-central-1, for which
# CloudFormation's registry has none.
WITHOUT_FUNCTION_URLS = (
    *("ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
    *("ap-southeast-7", "ca-west-1", "eu-central-2", "eu-south-2", "il-central-1", "me-central-1"),
    "mx-central-1",
)


@dataclass(frozen=True)
class Names:
    """The names in one region of one account.

    Parameters
    ----------
    account : str
        The account's twelve digits.
    region : str
        For instance ``eu-central-1``.
    """

    account: str
    region: str

    stack = PROJECT
    api_stack = FUNCTION  # Zappa's own stack, which holds the API Gateway
    function = FUNCTION
    log_group = f"/aws/lambda/{FUNCTION}"
    topic = f"{PROJECT}-alarms"
    alarms = PROJECT  # how the alarms' names begin
    alarm_stack = f"{PROJECT}-alarms"
    boundary = f"{PROJECT}-boundary"

    @property
    def models(self) -> str:
        """The bucket that keeps the models; with the account's number, as no two may be alike."""
        return f"{PROJECT}-{self.account}-{self.region}"

    @property
    def uploads(self) -> str:
        """The bucket through which Zappa hands the code to Lambda."""
        return f"{self.models}-zappa"

    @property
    def role(self) -> str:
        """The function's role; with the region, as roles are known in all of them."""
        return f"{PROJECT}-{self.region}"

    @property
    def budget(self) -> str:
        """The budget; with the region, as budgets are known in all of them."""
        return f"{PROJECT}-{self.region}"

    def arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this region of this account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, service: str, resource: str) -> str:
        """Return the ARN of something in this account that is known in all regions."""
        return f"arn:aws:{service}::{self.account}:{resource}"


def bucket_arn(bucket: str, objects: str = "") -> str:
    """Return the ARN of a bucket, or of objects in it."""
    return f"arn:aws:s3:::{bucket}" + (f"/{objects}" if objects else "")
