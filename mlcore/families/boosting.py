"""Boosted trees of LightGBM: their settings, and their form that predicts with numpy alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.family import Family, Setting, log_true, prior_scores
from mlcore.families.lightgbm_library import Binned, Booster
from mlcore.families.trees import Trees

if TYPE_CHECKING:
    from mlcore.task import Fold, Samples, Task
    from mlcore.trials import Recipe

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

_SEED = 1
_FEW_SAMPLES, _MANY_SAMPLES = 4_000, 10_000
# of so many some say enough of how values spread; LightGBM takes 12 bytes for each of theirs
SAMPLED = {"bin_construct_sample_cnt": 20_000}
# fewer bins save a fifth of the time where much is tried, at equal log-loss on Moodle's data
COARSE = SAMPLED | {"max_bin": 63}
_STEP = 10  # rounds between held-out scores
# Features with many values, of which a tree chooses from no more than so many: each takes its time
# anew for each tree. Moodle's indicators have few, those of a real site with 414 are worth 15.
_MOST_DENSE = 150
_FINE_DENSE = 50  # up to so many such features bins may be fine, as each bin takes its time, too
_LOOKED_AT = 500  # samples that say how many values a feature has
_PATIENCE = 40  # rounds without a better one after which boosting stops
BINNING: dict[str, Any] = {
    "min_data_in_bin": 1,
    # samples are distinct ones with weights, so a leaf's size is measured by weight
    "min_data_in_leaf": 1,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}


@dataclass(frozen=True)
class Boosting:
    """Settings of LightGBM."""

    num_leaves: int
    learning_rate: float
    lambda_l2: float
    feature_fraction: float
    min_sum_hessian: float
    rounds: int
    extra_trees: bool = False


_SHALLOW = Boosting(5, 0.07, 1.0, 1.0, 3.0, rounds=250)
# for little noise, where what _SHALLOW asks of a leaf would stop trees too early
_PURE = Boosting(12, 0.2, 1.0, 0.5, 0.1, rounds=150)
_MIDDLE = Boosting(8, 0.1, 5.0, 1.0, 1.0, rounds=250)
_QUICK = Boosting(24, 0.2, 5.0, 1.0, 0.3, rounds=150)
_DEEP = Boosting(31, 0.15, 5.0, 1.0, 0.3, rounds=300)
_SMOOTH = Boosting(15, 0.1, 5.0, 0.5, 3.0, rounds=250, extra_trees=True)
_FAST_SMOOTH = Boosting(15, 0.15, 5.0, 0.5, 3.0, rounds=100, extra_trees=True)


class Boosted(Family):
    """Boosted trees; a setting is a `Boosting`, which is tried after every tenth of its rounds."""

    part = Trees
    fair_after = 10
    quick = Boosting(4, 0.1, 1.0, 1.0, 0.5, rounds=10)

    def fit(self, task: Task, setting: Setting, from_prior: bool) -> Trees:
        """Fit so many rounds, starting from an imported model's scores or not."""
        boosting = cast(Boosting, setting)
        booster = Booster(_binned(task, from_prior), _parameters(task, boosting))
        booster.update(boosting.rounds)
        return flattened(booster.text(), task.n_classes, from_prior)

    def n_results(self, setting: Setting) -> int:
        """Return how many results `tried` yields at most."""
        return cast(Boosting, setting).rounds // _STEP

    def tried(
        self, fold: Fold, setting: Setting, from_prior: bool
    ) -> Iterator[tuple[Setting, Floats]]:
        """Yield what a fold's held-out samples get after so many rounds."""
        boosting = cast(Boosting, setting)
        scored = _scored(fold.learned, fold.tested, boosting, from_prior)
        for rounds, p in scored:
            yield replace(boosting, rounds=rounds), p


class Sharp(Boosted):
    """Boosted trees that take the best threshold at each node, which suits sharp limits."""

    name = "sharp"

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        if n_samples <= _FEW_SAMPLES:
            return (_SHALLOW, _PURE)
        return (_QUICK, _MIDDLE) if n_samples <= _MANY_SAMPLES else (_DEEP,)


