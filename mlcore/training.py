"""Learning: a dataset and what was learned before become a classifier."""

from __future__ import annotations

import numpy as np

from mlcore import columns, duration, errors
from mlcore.classifier import Classifier
from mlcore.dataset import Labelled
from mlcore.examples import Examples
from mlcore.memory import MAX_CELLS, TO_LEARN, n_threads


def train(
    dataset: Labelled,
    learned: Examples | None = None,
    prior: Classifier | None = None,
    max_cells: int = MAX_CELLS,
    find_repeated: bool = True,
    memory: int | None = None,
    deadline: float | None = None,
    cores: float = 1.0,
) -> tuple[Classifier, Examples]:
    """Learn from a dataset and from all that was learned before.

    The classifier is fitted on the columns of the dataset. What was learned before is matched to
    them by name; what it had in other columns stays stored.

    Parameters
    ----------
    dataset : Labelled
        New samples; after the first time they may be of one class only. It is let go once its
        distinct samples are known: less memory for who does not hold it.
    learned : Examples or None
        What the model has learned so far.
    prior : Classifier or None
        An imported model, which is refined.
    max_cells : int
        How many distinct examples to keep, times features.
    find_repeated : bool
        Whether to look for a recent dataset in this one (see `Examples.learn`).
    memory : int or None
        Bytes that there are for the process; None: as many as it needs.
    deadline : float or None
        Time (of `time.monotonic`) by which to end.
    cores : float
        Processors that there are, which may be a part of one.

    Returns
    -------
    classifier : Classifier
    examples : Examples
        What the model has learned now.

    Raises
    ------
    mlcore.errors.ClassesMissing
        When samples of one class only are known, new and old, and there is no imported model.
    mlcore.errors.TooLittleMemory, mlcore.errors.TooLittleTime
    mlcore.errors.OtherIndicators, mlcore.errors.OtherTarget, mlcore.errors.OtherFeatures
        When the dataset belongs to another model.
    """
    shape, feature_names = dataset.X.shape, dataset.feature_names
    if prior is not None and learned is None:
        prior.require_most(feature_names)
    examples = Examples.of(dataset, max_cells)
    del dataset
    if learned is not None:
        examples = learned.learn(examples, max_cells, find_repeated)
    present = np.unique(examples.y)
    if len(present) < 2 and prior is None:
        missing = sorted(set(examples.classes) - set(present.tolist()))
        raise errors.ClassesMissing(missing=" or ".join(map(str, missing)))
    TO_LEARN.require(memory, shape, examples.X.size)
    duration.require(deadline, examples, len(feature_names), cores)
    threads = n_threads(cores, examples.X.size)
    return fit(examples, feature_names, prior, threads), examples


def fit(
    examples: Examples,
    feature_names: tuple[str, ...],
    prior: Classifier | None = None,
    threads: int = 1,
) -> Classifier:
    """Fit a classifier on these columns of examples of two classes, or of any with a prior."""
    from mlcore import blend
    from mlcore.task import Samples

    X = columns.matched(examples.X, examples.feature_names, feature_names)
    classes = tuple(sorted({*examples.classes, *(prior.classes if prior else ())}))
    codes = np.searchsorted(classes, examples.y)
    samples = Samples(X, codes, classes, prior, feature_names)
    task = samples.task(examples.counts.astype(float))
    return blend.fit(task, blend.choose(task, threads), threads)
