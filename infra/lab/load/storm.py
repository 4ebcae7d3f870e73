"""What honest clients are not to notice: a server killed at random moments, and hostile peers."""

from __future__ import annotations

import random
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3

from infra.lab import hostile
from infra.local import server
from infra.local.client import Answer, Exchange

USER = "hostile"

_MEAN_SECONDS = 30.0  # between two kills
_ATTACK_SECONDS = 5.0
_PAUSE_SECONDS = 0.1
_PATIENCE_SECONDS = 60.0
_PASSING = {429, 502, 503, 504}


def patient(exchange: Exchange, note: Callable[[str], object]) -> Exchange:
    """Return what sends a request again when it failed in passing, as the Moodle plugin does.

    A training carries the same key on every try, so that it counts once.

    Parameters
    ----------
    exchange : callable
    note : callable
        Is told what went wrong in passing.
    """

    def repeating(method: str, target: str, headers: Mapping[str, str], body: bytes) -> Answer:
        headers = {**headers, "Idempotency-Key": uuid.uuid4().hex}
        end = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                answer = exchange(method, target, headers, body)
                if answer.status not in _PASSING or time.monotonic() > end:
                    return answer
                note(f"status {answer.status}")
            except urllib3.exceptions.HTTPError as error:
                if time.monotonic() > end:
                    raise
                note(type(error).__name__)
            time.sleep(_PAUSE_SECONDS)

    return repeating


@contextmanager
def killed(
    folder: Path, environ: Mapping[str, str], note: Callable[[str], object]
) -> Iterator[int]:
    """Run a server that is killed at random moments and started again; give its port.

    Parameters
    ----------
    folder : Path
    environ : mapping of str to str
    note : callable
        Is told of each kill.
    """
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    def supervise(over: threading.Event, is_up: threading.Event) -> None:
        chance = random.Random(0)  # noqa: S311
        while not over.is_set():
            with server.running(folder, "--port", str(port), environ=environ) as started:
                is_up.set()
                if not over.wait(chance.expovariate(1 / _MEAN_SECONDS)):
                    started.process.kill()
                    note("kill")

    with _meanwhile(supervise) as is_up:
        is_up.wait()
        yield port


@contextmanager
def attacked(port: int, password: str, note: Callable[[str], object]) -> Iterator[None]:
    """Attack a server, one way after the other.

    Parameters
    ----------
    port : int
    password : str
        Of `USER`.
    note : callable
        Is told of each attack.
    """

    def attack(over: threading.Event, _: threading.Event) -> None:
        chance = random.Random(1)  # noqa: S311
        attacks = hostile.attacks(port, USER, password)
        while not over.is_set():
            name = chance.choice(list(attacks))
            # killed meanwhile
            with suppress(OSError), attacks[name]():
                note(f"attack: {name}")
                over.wait(_ATTACK_SECONDS)
            over.wait(_PAUSE_SECONDS)

    with _meanwhile(attack):
        yield


@contextmanager
def _meanwhile(
    work: Callable[[threading.Event, threading.Event], None],
) -> Iterator[threading.Event]:
    """Do something in a thread, which is told when it is over; give what the thread may set."""
    over, told = threading.Event(), threading.Event()

    def all_of_it() -> None:
        try:
            work(over, told)
        finally:
            told.set()

    thread = threading.Thread(target=all_of_it)
    thread.start()
    try:
        yield told
    finally:
        over.set()
        thread.join()