class Smooth(Boosted):
    """Boosted trees that draw a threshold at random at each node, which suits the noisy."""

    name = "smooth"

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        if n_samples <= _FEW_SAMPLES:
            return ()
        return (_SMOOTH,) if n_samples <= _MANY_SAMPLES else (_FAST_SMOOTH,)


def curve(task: Task, recipe: Recipe, held: Floats) -> list[tuple[int, float, float]]:
    """Return how the log-loss of boosted trees changes with their rounds.

    The recipe's heaviest trees get some rounds more than it says, to show what would follow;
    where it has none, it is the first boosting that is tried for so many samples.

    Parameters
    ----------
    task : Task
    recipe : Recipe
    held : ndarray of shape (n_samples,), float64
        How often each of all samples is tested on; 0 for most.

    Returns
    -------
    list of (int, float, float)
        Rounds, log-loss of what is learned from, log-loss of what is held out.
    """
    trees = [
        (weight, replace(part.setting, rounds=part.setting.rounds + _PATIENCE))
        for part, weight in recipe.parts
        if isinstance(part.setting, Boosting)
    ]
    first = (0.0, cast(Boosting, Sharp().settings(len(task.y))[0]))
    _, boosting = max(trees, key=lambda part: part[0], default=first)
    # the weights say which samples count for stopping; those learned from are only looked at
    everything = task.all_weighted(held)
    held, here = everything.weights, np.searchsorted(everything.used, task.used)
    scored = _scored(task, everything, boosting, from_prior=False)
    logs = ((rounds, log_true(p, everything.y)) for rounds, p in scored)
    return [
        (
            rounds,
            -float(task.weights @ log[here] / task.weights.sum()),
            -float(held @ log / held.sum()),
        )
        for rounds, log in logs
    ]


def n_varying(samples: Samples) -> int:
    """Return how many features vary."""

    def count() -> int:
        with np.errstate(invalid="ignore"):
            varies = np.fmin.reduce(samples.X, axis=0) < np.fmax.reduce(samples.X, axis=0)
        return int(varies.sum())

    return samples.once("varying", count)


