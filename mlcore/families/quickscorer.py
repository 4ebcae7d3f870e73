"""The scores of many samples from many trees, without walking down the trees.

Each test on a sample's way rules out the leaves on its other side. With a tree's leaves as the bits
of an integer, the leaf that a sample reaches is what a bitwise AND over the tree's tests leaves.
All tests of a tree on one feature become one table, which holds the leaves that remain for each
interval between the feature's thresholds. Data as coarse as Moodle's has few of those.

This is QuickScorer: Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive
Ensembles of Regression Trees", SIGIR 2015.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mlcore.families.trees import Trees

_BITS = 32  # of a word: as many as the leaves of the largest tree that is fitted here, and one
# words with so many of their lowest bits set
_LOWEST = np.array([(1 << n) - 1 for n in range(_BITS + 1)], dtype=np.uint32)
MISSING = np.array([-np.inf, 0, np.inf], dtype=np.float32)  # what a missing value counts as
# of samples times trees, or of tests times thresholds, at a time: small enough for the cache
_CELLS = 1 << 20


@dataclass(frozen=True)
class _Feature:
    """What one feature's values say about the leaves that a sample can reach.

    Attributes
    ----------
    column : int
    thresholds : ndarray of shape (n_thresholds,), float32
    words : ndarray of shape (n_words,), intp
        The words of leaves that it says something about.
    tables : ndarray of shape (n_words, n_thresholds + 2), uint32
        For each of them the leaves that remain: column i where i thresholds are below the value,
        and the last column where the value is missing.
    """

    column: int
    thresholds: NDArray[np.float32]
    words: NDArray[np.intp]
    tables: NDArray[np.uint32]


@dataclass(frozen=True)
class QuickScorer:
    """Trees, prepared for scoring many samples.

    Attributes
    ----------
    leaves : ndarray of shape (n_words,), uint32
        A tree's leaves are the bits of a word, from the lowest on; of several if there are many.
    values : ndarray of shape (n_words, n_scores_of_a_tree, 33), float64
        What each leaf adds to the scores. The last is 0: none of the word's leaves is reached.
    score : ndarray of shape (n_words,), intp
        Which of a sample's scores is the first of those.
    n_scores : int
    features : tuple of _Feature
    """

    leaves: NDArray[np.uint32]
    values: NDArray[np.float64]
    score: NDArray[np.intp]
    n_scores: int
    features: tuple[_Feature, ...]

    @classmethod
    def of(cls, trees: Trees) -> Self:
        """Prepare trees."""
        left, right, inner = trees.left, trees.right, trees.left != np.arange(len(trees.left))
        first, size = _numbered_leaves(trees.roots, left, right, inner)
        n_words = -(-size[trees.roots] // _BITS)

        leaf = np.flatnonzero(~inner)
        word, bit = first[leaf] // _BITS, first[leaf] % _BITS
        leaf_values = trees.leaf_values[leaf]
        values = np.zeros((n_words.sum(), leaf_values.shape[1], _BITS + 1))
        values[word, :, bit] = leaf_values
        leaves = _LOWEST[np.bincount(word, minlength=len(values))]

        # a test concerns each word that has leaves below its node
        node = np.flatnonzero(inner)
        begin = first[node] // _BITS
        times = (first[node] + size[node] - 1) // _BITS - begin + 1
        node, begin = np.repeat(node, times), np.repeat(begin, times)
        word = begin + np.arange(len(node)) - np.repeat(np.cumsum(times) - times, times)

        def without(child: NDArray[np.int32]) -> NDArray[np.uint32]:
            low = np.clip(first[child] - word * _BITS, 0, _BITS)
            high = np.clip(first[child] + size[child] - word * _BITS, 0, _BITS)
            remaining: NDArray[np.uint32] = ~(_LOWEST[high] ^ _LOWEST[low])
            return remaining

        on_the_left, on_the_right = without(right[node]), without(left[node])
        features = []
        order = np.lexsort((word, trees.feature[node]))
        ends = np.flatnonzero(np.diff(trees.feature[node[order]])) + 1
        for tests in np.split(order, ends) if len(order) else ():
            at = node[tests]
            thresholds = distinct(np.sort(trees.threshold[at]))
            code = np.searchsorted(thresholds, trees.threshold[at])
            words = distinct(word[tests])
            starts = np.searchsorted(word[tests], words)
            tables = np.empty((len(words), len(thresholds) + 2), dtype=np.uint32)
            for some, part in _pieces(starts, len(tests), tables.shape[1]):
                tested, threshold = at[part], thresholds[code[part]]
                goes_right = np.column_stack(
                    [
                        np.arange(len(thresholds) + 1) > code[part, None],
                        MISSING[trees.missing[tested] + 1] > threshold,
                    ]
                )
                right_or_left = (on_the_right[tests[part], None], on_the_left[tests[part], None])
                remaining = np.where(goes_right, *right_or_left)
                tables[some] = np.bitwise_and.reduceat(remaining, starts[some] - part.start, axis=0)
            features.append(_Feature(int(trees.feature[at[0]]), thresholds, words, tables))
        score = np.repeat(trees.first_scores, n_words)
        return cls(leaves, values, score, trees.n_scores, tuple(features))

    def scores(self, X: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the sum of the leaves that each sample reaches, of shape (n_samples, n_scores)."""
        scores = np.zeros((self.n_scores, len(X)))
        step = max(1, _CELLS // max(1, len(self.leaves)))
        for begin in range(0, len(X), step):
            part = X[begin : begin + step]
            remaining = np.repeat(self.leaves[:, None], len(part), axis=1)
            for feature in self.features:
                values = part[:, feature.column]
                code = np.searchsorted(feature.thresholds, values)
                code[np.isnan(values)] = len(feature.thresholds) + 1
                for word, table in zip(feature.words.tolist(), feature.tables, strict=True):
                    remaining[word] &= table[code]
            remaining -= np.uint32(1)  # one bit is set, at most: now as many bits as are below it
            for word, bits in enumerate(np.bitwise_count(remaining)):
                values = self.values[word]
                score = self.score[word]
                scores[score : score + len(values), begin : begin + step] += values[:, bits]
        return scores.T


def distinct(ascending: NDArray[Any]) -> NDArray[Any]:
    """Return an ascending array's values, each once.

    `numpy.unique` would import `numpy.ma`, which no prediction has need of.
    """
    rest = ascending[1:]
    return np.concatenate([ascending[:1], rest[rest != ascending[:-1]]])


def _pieces(
    starts: NDArray[np.intp], n_tests: int, n_columns: int
) -> Iterator[tuple[slice, slice]]:
    """Cut tests into pieces of whole words, so that making their tables needs little memory.

    Parameters
    ----------
    starts : ndarray of shape (n_words,), intp
        Which test is the first of each word.
    n_tests, n_columns : int

    Yields
    ------
    words, tests : slice
    """
    piece = starts // max(1, _CELLS // n_columns)
    begins = np.flatnonzero(np.diff(piece, prepend=-1)).tolist()
    for begin, end in pairwise([*begins, len(starts)]):
        last = int(starts[end]) if end < len(starts) else n_tests
        yield slice(begin, end), slice(int(starts[begin]), last)


def _numbered_leaves(
    roots: NDArray[np.int32],
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    inner: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number leaves from left to right, those of each tree from a multiple of 32 on.

    Returns
    -------
    first, size : ndarray of shape (n_nodes,), intp
        Number of the first leaf below each node, and how many leaves there are.
    """
    levels = []
    level = roots
    while len(level):
        level = level[inner[level]]
        levels.append(level)
        level = np.concatenate([left[level], right[level]])
    size = np.where(inner, 0, 1)
    for level in reversed(levels):
        size[level] = size[left[level]] + size[right[level]]
    first = np.zeros(len(left), dtype=np.intp)
    n_words = -(-size[roots] // _BITS)
    first[roots] = (np.cumsum(n_words) - n_words) * _BITS
    for level in levels:
        first[left[level]] = first[level]
        first[right[level]] = first[level] + size[left[level]]
    return first, size
