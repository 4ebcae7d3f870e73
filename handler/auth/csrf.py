"""Header-based protection against CSRF (cross-site request forgery).

Filippo Valsorda's algorithm (https://words.filippo.io/csrf/), which is that of Go's
``http.CrossOriginProtection``: what a browser says of where a request comes from decides, so no
token is needed. Basic authorization needs protection like a cookie, as a browser adds a password
that it knows to requests of any website. Moodle sends neither header.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Flask, request

from handler import errors

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})  # they change nothing here
_DEFAULT_PORTS = {"http": 80, "https": 443}


def init_app(app: Flask) -> None:
    """Look at every request that may change something, before its sign-in."""
    app.before_request(_refuse_cross_origin)


def _refuse_cross_origin() -> None:
    if request.method in _SAFE_METHODS:
        return
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:  # a browser from before 2023, or no HTTPS; or no browser, which sends no origin either
        allowed = origin is None or is_same_host(origin, request.host)
    if not allowed:
        raise errors.CrossOriginRequest


def is_same_host(origin: str, host: str) -> bool:
    """Say whether an ``Origin`` header names the host that was asked.

    Case and default ports make no difference. Schemes are not compared, since a proxy that ends
    TLS does not always say so.

    Parameters
    ----------
    origin : str
        ``https://host`` or ``https://host:port``; "null" is no host.
    host : str
        The header ``Host``.
    """
    scheme = origin.partition("://")[0].lower()
    asking = _normalised(origin, scheme)
    return asking is not None and asking == _normalised(f"{scheme}://{host}", scheme)


def _normalised(origin: str, scheme: str) -> tuple[str, int | None] | None:
    """Return host and port, or None where there are none."""
    try:
        parts = urlsplit(origin)
        port = parts.port
    except ValueError:  # such as "http://[half" or a port that is no number
        return None
    if not parts.hostname:
        return None
    return parts.hostname, port or _DEFAULT_PORTS.get(scheme)
