"""The request deadline: on AWS whoever takes longer is cut off."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any

from handler import processors

API_GATEWAY_SECONDS = 29.0
# Of a process that starts with this request, the gateway's clock runs while it starts; and the
# result is to be stored and sent.
_MARGIN = 3.0

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def begin(environ: Mapping[str, Any]) -> None:
    """Set the deadline of a request that begins.

    Parameters
    ----------
    environ : mapping
        The WSGI environment, in which Zappa leaves Lambda's event and context.

    Notes
    -----
    A function URL waits as long as the function may run (its context says how long that is), API
    Gateway 29 s: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    """
    context = environ.get("lambda.context")
    if context is None:
        end()
        return
    seconds = min(context.get_remaining_time_in_millis() / 1000, _gateway_seconds(environ))
    _deadline.set(time.monotonic() + seconds - _MARGIN)


def end() -> None:
    """Forget the deadline of a request that has ended."""
    _deadline.set(None)


def deadline(reserve: float = 0.0) -> float | None:
    """Return the time (of `time.monotonic`) by which to end, or None where nobody sets a limit.

    Parameters
    ----------
    reserve : float
        Seconds that are needed afterwards.
    """
    last = _deadline.get()
    return None if last is None else last - reserve


def cores(memory: int | None) -> float:
    """Return how many processors there are, which may be a part of one.

    Parameters
    ----------
    memory : int or None
        Bytes that there are for the process.
    """
    if memory is not None and _deadline.get() is not None:
        return processors.of_function(memory)
    return processors.available()


def time_limit(environ: Mapping[str, Any]) -> int | None:
    """Return how many seconds a request may take, about, or None where nobody sets a limit."""
    context = environ.get("lambda.context")
    if context is None:
        return None
    of_function = round(context.get_remaining_time_in_millis() / 1000, -1)
    return int(min(of_function, _gateway_seconds(environ)))


def _gateway_seconds(environ: Mapping[str, Any]) -> float:
    """Return how long what stands before the function waits."""
    about = environ["lambda.event"]["requestContext"]
    by_function_url = ".lambda-url." in about.get("domainName", "")
    return math.inf if by_function_url else API_GATEWAY_SECONDS
