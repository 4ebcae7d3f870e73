"""Model files that mean harm: genuine ones whose members are changed and packed again."""

from __future__ import annotations

import io
import json
import random
import warnings
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from infra.lab.course import Course
from mlcore import read_labelled
from mlcore.blend import BlendedClassifier
from mlcore.boosting import Boosting
from mlcore.trials import Recipe

_TREES = Boosting(4, 0.1, 1.0, 1.0, 0.5, rounds=3)
_RECIPES = (
    (("linear", 1.0, 1.0),),
    (("net", 1.0, 1.0),),
    (("smooth", _TREES, 1.0),),
    (("linear", 1.0, 0.5), ("sharp", _TREES, 0.5)),
)
_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, 1e308, 10**30, float("nan"), float("inf")),
    *("", "dense", "trees", "prior", "é\ud800", "a" * 300, [], {}, [[]], [0, 1]),
    {"parts": [{"kind": "prior", "weight": 1, "from_prior": True}], "prior": None},
)
_NUMBERS = (0, 1, -1, 2, 127, -128, 2**31 - 1, -(2**31), np.nan, np.inf, -np.inf, 1e38, 1e-45)
_TYPES = ("<f4", "<f8", "|i1", "<i4", "<i8", "|b1", ">f4", "<f2", "<c8", "<U3", "|O")
_NAMES = ("../a.npy", "/a.npy", "a.npy", "A.npy", "model.json", "", "a/", "a\0b.npy", "é.npy")


def seeds() -> list[bytes]:
    """Return genuine files: each kind of part, of two and three classes, and a refined model."""
    files = []
    for n_classes in (2, 3):
        course = read_labelled(Course(5, n_classes=n_classes, noise=0.2, minority=0.5).labelled(40))
        prior = None
        for recipe in (*_RECIPES, (("prior", None, 0.5), ("linear", 1.0, 0.5))):
            model = BlendedClassifier(prior if recipe[0][0] == "prior" else None, Recipe(recipe))
            prior = model.fit(course.X, course.y).classifier_
            files.append(pack(unpack(prior.to_bytes())))
    return files


def unpack(data: bytes) -> list[tuple[str, bytes]]:
    """Return the members of a zip."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(info.filename, archive.read(info)) for info in archive.infolist()]


def pack(members: list[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """Return a zip of these members, whose checksums are right."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def large() -> dict[str, bytes]:
    """Return the worst of each kind, as small as they can be packed."""
    facts = {
        "kind": "moodle-classifier",
        "format": 2,
        "feature_names": [""],
        "classes": [0, 1],
        "parts": [{"kind": "trees", "weight": 1, "from_prior": False}],
        "prior": None,
    }

    def trees(**arrays: Any) -> bytes:
        members = [(f"part0.{name}.npy", _npy(array)) for name, array in arrays.items()]
        return pack([("model.json", json.dumps(facts).encode()), *members], zipfile.ZIP_DEFLATED)

    def dense(n_layers: int, width: int) -> bytes:
        described = {**facts, "parts": [{"kind": "dense", "weight": 1, "from_prior": False}]}
        columns: dict[str, Any] = {
            name: np.ones(1, np.float32) for name in ("fill", "low", "high", "mean", "scale")
        }
        columns |= {"columns": np.zeros(1, np.int32), "flags": np.zeros(0, np.int32)}
        sizes = [1, *[width] * (n_layers - 1), 1]
        for layer in range(n_layers):
            columns[f"weights.{layer}"] = np.zeros(sizes[layer : layer + 2], np.float32)
            columns[f"biases.{layer}"] = np.zeros(sizes[layer + 1], np.float32)
        members = [(f"part0.{name}.npy", _npy(array)) for name, array in columns.items()]
        return pack(
            [("model.json", json.dumps(described).encode()), *members], zipfile.ZIP_DEFLATED
        )

    def text(octets: bytes) -> bytes:
        return pack([("model.json", octets)], zipfile.ZIP_DEFLATED)

    return {
        "lists": text(b"[%s0]" % (b"[]," * 349_000)),
        "objects": text(b"[%s0]" % (b"{}," * 349_000)),
        "keys": text(b"{%s}" % b",".join(b'"%d":0' % i for i in range(100_000))),
        "depth": text(b"[" * (1 << 20)),
        "digits": text(b"9" * (1 << 20)),
        "stumps": trees(**_stumps(1_000, 1)),
        "stumps with thresholds of their own": trees(**_stumps(1_000, 1_000)),
        "a comb": trees(**_comb(90, 100)),
        "a wide net": dense(2, 1_000),
        "a deep net": dense(200, 40),
        "members": pack([(f"{i}", b"") for i in range(10_000)]),
        "zeros": pack([("a.npy", _npy(np.zeros(4_000_000, np.int8)))], zipfile.ZIP_DEFLATED),
        "many zeros": pack([("a.npy", _npy(np.zeros(99_000_000, np.int8)))], zipfile.ZIP_DEFLATED),
    }


