"""Boosted trees of LightGBM: their settings, and their form that predicts with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from mlcore.parts import Trees

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

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


def flattened(booster: lightgbm.Booster, n_classes: int, from_prior: bool) -> Trees:
    """Return LightGBM's trees as flat arrays, parents before children.

    LightGBM's text form lists a tree's nodes as they were split, so parents come first; a child
    below 0 is a leaf, the complement of its number. Bit 1 of a decision type sends missing values
    to the left, bits 2 and 3 tell what they count as (2: missing, 0: zero).
    """
    text = booster.model_to_string().partition("\nend of trees")[0]
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
