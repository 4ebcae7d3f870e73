"""The AWS account: who we are in it, and what its refusals mean."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore import exceptions as boto
from botocore.config import Config

from infra.aws import errors
from infra.aws.errors import CommandFailed
from infra.aws.resources import Names

_RETRIES = {"mode": "standard", "total_max_attempts": 5}

_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
_WRONG = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "403"}
# of SignatureDoesNotMatch and InvalidSignatureException
_OF_CLOCKS = ("Signature expired", "Signature not yet current")
_NOT_READY = {"NotSignedUp", "OptInRequired", "SubscriptionRequiredException"}


@dataclass(frozen=True)
class Account:
    """An account in which we may work, in one region.

    Attributes
    ----------
    names : Names
    user : str
        ARN of who we are.
    """

    names: Names
    user: str
    _session: Any = field(repr=False)

    def client(self, service: str) -> Any:
        """Return a client of boto3."""
        return self._session.client(service, config=Config(retries=_RETRIES))

    @property
    def is_root(self) -> bool:
        """Whether these are the rights of the account's owner, which nothing limits."""
        return self.user.endswith(":root")


def sign_in(region: str | None = None) -> Account:
    """Find out whose account it is, with the credentials that boto3 finds by itself.

    Parameters
    ----------
    region : str, optional
        Otherwise that of the environment or the profile.

    Raises
    ------
    CommandFailed
        When there are no credentials, AWS refuses them, or the region is none.
    """
    try:
        session = boto3.session.Session(region_name=region)
        known = session.get_available_regions("lambda")
        if not session.region_name:
            raise errors.RegionMissing
        if session.region_name not in known:
            raise errors.RegionUnknown(region=session.region_name, known=", ".join(known))
        return of_session(session)
    except (boto.BotoCoreError, boto.ClientError) as error:
        raise explained(error, region) from error


def of_session(session: Any) -> Account:
    """Find out whose account a session of boto3 is in."""
    sts = session.client("sts", config=Config(retries=_RETRIES))
    caller = sts.get_caller_identity()
    return Account(Names(caller["Account"], session.region_name), caller["Arn"], session)


def unless_gone(
    ask: Callable[..., Any], gone: Container[str], **what: Any
) -> dict[str, Any] | None:
    """Return what AWS answers; None where it says that there is no such thing.

    Parameters
    ----------
    ask : callable
        A method of a client of boto3.
    gone : container of str
        The codes with which it says so.
    **what : object
        What to ask about.
    """
    try:
        answer: dict[str, Any] = ask(**what)
    except boto.ClientError as error:
        if error.response["Error"]["Code"] in gone:
            return None
        raise
    return answer


def explained(error: Exception, region: str | None = None) -> CommandFailed:
    """Return what an error of boto3 means."""
    match error:
        case CommandFailed():
            return error
        case boto.ProfileNotFound():
            return errors.UnknownProfile(profile=error.kwargs["profile"])
        case boto.NoCredentialsError() | boto.PartialCredentialsError():
            return errors.NoCredentials()
        case boto.TokenRetrievalError() | boto.SSOError() | boto.NoAuthTokenError():
            return errors.SsoExpired()
        case boto.LoginError():
            return errors.LoginExpired()
        case boto.MissingDependencyException() if "login" in str(error):
            return errors.LoginUnreadable()
        case boto.CredentialRetrievalError():
            return errors.CredentialsExpired()
        case boto.ClientError():
            return _refusal(error, region)
        case boto.ConnectionError() | boto.HTTPClientError():
            return errors.Unreachable(reason=f"{error}.")
    return errors.AwsFault(reason=f"{error} ({type(error).__name__}).")


def _refusal(error: boto.ClientError, region: str | None) -> CommandFailed:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    if code == "RequestTimeTooSkewed" or any(words in message for words in _OF_CLOCKS):
        return errors.ClockWrong(reason=message)
    if code in _EXPIRED:
        return errors.CredentialsExpired()
    if code in _WRONG:
        return errors.CredentialsWrong(region=region or "that was chosen")
    if code in _NOT_READY:
        return errors.AccountNotReady(reason=message)
    if code in _DENIED:
        return _denial(message)(reason=message or f"{error.operation_name} ({code})")
    return errors.AwsFault(reason=f"{message} ({error.operation_name}: {code}).")


def _denial(message: str) -> type[CommandFailed]:
    """Return what kind of policy refused, which AWS tells at the end of its message.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    if "service control policy" in message or "resource control policy" in message:
        return errors.DeniedByOrganization
    if "permissions boundary" in message:
        return errors.DeniedByBoundary
    if "explicit deny" in message:
        return errors.DeniedByPolicy
    return errors.Denied