def _stumps(n: int, n_thresholds: int) -> dict[str, Any]:
    here = np.arange(3 * n, dtype=np.int32)
    inner = here % 3 == 0
    return {
        "roots": here[inner],
        "feature": here * 0,
        "left": np.where(inner, here + 1, here).astype(np.int32),
        "right": np.where(inner, here + 2, here).astype(np.int32),
        "threshold": (here % n_thresholds).astype(np.float32),
        "missing": np.zeros(3 * n, np.int8),
        "value": np.ones(3 * n),
    }


def _comb(depth: int, n_trees: int) -> dict[str, Any]:
    """Return trees that are chains, each node with a threshold of its own and a leaf."""
    size = 2 * depth + 1
    here = np.arange(size * n_trees, dtype=np.int32)
    inner = (here % size % 2 == 0) & (here % size < size - 1)
    return {
        "roots": here[::size],
        "feature": here * 0,
        "left": np.where(inner, here + 1, here).astype(np.int32),
        "right": np.where(inner, here + 2, here).astype(np.int32),
        "threshold": (here % 400).astype(np.float32),
        "missing": np.zeros(len(here), np.int8),
        "value": np.ones(len(here)),
    }


def _npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def mutate(data: bytes, chance: random.Random, garble: Callable[[bytes], bytes]) -> bytes:
    """Return another file: members changed and packed again, or all of it garbled."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # members of one name, and numbers that do not fit, are meant
        return _mutated(data, chance, garble)


def _mutated(data: bytes, chance: random.Random, garble: Callable[[bytes], bytes]) -> bytes:
    try:
        members = unpack(data)
    except Exception:  # what is no zip any more stays so
        return garble(data)
    if not members or not chance.randrange(20):
        return garble(data)
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(members))
        name, content = members[at]
        match chance.randrange(12):
            case 0:
                members.insert(at, members[chance.randrange(len(members))])
            case 1 if len(members) > 1:
                del members[at]
            case 2:
                other = chance.choice(_NAMES + tuple(name for name, _ in members))
                members[at] = (other, content)
            case 3:
                members[at] = (name, garble(content))
            case 4 | 5 | 6:
                at = next((i for i, (name, _) in enumerate(members) if name == "model.json"), at)
                members[at] = (members[at][0], _other_facts(members[at][1], chance, garble))
            case _:
                members[at] = (name, _other_array(content, chance, garble))
    return pack(members, chance.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))


def _other_facts(content: bytes, chance: random.Random, garble: Callable[[bytes], bytes]) -> bytes:
    try:
        facts = json.loads(content)
    except (ValueError, RecursionError):
        return garble(content)
    holder: Any = {"": facts}
    key: Any = ""
    while chance.randrange(6) and isinstance(holder[key], dict | list) and holder[key]:
        holder = holder[key]
        key = chance.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    match chance.randrange(4):
        case 0 if isinstance(holder, dict) and key:
            del holder[key]
        case 1 if isinstance(holder, list):
            holder.insert(key, holder[key])
        case _:
            holder[key] = chance.choice(_VALUES)
    return json.dumps(facts).encode()


def _other_array(content: bytes, chance: random.Random, garble: Callable[[bytes], bytes]) -> bytes:
    try:
        array = np.load(io.BytesIO(content)).copy()
    except Exception:  # what is no array any more stays so
        return garble(content)
    with np.errstate(all="ignore"):
        match chance.randrange(8):
            case 0:
                array = array.astype(chance.choice(_TYPES[:-2]))
            case 1:
                array = array[: chance.randint(0, len(array))] if array.ndim else array
            case 2:
                array = np.concatenate([array, array]) if array.ndim else array[None]
            case 3:
                array = array.reshape(chance.choice(((-1,), (1, -1), (-1, 1), (1, 1, -1))))
            case 4:
                return content.replace(b"<f4", chance.choice(_TYPES).encode(), 1)
            case _ if array.size and array.dtype.kind in "fib":
                flat = array.reshape(-1)
                for _ in range(chance.randint(1, 3)):
                    value = np.float64(chance.choice((*_NUMBERS, *flat[:50].tolist())))
                    if array.dtype.kind != "f":
                        low, high = (0, 1) if array.dtype.kind == "b" else _ends(array.dtype)
                        value = np.float64(int(np.clip(np.nan_to_num(value), low, high)))
                    flat[chance.randrange(len(flat))] = value
    return _npy(array)


def _ends(dtype: Any) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max) // 2
