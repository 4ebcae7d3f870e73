"""What is measured with: real datasets where they lie beside the checkout, and made-up ones."""

from __future__ import annotations

import lzma
from collections.abc import Iterator

from infra import ROOT
from infra.lab.course import Course

_FOLDER = ROOT.parent / "shared" / "data"
_SMALL = "labelled-365x1904.csv"
_LARGE = "labelled-414x37953.csv.xz"
_GENERATED: dict[str, tuple[int, int]] = {  # rows, features
    "course-98x300": (300, 98),
    "course-98x2000": (2_000, 98),
    "course-98x20000": (20_000, 98),
    "course-400x5000": (5_000, 400),
}
_PIECE = 10_000  # rows that are made up at a time


def real() -> list[str]:
    """Return the names of the real labelled datasets that are at hand."""
    return sorted(path.name for path in _FOLDER.glob("*.csv*") if "unlabelled" not in path.name)


def names() -> list[str]:
    """Return the names of all datasets, real ones first."""
    return [*real(), *_GENERATED]


def read(name: str) -> bytes:
    """Return a dataset's bytes."""
    if name in _GENERATED:
        rows, features = _GENERATED[name]
        return Course(n_features=features).labelled(rows)
    data = (_FOLDER / name).read_bytes()
    return lzma.decompress(data) if name.endswith(".xz") else data


def small() -> tuple[str, bytes]:
    """Return the real file of some 2,000 rows, or else a made-up one like it; what it is first."""
    if _SMALL in real():
        return "365×1904, real", read(_SMALL)
    return "365×2000, made up", Course(n_features=365).labelled(2_000)


def large() -> tuple[str, bytes]:
    """Return the real file of 30 MB, or else a made-up one of its shape; what it is first."""
    if _LARGE in real():
        return "414×37953, 30 MB, real", read(_LARGE)
    return "414×38000, 30 MB, made up", b"".join(pieces(Course(n_features=414), 38_000))


def pieces(course: Course, n_rows: int) -> Iterator[bytes]:
    """Make up a labelled dataset of any size with little memory."""
    for begin in range(0, n_rows, _PIECE):
        piece = course.labelled(min(_PIECE, n_rows - begin))
        yield piece if not begin else piece.split(b"\n", 3)[3]
