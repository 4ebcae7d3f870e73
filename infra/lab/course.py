"""Made-up courses in Moodle's dataset format, for demonstration, tests and benchmarks.

The files have what makes real ones special: a one-hot time range, coarse values, indicators without
a value, whole columns empty because no course uses that activity, and few students who drop out.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

_N_RANGES = 4  # quarters of a course
_N_RULES = 3
_COURSE_INDICATORS = (
    r"\core\analytics\indicator\any_access_after_end",
    r"\core\analytics\indicator\any_access_before_start",
    r"\core\analytics\indicator\any_write_action_in_course",
    r"\core\analytics\indicator\read_actions",
    r"\core_course\analytics\indicator\completion_enabled",
    r"\core_course\analytics\indicator\potential_cognitive_depth",
    r"\core_course\analytics\indicator\potential_social_breadth",
)
_ACTIVITIES = (
    "assign book chat choice data feedback folder forum glossary imscp label lesson lti page quiz "
    "resource scorm survey url wiki workshop"
)
_TARGET = r"\core_course\analytics\target\course_dropout"
_STEPS = np.array([2, 4, 10, 100])  # an indicator's values are multiples of 1 / step


class Course:
    """Students of a made-up course, and who of them drops out.

    Parameters
    ----------
    n_features : int
        Columns of the dataset; at least 1. 98 is what Moodle's own dropout model has.
    n_classes : int
        Target classes.
    minority : float
        Share of all students that are not of the most frequent class (0).
    missing : float
        Share of the indicators' values that are missing.
    unused : float
        Share of the indicators that never have a value or never vary.
    noise : float
        How much chance there is in who drops out: 0 is none, 1 is as in life.
    seed : int
        The same seed gives the same course; each call draws other students of it.
    flipped : float
        Share of the students whose class is dealt out anew among them, at random.
    truth : {"traits", "linear", "rules"}
        What decides who drops out: hidden traits that act on one another, a weighted sum of the
        indicators, or rules about pairs of indicators that are low together.
    """

    def __init__(
        self,
        n_features: int = 98,
        n_classes: int = 2,
        minority: float = 0.15,
        missing: float = 0.1,
        unused: float = 0.6,
        noise: float = 1.0,
        seed: int = 0,
        flipped: float = 0.0,
        truth: Literal["traits", "linear", "rules"] = "traits",
    ) -> None:
        self._random = np.random.default_rng(seed)
        self._n_classes = n_classes
        self._minority = minority
        self._missing = missing
        self._noise = noise
        self._flipped = flipped
        self._truth = truth
        self._n_ranges = _N_RANGES if n_features > _N_RANGES else 0
        n = n_features - self._n_ranges
        self.feature_names = (
            *(f"range/{i}" for i in range(self._n_ranges)),
            *_indicator_names(n),
        )
        self._used = self._random.random(n) >= unused
        self._used[:1] = True  # else nothing could be learned
        self._empty = ~self._used & (self._random.random(n) < 0.8)
        self._step = self._random.choice(_STEPS, n)
        self._loading = self._random.normal(0, 1, (3, n))  # of engagement, ability and luck
        self._scale = self._random.uniform(0.5, 2, n)
        self._n_students = 0

    def draw(self, n_samples: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return indicator values and classes of new students.

        Returns
        -------
        X : ndarray of shape (n_samples, n_features), float32
            Hundredths between -1 and 1; NaN where a student has no value.
        y : ndarray of shape (n_samples,), int64
            0 … n_classes - 1; each class has a sample when there are enough.
        """
        random = self._random
        n = len(self._used)
        traits = random.normal(0, 1, (n_samples, 3))
        values = np.tanh(
            (traits @ self._loading + random.normal(0, 1, (n_samples, n))) * self._scale / 2
        )
        values = np.round(np.rint(values * self._step) / self._step, 2)
        risk = self._risk(traits, values)
        values[random.random(values.shape) < self._missing] = np.nan
        values[:, ~self._used] = -1
        values[:, self._empty] = np.nan
        quarter = random.integers(0, _N_RANGES, n_samples)
        ranges = np.eye(_N_RANGES)[quarter, : self._n_ranges]

        risk += self._noise * random.logistic(0, 1, n_samples)
        limits = np.quantile(
            risk, 1 - self._minority * np.arange(1, self._n_classes)[::-1] / (self._n_classes - 1)
        )
        y = np.searchsorted(limits, risk)
        if n_samples >= self._n_classes:  # a small file, too, must not lack a class
            y[np.argsort(risk)[-self._n_classes :]] = np.arange(self._n_classes)
        if self._flipped:
            anew = np.flatnonzero(random.random(n_samples) < self._flipped)
            y[anew] = random.permutation(y[anew])
        return np.hstack([ranges, values]).astype(np.float32), y.astype(np.int64)

    def _risk(
        self, traits: NDArray[np.float64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return how likely each student is to drop out, before chance."""
        if self._truth == "traits":  # low engagement, and more so where ability is low, too
            return -1.5 * traits[:, 0] - 0.7 * traits[:, 0] * traits[:, 1]
        used = np.flatnonzero(self._used)
        if self._truth == "linear":
            weights = self._loading[0, used]
            return np.asarray(-4 * values[:, used] @ weights / (weights @ weights))
        low = values[:, np.resize(used, (_N_RULES, 2))] < 0
        return 3 * low.all(axis=2).sum(axis=1, dtype=np.float64)

    def labelled(self, n_samples: int) -> bytes:
        """Return new students as a file for training or evaluation."""
        X, y = self.draw(n_samples)
        return self.file(X, y=y)

    def unlabelled(self, n_samples: int) -> bytes:
        """Return new students as a file for prediction."""
        X, _ = self.draw(n_samples)
        ids = [f"{self._n_students + i}-{i % _N_RANGES}" for i in range(n_samples)]
        self._n_students += n_samples
        return self.file(X, sample_ids=ids)

    def file(
        self,
        X: NDArray[np.float32],
        y: NDArray[np.int64] | None = None,
        sample_ids: Sequence[str] | None = None,
    ) -> bytes:
        """Return values of `draw` as Moodle's file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        quoted = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
        classes = ",".join(map(str, range(self._n_classes)))
        metadata = {
            "timesplitting": r"\core\analytics\time_splitting\quarters",
            "nfeatures": X.shape[1],
            "moodleversion": 2024100706,
            "targetcolumn": _TARGET,
            "targettype": "discrete",
            "targetclasses": f"[{classes}]",
        }
        writer.writerows([metadata.keys(), metadata.values()])
        columns = list(self.feature_names)
        quoted.writerow([*columns, _TARGET] if sample_ids is None else ["sampleid", *columns])
        values = np.arange(-100, 101) / 100
        texts = np.array([*(f"{value:g}" for value in values), ""])
        codes = np.where(np.isnan(X), 201, np.rint(np.nan_to_num(X) * 100) + 100).astype(np.intp)
        for i, row in enumerate(codes):
            cells = texts[row].tolist()
            if sample_ids is not None:
                cells.insert(0, sample_ids[i])
            if y is not None:
                cells.append(str(y[i]))
            out.write(",".join(cells) + "\n")
        return out.getvalue().encode()


def _indicator_names(n: int) -> list[str]:
    """Return names like Moodle's: an indicator, then its mean among the course's students."""
    indicators = [
        *_COURSE_INDICATORS,
        *(
            rf"\mod_{activity}\analytics\indicator\{kind}"
            for activity in _ACTIVITIES.split()
            for kind in ("cognitive_depth", "social_breadth")
        ),
    ]
    names = [name for indicator in indicators for name in (indicator, f"{indicator}/mean")]
    more = (
        rf"\local_more\analytics\indicator\indicator_{i}" for i in range(max(0, n - len(names)))
    )
    return [*names, *more][:n]
