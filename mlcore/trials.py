"""Choosing what to blend, by what candidates give to held-out samples."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore.classifier import MAX_SHARPNESS
from mlcore.families import FAMILIES
from mlcore.families.family import SMALLEST, Setting, log_true

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]
Indices = NDArray[np.intp]

_SMALLEST_WEIGHT = 0.05  # parts that would get less are not kept
# Held-out samples that a part is worth before it is tried. An imported model is worth more than
# what was learned here, as long as it may be as good.
_EQUAL_SAMPLES = 1.0
_PRIOR_SAMPLES = 3.0
_SAMPLES_BESIDE_PRIOR = 0.2
_CREDIBLE = 2.0  # standard errors by which its log-loss may be higher
_CAUTION = 20.0  # what a mixture e times as sharp must bring of log-loss, in all samples together
_GOLDEN = (5**0.5 - 1) / 2
_EXACT = 1e-3  # of the logarithm of that power
_LAGGING = 6.0  # standard errors behind the best, from which something is tried no more
_ENOUGH_TO_DROP = 200.0  # held-out samples after which what fares badly is tried no more


@dataclass(frozen=True)
class Candidate:
    """What may become a part of the blend.

    Attributes
    ----------
    family : str
        A name in `mlcore.families.FAMILIES`.
    setting : Setting
        One of that family's.
    from_prior : bool
        Whether it makes use of an imported model.
    """

    family: str
    setting: Setting
    from_prior: bool = False

    @property
    def kind(self) -> tuple[str, bool]:
        """Those that differ in their setting only."""
        return self.family, self.from_prior

    @property
    def group(self) -> tuple[str, bool]:
        """Those of which one becomes a part."""
        family = FAMILIES[self.family]
        return family.group or family.name, self.from_prior

    def weighed(self, weight: float) -> Candidate:
        """Return the candidate as a part of so much weight."""
        return replace(self, setting=FAMILIES[self.family].weighed(self.setting, weight))


IMPORTED = Candidate("prior", None, from_prior=True)


@dataclass(frozen=True)
class Recipe:
    """What to fit and how to weigh it.

    Attributes
    ----------
    parts : tuple of (Candidate, float)
        What to fit, and its weight in the blend.
    sharpness : float
        See `mlcore.classifier.Classifier`.
    """

    parts: tuple[tuple[Candidate, float], ...]
    sharpness: float = 1.0


class Trials:
    """What candidates gave to held-out samples, fold after fold.

    Parameters
    ----------
    leave : bool, default=True
        Whether a fold says so much that what lags in it is left within it; else `drop` sees to that
        after each, and what is behind alone may still better a blend of few samples.
    """

    def __init__(self, leave: bool = True) -> None:
        self._leave = leave
        self._logs: dict[Candidate, list[Floats]] = {}  # of what the true classes got
        self._all: dict[Candidate, list[Matrix]] = {}  # what all classes got
        self._truth: list[Indices] = []
        self._asked: dict[Candidate, Candidate] = {}
        self._weights: list[Floats] = []
        self._open: set[Candidate] | None = None
        self._here: dict[Candidate, tuple[float, Floats]] = {}  # the best of each in this fold

    def add(
        self,
        results: Iterable[tuple[Candidate, Candidate, Floats]],
        truth: Indices,
        weights: Floats,
    ) -> None:
        """Add one fold's results.

        Parameters
        ----------
        results : iterable of (Candidate, Candidate, ndarray)
            What was tried; with which setting exactly, where one fit tries several; and what that
            gave to the held-out samples, of shape (n_held_out, n_classes).
        truth : ndarray of shape (n_held_out,), intp
            Codes of their classes.
        weights : ndarray of shape (n_held_out,), float64
        """
        self._truth.append(truth)
        self._weights.append(weights)
        self._here = {}
        for asked, candidate, p in results:
            self._asked[candidate] = asked
            log = log_true(p, truth)
            self._logs.setdefault(candidate, []).append(log)
            self._all.setdefault(candidate, []).append(p.astype(np.float32))
            total = float(weights @ log)
            if asked not in self._here or total > self._here[asked][0]:
                self._here[asked] = total, log
        # what missed this fold, as boosting stopped earlier or later than before, is out
        n_folds = len(self._weights)
        self._logs = {
            candidate: logs for candidate, logs in self._logs.items() if len(logs) == n_folds
        }
        self._all = {candidate: self._all[candidate] for candidate in self._logs}

    def is_open(self, candidate: Candidate) -> bool:
        """Say whether a candidate is worth a try in this fold."""
        tried = [log for asked, (_, log) in self._here.items() if asked.kind == candidate.kind]
        if tried and all(map(self._lags, tried)):
            return False
        return self._open is None or candidate in self._open or candidate == IMPORTED

    def lags(self, p: Floats) -> bool:
        """Say whether what a candidate gives is far behind the best that this fold has seen."""
        return self._lags(log_true(p, self._truth[-1]))

    def _lags(self, log: Floats) -> bool:
        if not self._leave or not self._here:
            return False
        _, best = max(self._here.values(), key=lambda so_far: so_far[0])
        return _excess(best - log, self._weights[-1]) > _LAGGING

    def drop(self) -> None:
        """Leave open what is in the blend so far, and settings that may well be better."""
        if sum(map(np.sum, self._weights)) < _ENOUGH_TO_DROP:
            return
        in_blend = {candidate.group for candidate, _ in self._blend()[0]}
        best = self._best()
        self._open = {
            self._asked[candidate]
            for candidate in self._logs
            if candidate.group in in_blend and self._excess(candidate, best[candidate.group]) <= 1
        }

    def _excess(self, candidate: Candidate, other: Candidate) -> float:
        """Return by how many standard errors a candidate's log-loss is above the other's."""
        lost = np.concatenate(self._logs[other]) - np.concatenate(self._logs[candidate])
        return _excess(lost, np.concatenate(self._weights))

    def _is_credible(self, best: Iterable[Candidate]) -> bool:
        """Say whether the imported model may be as good as what was learned here."""
        return all(self._excess(IMPORTED, candidate) <= _CREDIBLE for candidate in best)

    def _best(self) -> dict[tuple[str, bool], Candidate]:
        """Return the best of each group."""
        best: dict[tuple[str, bool], tuple[float, Candidate]] = {}
        for candidate, logs in self._logs.items():
            total = sum(float(w @ log) for w, log in zip(self._weights, logs, strict=True))
            if candidate.group not in best or total > best[candidate.group][0]:
                best[candidate.group] = total, candidate
        return {group: candidate for group, (_, candidate) in best.items()}

    def _judged(self, group: tuple[str, bool]) -> list[Candidate]:
        """Return who speaks for a group in each fold: the setting that the others choose."""
        tried = [candidate for candidate in self._logs if candidate.group == group]
        totals = np.array(
            [
                [w @ log for w, log in zip(self._weights, self._logs[candidate], strict=True)]
                for candidate in tried
            ]
        )
        if len(self._weights) > 1:
            totals = totals.sum(axis=1, keepdims=True) - totals
        return [tried[best] for best in totals.argmax(axis=0)]

    def recipe(self) -> Recipe:
        """Return the mixture of each group's best that makes held-out samples most likely."""
        parts, judged = self._blend()
        weighed = tuple((candidate.weighed(share), share) for candidate, share in parts)
        weighted = [
            share * _of_all_folds(self._all, judges)
            for (_, share), judges in zip(parts, judged, strict=True)
        ]
        truth, weights = np.concatenate(self._truth), np.concatenate(self._weights)
        return Recipe(weighed, _sharpness(np.sum(weighted, axis=0), truth, weights))

    def _blend(self) -> tuple[tuple[tuple[Candidate, float], ...], list[list[Candidate]]]:
        """Return the parts of that mixture, and who speaks for each in each fold."""
        best = self._best()
        judged = [self._judged(group) for group in best]
        likelihoods = np.exp(
            np.stack([_of_all_folds(self._logs, judges) for judges in judged], axis=1)
        )
        candidates = list(best.values())
        has_prior = IMPORTED in candidates
        pseudo = np.full(len(best), _SAMPLES_BESIDE_PRIOR if has_prior else _EQUAL_SAMPLES)
        if has_prior and self._is_credible(candidates):
            pseudo[candidates.index(IMPORTED)] = _PRIOR_SAMPLES
        shares = _mixture(likelihoods, np.concatenate(self._weights), pseudo)
        kept = shares >= _SMALLEST_WEIGHT
        shares = np.where(kept, shares, 0) / shares[kept].sum()
        parts = tuple(
            (candidate, float(share))
            for candidate, share in zip(candidates, shares, strict=True)
            if share
        )
        return parts, [judges for judges, share in zip(judged, shares, strict=True) if share]


