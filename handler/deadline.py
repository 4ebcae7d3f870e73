"""By when a request must be answered: on AWS whoever takes longer is cut off."""

from __future__ import annotations

import time

from flask import g, has_request_context, request

API_GATEWAY_SECONDS = 29.0
# Of a process that starts with this request, the gateway's clock runs while it starts; and the
# result is to be stored and sent.
_MARGIN = 3.0


def deadline(reserve: float = 0.0) -> float | None:
    """Return the time (of `time.monotonic`) by which to end, or None where nobody sets a limit.

    Parameters
    ----------
    reserve : float
        Seconds that are needed afterwards.

    Notes
    -----
    A function URL waits as long as the function may run (its context says how long that is), API
    Gateway 29 s: https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    """
    context = request.environ.get("lambda.context") if has_request_context() else None
    if context is None:
        return None
    now = time.monotonic()
    end = now + context.get_remaining_time_in_millis() / 1000
    if not _by_function_url():
        end = min(end, g.began + API_GATEWAY_SECONDS)
    return float(end) - _MARGIN - reserve


def time_limit() -> int | None:
    """Return how many seconds a request may take, about, or None where nobody sets a limit."""
    context = request.environ.get("lambda.context")
    if context is None:
        return None
    of_function = round(context.get_remaining_time_in_millis() / 1000, -1)
    return int(of_function if _by_function_url() else min(of_function, API_GATEWAY_SECONDS))


def _by_function_url() -> bool:
    about = request.environ["lambda.event"]["requestContext"]
    return ".lambda-url." in about.get("domainName", "")
