"""Ours and its peers, each with the settings that a careful user would try.

Settings are tried in `infra.lab.quality.cells`. Of each grid the first setting is the one to use
where nothing can be tried.
"""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np
from lightgbm import LGBMClassifier, early_stopping
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import mlcore
from infra.lab.quality import rmsprop
from mlcore import Labelled, train

Setting = dict[str, Any]
Matrix = NDArray[np.float64]
Codes = NDArray[np.intp]

OURS, EXISTING = "ours", "existing"
_SMALL, _LARGE = 1_000, 5_000  # rows up to which, and beyond which, other settings suit
_SEED = 1
_SLOW_RATE, _MOST_TREES, _PATIENCE = 0.03, 2_000, 50
_FEW_TREES = 30  # where nothing can be held out


@dataclass(frozen=True)
class Learner:
    """How to make an estimator, and with which settings for so many rows.

    Attributes
    ----------
    make, grid : callable
    uses : tuple
        Functions, classes and modules that decide how it learns, beside `make`.
    """

    make: Callable[..., Any]
    grid: Callable[[int], list[Setting]]
    uses: tuple[Any, ...] = ()


class Ours:
    """The ML core as Moodle uses it: a dataset in, a classifier out."""

    def fit(self, X: NDArray[Any], y: NDArray[np.int64]) -> Self:
        """Train a new model."""
        classes = tuple(np.unique(y).tolist())
        names = tuple(f"x{i}" for i in range(X.shape[1]))
        self._classifier, _ = train(Labelled(X.astype(np.float32), y, classes, names))
        return self

    def predict_proba(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        return self._classifier.predict_proba(X.astype(np.float32))


def _scaled(estimator: Any) -> Any:
    """Return the estimator behind what linear models and nets need: no gaps, one scale."""
    imputer = SimpleImputer(add_indicator=True, keep_empty_features=True)
    return make_pipeline(imputer, StandardScaler(), estimator)


def _not_empty(X: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray(~np.isnan(X).all(axis=0))


def _without_empty(estimator: Any) -> Any:
    """Return the estimator behind what trees need: no column without a single value."""
    return make_pipeline(make_column_transformer(("passthrough", _not_empty)), estimator)


def _logistic_regression(**setting: Any) -> Any:
    return _scaled(LogisticRegression(max_iter=500, **setting))


def _net(**setting: Any) -> Any:
    return _scaled(MLPClassifier(random_state=_SEED, **setting))


def _boosting(**setting: Any) -> Any:
    return _without_empty(
        HistGradientBoostingClassifier(early_stopping=False, random_state=_SEED, **setting)
    )


def _random_forest(**setting: Any) -> Any:
    return _without_empty(RandomForestClassifier(random_state=_SEED, **setting))


def _extra_trees(**setting: Any) -> Any:
    return _without_empty(ExtraTreesClassifier(random_state=_SEED, **setting))


def _plain_lightgbm() -> Any:
    return LGBMClassifier(random_state=_SEED, n_jobs=1, verbosity=-1)


def _slow_lightgbm(**setting: Any) -> Any:
    return EarlyStopped(lambda n_trees: _lightgbm(n_trees, **setting), _stopped_lightgbm)


def _lightgbm(n_trees: int, **setting: Any) -> Any:
    return LGBMClassifier(
        n_estimators=n_trees,
        learning_rate=_SLOW_RATE,
        subsample_freq=1,
        random_state=_SEED,
        n_jobs=1,
        verbosity=-1,
        **setting,
    )


def _stopped_lightgbm(model: Any, X: Matrix, y: Codes, held: tuple[Matrix, Codes]) -> int:
    model.fit(
        X,
        y,
        eval_X=held[0],
        eval_y=held[1],
        callbacks=[early_stopping(_PATIENCE, verbose=False)],
    )
    return int(model.best_iteration_)


def _slow_xgboost(**setting: Any) -> Any:
    return EarlyStopped(lambda n_trees: _xgboost(n_trees, **setting), _stopped_xgboost)


def _xgboost(n_trees: int, **setting: Any) -> Any:
    from xgboost import XGBClassifier  # not everywhere at hand

    return XGBClassifier(
        n_estimators=n_trees,
        learning_rate=_SLOW_RATE,
        random_state=_SEED,
        n_jobs=1,
        **setting,
    )


def _stopped_xgboost(model: Any, X: Matrix, y: Codes, held: tuple[Matrix, Codes]) -> int:
    model.set_params(early_stopping_rounds=_PATIENCE)
    model.fit(X, y, eval_set=[held], verbose=False)
    return int(model.best_iteration) + 1


class EarlyStopped:
    """Boosting in small steps, of as many trees as suit a held-out fifth, then fitted on all.

    Parameters
    ----------
    make : callable
        Takes a number of trees and returns an estimator.
    stop : callable
        Fits it until the held-out samples gain no more, and returns the number of trees.
    """

    def __init__(
        self,
        make: Callable[[int], Any],
        stop: Callable[[Any, Matrix, Codes, tuple[Matrix, Codes]], int],
    ) -> None:
        self._make, self._stop = make, stop

    def fit(self, X: Matrix, y: Codes) -> Self:
        """Find the number of trees, then fit."""
        n_trees = _FEW_TREES
        if np.bincount(y).min() >= 2:
            learned_X, held_X, learned_y, held_y = train_test_split(
                X, y, test_size=max(0.2, len(set(y)) / len(y)), stratify=y, random_state=_SEED
            )
            held = (held_X, held_y)
            n_trees = max(1, self._stop(self._make(_MOST_TREES), learned_X, learned_y, held))
        self._model = self._make(n_trees).fit(X, y)
        return self

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
        """Return probabilities of shape (n_samples, n_classes)."""
        return np.asarray(self._model.predict_proba(X), np.float64)


def _existing() -> Any:
    return rmsprop.ExistingBackend()


def _majority() -> Any:
    return DummyClassifier(strategy="prior")


def _grid(**choices: tuple[Any, ...]) -> list[Setting]:
    return [dict(zip(choices, values, strict=True)) for values in product(*choices.values())]


def _untuned(n_rows: int) -> list[Setting]:
    return [{}]


def _penalties(n_rows: int) -> list[Setting]:
    if n_rows > _LARGE:
        return _grid(C=(0.1, 0.01, 1.0))
    return _grid(C=(0.1, 0.001, 0.01, 0.03, 0.3, 1.0, 10.0))


def _net_settings(n_rows: int) -> list[Setting]:
    if n_rows > _LARGE:
        return _grid(
            hidden_layer_sizes=((50,), (100, 50)), alpha=(0.01, 1.0), max_iter=(15,)
        ) + _grid(hidden_layer_sizes=((50,),), alpha=(1.0,), max_iter=(50,))
    return _grid(
        hidden_layer_sizes=((20, 20),), alpha=(1.0, 5.0, 30.0), solver=("lbfgs",), max_iter=(200,)
    ) + _grid(hidden_layer_sizes=((20, 20), (50,)), alpha=(0.01, 1.0), max_iter=(30,))


def _boosting_settings(n_rows: int) -> list[Setting]:
    if n_rows <= _SMALL:
        return _grid(
            max_iter=(50, 100),
            max_leaf_nodes=(5, 3),
            learning_rate=(0.05,),
            l2_regularization=(1.0, 10.0),
            min_samples_leaf=(5,),
        )
    if n_rows <= _LARGE:
        return _grid(
            max_iter=(100, 50, 200),
            max_leaf_nodes=(15, 5, 31),
            learning_rate=(0.05,),
            l2_regularization=(1.0,),
        )
    return _grid(
        max_iter=(100, 250),
        max_leaf_nodes=(31, 63),
        learning_rate=(0.1,),
        l2_regularization=(1.0,),
    )


def _slow_lightgbm_settings(n_rows: int) -> list[Setting]:
    least = (5, 20) if n_rows <= _SMALL else (20,)
    return _grid(
        num_leaves=(7, 31), min_child_samples=least, colsample_bytree=(0.5,), subsample=(0.8,)
    )


def _slow_xgboost_settings(n_rows: int) -> list[Setting]:
    return _grid(
        max_depth=(3, 6), min_child_weight=(1, 5), colsample_bytree=(0.5,), subsample=(0.8,)
    )


def _forest_settings(n_rows: int) -> list[Setting]:
    if n_rows <= _SMALL:
        return _grid(
            n_estimators=(200,), min_samples_leaf=(3, 1, 8), max_features=("sqrt",)
        ) + _grid(n_estimators=(200,), min_samples_leaf=(3,), max_features=(0.3,))
    if n_rows <= _LARGE:
        return _grid(n_estimators=(200,), min_samples_leaf=(3, 10), max_features=("sqrt", 0.3))
    return _grid(n_estimators=(100,), min_samples_leaf=(2, 5), max_features=("sqrt", 0.2))


LEARNERS: dict[str, Learner] = {
    OURS: Learner(Ours, _untuned),
    "majority": Learner(_majority, _untuned),
    "plain-lightgbm": Learner(_plain_lightgbm, _untuned),
    EXISTING: Learner(_existing, _untuned, (rmsprop,)),
    "logistic": Learner(_logistic_regression, _penalties),
    "boosting": Learner(_boosting, _boosting_settings),
    "extra-trees": Learner(_extra_trees, _forest_settings),
    "random-forest": Learner(_random_forest, _forest_settings),
    "net": Learner(_net, _net_settings),
    "slow-lightgbm": Learner(
        _slow_lightgbm, _slow_lightgbm_settings, (EarlyStopped, _lightgbm, _stopped_lightgbm)
    ),
}
if importlib.util.find_spec("xgboost"):
    LEARNERS["slow-xgboost"] = Learner(
        _slow_xgboost, _slow_xgboost_settings, (EarlyStopped, _xgboost, _stopped_xgboost)
    )


# sources of the ML core that do not change how it learns from a dataset
_NOT_LEARNING = ("evaluation.py", "importance.py", "measures.py", "prediction.py")


def fingerprint(name: str, n_rows: int) -> str:
    """Return a digest of all that decides how a learner learns from so many rows."""
    learner = LEARNERS[name]
    parts = [repr(learner.grid(n_rows)), *map(inspect.getsource, (learner.make, *learner.uses))]
    if name == OURS:
        folder = Path(mlcore.__file__).parent
        sources = (path for path in folder.rglob("*.py") if path.name not in _NOT_LEARNING)
        parts += [path.read_text() for path in sorted(sources)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
