"""What the tests of the ML core are made of."""

import csv
import io
from dataclasses import replace

import numpy as np

from infra.lab.course import Course
from mlcore import Labelled, read_labelled
from mlcore.families.boosting import Boosting
from mlcore.families.dense import Preparation
from mlcore.families.extra_trees import Growth
from mlcore.families.forest import Bagging
from mlcore.families.net import Layer
from mlcore.trials import Candidate, Recipe

BOOSTING = Boosting(7, 0.1, 1.0, 0.5, 1.0, rounds=25)
LINEAR = Recipe(((Candidate("linear", 1.0), 1.0),))
NET = Recipe(((Candidate("net", Layer(1.0)), 1.0),))
TREES = Recipe(((Candidate("sharp", BOOSTING), 1.0),))
FOREST = Recipe(((Candidate("forest", Bagging(3.0, weight=0.1)), 1.0),))
EXTRA_TREES = Recipe(((Candidate("extra trees", Growth(3.0, draws=4, weight=0.1)), 1.0),))
BLEND = Recipe(tuple((recipe.parts[0][0], 0.25) for recipe in (LINEAR, NET, TREES, FOREST)))


def with_prior(recipe):
    """Return a recipe whose parts make use of an imported model, as far as they can."""
    parts = [
        (replace(part, from_prior=part.family != "forest"), weight) for part, weight in recipe.parts
    ]
    return replace(recipe, parts=tuple(parts))


def make_file(rows, columns="a,b,c,target", **metadata):
    """Return a dataset file with these rows, of three features unless told otherwise."""
    names = {"nfeatures": 3, "targetclasses": "[0,1]", "targettype": "discrete"} | metadata
    names = {name: value for name, value in names.items() if value is not None}
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerows([names.keys(), names.values()])
    body = rows if isinstance(rows, bytes) else rows.encode()
    return f"{header.getvalue()}{columns}\n".encode() + body


def make_column(texts):
    """Return a labelled file of one feature whose values are these texts."""
    return make_file("".join(f"{text},0\n" for text in texts), "a,target", nfeatures=1)


def make_labelled(X, y, classes=None):
    """Return a dataset of these samples."""
    X = np.array(X, dtype=np.float32)
    y = np.array(y, dtype=np.int64)
    names = tuple(f"x{i}" for i in range(X.shape[1]))
    return Labelled(X, y, classes or tuple(np.unique(y).tolist()), names)


def make_preparation(width):
    """Return a preparation that leaves features as they are; a missing one is 0."""
    return Preparation(
        columns=np.arange(width, dtype=np.int32),
        flags=np.zeros(0, np.int32),
        fill=np.zeros(width, np.float32),
        low=np.full(width, -9, np.float32),
        high=np.full(width, 9, np.float32),
        mean=np.zeros(width, np.float32),
        scale=np.ones(width, np.float32),
    )


def make_course(n_samples, n_features=12, seed=1, **options):
    """Return students of a made-up course."""
    return read_labelled(Course(n_features, seed=seed, **options).labelled(n_samples))


def rows_of(dataset, rows):
    """Return some rows of a dataset."""
    return replace(dataset, X=dataset.X[rows], y=dataset.y[rows])


def joined(*datasets):
    """Return the rows of several datasets as one."""
    X = np.concatenate([dataset.X for dataset in datasets])
    y = np.concatenate([dataset.y for dataset in datasets])
    return replace(datasets[0], X=X, y=y)
