"""What can go wrong with a command that uses AWS: each error says what happened and what to do."""

from __future__ import annotations

from typing import ClassVar


class CommandFailed(Exception):
    """A command cannot go on.

    Parameters
    ----------
    **facts : object
        What the placeholders of `sentence` stand for.

    Attributes
    ----------
    sentence : str
        What the user reads.
    """

    sentence: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        super().__init__(self.sentence.format(**facts))


# credentials and region ---------------------------------------------------------------------------


class NoCredentials(CommandFailed):
    sentence = (
        "No AWS access key was found. Make one as docs/deploy.md shows, then type 'export "
        "AWS_ACCESS_KEY_ID=...' and 'export AWS_SECRET_ACCESS_KEY=...', and try again."
    )


class UnknownProfile(CommandFailed):
    sentence = (
        'AWS_PROFILE names the profile "{profile}", which is not in ~/.aws/config or '
        "~/.aws/credentials. Correct it, or type 'unset AWS_PROFILE'."
    )


class CredentialsExpired(CommandFailed):
    sentence = (
        "The AWS credentials have expired. Get new ones where you got these, then run the same "
        "command again: it goes on where it stopped."
    )


class SsoExpired(CommandFailed):
    sentence = (
        "The sign-in with AWS SSO (IAM Identity Center) has expired: type 'aws sso login', with "
        "--profile where AWS_PROFILE names one, then run the same command again."
    )


class LoginExpired(CommandFailed):
    sentence = (
        "The sign-in with 'aws login' has expired or cannot be used: type 'aws login', then run "
        "the same command again."
    )


class LoginUnreadable(CommandFailed):
    sentence = (
        "This program cannot read the credentials that 'aws login' keeps: type 'eval \"$(aws "
        "configure export-credentials --format env)\"', then run the same command again."
    )


class ClockWrong(CommandFailed):
    sentence = (
        "AWS says that this machine's clock is wrong: {reason}\nSet it (on Linux 'sudo timedatectl "
        "set-ntp true'; under WSL 'sudo hwclock --hctosys'), then run the same command again."
    )


class CredentialsWrong(CommandFailed):
    sentence = (
        "AWS does not accept this access key in the region {region}. Check that both of its parts "
        "were copied whole, that it was not deleted or deactivated, and that this machine's clock "
        "is right. Some regions must also be enabled first, in the AWS console under Account."
    )


class RegionMissing(CommandFailed):
    sentence = (
        "No AWS region was chosen: add --region, for instance --region eu-central-1 (Frankfurt), "
        "or type 'export AWS_DEFAULT_REGION=eu-central-1'. The students' data stays in that region."
    )


class RegionUnknown(CommandFailed):
    sentence = (
        'There is no AWS region "{region}" that has Lambda. Choose one of: {known}. Others, such '
        "as those in China, are accounts of another kind, which this command does not know."
    )


class Denied(CommandFailed):
    sentence = (
        "AWS refused this: {reason}\nThe person whose access key this is needs the rights that "
        "'python -m infra policy' prints: attach them to the user in the AWS console under IAM, "
        "then run the same command again."
    )


class DeniedByOrganization(CommandFailed):
    sentence = (
        "The organization that this AWS account belongs to forbids this: {reason}\nNo right given "
        "in the account itself helps. Ask whoever manages the organization to exempt the account "
        "from that policy, or use another region or account."
    )


class DeniedByBoundary(CommandFailed):
    sentence = (
        "The permissions boundary of this user does not let it do this: {reason}\nThe boundary "
        "must allow it as well as the user's policy: ask whoever set the boundary to add what "
        "'python -m infra policy' prints."
    )


class DeniedByPolicy(CommandFailed):
    sentence = (
        "A policy of this account forbids this, whatever others allow: {reason}\nMost often it "
        "wants a second factor (MFA): type 'aws sts get-session-token --serial-number ... "
        "--token-code ...', export the three values that it answers, then run the same command "
        "again. Otherwise ask whoever manages the account."
    )


class AccountNotReady(CommandFailed):
    sentence = (
        "AWS has not activated this account yet: {reason}\nCheck in the AWS console under Billing "
        "that a payment method is there. Activation can take a day; then run the same command "
        "again."
    )


class Unreachable(CommandFailed):
    sentence = (
        "AWS could not be reached: {reason} Check this machine's connection (and AWS_ENDPOINT_URL, "
        "where it is set), then run the same command again."
    )


