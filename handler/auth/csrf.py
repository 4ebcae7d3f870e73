"""Refuses what pages of other websites send: a browser adds the user's sign-in to that, too."""

from __future__ import annotations

from flask import Flask, request

from handler import errors


def init_app(app: Flask) -> None:
    """Look at every request that may change something; Moodle sends neither of these headers."""
    app.before_request(_refuse)


def _refuse() -> None:
    if request.method != "POST":
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        is_ours = site in ("same-origin", "none")
    else:  # an old browser, or no HTTPS
        is_ours = origin is None or origin.partition("://")[2] == request.host
    if not is_ours:
        raise errors.OtherWebsite
