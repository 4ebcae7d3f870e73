"""Random forests of LightGBM, as plain arrays.

The mean of many trees of random shares of the samples suits data that is small or noisy, where
boosting finds chance: Breiman, "Random Forests", Machine Learning 45, 2001.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlcore.families.boosting import BINNING, COARSE, flattened, n_varying
from mlcore.families.family import Setting
from mlcore.families.lightgbm_library import Binned, Booster
from mlcore.families.trees import MAX_DEPTH, Forest, Forests, Growing

if TYPE_CHECKING:
    from mlcore.task import Task

# of all trees, for each class of more than two; the number falls where each takes longer
_LEAST, _MOST = 40, 300
_CELLS = 12_000_000  # samples times features that vary, which all look at together
_SEED = 1
# coarse values say as much where trees are averaged, and take less time to grow and to predict
_BINNING = BINNING | COARSE


@dataclass(frozen=True)
class Bagging(Growing):
    """How to grow trees.

    Attributes
    ----------
    max_features : float
        Share of the features among which each node chooses.
    max_samples : float
        Share of the samples that a tree learns from.
    extra_trees : bool
        Whether each feature has one threshold for a node, drawn at random.
    """

    max_features: float = 0.6
    max_samples: float = 0.63
    extra_trees: bool = False


_BEST = Bagging(min_weight=12.0)
_RANDOM = Bagging(min_weight=12.0, max_samples=0.9, extra_trees=True)


class RandomForest(Forests):
    """Random forest; a setting is a `Bagging`."""

    name = "forest"
    quick = Bagging(10.0, weight=0.1)

    def settings(self, n_samples: int) -> Sequence[Setting]:
        """Return the settings to try for so many distinct samples."""
        return (_BEST, _RANDOM) if n_samples <= 4_000 else ()

    def most_trees(self, task: Task) -> int:
        """Return how many trees a forest has that has all the weight."""
        n_forests = 1 if task.n_classes == 2 else task.n_classes
        n_cells = n_forests * len(task.y) * max(1, n_varying(task.samples))
        return min(_MOST, max(_LEAST, _CELLS // n_cells))

    def grow(self, task: Task, setting: Growing, n_trees: int) -> Forest:
        """Grow so many trees, for each class of more than two."""
        return grow(task, cast(Bagging, setting), n_trees)


def grow(task: Task, bagging: Bagging, n_trees: int) -> Forest:
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
        value[:, score] = mean / n_trees
        nodes = (trees.feature, trees.left, trees.right, trees.threshold, trees.missing)
        forests.append(Forest(trees.roots, *nodes, value, n_scores=len(codes)))
    return _together(forests)


def _together(forests: Sequence[Forest]) -> Forest:
    """Return forests that speak of other classes each as one."""
    sizes = [len(forest.feature) for forest in forests]
    starts = np.cumsum(sizes) - sizes

    def nodes(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(forest, name) for forest in forests])

    def places(name: str) -> NDArray[np.int32]:
        pairs = zip(forests, starts, strict=True)
        moved = [getattr(forest, name) + start for forest, start in pairs]
        return np.concatenate(moved).astype(np.int32)

    return Forest(
        roots=places("roots"),
        feature=nodes("feature"),
        left=places("left"),
        right=places("right"),
        threshold=nodes("threshold"),
        missing=nodes("missing"),
        value=nodes("value"),
        n_scores=forests[0].n_scores,
    )
