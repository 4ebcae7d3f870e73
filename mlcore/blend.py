"""Choosing and fitting the classifier: a blend of what the families of learners fit.

Which of these suits a dataset depends on its size and noise, so each is tried on held-out samples
and gets the weight that serves their log-loss best. Each imports what it needs where it is fitted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlcore.classifier import Classifier
from mlcore.families import FAMILIES
from mlcore.families.family import Part
from mlcore.families.net import untried
from mlcore.task import TINY_SAMPLES, Fold, Task
from mlcore.trials import IMPORTED, Candidate, Recipe, Trials

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

Floats = NDArray[np.float64]

# C of the linear model where nothing can be held out
_TINY_PENALTY = 1.0
_RARE_CLASS_PENALTY = 0.06
_NET_SAMPLES = 8  # from so many on a net with it is better, though nothing can be held out


def choose(task: Task, threads: int = 1) -> Recipe:
    """Return the recipe that predicts held-out samples best, the same by any number of threads."""
    if task.is_tiny:
        return fallback(task)
    trials = Trials(leave=task.is_large)
    candidates = _candidates(task)
    with _one_thread(), ThreadPoolExecutor(threads) as pool:
        for fold in task.folds():
            trials.drop()
            results = _tried(fold, candidates, trials, pool)
            trials.add(results, fold.tested.y, fold.tested.weights)
    return trials.recipe()


def fallback(task: Task) -> Recipe:
    """Return the recipe for samples too few to hold any out."""
    if task.samples.prior is not None:
        return Recipe(((IMPORTED, 1.0),))
    n_samples = task.sizes.sum()
    if n_samples >= TINY_SAMPLES:
        return Recipe(((Candidate("linear", _RARE_CLASS_PENALTY), 1.0),))
    linear = Candidate("linear", _TINY_PENALTY)
    if n_samples < _NET_SAMPLES:
        return Recipe(((linear, 1.0),))
    return Recipe(((linear, 0.5), (Candidate("net", untried(task)), 0.5)))


def fit(task: Task, recipe: Recipe, threads: int = 1) -> Classifier:
    """Return the classifier that a recipe gives."""

    def fitted(part: Candidate) -> Part:
        return FAMILIES[part.family].fit(task, part.setting, part.from_prior)

    with _one_thread(), ThreadPoolExecutor(threads) as pool:
        parts = tuple(pool.map(fitted, (part for part, _ in recipe.parts)))
    return Classifier(
        classes=task.samples.classes,
        feature_names=task.samples.feature_names,
        weights=tuple(weight for _, weight in recipe.parts),
        parts=parts,
        prior=task.samples.prior,
        sharpness=recipe.sharpness,
        learned=task.learned,
        shares=task.shares,
    )


def _candidates(task: Task) -> list[Candidate]:
    """Return what is worth trying for so many samples."""
    has_prior = task.samples.prior is not None
    return [
        Candidate(family.name, setting, from_prior)
        for from_prior in ((True, False) if has_prior else (False,))
        for family in FAMILIES.values()
        if from_prior in family.uses_prior
        for setting in family.settings(len(task.y))
    ]


def _tried(
    fold: Fold, candidates: Sequence[Candidate], trials: Trials, pool: Executor
) -> Iterator[tuple[Candidate, Candidate, Floats]]:
    """Yield what candidates give to a fold's held-out samples, to `Trials.add`.

    The first of all sets the mark, and beside it the first of each kind is tried that would not be
    left anyway; then all others that `Trials` has not closed.
    """
    firsts: dict[Hashable, Candidate] = {}
    for candidate in filter(trials.is_open, candidates):
        family = FAMILIES[candidate.family]
        if not firsts or family.n_results(candidate.setting) <= family.fair_after:
            firsts.setdefault(candidate.kind, candidate)

    def results(asked: Candidate) -> list[tuple[Candidate, Candidate, Floats]]:
        family, found = FAMILIES[asked.family], []
        for setting, p in family.tried(fold, asked.setting, asked.from_prior):
            found.append((asked, replace(asked, setting=setting), p))
            if len(found) >= family.fair_after and trials.lags(p):
                break
        return found

    others = (candidate for candidate in candidates if candidate not in firsts.values())
    for together in (firsts.values(), others):
        # complete before any is added, so that what lags does not depend on who is faster
        for found in list(pool.map(results, filter(trials.is_open, together))):
            yield from found


def _one_thread() -> AbstractContextManager[Any]:
    """Let numpy compute in one thread: on data of this size threads wait for each other."""
    limited: AbstractContextManager[Any] = _threads().limit(limits=1)
    return limited


@cache
def _threads() -> ThreadpoolController:
    """Return what limits numpy's threads; finding its library takes longer than a small fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
