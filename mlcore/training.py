"""Learning: a dataset and what was learned before become a classifier."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from mlcore import errors
from mlcore.classifier import Classifier
from mlcore.dataset import Labelled
from mlcore.examples import MAX_EXAMPLES, Examples


def train(
    dataset: Labelled,
    learned: Examples | None = None,
    prior: Classifier | None = None,
    max_examples: int = MAX_EXAMPLES,
) -> tuple[Classifier, Examples]:
    """Learn from a dataset and from all that was learned before.

    Parameters
    ----------
    dataset : Labelled
        New samples; after the first time they may be of one class only.
    learned : Examples or None
        What the model has learned so far.
    prior : Classifier or None
        An imported model, which is refined.
    max_examples : int
        How many distinct examples to keep.

    Returns
    -------
    classifier : Classifier
    examples : Examples
        What the model has learned now.

    Raises
    ------
    mlcore.errors.ClassesMissing
        When there is no sample of some class, neither new nor old, and no imported model.
    mlcore.errors.OtherFeatures, mlcore.errors.OtherClasses
        When the dataset is not of the shape of what was learned before.
    """
    examples = Examples.of(dataset)
    if learned is not None:
        examples = learned.learn(examples, max_examples)
    else:
        examples = examples.limited(max_examples)
    if prior is not None:
        if len(prior.feature_names) != examples.X.shape[1]:
            raise errors.OtherFeatures(found=examples.X.shape[1], expected=len(prior.feature_names))
        if not set(prior.classes) <= set(examples.classes):
            raise errors.OtherClasses(found=list(examples.classes), expected=list(prior.classes))
    missing = sorted(set(examples.classes) - set(examples.y.tolist()))
    if missing and prior is None:
        raise errors.ClassesMissing(missing=", ".join(map(str, missing)))
    return fit(examples, prior), examples


def fit(examples: Examples, prior: Classifier | None = None) -> Classifier:
    """Fit a classifier on examples of all classes, or on any to refine an imported one."""
    from mlcore import blend
    from mlcore.task import Samples

    codes = np.searchsorted(examples.classes, examples.y)
    task = Samples(examples.X, codes, examples.classes, prior).task(examples.counts.astype(float))
    return replace(blend.fit(task, blend.choose(task)), feature_names=examples.feature_names)
