"""A small real job for the deployed server, at each of its addresses."""

from __future__ import annotations

import http.client
import json
import secrets
import time
from collections.abc import Callable
from typing import TypeVar

from infra.aws import errors, function, users
from infra.aws.account import Account
from infra.aws.function import Address
from infra.lab.course import Course
from infra.local.client import Moodle, Refused

T = TypeVar("T")

_SAMPLES = 60
_ATTEMPTS = 12  # a new address takes some seconds to be known everywhere
_PAUSE_SECONDS = 5
_FAULTS = (Refused, OSError, http.client.HTTPException, json.JSONDecodeError, KeyError)


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
            _check(address, address.moodle(name, password))


def _check(address: Address, moodle: Moodle) -> None:
    course = Course(noise=0.2)
    model = {"uniqueid": f"smoke-test-{secrets.token_hex(4)}", "dirhash": "execution"}
    labelled, unlabelled = course.labelled(_SAMPLES), course.unlabelled(5)
    print(f"  {address} ({address.label})", flush=True)

    version = _said(address, "version", lambda: _patiently(lambda: moodle.get("version").decode()))
    print(f"    /version says {version}", flush=True)
    try:
        _done(address, "training", lambda: moodle.json("training", **model, dataset=labelled))
        _done(address, "prediction", lambda: moodle.json("prediction", **model, dataset=unlabelled))
    finally:
        _said(address, "deletemodel", lambda: moodle.post("deletemodel", **model))


def _done(address: Address, endpoint: str, ask: Callable[[], dict[str, object]]) -> None:
    """Ask, which must succeed in Moodle's eyes, and say how long it took."""
    began = time.monotonic()
    answer = _said(address, endpoint, ask)
    if answer.get("status") != 0:
        raise errors.SmokeFailed(address=address, reason=f"{endpoint} answered {answer}.")
    print(f"    {endpoint}: {time.monotonic() - began:.1f} s", flush=True)


def _said(address: Address, endpoint: str, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except _FAULTS as error:
        reason = f"{endpoint}: {str(error) or type(error).__name__}."
        raise errors.SmokeFailed(address=address, reason=reason) from error


def _patiently(ask: Callable[[], T]) -> T:
    for _ in range(_ATTEMPTS - 1):
        try:
            return ask()
        except _FAULTS:
            time.sleep(_PAUSE_SECONDS)
    return ask()
