"""LightGBM's library by its C interface, as far as boosting needs it.

The package `lightgbm` imports scikit-learn and scipy's sparse matrices to be compatible with them,
which takes longer than most trainings. Its shared library needs neither, and can tell of held-out
samples what they get after each round, which the package keeps to itself.

The interface is documented at https://lightgbm.readthedocs.io/en/stable/C-API.html.
"""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore.memory import return_freed

Floats = NDArray[np.float64]

_NAMES = ("lib/lib_lightgbm.so", "lib/lib_lightgbm.dylib", "bin/lib_lightgbm.dll")
_TYPES = {np.float32: 0, np.float64: 1}


@cache
def _library() -> ctypes.CDLL:
    package = find_spec("lightgbm")
    folders = (
        [Path(folder) for folder in package.submodule_search_locations or ()] if package else []
    )
    paths = [folder / name for folder in folders for name in _NAMES]
    path = next((path for path in paths if path.exists()), None)
    if path is None:
        raise ImportError("LightGBM's library is not installed.")
    return_freed()  # before the first fit, which is what frees much
    library = ctypes.CDLL(str(path))
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


def _call(name: str, *arguments: Any) -> None:
    """Call a function of the library, which says by its result whether all is well."""
    library = _library()
    if getattr(library, name)(*arguments):
        raise RuntimeError(library.LGBM_GetLastError().decode(errors="replace"))


def _text(parameters: Mapping[str, Any]) -> bytes:
    return " ".join(f"{name}={value}".lower() for name, value in parameters.items()).encode()


class _Held:
    """What the library holds in memory until nobody has use of it here."""

    def __init__(self, free: str) -> None:
        self.handle = ctypes.c_void_p()
        weakref.finalize(self, _free, free, self.handle)


def _free(name: str, handle: ctypes.c_void_p) -> None:
    _call(name, handle)


class Binned(_Held):
    """Samples as LightGBM sees them: each value as the number of its bin."""

    def __init__(self, n_samples: int) -> None:
        super().__init__("LGBM_DatasetFree")
        self.n_samples = n_samples

    @classmethod
    def of(cls, X: NDArray[np.float32], parameters: Mapping[str, Any]) -> Binned:
        """Find bins.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features), float32
            NaN where there is no value.
        parameters : mapping
            LightGBM's, those of binning.
        """
        X = np.ascontiguousarray(X, dtype=np.float32)
        binned = cls(len(X))
        _call(
            "LGBM_DatasetCreateFromMat",
            X.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(_TYPES[np.float32]),
            ctypes.c_int32(X.shape[0]),
            ctypes.c_int32(X.shape[1]),
            ctypes.c_int(1),  # row after row
            ctypes.c_char_p(_text(parameters)),
            None,
            ctypes.byref(binned.handle),
        )
        return binned

    def subset(
        self,
        which: NDArray[np.intp],
        parameters: Mapping[str, Any],
        y: NDArray[np.intp],
        weights: Floats,
        scores: Floats | None = None,
    ) -> Binned:
        """Return some of the samples.

        Parameters
        ----------
        which : ndarray of shape (n_some,), intp
            Ascending.
        parameters : mapping
        y, weights : ndarray of shape (n_some,)
        scores : ndarray of shape (n_some, n_scores), float64, or None
            What boosting starts from.
        """
        which32 = which.astype(np.int32)
        some = Binned(len(which))
        _call(
            "LGBM_DatasetGetSubset",
            self.handle,
            which32.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int32(len(which)),
            ctypes.c_char_p(_text(parameters)),
            ctypes.byref(some.handle),
        )
        some._set("label", y.astype(np.float32))
        some._set("weight", weights.astype(np.float32))
        if scores is not None:
            some._set("init_score", np.ravel(scores, order="F"))
        return some

    def _set(self, name: str, values: NDArray[Any]) -> None:
        values = np.ascontiguousarray(values)
        _call(
            "LGBM_DatasetSetField",
            self.handle,
            ctypes.c_char_p(name.encode()),
            values.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(len(values)),
            ctypes.c_int(_TYPES[values.dtype.type]),
        )


class Booster(_Held):
    """Boosted trees that grow round by round.

    Parameters
    ----------
    learned : Binned
        What to learn from, as `Binned.subset` returned it.
    parameters : mapping
        LightGBM's.
    tested : Binned or None
        Of the same samples, what to predict after each round.
    """

    def __init__(
        self, learned: Binned, parameters: Mapping[str, Any], tested: Binned | None = None
    ) -> None:
        super().__init__("LGBM_BoosterFree")
        self._learned, self._tested = learned, tested  # both must outlive it
        text = ctypes.c_char_p(_text(parameters))
        _call("LGBM_BoosterCreate", learned.handle, text, ctypes.byref(self.handle))
        if tested is not None:
            _call("LGBM_BoosterAddValidData", self.handle, tested.handle)

    def update(self, rounds: int) -> None:
        """Grow so many rounds of trees."""
        finished = ctypes.c_int()
        for _ in range(rounds):
            _call("LGBM_BoosterUpdateOneIter", self.handle, ctypes.byref(finished))

    def predict_proba(self) -> Floats:
        """Return the probabilities of the tested samples, of shape (n_tested, n_classes)."""
        assert self._tested is not None
        length = ctypes.c_int64()
        tested = ctypes.c_int(1)
        _call("LGBM_BoosterGetNumPredict", self.handle, tested, ctypes.byref(length))
        p = np.empty(length.value)
        _call(
            "LGBM_BoosterGetPredict",
            self.handle,
            tested,
            ctypes.byref(length),
            p.ctypes.data_as(ctypes.c_void_p),
        )
        of_classes = p.reshape(-1, self._tested.n_samples)
        if len(of_classes) == 1:
            return np.concatenate([1 - of_classes, of_classes]).T
        return of_classes.T

    def text(self) -> str:
        """Return the trees in LightGBM's text form."""
        size = ctypes.c_int64(1 << 20)
        while True:
            buffer = ctypes.create_string_buffer(size.value)
            needed = ctypes.c_int64()
            _call(
                "LGBM_BoosterSaveModelToString",
                self.handle,
                ctypes.c_int(0),
                ctypes.c_int(-1),
                ctypes.c_int(0),
                size,
                ctypes.byref(needed),
                buffer,
            )
            if needed.value <= size.value:
                return buffer.value.decode()
            size = needed
