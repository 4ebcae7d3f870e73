"""Who we are on AWS, and what its refusals mean."""

import re

import pytest
from botocore import exceptions as boto
from botocore.exceptions import ClientError

from infra.aws import errors
from infra.aws.account import explained, sign_in
from infra.aws.errors import CommandFailed


def refusal(code, message="It may not."):
    return ClientError({"Error": {"Code": code, "Message": message}}, "DoIt")


def denial(why):
    """A refusal as AWS words it, which says at the end what kind of policy refused."""
    return refusal(
        "AccessDenied",
        "User: arn:aws:iam::123456789012:user/x is not authorized to perform: s3:PutObject on "
        f'resource: "arn:aws:s3:::b/k" {why}',
    )


def test_the_account_and_the_region_are_known(account):
    assert account.names.account == "123456789012"
    assert account.names.region == "eu-central-1"
    assert not account.is_root


def test_the_region_of_the_environment_will_do(mock_account, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert sign_in().names.region == "eu-west-1"


def test_without_a_region_one_is_asked_for(mock_account, monkeypatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    with pytest.raises(errors.RegionMissing, match="--region eu-central-1"):
        sign_in()


def test_an_unknown_region_is_told_with_those_that_there_are(mock_account):
    with pytest.raises(errors.RegionUnknown, match=r"nowhere-1.*eu-central-1"):
        sign_in("nowhere-1")


def test_without_credentials_it_says_how_to_get_them(aws, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(errors.NoCredentials, match=r"docs/deploy\.md"):
        sign_in("eu-central-1")


def test_half_a_key_is_no_credentials(aws, monkeypatch):
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(errors.NoCredentials):
        sign_in("eu-central-1")


def test_a_profile_that_is_not_there_is_named(aws, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "work")
    with pytest.raises(errors.UnknownProfile, match='"work"'):
        sign_in("eu-central-1")


def test_no_connection_is_told(aws, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setattr("infra.aws.account._RETRIES", {"total_max_attempts": 1})
    with pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:1"):
        sign_in("eu-central-1")


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (refusal("ExpiredToken"), errors.CredentialsExpired),
        (refusal("ExpiredTokenException"), errors.CredentialsExpired),
        (boto.CredentialRetrievalError(provider="p", error_msg=""), errors.CredentialsExpired),
        (boto.TokenRetrievalError(provider="sso", error_msg=""), errors.SsoExpired),
        (boto.SSOTokenLoadError(error_msg=""), errors.SsoExpired),
        (boto.UnauthorizedSSOTokenError(), errors.SsoExpired),
        (boto.LoginRefreshRequired(), errors.LoginExpired),
        (boto.LoginTokenLoadError(error_msg=""), errors.LoginExpired),
        (
            boto.MissingDependencyException(
                msg="Using the login credential provider requires an additional dependency."
            ),
            errors.LoginUnreadable,
        ),
        (refusal("RequestTimeTooSkewed"), errors.ClockWrong),
        (
            refusal(
                "SignatureDoesNotMatch",
                "Signature expired: 20261124T101010Z is now earlier than 20261124T120000Z",
            ),
            errors.ClockWrong,
        ),
        (
            refusal(
                "InvalidSignatureException",
                "Signature not yet current: 20261124T140000Z is still later than 20261124T120000Z",
            ),
            errors.ClockWrong,
        ),
        (refusal("InvalidClientTokenId"), errors.CredentialsWrong),
        (refusal("SignatureDoesNotMatch"), errors.CredentialsWrong),
        (refusal("UnrecognizedClientException"), errors.CredentialsWrong),
        (refusal("AccessDenied"), errors.Denied),
        (refusal("AccessDeniedException"), errors.Denied),
        (refusal("403", ""), errors.Denied),
        (denial("because no identity-based policy allows the s3:PutObject action"), errors.Denied),
        (
            denial("with an explicit deny in a service control policy"),
            errors.DeniedByOrganization,
        ),
        (
            denial("because no service control policy allows the s3:PutObject action"),
            errors.DeniedByOrganization,
        ),
        (
            denial("because no permissions boundary allows the s3:PutObject action"),
            errors.DeniedByBoundary,
        ),
        (denial("with an explicit deny in an identity-based policy"), errors.DeniedByPolicy),
        (refusal("OptInRequired"), errors.AccountNotReady),
        (refusal("SubscriptionRequiredException"), errors.AccountNotReady),
        (boto.ConnectTimeoutError(endpoint_url="https://sts"), errors.Unreachable),
        (refusal("InternalFailure"), errors.AwsFault),
        (boto.WaiterError(name="w", reason="too long", last_response={}), errors.AwsFault),
        (errors.Busy(), errors.Busy),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_aws_says_is_explained(error, meaning):
    assert type(explained(error, "eu-central-1")) is meaning


def test_the_owners_rights_are_recognised(account):
    root = type(account)(account.names, "arn:aws:iam::123456789012:root", None)
    assert root.is_root


OF_OURS = set(CommandFailed.__subclasses__()) - {errors.BadUserName}  # which quotes handler's


@pytest.mark.parametrize("kind", sorted(OF_OURS, key=str), ids=lambda kind: kind.__name__)
def test_every_error_is_a_whole_sentence(kind):
    facts = dict.fromkeys(re.findall(r"{(\w+)}", kind.sentence), "something")
    assert re.match(r"[A-Z{']", kind.sentence)
    assert re.search(r"[.}]$", str(kind.sentence))
    assert "{" not in str(kind(**facts))