def n_dense(samples: Samples) -> float:
    """Return how many features there are, each as the share of samples without its usual value."""

    def count() -> float:
        some = samples.X[:: -(-len(samples.X) // _LOOKED_AT)]
        # what most have is what the middle one has
        usual = np.partition(some, len(some) // 2, axis=0)[len(some) // 2]
        is_usual = (some == usual) | (np.isnan(some) & np.isnan(usual))
        return float((~is_usual).mean(axis=0).sum())

    return samples.once("dense", count)


def _scored(
    task: Task, test: Task, boosting: Boosting, from_prior: bool
) -> Iterator[tuple[int, Floats]]:
    """Yield what boosting gives to `test` after so many rounds.

    It ends when the held-out samples have not become more likely for some time.
    """
    best, best_at = -np.inf, 0
    learned, tested = _binned(task, from_prior), _binned(test, from_prior)
    booster = Booster(learned, _parameters(task, boosting), tested)
    for rounds in range(_STEP, boosting.rounds + 1, _STEP):
        booster.update(_STEP)
        p = booster.predict_proba()
        yield rounds, p
        total = float(test.weights @ log_true(p, test.y))
        if total > best:
            best, best_at = total, rounds
        elif rounds - best_at >= _PATIENCE:
            break


def _parameters(task: Task, boosting: Boosting) -> dict[str, Any]:
    """Return LightGBM's parameters."""
    n_features, dense = max(n_varying(task.samples), 1), n_dense(task.samples)
    fraction = boosting.feature_fraction * min(1.0, _MOST_DENSE / max(dense, 1))
    parameters: dict[str, Any] = {
        **BINNING,
        "objective": "binary",
        "metric": "None",
        "num_leaves": boosting.num_leaves,
        "learning_rate": boosting.learning_rate,
        "lambda_l2": boosting.lambda_l2,
        "min_sum_hessian_in_leaf": boosting.min_sum_hessian,
        # a tree needs some features to choose from
        "feature_fraction": max(fraction, min(1.0, 8 / n_features)),
        "extra_trees": boosting.extra_trees,
        "deterministic": True,
        "seed": _SEED,
    }
    if dense > _MOST_DENSE:  # then it pays to pass over the features that a tree does not choose
        parameters |= {"force_row_wise": False, "force_col_wise": True}
    if task.n_classes > 2:
        parameters |= {"objective": "multiclass", "num_class": task.n_classes}
    return parameters


def _binning(samples: Samples) -> dict[str, Any]:
    """Return LightGBM's parameters for the bins of samples."""
    n_samples = len(samples.X)
    if n_samples <= _FEW_SAMPLES:
        return BINNING
    fine = n_samples > _MANY_SAMPLES and n_dense(samples) <= _FINE_DENSE
    return BINNING | (SAMPLED if fine else COARSE)


def _binned(task: Task, from_prior: bool) -> Binned:
    samples = task.samples
    whole = samples.once("binned", lambda: Binned.of(samples.X, _binning(samples)))
    scores = None
    if from_prior:
        assert task.log_prior is not None
        scores = prior_scores(task.log_prior)
    return whole.subset(task.used, BINNING, task.y, task.weights, scores)


def flattened(text: str, n_classes: int, from_prior: bool) -> Trees:
    """Return LightGBM's trees as flat arrays, parents before children.

    LightGBM's text form lists a tree's nodes as they were split, so parents come first; a child
    below 0 is a leaf, the complement of its number. Bit 1 of a decision type sends missing values
    to the left, bits 2 and 3 tell what they count as (2: missing, 0: zero).
    """
    text = text.partition("\nend of trees")[0]
    roots: list[int] = []
    columns: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("feature", "left", "right", "threshold", "missing", "value")
    }
    begin = 0
    for tree in text.split("\nTree=")[1:]:
        lines = dict(line.split("=", 1) for line in tree.splitlines() if "=" in line)

        def numbers(name: str, lines: dict[str, str] = lines) -> Floats:
            return np.array(lines.get(name, "").split(), dtype=np.float64)

        leaf_value, feature = numbers("leaf_value"), numbers("split_feature")
        n_leaves, n_splits = len(leaf_value), len(feature)
        leaves = begin + n_splits + np.arange(n_leaves)
        for side in ("left", "right"):
            child = numbers(f"{side}_child").astype(np.intp)
            at = np.where(child < 0, begin + n_splits + ~child, begin + child)
            columns[side].append(np.concatenate([at, leaves]))
        decision = numbers("decision_type").astype(np.intp)
        missing = np.where(decision >> 2 == 2, np.where(decision & 2, -1, 1), 0)
        columns["feature"].append(np.concatenate([feature, np.zeros(n_leaves)]))
        # infinite where any value goes to the left, and only a missing one to the right
        threshold = np.minimum(numbers("threshold"), np.finfo(np.float32).max)
        columns["threshold"].append(np.concatenate([threshold, np.full(n_leaves, np.inf)]))
        columns["missing"].append(np.concatenate([missing, np.zeros(n_leaves)]))
        columns["value"].append(np.concatenate([np.zeros(n_splits), leaf_value]))
        roots.append(begin)
        begin += n_splits + n_leaves
    joined = {name: np.concatenate(pieces) for name, pieces in columns.items()}
    return Trees(
        roots=np.array(roots, dtype=np.int32),
        feature=joined["feature"].astype(np.int32),
        left=joined["left"].astype(np.int32),
        right=joined["right"].astype(np.int32),
        threshold=_rounded_down(joined["threshold"]),
        missing=joined["missing"].astype(np.int8),
        value=joined["value"],
        n_scores=1 if n_classes == 2 else n_classes,
        from_prior=from_prior,
    )


def _rounded_down(thresholds: Floats) -> Matrix:
    """Return the largest float32 not above each threshold, which splits float32 values alike."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    return np.where(
        nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest
    ).astype(np.float32)
