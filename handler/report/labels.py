r"""Moodle's names in plain words: targets, their classes, analysis intervals and indicators.

In a dataset they are names of PHP classes, ``\core_course\analytics\target\course_dropout`` say.
Only what is known of a name is said; one of a plugin is made readable as it stands.
"""

from __future__ import annotations

import re

# as Moodle's language files call them
_TARGETS = {
    "course_dropout": "Students at risk of dropping out",
    "course_completion": "Students at risk of not meeting the course completion conditions",
    "course_competencies": "Students at risk of not achieving the competencies assigned to a "
    "course",
    "course_gradetopass": "Students at risk of not achieving the minimum grade to pass the course",
    "no_access_since_course_start": "Students who have not accessed the course yet",
    "no_recent_accesses": "Students who have not accessed the course recently",
    "no_teaching": "Courses at risk of not starting",
}
# Moodle's name, and what it means
_ANALYSIS_INTERVALS = {
    "deciles": ("Last tenth", "a prediction after each tenth of the course, from that tenth"),
    "deciles_accum": (
        "All previous tenths",
        "a prediction after each tenth of the course, from all of it so far",
    ),
    "quarters": (
        "Last quarter",
        "a prediction after each quarter of the course, from that quarter",
    ),
    "quarters_accum": (
        "All previous quarters",
        "a prediction after each quarter of the course, from all of it so far",
    ),
    "single_range": ("From start to end", "one prediction, from the whole course"),
    "no_splitting": ("No time limits", "one prediction, whenever there is something to predict"),
    "one_week_after_start": ("One week after start", "one prediction, after the first week"),
    "one_month_after_start": ("One month after start", "one prediction, after the first month"),
    "ten_percent_after_start": (
        "10% after start",
        "one prediction, after the first tenth of the course",
    ),
    "past_3_days": ("Past 3 days", "a prediction every 3 days, from those 3 days"),
    "past_week": ("Past week", "a prediction every week, from that week"),
    "past_month": ("Past month", "a prediction every month, from that month"),
    "upcoming_3_days": ("Upcoming 3 days", "a prediction every 3 days, about the next 3 days"),
    "upcoming_week": ("Upcoming week", "a prediction every week, about the next week"),
    "upcoming_fortnight": (
        "Upcoming fortnight",
        "a prediction every fortnight, about the next fortnight",
    ),
}
# of targets: who is a sample, and what is said of a class, in the past tense and as a short label
_CLASSES = {
    "course_dropout": {
        0: ("stayed", "stayed"),
        1: ("dropped out", "dropped out"),
    },
    "course_completion": {
        0: ("completed the course", "completed"),
        1: ("did not complete the course", "not completed"),
    },
    "course_competencies": {
        0: ("achieved all competencies", "achieved"),
        1: ("did not achieve all competencies", "not achieved"),
    },
    "course_gradetopass": {
        0: ("reached the grade to pass", "passed"),
        1: ("did not reach the grade to pass", "not passed"),
    },
}
_ACTIVITIES = {  # whose names are not those of their components
    "assign": "Assignment",
    "data": "Database",
    "imscp": "IMS content package",
    "label": "Text and media area",
    "lti": "External tool",
    "resource": "File",
    "scorm": "SCORM package",
    "url": "URL",
}
_INDICATORS = {
    "any_access_after_end": "Any access after the end",
    "any_access_before_start": "Any access before the start",
    "any_course_access": "Any access to the course",
    "any_write_action": "Any write action",
    "any_write_action_in_course": "Any write action in the course",
    "read_actions": "Amount of read actions",
    "completion_enabled": "Completion tracking is on",
    "potential_cognitive_depth": "Potential cognitive depth of the course",
    "potential_social_breadth": "Potential social breadth of the course",
    "no_teacher": "Availability of teachers",
    "no_student": "Availability of students",
}
_EXPLAINED = {
    "cognitive_depth": "how far a student went into these activities: from not looking at them, to "
    "handing something in, to acting on feedback",
    "social_breadth": "with how many others a student had to do in these activities: nobody, a "
    "teacher, the group",
    "any_access_after_end": "whether the student still came once the course had ended",
    "any_access_before_start": "whether the student came before the course had begun",
    "any_course_access": "whether the student was in the course at all",
    "any_write_action": "whether the student wrote, handed in or changed anything",
    "any_write_action_in_course": "whether the student wrote, handed in or changed anything there",
    "read_actions": "how much the student looked at",
    "completion_enabled": "whether the course keeps track of who has completed what",
    "potential_cognitive_depth": "how deep the course's activities let students go",
    "potential_social_breadth": "with how many others the course's activities bring students "
    "together",
    "range": "which part of the course the sample is from",
}
_CLASS_NAME = re.compile(r"\\?(?P<component>\w+)\\(?:\w+\\)*(?P<name>\w+)")


def readable(name: str) -> str:
    r"""Return a target's, an analysis interval's or an indicator's name as people say it.

    Parameters
    ----------
    name : str
        Moodle's; several of them may be joined by ``|``.

    Examples
    --------
    >>> readable(r"\core_course\analytics\target\course_dropout")
    'Students at risk of dropping out (course dropout)'
    >>> readable(r"\mod_forum\analytics\indicator\cognitive_depth")
    'Forum: cognitive depth'
    >>> readable(r"\local_ours\analytics\target\good_citizens")
    'good citizens, from local ours'
    """
    return "; ".join(dict.fromkeys(_readable(part) for part in name.split("|")))


def _readable(name: str) -> str:
    component, short = _parts(name)
    plain = short.replace("_", " ")
    if component.startswith("core"):
        if short in _TARGETS:
            return f"{_TARGETS[short]} ({plain})"
        if short in _ANALYSIS_INTERVALS:
            return "{} ({})".format(*_ANALYSIS_INTERVALS[short])
        if short in _INDICATORS:
            return _INDICATORS[short]
    if component.startswith("mod_") and short in ("cognitive_depth", "social_breadth"):
        activity = component.removeprefix("mod_")
        return f"{_ACTIVITIES.get(activity, activity.capitalize())}: {plain}"
    if name == "range":
        return "Part of the course"
    return f"{plain}, from {component.replace('_', ' ')}" if component else name


def explained(name: str) -> str:
    """Return what an indicator tells, "" where that is not known."""
    component, short = _parts(name)
    if component.startswith(("core", "mod_")) or name == "range":
        return _EXPLAINED.get(short, "")
    return ""


def kind(indicator: str) -> str:
    """Return what an indicator measures, without where: "cognitive depth" of any activity."""
    component, short = _parts(indicator)
    return short.replace("_", " ") if component.startswith("mod_") else readable(indicator)


def short_label(target: str, value: int) -> str:
    """Return what a chart calls a class of a target: "dropped out", or "class 1"."""
    known = _known_classes(target)
    return known[value][1] if value in known else f"class {value}"


def members(target: str, value: int) -> str:
    """Return who is in a class of a target: "students who dropped out", or "samples of class 1"."""
    known = _known_classes(target)
    return f"students who {known[value][0]}" if value in known else f"samples of class {value}"


def _known_classes(target: str) -> dict[int, tuple[str, str]]:
    """Return what is known of a target's classes: of several that are joined, nothing."""
    component, short = _parts(target)
    return _CLASSES.get(short, {}) if component == "core_course" else {}


def _parts(name: str) -> tuple[str, str]:
    """Split a class's name into Moodle's component and its own; others have no component."""
    match = _CLASS_NAME.fullmatch(name)
    return (match["component"], match["name"]) if match else ("", name)
