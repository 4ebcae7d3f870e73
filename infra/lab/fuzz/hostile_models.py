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
from infra.lab.fuzz import known_attacks
from mlcore import read_labelled
from mlcore.estimator import BlendedClassifier
from mlcore.families import FAMILIES
from mlcore.trials import IMPORTED, Candidate, Recipe

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
        alone = [
            Candidate(family.name, family.quick)
            for family in FAMILIES.values()
            if False in family.uses_prior
        ]
        refining = [
            Candidate(family.name, family.quick, True)
            for family in FAMILIES.values()
            if True in family.uses_prior
        ]
        prior = None
        for parts in (*([part] for part in alone), refining):
            recipe = Recipe(tuple((part, 1 / len(parts)) for part in parts))
            model = BlendedClassifier(prior if IMPORTED in parts else None, recipe)
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
    """Return the worst that is known: what must be refused, and what is as costly as may be."""
    return {name: data for name, (data, _) in known_attacks.IMPORTS.items()} | (
        known_attacks.EXPENSIVE
    )


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
    return known_attacks.npy(array)


def _ends(dtype: Any) -> tuple[int, int]:
    info = np.iinfo(dtype)
    return int(info.min), int(info.max) // 2
