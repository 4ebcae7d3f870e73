"""Which addresses Moodle was told, to say so when one of them is gone.

They are kept beside the users, as what is on AWS may be made anew after it was lost.
"""

from __future__ import annotations

import json

from handler.moodle_settings import Address
from infra.aws.account import Account, unless_gone

KEY = "config/addresses"


def read(account: Account) -> dict[str, str]:
    """Return the addresses that were told last, by their names; without a bucket none."""
    ask = account.client("s3").get_object
    found = unless_gone(ask, {"NoSuchKey", "NoSuchBucket"}, Bucket=account.names.models, Key=KEY)
    if found is None:
        return {}
    told: dict[str, str] = json.loads(found["Body"].read())
    return told


def write(account: Account, addresses: list[Address]) -> None:
    """Keep the addresses that are told now."""
    told = json.dumps({address.name: address.url for address in addresses})
    account.client("s3").put_object(Bucket=account.names.models, Key=KEY, Body=told.encode())


def warning(before: dict[str, str], addresses: list[Address]) -> str:
    """Return what to say when an address is gone; nothing when each is still there."""
    now = {address.name: address.url for address in addresses}
    gone = {name: url for name, url in before.items() if url not in now.values()}
    if not gone:
        return ""
    first = addresses[0].url
    lines = [f"  {name}: was {url}, is now {now.get(name, first)}" for name, url in gone.items()]
    return "\n".join(
        [
            "",
            "ATTENTION: AN ADDRESS HAS CHANGED. A Moodle that has the old one reaches nothing "
            "until the new one is entered there, in every such Moodle:",
            *lines,
        ]
    )
