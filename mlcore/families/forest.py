"""Random forests of LightGBM, as plain arrays.

The mean of many trees of random shares of the samples suits data that is small or noisy, where
boosting finds chance: Breiman, "Random Forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from mlcore.families.boosting import BINNING, COARSE, flattened, n_varying
from mlcore.families.family import Setting
from mlcore.families.lightgbm_library import Binned, Booster
from mlcore.families.trees import MAX_DEPTH, FoldByFold, Forest, joined

if TYPE_CHECKING:
    from mlcore.task import Fold, Task

# trees for each fold, and for each class of more than two; fewer where each takes longer
_MOST_TREES, _FEWEST_TREES = 25, 6
_CELLS = 800_000  # samples times features that vary, which a fold's trees look at together
_SEED = 1
# coarse values say as much where trees are averaged, and take less time to grow and to predict
_BINNING = BINNING | COARSE


@dataclass(frozen=True)
class Bagging:
    """How to grow trees.

    Attributes
    ----------
    min_weight : float
        The least that the samples of a leaf weigh together.
    max_features : float
        Share of the features among which each node chooses.
    max_samples : float
        Share of the samples that a tree learns from.
    extra_trees : bool
        Whether each feature has one threshold for a node, drawn at random.
    """

    min_weight: float
    max_features: float = 0.6
    max_samples: float = 0.63
    extra_trees: bool = False


_BEST = Bagging(min_weight=12.0)
_RANDOM = Bagging(min_weight=12.0, max_samples=0.9, extra_trees=True)


class RandomForest(FoldByFold):
    """Random forest; a setting is a `Bagging`."""

    name = "forest"
    quick = Bagging(min_weight=10.0)

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        return (_BEST, _RANDOM) if n_samples <= 4_000 else ()

    def grow(self, fold: Fold, setting: Setting) -> Forest:
        """Return trees that have learned from what a fold does not test."""
        return grow(fold.learned, cast(Bagging, setting))


def grow(task: Task, bagging: Bagging) -> Forest:
    """Grow trees that tell class 1 from class 0, or each of more than two from all others."""
    samples, n_classes = task.samples, task.n_classes
    binned = samples.once("coarsely binned", lambda: Binned.of(samples.X, _BINNING))
    parameters: dict[str, Any] = {
        "boosting": "rf",
        "extra_trees": bagging.extra_trees,
        "objective": "regression",  # whose leaves hold the mean of 0s and 1s
        "boost_from_average": False,
        "metric": "None",
        "num_leaves": 200,
        "max_depth": MAX_DEPTH,
        "min_sum_hessian_in_leaf": bagging.min_weight,
        "feature_fraction_bynode": bagging.max_features,
        "bagging_fraction": bagging.max_samples,
        "bagging_freq": 1,
        "deterministic": True,
        "seed": _SEED,
        **_BINNING,
    }
    codes = [1] if n_classes == 2 else list(range(n_classes))
    n_cells = len(codes) * len(task.y) * max(1, n_varying(samples))
    n_trees = min(_MOST_TREES, max(_FEWEST_TREES, _CELLS // n_cells))
    forests = []
    for score, code in enumerate(codes):
        truth = task.y == code
        booster = Booster(binned.subset(task.used, _BINNING, truth, task.weights), parameters)
        booster.update(n_trees)
        trees = flattened(booster.text(), n_classes=2, from_prior=False)
        mean = np.clip(trees.value, 0, 1)  # but for rounding it is between
        # LightGBM gives 0 to a tree that found nothing to split
        mean[trees.roots[trees.left[trees.roots] == trees.roots]] = np.average(
            truth, weights=task.weights
        )
        value = np.zeros((len(mean), len(codes)))
        value[:, score] = mean * (len(codes) / n_trees)  # as others say nothing of this class
        nodes = (trees.feature, trees.left, trees.right, trees.threshold, trees.missing)
        forests.append(Forest(trees.roots, *nodes, value, n_scores=len(codes)))
    return joined(forests)
