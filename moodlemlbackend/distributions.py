"""Which installed distribution this package is from."""

from __future__ import annotations

from importlib import metadata

from moodlemlbackend.errors import OtherDistribution

_OURS = "moodle-mlbackend-lambda"
_PACKAGES = ("moodlemlbackend", "handler", "mlcore", "webapp")


def require_one() -> None:
    """Refuse to work where another distribution brought a package of the same name.

    pip lets the one that was installed last overwrite the files of the other, and says nothing.

    Raises
    ------
    OtherDistribution
    """
    installed = metadata.packages_distributions()
    for package in _PACKAGES:
        found = set(installed.get(package, ()))
        if _OURS in found and len(found) > 1:
            raise OtherDistribution(package=package, ours=_OURS, other=min(found - {_OURS}))
