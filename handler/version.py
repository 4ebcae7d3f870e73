"""Which version this server is, and which of the existing backend it stands in for.

It imports nothing: Moodle asks for the version all the time.
"""

from __future__ import annotations

SOFTWARE = "0.1.0"  # the one place, from which the build takes it, too

VARIABLE = "MOODLE_MLBACKEND_PYTHON_VERSION"
FOR_MOODLE_3 = "2.6.6"
FOR_MOODLE_4 = "3.0.5"  # and 5


def version_for(user_agent: str) -> str:
    """Return the version that the Moodle behind a ``User-Agent`` accepts.

    Moodle 3.8 to 3.11 asks for 2.x, Moodle 4.0 to 5.x for 3.x.
    """
    return FOR_MOODLE_3 if "MoodleBot/3." in user_agent else FOR_MOODLE_4


def is_version(text: str) -> bool:
    """Say whether a text is three numbers with dots between."""
    numbers = text.split(".")
    return len(numbers) == 3 and all(part.isascii() and part.isdecimal() for part in numbers)
