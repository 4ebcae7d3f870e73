"""Up, use, update, down on a real AWS account.

To be run with `make test ARGS="--aws tests/aws/test_real_account.py"`. It costs some cents at most,
takes some ten minutes, and removes all that it made. The access key and the region come from the
environment. An installation that is there already is not touched: the test refuses to begin.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from infra.aws import function, stack, status, users
from infra.aws.account import sign_in
from infra.lab.course import Course
from infra.local.client import Moodle, over_http

PROJECT = Path(__file__).parents[2]
MODEL = {"uniqueid": "real-account", "dirhash": "execution"}
LARGE = {"uniqueid": "real-account-large", "dirhash": "execution"}
MAILBOX = "success@simulator.amazonses.com"  # AWS's own, which takes mail and forgets it


def infra(*words):
    """Run a command as its user does, and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "infra", *words], cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


@pytest.fixture(scope="module", autouse=True)
def _only_when_asked_for(pytestconfig):
    if not pytestconfig.getoption("--aws"):
        pytest.skip("needs an AWS account: add --aws")


@pytest.fixture(scope="module")
def account():
    return sign_in()


@pytest.fixture(scope="module")
def printed(account):
    """What `up` prints in an account without anything; afterwards all is removed again."""
    if (
        stack.status(account, account.names.stack)
        or function.configuration(account)
        or status.stored(account)
    ):
        pytest.fail("There is an installation in this region: choose another one for this test.")
    try:
        yield infra("up", "--email", MAILBOX)
    finally:
        infra("down", "--models-too", "--yes")
    assert stack.status(account, account.names.stack) is None
    assert status.stored(account) is None


@pytest.fixture
def addresses(account, printed):
    found = function.addresses(account)
    assert len(found) == 3
    return found


@pytest.fixture
def ways(addresses, printed):
    """Clients with the first user's password, one for each way in."""
    password = re.search(r"Password +(\S+)", printed)[1]
    return [Moodle(over_http(address.url), "moodle", password, **MODEL) for address in addresses]


def file_of(megabytes):
    """A dataset that makes a request of about so many MB."""
    course = Course()
    rows = course.labelled(1_000)
    return course.labelled(int(1_000 * megabytes * 1e6 / len(rows)))


def test_it_tested_itself_and_printed_the_settings(printed, addresses):
    assert printed.count("/version says 3.0.5") == 3
    assert addresses[0].host in printed
    assert "443/production" in printed


def test_what_one_way_in_learned_the_other_knows(ways):
    course = Course(noise=0.2)
    ways[0].train(course.labelled(300))
    unlabelled = course.unlabelled(20)
    answers = [way.prediction(unlabelled).json for way in ways]
    assert answers[0]["status"] == 0
    assert all(answer == answers[0] for answer in answers)


def test_files_and_zips_arrive_unharmed(ways):
    for way in ways:
        exported = way.export().content
        assert exported.startswith(b"PK")
        copy = way.but(uniqueid="real-account-copy")
        assert copy.import_(exported).content == b"Ok"
        assert copy.export().content == exported


@pytest.mark.parametrize("way", [0, 1])
def test_lambdas_limit_is_where_the_documentation_says(ways, way):
    large = ways[way].but(**LARGE)
    large.train(file_of(4.6))
    assert large.training(file_of(4.9)).status == 413


def test_a_whole_evaluation_fits_into_the_gateways_time(ways):
    answer = ways[-1].but(**LARGE).evaluation(file_of(4.5)).json
    assert answer["status"] in (0, 4, 8, 12)


def test_the_function_may_write_its_log_and_the_log_ends(account, ways):
    logs = account.client("logs")
    (group,) = logs.describe_log_groups(logGroupNamePrefix=account.names.log_group)["logGroups"]
    assert group["retentionInDays"] == 30
    for _ in range(12):
        if logs.describe_log_streams(logGroupName=account.names.log_group)["logStreams"]:
            return
        time.sleep(5)
    pytest.fail("the function wrote nothing")


def test_buckets_are_closed(account, printed):
    s3 = account.client("s3")
    for bucket in (account.names.models, account.names.uploads):
        block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
        assert set(block.values()) == {True}
    assert s3.get_bucket_versioning(Bucket=account.names.models)["Status"] == "Enabled"


def test_the_role_may_do_no_more_than_the_policy_says(account, printed):
    iam = account.client("iam")
    assert not iam.list_attached_role_policies(RoleName=account.names.role)["AttachedPolicies"]
    names = iam.list_role_policies(RoleName=account.names.role)["PolicyNames"]
    assert names == ["models-and-log"]


def test_an_update_keeps_users_and_models(account, ways):
    before = function.configuration(account)["Environment"], users.names(account)
    updated = infra("up")
    assert "zappa update production" in updated
    assert "shown this once" not in updated
    assert (function.configuration(account)["Environment"], users.names(account)) == before
    unlabelled = Course(noise=0.2).unlabelled(5)
    for way in ways:
        assert way.prediction(unlabelled).json["status"] == 0


def test_a_new_password_ends_the_old_one(ways):
    password = re.search(r"Password +(\S+)", infra("users", "password", "moodle"))[1]
    unlabelled = Course().unlabelled(2)
    assert ways[0].but(password=password).prediction(unlabelled).json["status"] == 0
    time.sleep(61)  # so long an instance may know the old one that was not asked meanwhile
    assert ways[0].prediction(unlabelled).status == 401


def test_smoke_and_status(printed, addresses):
    assert "works at each of its addresses" in infra("smoke")
    shown = infra("status")
    assert "Users     moodle\n" in shown
    for address in addresses:
        assert str(address) in shown


def test_down_keeps_the_models_and_up_takes_them_into_use_again(account, printed):
    kept = status.stored(account)
    assert kept.models
    assert account.names.models in infra("down", "--yes")
    assert stack.status(account, account.names.stack) is None
    infra("up")
    assert status.stored(account) == kept
