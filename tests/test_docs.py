"""The documents lead somewhere: links, headings and paths exist."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
DOCUMENTS = sorted([*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md")])
ROOMS = "handler|mlcore|infra|moodlemlbackend|moodle-plugin|tests|docs"


def named(path):
    return str(path.relative_to(PROJECT))


def anchors(path):
    """The names by which GitHub lets a heading be linked."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_links_lead_to_files_and_headings(document):
    targets = re.findall(r"\]\((?!https?:|mailto:)([^)\s]+)\)", document.read_text())
    broken = []
    for target in targets:
        path, _, heading = target.partition("#")
        file = (document.parent / path) if path else document
        if not file.exists() or (heading and heading not in anchors(file)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_paths_that_are_named_exist(document):
    paths = re.findall(rf"`((?:{ROOMS})/[\w./-]+)`", document.read_text())
    assert [path for path in paths if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=named)
def test_no_conflict_of_a_merge_was_left(document):
    assert not re.search(r"^(<{7}|>{7}) ", document.read_text(), re.MULTILINE)
