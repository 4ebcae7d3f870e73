"""A small real job for the deployed server, at each of its addresses."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from contextlib import suppress

from urllib3.exceptions import HTTPError

from handler.moodle_settings import Address
from infra.aws import errors, function, users
from infra.aws.account import Account
from infra.lab.course import Course
from infra.local.client import Answer, Moodle, Refused, over_http

_SAMPLES = 60
_ATTEMPTS = 12  # a new address takes some seconds to be known everywhere
_PAUSE_SECONDS = 5
_FAULTS = (Refused, HTTPError, OSError)


def run(account: Account) -> None:
    """Train, predict and delete as Moodle does, with a user that exists only meanwhile.

    Raises
    ------
    CommandFailed
        When the server does not do its work at one of its addresses.
    """
    addresses = function.addresses(account)
    if not addresses:
        raise errors.NotDeployed(region=account.names.region)
    with users.temporary(account) as (name, password):
        for address in addresses:
            _check(address, Moodle(over_http(address.url), name, password))


def version(address: Address) -> str:
    """Ask for ``/version``, again and again for a while, and return the answer.

    Raises
    ------
    CommandFailed
        When there was none in time.
    """
    moodle = Moodle(over_http(address.url), "", "")
    return _said(address, "version", lambda: _patiently(moodle.version)).content.decode()


def _check(address: Address, moodle: Moodle) -> None:
    course = Course(noise=0.2)
    model = moodle.but(uniqueid=f"smoke-test-{secrets.token_hex(4)}", dirhash="execution")
    labelled, unlabelled = course.labelled(_SAMPLES), course.unlabelled(5)
    print(f"  {address} ({address.name})", flush=True)
    print(f"    /version says {version(address)}", flush=True)
    try:
        _done(address, "training", lambda: model.training(labelled))
        _done(address, "prediction", lambda: model.prediction(unlabelled))
    finally:
        _said(address, "deletemodel", model.deletemodel)


def _done(address: Address, endpoint: str, ask: Callable[[], Answer]) -> None:
    """Ask, which must succeed in Moodle's eyes, and say how long it took."""
    began = time.monotonic()
    answer = _said(address, endpoint, ask)
    if answer.json.get("status") != 0:
        raise errors.SmokeFailed(address=address, reason=f"{endpoint} answered {answer.json}.")
    print(f"    {endpoint}: {time.monotonic() - began:.1f} s", flush=True)


def _said(address: Address, endpoint: str, ask: Callable[[], Answer]) -> Answer:
    try:
        answer = ask()
        _ = answer.content
    except _FAULTS as error:
        reason = f"{endpoint}: {str(error) or type(error).__name__}."
        raise errors.SmokeFailed(address=address, reason=reason) from error
    return answer


def _patiently(ask: Callable[[], Answer]) -> Answer:
    for _ in range(_ATTEMPTS - 1):
        with suppress(*_FAULTS):
            answer = ask()
            if answer.status == 200:
                return answer
        time.sleep(_PAUSE_SECONDS)
    return ask()
