"""Fitting the classifier: a blend of a linear model, a small net, a forest and boosted trees.

Which of them suits a dataset depends on its size and noise, so each is tried on held-out samples
and gets the weight that serves their log-loss best. Importing this module imports scikit-learn and
LightGBM, which takes a second: only training and evaluation do so.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

import lightgbm
import numpy as np
from numpy.typing import NDArray
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from mlcore.boosting import BINNING, Boosting, flattened
from mlcore.classifier import SMALLEST, Classifier, before, log_prior, places
from mlcore.forest import Grown, Growth, Levels, forest, grow
from mlcore.net import fit_net
from mlcore.parts import Dense, Part, Preparation, Prior, inputs, prior_scores, probabilities
from mlcore.trials import Candidate, Recipe, Setting, Trials

# The solver stops early on purpose. Once and for all, since warnings.catch_warnings is not safe
# where several threads fit at once.
warnings.filterwarnings("ignore", "lbfgs failed to converge", ConvergenceWarning)

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Matrix = NDArray[np.float32]

_SEED = 1
# With fewer samples, or fewer of a class, nothing can be held out.
_TINY_SAMPLES = 20
TINY_CLASS = 3
_UNSEEN = 0.5  # samples that each class counts as beforehand: Krichevsky and Trofimov, 1981
_RARE_CLASS_PENALTY = 0.06  # C of the linear model that then stands alone
_MOST_UNITS = 100  # a sample seen more often is dealt to the folds like this many
PRIOR_SCALE = 10.0  # of an imported model's log-odds in fits: penalties hardly count for them

_PENALTIES = (0.01, 0.06, 0.4, 3.0)  # C of LogisticRegression
# Thresholds drawn at random suit the smooth and noisy, the best thresholds suit the sharp.
_SMOOTH = Boosting(15, 0.07, 5.0, 0.5, 3.0, rounds=250, extra_trees=True)
_SHALLOW = Boosting(5, 0.07, 1.0, 1.0, 3.0, rounds=250)
_FAST = Boosting(31, 0.15, 1.0, 1.0, 1.0, rounds=200)
_FAST_SMOOTH = Boosting(15, 0.15, 5.0, 0.5, 3.0, rounds=100, extra_trees=True)
# Many random trees with small leaves suit many features, careful ones few that are often equal.
_RANDOM = Growth(min_weight=4.0, max_features=0.3)
_BAGGED = Growth(min_weight=20.0, max_features=1.0, bagging=0.7)
_TREES = 25  # of a forest for each fold
_STEP = 10  # rounds between held-out scores
_PATIENCE = 40  # rounds without a better one after which boosting stops


@dataclass(frozen=True)
class _Effort:
    """What is tried for so many distinct samples."""

    up_to: float
    n_folds: int
    n_tested: int  # of the folds
    penalties: tuple[float, ...]
    decays: tuple[float, ...]  # of nets
    forests: tuple[Growth, ...]
    boostings: tuple[Boosting, ...]


# The more samples, the fewer held-out folds say enough; on large data trees win and nets are slow.
_EFFORTS = (
    _Effort(500, 5, 5, (*_PENALTIES, 30.0), (2.0, 15.0), (_RANDOM, _BAGGED), (_SHALLOW,)),
    _Effort(4_000, 5, 3, _PENALTIES, (3.0, 15.0), (_RANDOM, _BAGGED), (_SHALLOW,)),
    _Effort(10_000, 5, 1, _PENALTIES, (3.0,), (), (_SHALLOW, _FAST, _SMOOTH)),
    _Effort(np.inf, 5, 1, _PENALTIES[2:3], (), (), (_FAST, _FAST_SMOOTH)),
)


@contextmanager
def _many_fits() -> Iterator[None]:
    """Leave out what costs more than it brings: checks of what was checked, and threads."""
    with (
        config_context(assume_finite=True, skip_parameter_validation=True),
        threadpool_limits(1),  # on data of this size they wait for each other
    ):
        yield


class BlendedClassifier(ClassifierMixin, BaseEstimator):
    """Blend of a linear model, a multi-layer perceptron, random trees and boosted trees.

    Missing values (NaN) are welcome. Class weights are never balanced: the probabilities are meant
    to be true.

    Parameters
    ----------
    prior : Classifier or None
        An imported model to start from, with the same features. Its classes are codes 0, 1, …
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
        samples = Samples(X[used], codes, tuple(range(len(self.classes_))), self.prior)
        task = samples.task(weights[used])
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
class Samples:
    """All samples that tasks are made of; what does not depend on weights is computed once.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32
    y : ndarray of shape (n_samples,), intp
        Codes: places in `classes`.
    classes : tuple of int
        Class values in ascending order.
    prior : Classifier or None
        An imported model. Its classes are among these.
    """

    X: Matrix
    y: Indices
    classes: tuple[int, ...]
    prior: Classifier | None = None

    def task(self, weights: Floats) -> Task:
        """Return the task to learn from these samples.

        A class of fewer than three samples has none to hold out. Where two other classes have
        more, these are told apart as if it were not there, and its probability is its share of all
        samples; with an imported model what that one says, no more in all than there were.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,), float64
            How often each was seen; 0 leaves a sample out.
        """
        sizes = np.bincount(self.y, weights, len(self.classes))
        learned = sizes >= TINY_CLASS
        if self.prior is None:
            if learned.sum() < 2:
                learned = sizes > 0
        elif learned.sum() < 2 or sizes[learned].sum() < _TINY_SAMPLES:
            learned[:] = True  # the imported model answers alone
        shares = self._shares(sizes, weights, learned)
        rows = np.flatnonzero(learned[self.y] & (weights > 0))
        return Task(
            samples=self,
            rows=rows,
            weights=weights[rows],
            learned=tuple(np.flatnonzero(learned).tolist()),
            shares=tuple(shares.tolist()),
        )

    def _shares(self, sizes: Floats, weights: Floats, learned: NDArray[np.bool_]) -> Floats:
        """Return what `Classifier.shares` is to be."""
        counts = sizes + _UNSEEN
        if self.from_prior is None:
            return np.ones(len(sizes)) / len(sizes) if learned.all() else counts / counts.sum()
        # an imported model is worth some samples beforehand
        shares = counts / (counts.sum() + _TINY_SAMPLES)
        rest = 1 - np.delete(shares, self.known).sum()
        expected = weights @ self.from_prior * rest + _UNSEEN
        shares[self.known] = np.minimum(1, counts[self.known] / expected)
        shares[self.known[learned[self.known]]] = 1
        return shares

    @cached_property
    def known(self) -> Indices:
        """Codes of the classes that the imported model knows."""
        return places(self.classes, self.prior)

    @cached_property
    def from_prior(self) -> Floats | None:
        """What the imported model gives to these, of shape (n_samples, n_known)."""
        return None if self.prior is None else self.prior.predict_proba(self.X)

    @cached_property
    def binned(self) -> lightgbm.Dataset:
        """The samples as LightGBM sees them."""
        return lightgbm.Dataset(self.X, self.y, params=BINNING, free_raw_data=False).construct()

    @cached_property
    def levels(self) -> Levels:
        """The samples as forests see them."""
        return Levels.of(self.X)

    @cached_property
    def n_varying(self) -> int:
        """How many features vary."""
        with np.errstate(invalid="ignore"):
            varies = np.fmin.reduce(self.X, axis=0) < np.fmax.reduce(self.X, axis=0)
        return int(varies.sum())


