"""What is measured with: real files where they are at hand, generated courses, and public data.

The generated ones vary one thing at a time around a base, and then several together. The public
data is what scikit-learn ships.
"""

from __future__ import annotations

import hashlib
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from infra import ROOT
from infra.lab.course import Course
from mlcore import Labelled, read_labelled

_MIDDLE_ROWS = 14_139
_PIECE = 10_000  # rows that are made up at a time
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

    def data(self) -> bytes:
        """Return the file's bytes, unpacked."""
        assert self.path is not None
        data = self.path.read_bytes()
        return lzma.decompress(data) if self.file.endswith(".xz") else data

    def load(self) -> Labelled:
        """Return the samples."""
        return read_labelled(self.data())


@dataclass(frozen=True)
class Generated:
    """Students of a made-up course; `options` are those of `infra.lab.course.Course`."""

    rows: int
    features: int
    options: dict[str, Any]

    @property
    def course(self) -> Course:
        """What makes the samples up."""
        return Course(self.features, seed=1, **self.options)

    def data(self) -> bytes:
        """Return a file as Moodle writes it."""
        return b"".join(pieces(self.course, self.rows))

    def load(self) -> Labelled:
        """Return the samples, without the rounding of a file."""
        return self.drawn(1)

    def drawn(self, seed: int) -> Labelled:
        """Return the samples of another course, which differs by its seed alone."""
        course = Course(self.features, seed=seed, **self.options)
        X, y = course.draw(self.rows)
        classes = tuple(range(self.options.get("n_classes", 2)))
        return Labelled(X, y, classes, course.feature_names)


@dataclass(frozen=True)
class Shipped:
    """Public data that scikit-learn ships: ``sklearn.datasets.load_…``."""

    name: str
    rows: int
    features: int

    def load(self) -> Labelled:
        """Return the samples, with each column spread over Moodle's -1 to 1."""
        # not above: what measures memory imports this module, too
        import sklearn.datasets

        bunch = getattr(sklearn.datasets, f"load_{self.name}")()
        low, high = bunch.data.min(axis=0), bunch.data.max(axis=0)
        X = 2 * (bunch.data - low) / np.where(high > low, high - low, 1) - 1
        names = tuple(f"\\shipped\\{name}" for name in bunch.feature_names)
        classes = tuple(range(len(bunch.target_names)))
        return Labelled(X.astype(np.float32), bunch.target.astype(np.int64), classes, names)


Source = RealFile | Generated | Shipped


def _course(rows: int = 2_000, features: int = 98, **options: Any) -> Generated:
    return Generated(rows, features, options)


FILES: dict[str, RealFile | Generated] = {
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

DATASETS: dict[str, Source] = FILES | {
    "shipped-iris": Shipped("iris", 150, 4),
    "shipped-wine": Shipped("wine", 178, 13),
    "shipped-breast-cancer": Shipped("breast_cancer", 569, 30),
    "shipped-digits": Shipped("digits", 1_797, 64),
}


# What the benchmark of speed measures, one by one.
_TIMED = (
    *("dropout-quarters-labelled", "real-365x1904", "real-414x37953", "real-multiclass-2x150"),
    *("rows-300", "base", "rows-20000", "rows-5000-rules-features-450"),
)


def timed() -> list[str]:
    """Return the names of the datasets that the benchmark of speed measures."""
    return [name for name in _TIMED if name in at_hand()]


def missing() -> list[str]:
    """Return the names of the real files that are not at hand."""
    return sorted(set(DATASETS) - set(at_hand()))


def real() -> list[str]:
    """Return the names of the real files that are at hand."""
    return [name for name in at_hand() if isinstance(DATASETS[name], RealFile)]


def small() -> tuple[str, bytes]:
    """Return the real file of some 2,000 rows, or else a made-up one like it; what it is first."""
    if "real-365x1904" in real():
        return "365×1904, real", FILES["real-365x1904"].data()
    return "365×2000, made up", Course(n_features=365).labelled(2_000)


def large() -> tuple[str, bytes]:
    """Return the real file of 30 MB, or else a made-up one of its shape; what it is first."""
    if "real-414x37953" in real():
        return "414×37953, 30 MB, real", FILES["real-414x37953"].data()
    return "414×38000, 30 MB, made up", b"".join(pieces(Course(n_features=414), 38_000))


def middle() -> tuple[str, bytes]:
    """Return 14,139 rows of the large file, of which fewer than 10,000 differ; what it is first."""
    name, data = large()
    *head, rest = data.split(b"\n", 3)
    rows = rest.splitlines()
    drawn = np.random.default_rng(1).permutation(len(rows))[:_MIDDLE_ROWS]
    return f"{_MIDDLE_ROWS} rows of {name}", b"\n".join([*head, *(rows[i] for i in drawn)])


def pieces(course: Course, n_rows: int) -> Iterator[bytes]:
    """Make up a labelled file of any size with little memory."""
    for begin in range(0, n_rows, _PIECE):
        piece = course.labelled(min(_PIECE, n_rows - begin))
        yield piece if not begin else piece.split(b"\n", 3)[3]


def at_hand() -> list[str]:
    """Return the names of the datasets that can be loaded, the smallest first."""
    names = [
        name
        for name, source in DATASETS.items()
        if not isinstance(source, RealFile) or source.path is not None
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
    if isinstance(source, Shipped):
        return f"`sklearn.datasets.load_{source.name}`"
    options = ", ".join(f"{name}={value}" for name, value in source.options.items())
    return f"`Course({options})`"


@cache
def digest(name: str) -> str:
    """Return a digest of a dataset's samples."""
    dataset = DATASETS[name].load()
    return hashlib.sha256(dataset.X.tobytes() + dataset.y.tobytes()).hexdigest()[:16]
