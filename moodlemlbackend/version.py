"""``python -m moodlemlbackend.version``: print the version that Moodle asks for.

Moodle runs it on many of its pages, so it imports next to nothing, and mixes what is written to
standard error into what it reads.
"""

from __future__ import annotations

import os
import sys

from handler.version import FOR_MOODLE_4, VARIABLE, is_version


def main() -> int:
    """Print the version, or a sentence where this package is not alone, and return the status."""
    version = os.environ.get(VARIABLE) or FOR_MOODLE_4
    if not is_version(version):
        print(f"{VARIABLE} must be three numbers with dots between, like 3.0.5.")
        return 1
    if _may_be_mixed():
        from moodlemlbackend import distributions, errors

        try:
            distributions.require_one()
        except errors.OtherDistribution as error:
            print(error)
            return 1
    print(version)
    return 0


def _may_be_mixed() -> bool:
    """Say whether another distribution may have put files into this package.

    To read what is installed takes ten times as long as this command may take.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    return any(name.startswith("moodlemlbackend-") for name in os.listdir(folder))  # noqa: PTH208


if __name__ == "__main__":
    sys.exit(main())
