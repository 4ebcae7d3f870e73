"""Measuring one learner on one split of one dataset, once and for all.

A cell is a line of the cache. It is measured again only when its dataset or its learner changed.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import StratifiedKFold, StratifiedShuffleSplit
from threadpoolctl import threadpool_limits

from infra.lab.datasets import DATASETS, Generated, Source, digest
from infra.lab.quality.cache import Cell, append, read
from infra.lab.quality.learners import LEARNERS, Codes, Matrix, Setting, fingerprint
from infra.lab.quality.scoring import bounded, log_loss, measure

TEST_SHARE = 0.2
SHARED_TUNING = 1_000  # from so many rows on, settings are chosen once, on the first split
_FOLDS = 3
_ONE_FOLD = 5_000  # with more rows, one held-out fold says enough
_SEED = 1  # of the peers' cross-validation
# Nothing was tuned on these (see `infra.lab.quality.write_up`).
SPLITS_SEED, COURSES_SEED = 20_261_126, 9_000
_PROTOCOL = 2  # to be raised when the same name comes to mean another measurement


@dataclass(frozen=True)
class Job:
    """The repeats of one learner on one dataset that are to be measured."""

    dataset: str
    learner: str
    key: str
    repeats: tuple[int, ...]
    setting: Setting | None
    cache: Path


def n_repeats(n_rows: int) -> int:
    """Return how often a dataset is split: the less there is to test on, the more often."""
    return 20 if n_rows <= 1_000 else 10 if n_rows < 20_000 else 5


def key_of(dataset: str, learner: str) -> str:
    """Return what has to stay the same for a cell to stay valid."""
    return f"{_PROTOCOL}-{digest(dataset)}-{fingerprint(learner, DATASETS[dataset].rows)}"


def valid(cells: list[Cell], datasets: Sequence[str], learners: Sequence[str]) -> list[Cell]:
    """Return the cells of these datasets and learners that are up to date."""
    keys = {pair: key_of(*pair) for pair in product(datasets, learners)}
    return [cell for cell in cells if keys.get((cell["dataset"], cell["learner"])) == cell["key"]]


def by_dataset(
    cache: Path, datasets: Sequence[str], learners: Sequence[str]
) -> dict[str, list[Cell]]:
    """Return the cells that are up to date, dataset by dataset."""
    cells = valid(read(cache), datasets, learners)
    grouped = {name: [cell for cell in cells if cell["dataset"] == name] for name in DATASETS}
    return {name: of_dataset for name, of_dataset in grouped.items() if of_dataset}


def jobs(
    cache: Path, datasets: Sequence[str], learners: Sequence[str], repeats: int | None
) -> list[Job]:
    """Return what is not measured yet; `repeats` None takes as many as suit the dataset."""
    cells = valid(read(cache), datasets, learners)
    settings = {
        (cell["dataset"], cell["learner"], cell["repeat"]): cell["setting"] for cell in cells
    }
    jobs = []
    for dataset, learner in product(datasets, learners):
        wanted = repeats or n_repeats(DATASETS[dataset].rows)
        missing = tuple(i for i in range(wanted) if (dataset, learner, i) not in settings)
        if missing:
            setting = settings.get((dataset, learner, 0))
            jobs.append(Job(dataset, learner, key_of(dataset, learner), missing, setting, cache))
    return jobs


def run(jobs: list[Job], n_processes: int) -> None:
    """Measure what is missing; each cell is kept and told of as soon as it is done."""
    if n_processes == 1:
        for job in jobs:
            _measure(job)
        return
    with ProcessPoolExecutor(n_processes, get_context("spawn")) as pool:
        list(pool.map(_measure, jobs))


def _measure(job: Job) -> None:
    warnings.simplefilter("ignore", ConvergenceWarning)  # iterations are one of the settings
    learner = LEARNERS[job.learner]
    source = DATASETS[job.dataset]
    grid = learner.grid(source.rows)
    setting = job.setting
    n_splits = max(job.repeats) + 1
    for repeat, X, y, learned, held in _splits(source, job.repeats):
        with threadpool_limits(1):
            if setting is None or source.rows < SHARED_TUNING:
                setting = _tuned(learner.make, grid, X[learned], y[learned])
            began = time.perf_counter()
            fitted = learner.make(**setting).fit(X[learned], y[learned])
            fit = time.perf_counter()
            p = bounded(fitted.predict_proba(X[held]))
            predicted = time.perf_counter()
        cell = {
            "dataset": job.dataset,
            "learner": job.learner,
            "repeat": repeat,
            "key": job.key,
            "setting": setting,
            "fit_seconds": fit - began,
            "predict_seconds": predicted - fit,
            **measure(y[held], p),
        }
        append(job.cache, cell)
        print(
            f"{job.dataset:<30}{job.learner:<16}{repeat + 1:>3}/{n_splits:<4}"
            f"log-loss {cell['log_loss']:.4f}  AUC {cell['auc']:.4f}  {cell['fit_seconds']:.2f} s",
            flush=True,
        )


def _splits(
    source: Source, repeats: Sequence[int]
) -> Iterator[tuple[int, Matrix, Codes, Codes, Codes]]:
    """Yield repeat, samples, their classes, and which of them are to learn from and to test on.

    A generated course is drawn anew for each repeat; of all else there are only other splits.
    """
    labelled = None if isinstance(source, Generated) else source.load()
    for repeat in repeats:
        if isinstance(source, Generated):
            labelled = source.drawn(COURSES_SEED + repeat)
        assert labelled is not None
        X = labelled.X.astype(np.float64)
        _, y = np.unique(labelled.y, return_inverse=True)
        splitter = StratifiedShuffleSplit(
            1, test_size=TEST_SHARE, random_state=SPLITS_SEED + repeat
        )
        ((learned, held),) = splitter.split(X, y)
        yield repeat, X, y, learned, held


def _tuned(make: Callable[..., Any], grid: list[Setting], X: Matrix, y: Codes) -> Setting:
    """Return the setting with the least cross-validated log-loss."""
    n_folds = min(_FOLDS, int(np.bincount(y).min()))
    if len(grid) == 1 or n_folds < 2:
        return grid[0]
    folds = list(StratifiedKFold(n_folds, shuffle=True, random_state=_SEED).split(X, y))
    if len(y) > _ONE_FOLD:
        folds = folds[:1]
    losses = []
    for setting in grid:
        loss = 0.0
        for learned, held in folds:
            fitted = make(**setting).fit(X[learned], y[learned])
            loss += log_loss(y[held], bounded(fitted.predict_proba(X[held])))
        losses.append(loss)
    return grid[int(np.argmin(losses))]
