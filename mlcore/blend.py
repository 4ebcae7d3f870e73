"""Fitting the classifier: a blend of a linear model, a small net and boosted trees.

Which of them suits a dataset depends on its size and noise, so each is tried on held-out samples
and gets the weight that serves their log-loss best. Importing this module imports scikit-learn and
LightGBM, which takes a second: only training and evaluation do so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
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
Indices = NDArray[np.intp]
Matrix = NDArray[np.float32]

_SEED = 1
_TINY_SAMPLES = 20  # with fewer, or fewer of a class than there are folds, nothing can be held out
_TINY_CLASS = 5
_RARE_CLASS_PENALTY = 0.06  # C of the linear model that then stands alone
_MOST_UNITS = 100  # a sample seen more often is dealt to the folds like this many
_SMALLEST_WEIGHT = 0.05  # parts that would get less are not kept
_SMALLEST = 1e-6  # as probabilities of the classifier
# Held-out samples that a part is worth before it is tried. An imported model is worth more than
# what was learned here, as long as it may be as good.
_EQUAL_SAMPLES = 1.0
_PRIOR_SAMPLES = 3.0
_SAMPLES_BESIDE_PRIOR = 0.2
_CREDIBLE = 2.0  # standard errors by which its log-loss may be higher
PRIOR_SCALE = 10.0  # of an imported model's log-odds in fits: penalties hardly count for them
_ENOUGH_TO_DROP = 200.0  # held-out samples after which what fares badly is tried no more

_PENALTIES = (0.01, 0.06, 0.4, 3.0)  # C of LogisticRegression
_NET_LAYERS = (20,)
_NET_ITERATIONS = 50


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


# Thresholds drawn at random suit the smooth and noisy, the best thresholds suit the sharp.
_SMOOTH = Boosting(15, 0.07, 5.0, 0.5, 3.0, rounds=250, extra_trees=True)
_SHALLOW = Boosting(5, 0.07, 1.0, 1.0, 3.0, rounds=250)
_CAREFUL = Boosting(31, 0.1, 1.0, 0.5, 3.0, rounds=250)
_MEDIUM = Boosting(31, 0.1, 1.0, 0.5, 1.0, rounds=250)
_FAST = Boosting(31, 0.15, 1.0, 1.0, 1.0, rounds=200)
_FAST_SMOOTH = Boosting(15, 0.15, 5.0, 0.5, 3.0, rounds=100, extra_trees=True)
_BINNING: dict[str, Any] = {
    "min_data_in_bin": 1,
    # samples are distinct ones with weights, so a leaf's size is measured by weight
    "min_data_in_leaf": 1,
    "force_row_wise": True,
    "num_threads": 1,
    "verbose": -1,
}
_STEP = 10  # rounds between held-out scores
_PATIENCE = 40  # rounds without a better one after which boosting stops


@dataclass(frozen=True)
class _Effort:
    """What is tried for so many distinct samples."""

    up_to: float
    n_folds: int
    n_tested: int  # of the folds
    penalties: tuple[float, ...]
    decays: tuple[float, ...]  # alpha of MLPClassifier
    boostings: tuple[Boosting, ...]


# The more samples, the fewer held-out folds say enough; on large data trees win and nets are slow.
_EFFORTS = (
    _Effort(500, 5, 5, (*_PENALTIES, 30.0), (2.0, 15.0), (_SHALLOW, _CAREFUL, _SMOOTH)),
    _Effort(4_000, 5, 3, _PENALTIES, (3.0,), (_SHALLOW, _MEDIUM, _SMOOTH)),
    _Effort(10_000, 5, 1, _PENALTIES, (3.0,), (_SHALLOW, _FAST, _SMOOTH)),
    _Effort(np.inf, 5, 1, _PENALTIES[2:3], (), (_FAST, _FAST_SMOOTH)),
)

Setting = float | Boosting | None
Candidate = tuple[str, Setting]


@dataclass(frozen=True)
class Recipe:
    """What to fit and how to weigh it: `parts` are (name, setting, weight).

    Names are those of the families that are tried: linear, net, smooth, sharp (trees), and prior;
    after "local " a family that makes no use of an imported model.
    """

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
        task = Task.of(X[used], codes, weights[used], len(self.classes_), self.prior)
        self.recipe_ = self.recipe or task.choose()
        self.classifier_ = task.fit(self.recipe_)
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
class _Samples:
    """All samples that tasks are made of; what does not depend on weights is computed once."""

    X: Matrix
    y: Indices
    n_classes: int
    prior: Classifier | None

    @cached_property
    def log_prior(self) -> Floats | None:
        return None if self.prior is None else np.log(self.prior.predict_proba(self.X))

    @cached_property
    def binned(self) -> lightgbm.Dataset:
        return lightgbm.Dataset(self.X, self.y, params=_BINNING, free_raw_data=False).construct()

    @cached_property
    def n_varying(self) -> int:
        with np.errstate(invalid="ignore"):
            varies = np.fmin.reduce(self.X, axis=0) < np.fmax.reduce(self.X, axis=0)
        return int(varies.sum())


@dataclass(frozen=True)
class Task:
    """Weighted samples to learn from."""

    samples: _Samples
    rows: Indices  # of the samples that have weight, ascending
    weights: Floats  # of those

    @classmethod
    def of(
        cls, X: Matrix, y: Indices, weights: Floats, n_classes: int, prior: Classifier | None = None
    ) -> Task:
        """Return the task to learn from all of these samples.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32
        y : ndarray of shape (n_samples,), intp
            Codes 0 … n_classes - 1.
        weights : ndarray of shape (n_samples,), float64
            How often each was seen; above 0.
        n_classes : int
        prior : Classifier or None
            An imported model.
        """
        return cls(_Samples(X, y, n_classes, prior), np.arange(len(y)), weights)

    def weighted(self, weights: Floats) -> Task:
        """Return the task with other weights, where 0 leaves a sample out."""
        used = weights > 0
        return Task(self.samples, self.rows[used], weights[used])

    @cached_property
    def X(self) -> Matrix:
        """Samples of shape (n_samples, n_features)."""
        return self.samples.X[self.rows]

    @cached_property
    def y(self) -> Indices:
        """Their classes' codes, of shape (n_samples,)."""
        return self.samples.y[self.rows]

    @cached_property
    def log_prior(self) -> Floats | None:
        """What the imported model says, of shape (n_samples, n_classes)."""
        of_all = self.samples.log_prior
        return None if of_all is None else of_all[self.rows]

    # choosing ------------------------------------------------------------------------------------

    def choose(self) -> Recipe:
        """Return the recipe that predicts held-out samples best."""
        fallback = self.fallback()
        if fallback is not None:
            return fallback
        effort = self._effort
        trials = _Trials()
        with threadpool_limits(1):  # on data of this size threads wait for each other
            for learned, held in self._folds(effort.n_folds, effort.n_tested):
                trials.drop()
                fold, test = self.weighted(learned), self.weighted(held)
                trials.add(fold._tried(test, effort, trials.is_open), test.weights)
        return trials.recipe()

    def fallback(self) -> Recipe | None:
        """Return the recipe for samples too few to hold any out, None where they are enough."""
        sizes = np.bincount(self.y, self.weights, self.samples.n_classes)
        if sizes.min() >= _TINY_CLASS and sizes.sum() >= _TINY_SAMPLES:
            return None
        if self.samples.prior is not None:
            return Recipe((("prior", None, 1.0),))
        penalty = 1.0 if sizes.sum() < _TINY_SAMPLES else _RARE_CLASS_PENALTY
        return Recipe((("linear", penalty, 1.0),))

    @property
    def _effort(self) -> _Effort:
        return next(effort for effort in _EFFORTS if len(self.y) <= effort.up_to)

    def _folds(self, n_folds: int, n_tested: int) -> Iterator[tuple[Floats, Floats]]:
        """Yield weights to learn with and weights to test with.

        A sample seen several times is dealt out to the folds like so many samples, class by class.
        """
        units = np.clip(np.rint(self.weights), 1, _MOST_UNITS).astype(np.intp)
        owner = np.repeat(np.arange(len(units)), units)
        fold_of = np.empty(len(owner), dtype=np.intp)
        random = np.random.default_rng(_SEED)
        for code in range(self.samples.n_classes):
            of_class = np.flatnonzero(self.y[owner] == code)
            fold_of[of_class] = random.permutation(len(of_class)) % n_folds
        for fold in range(n_tested):
            held = self.weights * np.bincount(owner, fold_of == fold, len(units)) / units
            yield self.weights - held, held

    def _tried(
        self, test: Task, effort: _Effort, is_open: Callable[[str, Setting], bool]
    ) -> Iterator[tuple[Candidate, Floats]]:
        """Yield each candidate with the probabilities it gives to the true classes of `test`."""
        here = np.arange(len(test.y))
        whole: list[Candidate] = [
            *(("linear", penalty) for penalty in effort.penalties),
            *(("net", decay) for decay in effort.decays),
        ]
        boosted = [
            ("smooth" if boosting.extra_trees else "sharp", boosting)
            for boosting in effort.boostings
        ]
        if test.log_prior is not None:
            yield ("prior", None), np.exp(test.log_prior)[here, test.y]
            whole += [(f"local {name}", setting) for name, setting in whole]
            boosted += [(f"local {name}", boosting) for name, boosting in boosted]
        for name, setting in whole:
            if is_open(name, setting):
                part = self._part(name, setting)
                yield (name, setting), part.predict_proba(test.X, test.log_prior)[here, test.y]
        for name, boosting in boosted:
            if is_open(name, boosting):
                for rounds, likelihood in self._boosted_on(name, boosting, test):
                    yield (name, replace(boosting, rounds=rounds)), likelihood

    def boosting_curve(self, recipe: Recipe, held: Floats) -> list[tuple[int, float, float]]:
        """Return how the log-loss of boosted trees changes with their rounds.

        The recipe's heaviest trees get some rounds more than it says, to show what would follow;
        where it has none, it is the first boosting that is tried for so many samples.

        Parameters
        ----------
        recipe : Recipe
        held : ndarray of shape (n_samples,), float64
            How often each of all samples is tested on; 0 for most.

        Returns
        -------
        list of (int, float, float)
            Rounds, log-loss of what is learned from, log-loss of what is held out.
        """
        trees = [
            (weight, name, replace(setting, rounds=setting.rounds + _PATIENCE))
            for name, setting, weight in recipe.parts
            if isinstance(setting, Boosting)
        ]
        first = (0.0, "sharp", self._effort.boostings[0])
        _, name, boosting = max(trees, key=lambda part: part[0], default=first)
        # the weights say which samples count for stopping; those learned from are only looked at
        everything = Task(self.samples, np.arange(len(held)), held)
        with threadpool_limits(1):
            scored = self._boosted_on(name, boosting, everything)
        return [
            (
                rounds,
                -float(self.weights @ np.log(likelihood[self.rows]) / self.weights.sum()),
                -float(held @ np.log(likelihood) / held.sum()),
            )
            for rounds, likelihood in scored
        ]

    # fitting -------------------------------------------------------------------------------------

    def fit(self, recipe: Recipe) -> Classifier:
        """Return the classifier that a recipe gives; its classes are codes."""
        with threadpool_limits(1):
            parts = tuple(self._part(name, setting) for name, setting, _ in recipe.parts)
        return Classifier(
            classes=tuple(range(self.samples.n_classes)),
            feature_names=tuple(f"x{i}" for i in range(self.samples.X.shape[1])),
            weights=tuple(weight for _, _, weight in recipe.parts),
            parts=parts,
            prior=self.samples.prior,
        )

    def _part(self, name: str, setting: Setting) -> Part:
        if name == "prior":
            return Prior()
        if isinstance(setting, Boosting):
            booster = self._boost(name, setting)
            from_prior = self._prior_for(name) is not None
            return _flattened(booster, self.samples.n_classes, from_prior)
        assert setting is not None
        return self._dense(name, setting)

    def _prior_for(self, name: str) -> Floats | None:
        return None if name.startswith("local ") else self.log_prior

    @cached_property
    def _preparation(self) -> Preparation:
        return Preparation.of(self.X, self.weights)

    @cached_property
    def _prepared(self) -> Matrix:
        return self._preparation.apply(self.X)

    def _dense(self, name: str, setting: float) -> Dense:
        """Fit a linear model or a net."""
        log_prior = self._prior_for(name)
        values = inputs(self._prepared, log_prior)
        width = self._prepared.shape[1]
        values[:, width:] *= PRIOR_SCALE
        if name.endswith("linear"):
            model = LogisticRegression(C=setting, max_iter=200)
            model.fit(values, self.y, self.weights)
            weights, biases = [model.coef_.T], [model.intercept_]
        else:
            model = MLPClassifier(
                _NET_LAYERS,
                solver="lbfgs",
                alpha=setting,
                max_iter=_NET_ITERATIONS,
                random_state=_SEED,
            )
            model.fit(values, self.y, sample_weight=self.weights)
            weights, biases = model.coefs_, model.intercepts_
        weights = [np.array(layer, dtype=np.float32, order="C") for layer in weights]
        weights[0][width:] *= PRIOR_SCALE
        return Dense(
            self._preparation,
            tuple(weights),
            tuple(layer.astype(np.float32) for layer in biases),
            from_prior=log_prior is not None,
        )

    def _boost(self, name: str, boosting: Boosting) -> lightgbm.Booster:
        """Fit boosted trees."""
        return lightgbm.train(self._parameters(boosting), self._binned(name), boosting.rounds)

    def _parameters(self, boosting: Boosting) -> dict[str, Any]:
        """Return LightGBM's parameters."""
        parameters: dict[str, Any] = {
            "objective": "binary",
            "metric": "None",
            "num_leaves": boosting.num_leaves,
            "learning_rate": boosting.learning_rate,
            "lambda_l2": boosting.lambda_l2,
            "min_sum_hessian_in_leaf": boosting.min_sum_hessian,
            # a tree needs some features to choose from
            "feature_fraction": max(
                boosting.feature_fraction, min(1.0, 8 / max(self.samples.n_varying, 1))
            ),
            "extra_trees": boosting.extra_trees,
            "deterministic": True,
            "seed": _SEED,
            **_BINNING,
        }
        if self.samples.n_classes > 2:
            parameters |= {"objective": "multiclass", "num_class": self.samples.n_classes}
        return parameters

    def _binned(self, name: str) -> lightgbm.Dataset:
        binned = self.samples.binned.subset(self.rows.tolist())
        binned.construct()
        binned.set_weight(self.weights)
        log_prior = self._prior_for(name)
        if log_prior is not None:
            binned.set_init_score(prior_scores(log_prior).squeeze())
        return binned

    def _boosted_on(self, name: str, boosting: Boosting, test: Task) -> list[tuple[int, Floats]]:
        """Return what boosting gives to the true classes of `test` after so many rounds.

        It ends when the held-out samples have not become more likely for some time.
        """
        scores = np.zeros(
            (len(test.y), 1 if self.samples.n_classes == 2 else self.samples.n_classes)
        )
        prior = test._prior_for(name)
        if prior is not None:
            scores += prior_scores(prior)
        here = np.arange(len(test.y))
        scored: list[tuple[int, Floats]] = []
        best, best_at = -np.inf, 0
        booster = lightgbm.Booster(self._parameters(boosting), self._binned(name))
        for rounds in range(_STEP, boosting.rounds + 1, _STEP):
            for _ in range(_STEP):
                booster.update()
            added = booster.predict(
                test.X, start_iteration=rounds - _STEP, num_iteration=_STEP, raw_score=True
            )
            scores += np.reshape(added, scores.shape)
            likelihood = np.clip(probabilities(scores)[here, test.y], _SMALLEST, 1)
            scored.append((rounds, likelihood))
            total = float(test.weights @ np.log(likelihood))
            if total > best:
                best, best_at = total, rounds
            elif rounds - best_at >= _PATIENCE:
                break
        return scored


