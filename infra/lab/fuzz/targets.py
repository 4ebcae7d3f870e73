"""What is fuzzed: where it begins, how inputs are made from one another, and what must hold."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from infra.lab.fuzz import hostile_datasets, hostile_models, hostile_requests
from mlcore import Classifier, errors, read_labelled, read_unlabelled

Garble = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Target:
    """Something that reads what strangers send.

    Attributes
    ----------
    run : callable
        Takes an input, and returns the seconds that do not count; raises where something is wrong.
    seeds : callable
        Returns genuine inputs.
    large : callable
        Returns the worst inputs that are known, by what they are.
    mutate : callable
        Returns another input, with chance and with a function that garbles bytes.
    """

    run: Callable[[bytes], float]
    seeds: Callable[[], list[bytes]]
    large: Callable[[], dict[str, bytes]]
    mutate: Callable[[bytes, random.Random, Garble], bytes]


def target(name: str, directory: str) -> Target:
    """Return a target by its name.

    Parameters
    ----------
    name : {"dataset", "model", "request"}
    directory : str
        Where a server may keep models.
    """
    if name == "dataset":
        return Target(
            read_dataset, hostile_datasets.seeds, hostile_datasets.large, hostile_datasets.mutate
        )
    if name == "model":
        return Target(read_model, hostile_models.seeds, hostile_models.large, hostile_models.mutate)
    send = hostile_requests.Requests(hostile_requests.make_app(directory))
    return Target(send, hostile_requests.seeds, hostile_requests.large, hostile_requests.mutate)


def read_dataset(data: bytes) -> float:
    """Read a dataset with and without targets."""
    try:
        labelled = read_labelled(data)
        assert labelled.X.dtype == np.float32
        assert not np.isinf(labelled.X).any()
        assert labelled.X.shape == (len(labelled.y), len(labelled.feature_names))
        assert set(labelled.y.tolist()) <= set(labelled.classes)
    except errors.DatasetError as error:
        _check(error)
    try:
        unlabelled = read_unlabelled(data)
        assert len(unlabelled.sample_ids) == len(unlabelled.X)
        assert not np.isinf(unlabelled.X).any()
    except errors.DatasetError as error:
        _check(error)
    return 0.0


def read_model(data: bytes) -> float:
    """Read a model file, predict with it, write it, and read that again."""
    try:
        classifier = Classifier.from_bytes(data)
    except errors.ModelFileError as error:
        _check(error)
        return 0.0
    n_features = len(classifier.feature_names)
    X = np.random.default_rng(0).integers(-128, 128, (50, n_features)).astype(
        np.float32
    ) / np.float32(100)
    X[::3, ::2], X[0] = np.nan, np.finfo(np.float32).max
    try:
        probabilities = classifier.predict_proba(X)
    except errors.ModelFileError as error:
        _check(error)
    else:
        assert probabilities.shape == (50, len(classifier.classes))
        assert (probabilities > 0).all()
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    written = classifier.to_bytes()
    assert Classifier.from_bytes(written).to_bytes() == written
    return 0.0


def _check(error: errors.MlcoreError) -> None:
    """Hold an error to what a sentence for an admin must be."""
    text = str(error)
    assert re.fullmatch(r"[A-Z][^\n\0]{10,2000}\.", text), text
