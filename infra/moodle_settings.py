"""What to enter into Moodle, as lines to print, for a server here or on AWS."""

from __future__ import annotations

from collections.abc import Sequence

from handler.moodle_settings import CHECK, FORM, Address, commands, form, line
from handler.payload import PACKED_MB, REQUEST_MB

CHOOSE = (
    "Then choose it under Site administration › Analytics › Analytics settings as the default "
    "predictions processor."
)
TEST = (
    "The plugin's settings have a test of their own. Without it, to test what Moodle has saved, "
    "password included, run this on its server, in its folder:"
)
PLUGIN = "With this project's Moodle plugin (docs/plugin.md), paste into its settings:"


def entered(address: Address, username: str, password: str) -> list[str]:
    """Return what the plugin wants, and the lines of Moodle's form for a site without it."""
    fields = form(address, username, password)
    return [
        *pasted(address, username, password),
        f"Without it, under {FORM}:",
        *(f"    {label:<14}{value}" for label, value in fields.items()),
    ]


def pasted(address: Address, username: str, password: str) -> list[str]:
    """Return the line for the plugin, with what to do with it."""
    return [PLUGIN, f"    {line(address, username, password)}"]


def describe(addresses: Sequence[Address], username: str, password: str) -> str:
    """Return what an admin enters into Moodle for a server with several addresses.

    Parameters
    ----------
    addresses : sequence of Address
        The best for Moodle first.
    username, password : str
        Of a user of this server, or placeholders.
    """
    lines = [
        "Moodle reaches the function at any of these addresses; take the first, unless you have a "
        f"reason. Datasets may have up to about {REQUEST_MB} MB, or about {PACKED_MB:.0f} MB with "
        "the Moodle plugin."
    ]
    for number, address in enumerate(addresses, 1):
        lines.append(f"{number}. {address.name}, where a request may take {_limit(address)}.")
        if address.path:
            lines += [f"   {one}" for one in pasted(address, username, password)]
            lines.append(
                "   Moodle's form takes no path, so without it, on Moodle's server, in its folder:"
            )
        else:
            lines += [f"   {one}" for one in entered(address, username, password)]
            lines.append("   or, on Moodle's server, in its folder:")
        lines += [f"       {one}" for one in commands(address, username, password)]
    return "\n".join([*lines, CHOOSE, TEST, CHECK])


def _limit(address: Address) -> str:
    if address.seconds is None:
        return "any time"
    if address.seconds >= 120:
        return f"{address.seconds // 60} minutes"
    return f"{address.seconds} seconds"
