"""Which version this server is, and which of the existing backend it stands in for."""

from __future__ import annotations

import re

SOFTWARE = "0.1.0"  # as in pyproject.toml

FOR_MOODLE_3 = "2.6.6"
FOR_MOODLE_4 = "3.0.5"  # and 5


def version_for(user_agent: str) -> str:
    """Return the version that the Moodle behind a ``User-Agent`` accepts.

    Moodle 3.8 to 3.11 asks for 2.x, Moodle 4.0 to 5.x for 3.x.
    """
    return FOR_MOODLE_3 if re.search(r"MoodleBot/3\.", user_agent) else FOR_MOODLE_4
