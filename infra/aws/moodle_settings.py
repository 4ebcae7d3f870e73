"""What to enter into Moodle for a function on AWS, and whether it answers there."""

from __future__ import annotations

import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass

from handler.moodle_settings import FORM, Address, commands, form

_PATIENCE = 60  # seconds: new addresses on AWS do not answer at once
_PAUSE = 3


@dataclass(frozen=True)
class Way:
    """One address under which Moodle reaches the function.

    Parameters
    ----------
    name : str
    url : str
        Its base, ``https://host`` or ``https://host/path``.
    limits : str
        What to know about it.
    """

    name: str
    url: str
    limits: str

    @property
    def address(self) -> Address:
        """The same, as Moodle's settings name it."""
        return Address(self.url)


def ways(function_url: str, api_url: str, domain: str = "") -> list[Way]:
    """Return the ways in, the simplest first; an empty address is none.

    Parameters
    ----------
    function_url : str
        The function's own URL.
    api_url : str
        That of API Gateway, which ends with the stage.
    domain : str
        The domain that ``zappa certify`` made a certificate for.
    """
    gateway = "a request may take 29 seconds"
    found = [
        Way("Function URL", function_url, "a request may take 15 minutes"),
        Way("Your domain", f"https://{domain}" if domain else "", gateway),
        Way("API Gateway", api_url, gateway),
    ]
    return [way for way in found if way.url]


def describe(ways: Sequence[Way], username: str, password: str) -> str:
    """Return what an admin enters into Moodle, for each way.

    Parameters
    ----------
    ways : sequence of Way
    username, password : str
        Of a user of this server, or placeholders.
    """
    parts = [
        "Moodle reaches the function in any of these ways; take the first, unless you have a "
        "reason. Requests may be up to about 4.7 MB large."
    ]
    for number, way in enumerate(ways, 1):
        parts.append(f"{number}. {way.name}, where {way.limits}.")
        if way.address.path:
            parts.append("   Moodle's form takes no path, so on Moodle's server, in its folder:")
        else:
            parts.append(f"   Under {FORM}:")
            entered = form(way.address, username, password)
            parts += [f"       {label:<14}{value}" for label, value in entered.items()]
            parts.append("   or, on Moodle's server, in its folder:")
        parts += [f"       {line}" for line in commands(way.address, username, password)]
    parts.append(
        "Then choose it under Site administration > Analytics > Analytics settings as the default "
        "predictions processor."
    )
    return "\n".join(parts)


def version(way: Way, patience: float = _PATIENCE) -> str:
    """Ask for ``/version``, again and again for a while, and return the answer.

    Raises
    ------
    NoAnswer
        When there was none in time.
    """
    address = f"{way.url.rstrip('/')}/version"
    deadline = time.monotonic() + patience
    while True:
        try:
            with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
                return str(answer.read().decode())
        except (OSError, ValueError) as error:
            if time.monotonic() > deadline:
                raise NoAnswer(
                    f"{way.name}: {address} does not answer ({error}). The function is "
                    "deployed all the same; 'zappa tail production' shows what it says."
                ) from error
        time.sleep(_PAUSE)


class NoAnswer(Exception):
    """The function is there, but does not answer."""
