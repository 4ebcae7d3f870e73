"""What is learned from: real files where they are at hand, and generated courses.

The generated ones vary one thing at a time around a base, and then several together.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from infra import ROOT
from infra.lab.course import Course
from mlcore import Labelled, read_labelled

_FOLDERS = (ROOT.parent / "shared" / "data", ROOT / "tests" / "data")


@dataclass(frozen=True)
class RealFile:
    """A labelled file of Moodle's."""

    file: str
    rows: int
    features: int

    @property
    def path(self) -> Path | None:
        """Where the file is, None when it is not at hand."""
        paths = (folder / self.file for folder in _FOLDERS)
        return next((path for path in paths if path.exists()), None)

    def load(self) -> Labelled:
        """Return the samples."""
        assert self.path is not None
        data = self.path.read_bytes()
        return read_labelled(lzma.decompress(data) if self.file.endswith(".xz") else data)


@dataclass(frozen=True)
class Generated:
    """Students of a made-up course; `options` are those of `infra.lab.course.Course`."""

    rows: int
    features: int
    options: dict[str, Any]

    def load(self) -> Labelled:
        """Return the samples."""
        course = Course(self.features, seed=1, **self.options)
        X, y = course.draw(self.rows)
        classes = tuple(range(self.options.get("n_classes", 2)))
        return Labelled(X, y, classes, course.feature_names)


Source = RealFile | Generated


def _course(rows: int = 2_000, features: int = 98, **options: Any) -> Generated:
    return Generated(rows, features, options)


DATASETS: dict[str, Source] = {
    "real-365x1904": RealFile("labelled-365x1904.csv", 1_904, 365),
    "real-414x37953": RealFile("labelled-414x37953.csv.xz", 37_953, 414),
    "real-multiclass-2x150": RealFile("labelled-multiclass-2x150.csv", 150, 2),
    "dropout-quarters-labelled": RealFile("dropout-quarters-labelled.csv", 144, 98),
    "base": _course(),
    **{f"rows-{rows}": _course(rows=rows) for rows in (50, 200, 300, 1_000, 5_000, 20_000, 50_000)},
    **{f"features-{features}": _course(features=features) for features in (3, 30, 450)},
    **{f"nulls-{share:g}": _course(missing=share) for share in (0.0, 0.5)},
    **{f"minority-{share:g}": _course(minority=share) for share in (0.5, 0.03)},
    **{f"flipped-{share:g}": _course(flipped=share) for share in (0.1, 0.3)},
    **{f"classes-{n}": _course(n_classes=n, minority=0.6) for n in (3, 4, 5)},
    "linear": _course(truth="linear"),
    "rules": _course(truth="rules"),
    "rows-50-features-450": _course(rows=50, features=450, minority=0.5),
    "rows-200-minority-0.03": _course(rows=200, minority=0.03),
    "rows-200-classes-5": _course(rows=200, features=30, n_classes=5, minority=0.6),
    "rows-300-linear": _course(rows=300, features=30, truth="linear", minority=0.5),
    "rows-300-rules-nulls-0.5": _course(rows=300, features=30, truth="rules", missing=0.5),
    "rows-1000-linear-flipped-0.3": _course(rows=1_000, truth="linear", flipped=0.3),
    "rows-5000-rules-features-450": _course(rows=5_000, features=450, truth="rules"),
    "rows-20000-linear-features-30": _course(rows=20_000, features=30, truth="linear"),
    "rows-20000-rules-flipped-0.1": _course(rows=20_000, truth="rules", flipped=0.1),
}


def at_hand() -> list[str]:
    """Return the names of the datasets that can be loaded, the smallest first."""
    names = [
        name
        for name, source in DATASETS.items()
        if isinstance(source, Generated) or source.path is not None
    ]
    return sorted(names, key=lambda name: DATASETS[name].rows * DATASETS[name].features)


def describe(names: Iterable[str]) -> list[list[str]]:
    """Return name, rows, features and nature of each dataset."""
    return [
        [name, f"{source.rows:,}", str(source.features), _nature(source)]
        for name, source in ((name, DATASETS[name]) for name in names)
    ]


def _nature(source: Source) -> str:
    if isinstance(source, RealFile):
        return f"`{source.file}`"
    options = ", ".join(f"{name}={value}" for name, value in source.options.items())
    return f"`Course({options})`"


@cache
def digest(name: str) -> str:
    """Return a digest of a dataset's samples."""
    dataset = DATASETS[name].load()
    return hashlib.sha256(dataset.X.tobytes() + dataset.y.tobytes()).hexdigest()[:16]