@dataclass(frozen=True)
class Task:
    """Weighted samples to learn from; `Samples.task` makes one.

    Attributes
    ----------
    samples : Samples
    rows : ndarray of shape (n_used,), intp
        Of the samples that have weight and are of a class to learn, ascending.
    weights : ndarray of shape (n_used,), float64
        Theirs.
    learned, shares : tuple
        See `mlcore.classifier.Classifier`.
    """

    samples: Samples
    rows: Indices
    weights: Floats
    learned: tuple[int, ...]
    shares: tuple[float, ...]

    def weighted(self, weights: Floats) -> Task:
        """Return the task with other weights, where 0 leaves a sample out."""
        used = weights > 0
        return replace(self, rows=self.rows[used], weights=weights[used])

    @property
    def n_classes(self) -> int:
        """How many classes are told apart."""
        return len(self.learned)

    @cached_property
    def X(self) -> Matrix:
        """Samples of shape (n_used, n_features)."""
        return self.samples.X[self.rows]

    @cached_property
    def y(self) -> Indices:
        """Their classes' codes, of shape (n_used,): places in `learned`."""
        return np.searchsorted(self.learned, self.samples.y[self.rows])

    @cached_property
    def log_prior(self) -> Floats | None:
        """What the imported model says of the learned classes, of shape (n_used, n_classes)."""
        of_all = self.samples.from_prior
        if of_all is None:
            return None
        p = before(of_all[self.rows], self.samples.known, self.shares, len(self.rows))
        return log_prior(p, self.learned)

    # choosing ------------------------------------------------------------------------------------

    def choose(self) -> Recipe:
        """Return the recipe that predicts held-out samples best."""
        fallback = self.fallback()
        if fallback is not None:
            return fallback
        trials = Trials(self.n_classes)
        with _many_fits():
            # where forests grow, a fold's trees are kept
            for fold, test in self._dealt if self._effort.forests else self._deal():
                trials.drop()
                trials.add(fold._tried(test, self._effort, trials.is_open), test.weights)
        return trials.recipe()

    @property
    def _sizes(self) -> Floats:
        """How many samples there are of each class."""
        return np.bincount(self.y, self.weights, self.n_classes)

    def fallback(self) -> Recipe | None:
        """Return the recipe for samples too few to hold any out, None where they are enough."""
        sizes = self._sizes
        if sizes.min() >= TINY_CLASS and sizes.sum() >= _TINY_SAMPLES:
            return None
        if self.samples.prior is not None:
            return Recipe((("prior", None, 1.0),))
        penalty = 1.0 if sizes.sum() < _TINY_SAMPLES else _RARE_CLASS_PENALTY
        return Recipe((("linear", penalty, 1.0),))

    @property
    def _effort(self) -> _Effort:
        return next(effort for effort in _EFFORTS if len(self.y) <= effort.up_to)

    @cached_property
    def _dealt(self) -> list[tuple[Task, Task]]:
        return list(self._deal())

    def _deal(self) -> Iterator[tuple[Task, Task]]:
        """Yield what to learn from and what to test on, fold after fold.

        A sample seen several times is dealt out to the folds like so many samples, class by class.
        """
        effort = self._effort
        n_folds = max(2, min(effort.n_folds, int(self._sizes.min())))
        units = np.clip(np.rint(self.weights), 1, _MOST_UNITS).astype(np.intp)
        owner = np.repeat(np.arange(len(units)), units)
        fold_of = np.empty(len(owner), dtype=np.intp)
        random = np.random.default_rng(_SEED)
        for code in range(self.n_classes):
            of_class = np.flatnonzero(self.y[owner] == code)
            fold_of[of_class] = random.permutation(len(of_class)) % n_folds
        for fold in range(min(effort.n_tested, n_folds)):
            held = self.weights * np.bincount(owner, fold_of == fold, len(units)) / units
            yield self.weighted(self.weights - held), self.weighted(held)

    def _tried(
        self, test: Task, effort: _Effort, is_open: Callable[[str, Setting], bool]
    ) -> Iterator[tuple[Candidate, Floats]]:
        """Yield each candidate with the probabilities it gives to the true classes of `test`."""
        here = np.arange(len(test.y))
        whole: list[Candidate] = [
            *(("linear", penalty) for penalty in effort.penalties),
            *(("net", decay) for decay in effort.decays),
        ]
        forests = [("forest", growth) for growth in effort.forests]
        boosted = [
            ("smooth" if boosting.extra_trees else "sharp", boosting)
            for boosting in effort.boostings
        ]
        if test.log_prior is not None:
            yield ("prior", None), np.exp(test.log_prior)[here, test.y]
            whole += [(f"local {name}", setting) for name, setting in whole]
            boosted += [(f"local {name}", boosting) for name, boosting in boosted]
            forests = [(f"local {name}", growth) for name, growth in forests]
        for name, growth in forests:
            if is_open(name, growth):
                yield (name, growth), self._grown(growth).predict_proba(test.rows)[here, test.y]
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
        rows = np.flatnonzero(np.isin(self.samples.y, self.learned))
        everything = replace(self, rows=rows, weights=held[rows])
        held, here = held[rows], np.searchsorted(rows, self.rows)
        with _many_fits():
            scored = self._boosted_on(name, boosting, everything)
        return [
            (
                rounds,
                -float(self.weights @ np.log(likelihood[here]) / self.weights.sum()),
                -float(held @ np.log(likelihood) / held.sum()),
            )
            for rounds, likelihood in scored
        ]

    # fitting -------------------------------------------------------------------------------------

    def fit(self, recipe: Recipe) -> Classifier:
        """Return the classifier that a recipe gives."""
        with _many_fits():
            parts = tuple(self._part(name, setting) for name, setting, _ in recipe.parts)
        return Classifier(
            classes=self.samples.classes,
            feature_names=tuple(f"x{i}" for i in range(self.samples.X.shape[1])),
            weights=tuple(weight for _, _, weight in recipe.parts),
            parts=parts,
            prior=self.samples.prior,
            sharpness=recipe.sharpness,
            learned=self.learned,
            shares=self.shares,
        )

    def _part(self, name: str, setting: Setting) -> Part:
        if name == "prior":
            return Prior()
        if isinstance(setting, Growth):
            # Each fold's trees have learned all but what the fold tests. Together they have learned
            # everything, so that no more need to grow.
            return forest([fold._grown(setting) for fold, _ in self._dealt])
        if isinstance(setting, Boosting):
            booster = self._boost(name, setting)
            from_prior = self._prior_for(name) is not None
            return flattened(booster, self.n_classes, from_prior)
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
            weights = [np.array(model.coef_.T, dtype=np.float32, order="C")]
            biases = [model.intercept_.astype(np.float32)]
        else:
            weights, biases = fit_net(values, self.y, self.weights, self.n_classes, setting, _SEED)
        weights[0][width:] *= PRIOR_SCALE
        return Dense(
            self._preparation,
            tuple(weights),
            tuple(biases),
            from_prior=log_prior is not None,
        )

    @cached_property
    def _forests(self) -> dict[Growth, Grown]:
        return {}

    def _grown(self, growth: Growth) -> Grown:
        """Grow a forest, once."""
        if growth not in self._forests:
            self._forests[growth] = grow(
                self.samples.levels,
                self.rows,
                self.y,
                self.weights,
                self.n_classes,
                _TREES,
                growth,
            )
        return self._forests[growth]

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
            **BINNING,
        }
        if self.n_classes > 2:
            parameters |= {"objective": "multiclass", "num_class": self.n_classes}
        return parameters

    def _binned(self, name: str) -> lightgbm.Dataset:
        binned = self.samples.binned.subset(self.rows.tolist())
        binned.construct()
        binned.set_label(self.y)
        binned.set_weight(self.weights)
        log_prior = self._prior_for(name)
        if log_prior is not None:
            binned.set_init_score(prior_scores(log_prior).squeeze())
        return binned

    def _boosted_on(self, name: str, boosting: Boosting, test: Task) -> list[tuple[int, Floats]]:
        """Return what boosting gives to the true classes of `test` after so many rounds.

        It ends when the held-out samples have not become more likely for some time.
        """
        scores = np.zeros((len(test.y), 1 if self.n_classes == 2 else self.n_classes))
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
            likelihood = np.clip(probabilities(scores)[here, test.y], SMALLEST, 1)
            scored.append((rounds, likelihood))
            total = float(test.weights @ np.log(likelihood))
            if total > best:
                best, best_at = total, rounds
            elif rounds - best_at >= _PATIENCE:
                break
        return scored