class _Trials:
    """What candidates gave to the true classes of held-out samples, fold after fold."""

    def __init__(self) -> None:
        self._logs: dict[Candidate, list[Floats]] = {}
        self._weights: list[Floats] = []
        self._open: dict[str, list[Setting]] | None = None

    def add(self, results: Iterator[tuple[Candidate, Floats]], weights: Floats) -> None:
        """Add one fold's results."""
        self._weights.append(weights)
        for candidate, likelihood in results:
            log = np.log(np.clip(likelihood, _SMALLEST, 1))
            self._logs.setdefault(candidate, []).append(log)
        # what missed this fold, as boosting stopped earlier or later than before, is out
        n_folds = len(self._weights)
        self._logs = {
            candidate: logs for candidate, logs in self._logs.items() if len(logs) == n_folds
        }

    def is_open(self, name: str, setting: Setting) -> bool:
        """Say whether a candidate is worth another fold; one of boosting whatever its rounds."""
        if self._open is None:
            return True
        return any(_without_rounds(setting) == _without_rounds(s) for s in self._open.get(name, ()))

    def drop(self) -> None:
        """Leave open what is in the blend so far, and settings that may well be better."""
        if sum(map(np.sum, self._weights)) < _ENOUGH_TO_DROP:
            return
        in_blend = {name for name, _, _ in self.recipe().parts}
        best = self._best()
        self._open = {}
        for name, setting in self._logs:
            if name in in_blend and self._excess((name, setting), (name, best[name])) <= 1:
                self._open.setdefault(name, []).append(setting)

    def _excess(self, candidate: Candidate, other: Candidate) -> float:
        """Return by how many standard errors a candidate's log-loss is above the other's."""
        weights = np.concatenate(self._weights)
        lost = np.concatenate(self._logs[other]) - np.concatenate(self._logs[candidate])
        mean = weights @ lost / weights.sum()
        error = float(np.sqrt(weights @ (lost - mean) ** 2) / weights.sum())
        return float(mean) / max(error, 1e-12)

    def _is_credible(self, best: dict[str, Setting]) -> bool:
        """Say whether the imported model may be as good as what was learned here."""
        return all(
            self._excess(("prior", None), (name, setting)) <= _CREDIBLE
            for name, setting in best.items()
        )

    def _best(self) -> dict[str, Setting]:
        """Return the best setting of each family."""
        best: dict[str, tuple[float, Setting]] = {}
        for (name, setting), logs in self._logs.items():
            total = sum(float(w @ log) for w, log in zip(self._weights, logs, strict=True))
            if name not in best or total > best[name][0]:
                best[name] = total, setting
        return {name: setting for name, (_, setting) in best.items()}

    def recipe(self) -> Recipe:
        """Return the mixture of each family's best that makes held-out samples most likely."""
        best = self._best()
        names = list(best)
        likelihoods = np.exp(
            np.stack([np.concatenate(self._logs[name, best[name]]) for name in names], axis=1)
        )
        has_prior = "prior" in best
        pseudo = np.full(len(names), _SAMPLES_BESIDE_PRIOR if has_prior else _EQUAL_SAMPLES)
        if has_prior and self._is_credible(best):
            pseudo[names.index("prior")] = _PRIOR_SAMPLES
        shares = _mixture(likelihoods, np.concatenate(self._weights), pseudo)
        kept = shares >= _SMALLEST_WEIGHT
        shares = np.where(kept, shares, 0) / shares[kept].sum()
        return Recipe(
            tuple(
                (name, best[name], float(share))
                for name, share in zip(names, shares, strict=True)
                if share
            )
        )


def _without_rounds(setting: Setting) -> Setting:
    return replace(setting, rounds=0) if isinstance(setting, Boosting) else setting


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
        shares = shares * (likelihoods.T @ (weights / (likelihoods @ shares))) + pseudo
        shares /= shares.sum()
    return shares


def _flattened(booster: lightgbm.Booster, n_classes: int, from_prior: bool) -> Trees:
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