def _of_all_folds(
    results: Mapping[Candidate, Sequence[NDArray[Any]]], judges: Iterable[Candidate]
) -> NDArray[Any]:
    """Return one result of each fold, its own judge's, one after the other."""
    return np.concatenate([results[judge][fold] for fold, judge in enumerate(judges)])


def _excess(lost: Floats, weights: Floats) -> float:
    """Return by how many standard errors the mean of what is lost is above 0."""
    mean = weights @ lost / weights.sum()
    error = float(np.sqrt(weights @ (lost - mean) ** 2) / weights.sum())
    return float(mean) / max(error, 1e-12)


def _mixture(likelihoods: Floats, weights: Floats, pseudo: Floats) -> Floats:
    """Return the shares of a mixture that make held-out samples most likely.

    Expectation-maximisation, where `pseudo` samples belong to each part beforehand.

    Parameters
    ----------
    likelihoods : ndarray of shape (n_samples, n_parts)
        Probability that each part gave to the true class.
    weights : ndarray of shape (n_samples,)
    pseudo : ndarray of shape (n_parts,)
    """
    shares = np.full(likelihoods.shape[1], 1 / likelihoods.shape[1])
    for _ in range(200):
        shares = shares * (likelihoods.T @ (weights / (likelihoods @ shares))) + pseudo
        shares /= shares.sum()
    return shares


def _sharpness(p: Floats, truth: Indices, weights: Floats) -> float:
    """Return the power of a mixture's probabilities that suits held-out samples; 1 at least.

    A mean of true probabilities is too cautious: Ranjan and Gneiting, "Combining probability
    forecasts", Journal of the Royal Statistical Society B 72, 2010.

    Parameters
    ----------
    p : ndarray of shape (n_samples, n_classes)
        What the mixture gave.
    truth : ndarray of shape (n_samples,)
        Codes of the classes.
    weights : ndarray of shape (n_samples,)
    """
    logs = np.log(np.clip(p, SMALLEST, 1))
    logs -= logs[np.arange(len(truth)), truth][:, None]

    def loss(log_power: float) -> float:
        lost = np.log(np.exp(np.exp(log_power) * logs).sum(axis=1))
        return float(weights @ lost) + _CAUTION * log_power**2

    low, high = 0.0, float(np.log(MAX_SHARPNESS))
    while high - low > _EXACT:  # golden-section search, as there is one minimum
        part = _GOLDEN * (high - low)
        if loss(high - part) < loss(low + part):
            high = low + part
        else:
            low = high - part
    return float(np.exp((low + high) / 2))
