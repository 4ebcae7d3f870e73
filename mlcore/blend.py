"""Fitting the classifier: a blend of a linear model, a small net and boosted trees.

Which of them suits a dataset depends on its size and noise, so each is tried on held-out samples
and gets the weight that serves their log-loss best. Importing this module imports scikit-learn and
LightGBM, which takes a second: only training and evaluation do so.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from mlcore.classifier import Classifier
from mlcore.parts import (
    Dense,
    Part,
    Preparation,
    Prior,
    Trees,
    inputs,
    prior_scores,
    probabilities,
)

# Both solvers stop early on purpose. Once and for all, since warnings.catch_warnings is not safe
# where several threads fit at once.
warnings.filterwarnings("ignore", "lbfgs failed to converge", ConvergenceWarning)

Floats = NDArray[np.float64]
Matrix = NDArray[np.float32]

_SEED = 1
_TINY_SAMPLES = 20  # with fewer, or fewer of a class than there are folds, nothing can be held out
_TINY_CLASS = 5
_SMALLEST_WEIGHT = 0.05  # parts that would get less are not kept
_PRIOR_SAMPLES = 10.0  # held-out samples that an imported model is worth before it is tried

_PENALTIES = (0.03, 0.3, 3.0)  # C of LogisticRegression
_DECAYS = (0.1, 1.0, 5.0)  # alpha of MLPClassifier
_NET_LAYERS = (20, 20)
_NET_ITERATIONS = 75


@dataclass(frozen=True)
class Boosting:
    """Settings of LightGBM."""

    num_leaves: int
    learning_rate: float
    lambda_l2: float
    feature_fraction: float
    min_sum_hessian: float
    rounds: int


_SHALLOW = Boosting(5, 0.05, 5.0, 0.5, 3.0, rounds=200)
_MEDIUM = Boosting(31, 0.1, 1.0, 0.5, 3.0, rounds=200)
_DEEP = Boosting(63, 0.15, 5.0, 0.3, 1.0, rounds=150)
_ROUNDS = (25, 50, 100, 150, 200)  # after which a held-out score is taken


@dataclass(frozen=True)
class _Effort:
    """What is tried for so many distinct samples."""

    up_to: float
    n_folds: int
    n_tested: int
    penalties: tuple[float, ...]
    decays: tuple[float, ...]
    boostings: tuple[Boosting, ...]


# the more samples, the fewer held-out folds say enough; on large data trees win and nets are slow
_EFFORTS = (
    _Effort(500, 5, 5, _PENALTIES, _DECAYS, (_SHALLOW, _MEDIUM)),
    _Effort(4_000, 3, 3, _PENALTIES, _DECAYS[::2], (_SHALLOW, _MEDIUM)),
    _Effort(10_000, 5, 1, _PENALTIES, _DECAYS[-1:], (_SHALLOW, _DEEP)),
    _Effort(np.inf, 5, 1, _PENALTIES[1:2], (), (_DEEP,)),
)

Setting = float | Boosting | None


@dataclass(frozen=True)
class Recipe:
    """What to fit and how to weigh it: `parts` are (name, setting, weight)."""

    parts: tuple[tuple[str, Setting, float], ...]


class BlendedClassifier(ClassifierMixin, BaseEstimator):
    """Blend of logistic regression, a multi-layer perceptron and LightGBM.

    Missing values (NaN) are welcome. Class weights are never balanced: the probabilities are meant
    to be true.

    Parameters
    ----------
    prior : Classifier or None
        An imported model to start from, with the same classes and features.
    recipe : Recipe or None
        What to blend; None chooses by the log-loss of held-out samples.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    n_features_in_ : int
    recipe_ : Recipe
        The chosen recipe.
    classifier_ : Classifier
        What was learned, in a form that needs numpy only. Its `classes` are 0, 1, …

    Examples
    --------
    >>> import numpy as np
    >>> from mlcore.blend import BlendedClassifier
    >>> X = np.array([[0.1], [0.2], [0.8], [np.nan]] * 10, dtype=np.float32)
    >>> y = np.array([0, 0, 1, 1] * 10)
    >>> BlendedClassifier().fit(X, y).predict([[0.15], [0.9]])
    array([0, 1])
    """

    def __init__(self, prior: Classifier | None = None, recipe: Recipe | None = None) -> None:
        self.prior = prior
        self.recipe = recipe

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the blend.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Used as float32; NaN where there is no value.
        y : array-like of shape (n_samples,)
            Two or more classes.
        sample_weight : array-like of shape (n_samples,), optional
            How often each sample was seen.

        Returns
        -------
        self
        """
        X, y = validate_data(self, X, y, dtype=np.float32, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        weights = np.ones(len(X)) if sample_weight is None else np.asarray(sample_weight, float)
        if weights.shape != (len(X),) or not (weights >= 0).all():
            raise ValueError("sample_weight must hold one weight, not below 0, for each sample.")
        used = weights > 0
        self.classes_, codes = np.unique(y[used], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("All samples of weight above zero are of one class; two are needed.")
        task = _Task.of(X[used], codes, weights[used], len(self.classes_), self.prior)
        with threadpool_limits(1):  # on data of this size threads wait for each other
            self.recipe_ = self.recipe or task.choose()
            parts = [task.fit(name, setting) for name, setting, _ in self.recipe_.parts]
        self.classifier_ = Classifier(
            classes=tuple(range(len(self.classes_))),
            feature_names=tuple(f"x{i}" for i in range(X.shape[1])),
            weights=tuple(weight for _, _, weight in self.recipe_.parts),
            parts=tuple(parts),
            prior=self.prior,
        )
        return self

    def predict_proba(self, X: Any) -> Floats:
        """Return probabilities of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float32, ensure_all_finite="allow-nan", reset=False)
        return self.classifier_.predict_proba(X)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the most probable class of each sample."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(axis=1)])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@dataclass(frozen=True)
class _Task:
    """Weighted samples to fit parts on; `y` are codes 0 … n_classes - 1."""

    X: Matrix
    y: NDArray[np.intp]
    weights: Floats
    n_classes: int
    log_prior: Floats | None

    @classmethod
    def of(
        cls,
        X: Matrix,
        y: NDArray[np.intp],
        weights: Floats,
        n_classes: int,
        prior: Classifier | None,
    ) -> _Task:
        log_prior = None if prior is None else np.log(prior.predict_proba(X))
        return cls(X, y, weights, n_classes, log_prior)

    @cached_property
    def preparation(self) -> Preparation:
        """What the linear model and the net share."""
        return Preparation.of(self.X, self.weights)

    @cached_property
    def prepared(self) -> Matrix:
        """Input of the linear model and the net."""
        return inputs(self.preparation, self.X, self.log_prior)

    @cached_property
    def effort(self) -> _Effort:
        """What is worth trying."""
        return next(effort for effort in _EFFORTS if len(self.y) <= effort.up_to)

    def choose(self) -> Recipe:
        """Return the recipe that predicts held-out samples best."""
        sizes = np.bincount(self.y, self.weights, self.n_classes)
        if sizes.min() < _TINY_CLASS or sizes.sum() < _TINY_SAMPLES:
            if self.log_prior is None:
                return Recipe((("linear", 1.0, 1.0),))
            return Recipe((("prior", None, 1.0),))
        likelihoods: dict[tuple[str, Setting], list[Floats]] = {}
        tested: list[Floats] = []
        for learned, held in self._folds():
            test = held > 0
            tested.append(held[test])
            fold = self._reweighted(learned)
            for name, setting, predicted in fold._candidates(
                self.effort, self.X[test], self._prior_of(test)
            ):
                of_true_class = predicted[np.arange(len(predicted)), self.y[test]]
                likelihoods.setdefault((name, setting), []).append(of_true_class)
        weights = np.concatenate(tested)
        best: dict[str, tuple[Setting, Floats, float]] = {}
        for (name, setting), folds in likelihoods.items():
            likelihood = np.clip(np.concatenate(folds), 1e-6, 1)
            loss = -float(weights @ np.log(likelihood))
            if name not in best or loss < best[name][2]:
                best[name] = (setting, likelihood, loss)
        shares = _mixture(
            np.stack([likelihood for _, likelihood, _ in best.values()], axis=1),
            weights,
            np.array([_PRIOR_SAMPLES if name == "prior" else 0.0 for name in best]),
        )
        kept = shares >= _SMALLEST_WEIGHT
        shares = np.where(kept, shares, 0) / shares[kept].sum()
        return Recipe(
            tuple(
                (name, setting, float(share))
                for (name, (setting, _, _)), share in zip(best.items(), shares, strict=True)
                if share
            )
        )

    def _folds(self) -> Iterator[tuple[Floats, Floats]]:
        """Yield weights to learn with and weights to test with.

        A sample seen several times is dealt out to the folds like so many samples, class by class.
        """
        end = np.empty_like(self.weights)
        for code in range(self.n_classes):
            of_class = self.y == code
            end[of_class] = np.cumsum(self.weights[of_class])
        begin = end - self.weights

        def share_below(t: Floats, fold: int) -> Floats:
            """Return how much of [0, t) lies in the unit cells fold, fold + n_folds, and so on."""
            return t // n_folds + np.clip(t % n_folds - fold, 0, 1)

        n_folds = self.effort.n_folds
        for fold in range(self.effort.n_tested):
            held = share_below(end, fold) - share_below(begin, fold)
            yield self.weights - held, held

    def _reweighted(self, weights: Floats) -> _Task:
        used = weights > 0
        prior = self._prior_of(used)
        return _Task(self.X[used], self.y[used], weights[used], self.n_classes, prior)

    def _prior_of(self, used: NDArray[np.bool_]) -> Floats | None:
        return None if self.log_prior is None else self.log_prior[used]

    def _candidates(
        self, effort: _Effort, X: Matrix, log_prior: Floats | None
    ) -> Iterator[tuple[str, Setting, Floats]]:
        """Yield (name, setting, probabilities for `X`) of all that is worth a try."""
        if log_prior is not None:
            yield "prior", None, np.exp(log_prior)
        for penalty in effort.penalties:
            yield "linear", penalty, self.fit("linear", penalty).predict_proba(X, log_prior)
        for decay in effort.decays:
            yield "net", decay, self.fit("net", decay).predict_proba(X, log_prior)
        for boosting in effort.boostings:
            booster = self._boost(boosting)
            n_scores = 1 if self.n_classes == 2 else self.n_classes
            scores = np.zeros((len(X), n_scores)) if log_prior is None else prior_scores(log_prior)
            done = 0
            for rounds in _ROUNDS:
                if rounds <= boosting.rounds:
                    more = booster.predict(
                        X, start_iteration=done, num_iteration=rounds - done, raw_score=True
                    )
                    scores = scores + np.reshape(more, scores.shape)
                    done = rounds
                    yield "trees", replace(boosting, rounds=rounds), probabilities(scores)

    # fitting -------------------------------------------------------------------------------------

    def fit(self, name: str, setting: Setting) -> Part:
        """Fit one part."""
        if name == "prior":
            return Prior()
        if isinstance(setting, Boosting):
            return _flattened(self._boost(setting), setting.rounds, self.n_classes)
        if name == "linear":
            linear = LogisticRegression(C=setting, max_iter=200)
            linear.fit(self.prepared, self.y, self.weights)
            weights, biases = [linear.coef_.T], [linear.intercept_]
        else:
            net = MLPClassifier(
                _NET_LAYERS,
                solver="lbfgs",
                alpha=setting,
                max_iter=_NET_ITERATIONS,
                random_state=_SEED,
            )
            net.fit(self.prepared, self.y, sample_weight=self.weights)
            weights, biases = net.coefs_, net.intercepts_
        return Dense(
            self.preparation,
            tuple(np.ascontiguousarray(layer, dtype=np.float32) for layer in weights),
            tuple(layer.astype(np.float32) for layer in biases),
        )

    def _boost(self, boosting: Boosting) -> lightgbm.Booster:
        params: dict[str, Any] = {
            "objective": "binary",
            "num_leaves": boosting.num_leaves,
            "learning_rate": boosting.learning_rate,
            "lambda_l2": boosting.lambda_l2,
            # samples are distinct ones with weights, so a leaf's size is measured by weight
            "min_data_in_leaf": 1,
            "min_sum_hessian_in_leaf": boosting.min_sum_hessian,
            "min_data_in_bin": 1,
            # a tree needs some features to choose from
            "feature_fraction": max(boosting.feature_fraction, min(1.0, 8 / self.X.shape[1])),
            "num_threads": 1,
            "deterministic": True,
            "force_row_wise": True,
            "seed": _SEED,
            "verbose": -1,
        }
        if self.n_classes > 2:
            params |= {"objective": "multiclass", "num_class": self.n_classes}
        start = None if self.log_prior is None else prior_scores(self.log_prior).squeeze()
        data = lightgbm.Dataset(self.X, self.y, weight=self.weights, init_score=start)
        return lightgbm.train(params, data, boosting.rounds)


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
        joint = likelihoods * shares
        shares = weights @ (joint / joint.sum(axis=1, keepdims=True)) + pseudo
        shares /= shares.sum()
    return shares


def _flattened(booster: lightgbm.Booster, rounds: int, n_classes: int) -> Trees:
    """Return the trees of LightGBM's first `rounds` as flat arrays, parents before children."""
    roots: list[int] = []
    nodes: list[tuple[int, float, int, float]] = []  # feature, threshold, missing, value
    children: list[list[int]] = []
    for tree in booster.dump_model(num_iteration=rounds)["tree_info"]:
        roots.append(len(nodes))
        waiting: list[tuple[dict[str, Any], int, int]] = [(tree["tree_structure"], -1, 0)]
        while waiting:
            node, parent, side = waiting.pop()
            here = len(nodes)
            if parent >= 0:
                children[parent][side] = here
            children.append([here, here])
            if "left_child" not in node:
                nodes.append((0, np.inf, 0, node["leaf_value"]))
                continue
            missing = 0
            if node["missing_type"] == "NaN":
                missing = -1 if node["default_left"] else 1
            nodes.append((node["split_feature"], node["threshold"], missing, 0.0))
            waiting.append((node["left_child"], here, 0))
            waiting.append((node["right_child"], here, 1))
    feature, threshold, missing_, value = zip(*nodes, strict=True)
    left, right = np.array(children, dtype=np.int32).T
    return Trees(
        roots=np.array(roots, dtype=np.int32),
        feature=np.array(feature, dtype=np.int32),
        left=np.ascontiguousarray(left),
        right=np.ascontiguousarray(right),
        threshold=_rounded_down(np.array(threshold)),
        missing=np.array(missing_, dtype=np.int8),
        value=np.array(value, dtype=np.float64),
        n_scores=1 if n_classes == 2 else n_classes,
    )


def _rounded_down(thresholds: Floats) -> Matrix:
    """Return the largest float32 not above each threshold, which splits float32 values alike."""
    with np.errstate(over="ignore"):
        nearest = thresholds.astype(np.float32)
    return np.where(
        nearest > thresholds, np.nextafter(nearest, np.float32(-np.inf)), nearest
    ).astype(np.float32)
