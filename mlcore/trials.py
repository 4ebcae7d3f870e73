"""Choosing what to blend, by what candidates give to held-out samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from mlcore.boosting import Boosting
from mlcore.classifier import MAX_SHARPNESS, SMALLEST
from mlcore.forest import Growth

Floats = NDArray[np.float64]

_SMALLEST_WEIGHT = 0.05  # parts that would get less are not kept
# Held-out samples that a part is worth before it is tried. An imported model is worth more than
# what was learned here, as long as it may be as good.
_EQUAL_SAMPLES = 1.0
_PRIOR_SAMPLES = 3.0
_SAMPLES_BESIDE_PRIOR = 0.2
_CREDIBLE = 2.0  # standard errors by which its log-loss may be higher
_CAUTION = 20.0  # what a mixture e times as sharp must bring of log-loss, in all samples together
_ENOUGH_TO_DROP = 200.0  # held-out samples after which what fares badly is tried no more

Setting = float | Boosting | Growth | None
Candidate = tuple[str, Setting]


@dataclass(frozen=True)
class Recipe:
    """What to fit and how to weigh it.

    Attributes
    ----------
    parts : tuple of (name, setting, weight)
        Names are those of the families that are tried: linear, net, forest, smooth and sharp
        (boosted trees), and prior; after "local " a family that makes no use of an imported model.
    sharpness : float
        See `mlcore.classifier.Classifier`.
    """

    parts: tuple[tuple[str, Setting, float], ...]
    sharpness: float = 1.0


class Trials:
    """What candidates gave to the true classes of held-out samples, fold after fold.

    Parameters
    ----------
    n_classes : int
    """

    def __init__(self, n_classes: int) -> None:
        self._n_classes = n_classes
        self._logs: dict[Candidate, list[Floats]] = {}
        self._weights: list[Floats] = []
        self._open: dict[str, list[Setting]] | None = None

    def add(self, results: Iterator[tuple[Candidate, Floats]], weights: Floats) -> None:
        """Add one fold's results."""
        self._weights.append(weights)
        for candidate, likelihood in results:
            log = np.log(np.clip(likelihood, SMALLEST, 1))
            self._logs.setdefault(candidate, []).append(log)
        # what missed this fold, as boosting stopped earlier or later than before, is out
        n_folds = len(self._weights)
        self._logs = {
            candidate: logs for candidate, logs in self._logs.items() if len(logs) == n_folds
        }

    def is_open(self, name: str, setting: Setting) -> bool:
        """Say whether a candidate is worth another fold; one of boosting whatever its rounds."""
        if self._open is None:
            return True
        return any(_without_rounds(setting) == _without_rounds(s) for s in self._open.get(name, ()))

    def drop(self) -> None:
        """Leave open what is in the blend so far, and settings that may well be better."""
        if sum(map(np.sum, self._weights)) < _ENOUGH_TO_DROP:
            return
        in_blend = {name for name, _, _ in self._blend()[0]}
        best = self._best()
        self._open = {}
        for name, setting in self._logs:
            if name in in_blend and self._excess((name, setting), (name, best[name])) <= 1:
                self._open.setdefault(name, []).append(setting)

    def _excess(self, candidate: Candidate, other: Candidate) -> float:
        """Return by how many standard errors a candidate's log-loss is above the other's."""
        weights = np.concatenate(self._weights)
        lost = np.concatenate(self._logs[other]) - np.concatenate(self._logs[candidate])
        mean = weights @ lost / weights.sum()
        error = float(np.sqrt(weights @ (lost - mean) ** 2) / weights.sum())
        return float(mean) / max(error, 1e-12)

    def _is_credible(self, best: dict[str, Setting]) -> bool:
        """Say whether the imported model may be as good as what was learned here."""
        return all(
            self._excess(("prior", None), (name, setting)) <= _CREDIBLE
            for name, setting in best.items()
        )

    def _best(self) -> dict[str, Setting]:
        """Return the best setting of each family."""
        best: dict[str, tuple[float, Setting]] = {}
        for (name, setting), logs in self._logs.items():
            total = sum(float(w @ log) for w, log in zip(self._weights, logs, strict=True))
            if name not in best or total > best[name][0]:
                best[name] = total, setting
        return {name: setting for name, (_, setting) in best.items()}

    def _judged(self, name: str) -> Floats:
        """Return a family's held-out logs, of each fold with the setting that the others choose."""
        tried = [logs for (of, _), logs in self._logs.items() if of == name]
        totals = np.array(
            [[w @ log for w, log in zip(self._weights, logs, strict=True)] for logs in tried]
        )
        if len(self._weights) > 1:
            totals = totals.sum(axis=1, keepdims=True) - totals
        return np.concatenate(
            [tried[best][fold] for fold, best in enumerate(totals.argmax(axis=0))]
        )

    def recipe(self) -> Recipe:
        """Return the mixture of each family's best that makes held-out samples most likely."""
        parts, likelihood = self._blend()
        if self._n_classes > 2:  # what the true one got does not tell what each of the others did
            return Recipe(parts)
        return Recipe(parts, _sharpness(likelihood, np.concatenate(self._weights)))

    def _blend(self) -> tuple[tuple[tuple[str, Setting, float], ...], Floats]:
        """Return the parts of that mixture, and what it gives to the true classes."""
        best = self._best()
        names = list(best)
        likelihoods = np.exp(np.stack([self._judged(name) for name in names], axis=1))
        has_prior = "prior" in best
        pseudo = np.full(len(names), _SAMPLES_BESIDE_PRIOR if has_prior else _EQUAL_SAMPLES)
        if has_prior and self._is_credible(best):
            pseudo[names.index("prior")] = _PRIOR_SAMPLES
        shares = _mixture(likelihoods, np.concatenate(self._weights), pseudo)
        kept = shares >= _SMALLEST_WEIGHT
        shares = np.where(kept, shares, 0) / shares[kept].sum()
        parts = tuple(
            (name, best[name], float(share))
            for name, share in zip(names, shares, strict=True)
            if share
        )
        return parts, likelihoods @ shares


def _without_rounds(setting: Setting) -> Setting:
    return replace(setting, rounds=0) if isinstance(setting, Boosting) else setting


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


def _sharpness(likelihood: Floats, weights: Floats) -> float:
    """Return the power of a mixture's probabilities that suits held-out samples; 1 at least.

    A mean of true probabilities is too cautious: Ranjan and Gneiting, "Combining probability
    forecasts", Journal of the Royal Statistical Society B 72, 2010.

    Parameters
    ----------
    likelihood : ndarray of shape (n_samples,)
        What the mixture gave to the true one of two classes.
    weights : ndarray of shape (n_samples,)
    """
    likelihood = np.clip(likelihood, SMALLEST, 1 - SMALLEST)
    log, log_other = np.log(likelihood), np.log(1 - likelihood)

    def loss(log_power: float) -> float:
        power = np.exp(log_power)
        lost = np.logaddexp(power * log, power * log_other) - power * log
        return float(weights @ lost) + _CAUTION * log_power**2

    found = minimize_scalar(loss, bounds=(0, np.log(MAX_SHARPNESS)), method="bounded")
    return float(np.exp(found.x))
