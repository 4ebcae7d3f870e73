"""The net of the existing backend, rebuilt with numpy.

Two ReLU layers and a softmax, trained with RMSprop as TensorFlow does it by default. What surrounds
the net is that backend's, too: no value counts as 0, columns that do not vary are dropped, and the
last tenth of the samples is put aside and not used.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_BATCH, _MOST_BATCHES = 1_000, 10
_LEARNING_RATE, _DECAY, _EPSILON = 1e-3, 0.9, 1e-7  # TensorFlow's defaults
_ASIDE = 0.1
_SEED = 1


class ExistingBackend:
    """Net of the shape, the optimiser and the effort of `moodlemlbackend` 3.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    """

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Fit the net to samples of all classes."""
        random = np.random.default_rng(_SEED)
        filled = _filled(X)
        self._columns = np.flatnonzero(filled.var(axis=0))
        self.classes_, codes = np.unique(y, return_inverse=True)
        targets = np.eye(len(self.classes_), dtype=np.float32)[codes]
        n_hidden = max(8, len(self._columns) // 3)
        sizes = [len(self._columns), n_hidden, n_hidden, len(self.classes_)]
        self._weights: list[Floats] = []
        for n_in, n_out in pairwise(sizes):
            limit = np.sqrt(6 / max(n_in + n_out, 1))
            self._weights.append(random.uniform(-limit, limit, (n_in, n_out)).astype(np.float32))
            self._weights.append(np.zeros(n_out, dtype=np.float32))

        n_batches = min(-(-len(y) // _BATCH), _MOST_BATCHES)
        batch = -(-len(y) // n_batches)
        order = random.permutation(len(y))[: len(y) - int(_ASIDE * len(y))]
        squares = [np.zeros_like(weights) for weights in self._weights]
        for _ in range(40 + batch // 20):
            random.shuffle(order)
            for begin in range(0, len(order), batch):
                rows = order[begin : begin + batch]
                gradients = self._gradients(filled[rows][:, self._columns], targets[rows])
                for weights, square, gradient in zip(
                    self._weights, squares, gradients, strict=True
                ):
                    square *= _DECAY
                    square += (1 - _DECAY) * gradient**2
                    weights -= _LEARNING_RATE * gradient / (np.sqrt(square) + _EPSILON)
        return self

    def predict_proba(self, X: NDArray[Any]) -> Floats:
        """Return probabilities of shape (n_samples, n_classes)."""
        return self._forward(_filled(X)[:, self._columns])[-1]

    def _forward(self, X: Floats) -> list[Floats]:
        """Return the input and what each layer makes of it."""
        layers = [X]
        for i in range(0, len(self._weights), 2):
            scores = layers[-1] @ self._weights[i] + self._weights[i + 1]
            layers.append(np.maximum(scores, 0))
        scores -= scores.max(axis=1, keepdims=True)
        exponentials = np.exp(scores)
        layers[-1] = np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True), np.float32)
        return layers

    def _gradients(self, X: Floats, targets: Floats) -> list[Floats]:
        """Return the gradient of the mean cross-entropy by each of the weights."""
        layers = self._forward(X)
        delta = (layers[-1] - targets) / np.float32(len(X))
        gradients: list[Floats] = []
        for i in reversed(range(len(layers) - 1)):
            gradients[:0] = [layers[i].T @ delta, delta.sum(axis=0)]
            delta = np.where(layers[i] > 0, delta @ self._weights[2 * i].T, np.float32(0))
        return gradients


def _filled(X: NDArray[Any]) -> Floats:
    return np.asarray(np.nan_to_num(X, nan=0.0), dtype=np.float32)