class AwsFault(CommandFailed):
    sentence = (
        "AWS answered: {reason} Run the same command again in some minutes; if it says so again, "
        "the words in brackets are what to search for."
    )


# the stack ----------------------------------------------------------------------------------------


class StackFailed(CommandFailed):
    sentence = (
        'The stack "{stack}" could not be changed, and AWS took back what it had begun. The '
        "reasons it gives:\n{reasons}"
    )


class StackStuck(CommandFailed):
    sentence = (
        'The stack "{stack}" is in the state {status}, out of which AWS lets only a person help '
        "it: open CloudFormation in the AWS console, choose the stack, and choose Stack actions > "
        "Continue update rollback (or Delete). Then run the same command again."
    )


class PartsMissing(CommandFailed):
    sentence = (
        'The stack "{stack}" had made these, somebody has deleted them, and CloudFormation did not '
        "make them anew: {parts}. Run 'python -m infra down', which keeps the models and users "
        "that there are, and then 'python -m infra up'; the addresses change."
    )


class BoundaryDiffers(CommandFailed):
    sentence = (
        'There is an IAM policy "{policy}" in this account that is not what this version makes. An '
        "administrator deletes it in the AWS console under IAM, Policies (after 'python -m infra "
        "down' where roles use it); then run the same command again, which makes it anew."
    )


# the function and its users -----------------------------------------------------------------------


class NotDeployed(CommandFailed):
    sentence = (
        "There is no function in the region {region} of this account. Run 'python -m infra up' "
        "first, or choose the region in which you did with --region."
    )


class MadeFromBrowser(CommandFailed):
    sentence = (
        'The backend in this region was made from the browser, with the stack "{stack}". A region '
        'takes one of the two ways: go on with that stack as docs/deploy.md says under "From the '
        'browser"; or delete it in the AWS console under CloudFormation and run the same command '
        "again, which takes the models over, makes a new user, and has other addresses."
    )


class NothingThere(CommandFailed):
    sentence = (
        "There is no bucket of the backend in the region {region} of this account. Run 'python -m "
        "infra up' first, or choose the region in which you did with --region."
    )


class Busy(CommandFailed):
    sentence = (
        "Someone else keeps changing the users at this moment. Nothing was changed; try again in a "
        "minute."
    )


class BadUserName(CommandFailed):
    sentence = "{reason}"


class UserExists(CommandFailed):
    sentence = (
        "There is a user {name} already: 'python -m infra users password {name}' gives it a new "
        "password."
    )


class NoSuchUser(CommandFailed):
    sentence = "There is no user {name}. There are: {known}."


# going back ---------------------------------------------------------------------------------------


class NothingBefore(CommandFailed):
    sentence = (
        "There is no earlier code to go back to: it is kept when other code is deployed over it. "
        "Check out the earlier version with git instead, and run 'python -m infra up' there."
    )


class ModelsTooNew(CommandFailed):
    sentence = (
        "The code before today's (deployed {deployed}) cannot read what newer code has stored of: "
        "{models}. Nothing was changed. Stay with today's code; or, for each of these, choose "
        "Clear predictions in Moodle under Analytics models, then run the same command again: "
        "Moodle trains them anew from all of its data."
    )


# other programs and answers -----------------------------------------------------------------------


class ToolMissing(CommandFailed):
    sentence = "The program {program} is not there: type 'make setup', then try again."


class ToolFailed(CommandFailed):
    sentence = "'{command}' failed (exit status {status}); what it printed above says why."


class SettingsUnreadable(CommandFailed):
    sentence = (
        "{file} is not JSON as it should be. Correct it, or get zappa_settings.json back as it was "
        "with 'git checkout zappa_settings.json' and delete zappa_account.json, which is made "
        "anew; then run the same command again."
    )


class ConcurrencyRefused(CommandFailed):
    sentence = (
        "AWS does not reserve {number} of the account's concurrent executions: {reason} New "
        "accounts have few, of which some must stay unreserved. Ask for more in the AWS console "
        "under Service Quotas, AWS Lambda, Concurrent executions; all else works meanwhile."
    )


class SmokeFailed(CommandFailed):
    sentence = (
        "The deployed server does not work yet at {address}: {reason}\nWait a minute and try "
        "'python -m infra smoke'; 'python -m infra status' shows the function's last errors."
    )
