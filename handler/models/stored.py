"""Stored JSON, read into dataclasses and checked on the way, as anybody may have changed it."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")

_LAST_SECOND = 253402300799  # of the year 9999, which is as far as datetime goes


def read(kind: type[T], data: bytes) -> T:
    """Read a dataclass that was written as JSON by `dataclasses.asdict`.

    Parameters
    ----------
    kind : type
        The dataclass. Its fields are str, int, float, bool, Any, other dataclasses, and optionals,
        tuples and dicts of these.

    Raises
    ------
    ValueError
        When there is not exactly what the dataclass asks for, or its ``__post_init__`` objects.
    """
    return take(kind, facts_of(data))


def facts_of(data: bytes) -> dict[str, Any]:
    """Read a JSON object; raise ValueError for anything else."""
    try:
        return dict(_instance(dict, json.loads(data)))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def take(kind: type[T], value: object) -> T:
    """Check a value that JSON held, as `read` does."""
    taken: T = _taken(kind, value)
    return taken


def require_time(seconds: float) -> None:
    """Raise ValueError unless it is a time in seconds since 1970, up to the year 9999."""
    if not 0 <= seconds <= _LAST_SECOND:
        raise ValueError("no time")


def _taken(kind: Any, value: Any) -> Any:
    of = get_args(kind)
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _dataclass(kind, value)
    if kind is float:
        return _number(value)
    match get_origin(kind):
        case type() as origin if origin is UnionType:
            return None if value is None else _taken(of[0], value)
        case type() as origin if origin is tuple:
            return tuple(_taken(of[0], item) for item in _instance(list, value))
        case type() as origin if origin is dict:
            return {
                _taken(of[0], name): _taken(of[1], item)
                for name, item in _instance(dict, value).items()
            }
    return _instance(kind, value)


def _dataclass(kind: Any, value: Any) -> Any:
    hints = get_type_hints(kind)
    names = {field.name for field in fields(kind)}
    if _instance(dict, value).keys() != names:
        raise ValueError(f"not the fields of {kind.__name__}")
    return kind(**{name: _taken(hints[name], value[name]) for name in names})


def _number(value: Any) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise ValueError("not a number")
    return float(value)


def _instance(kind: type, value: Any) -> Any:
    if type(value) is not kind:  # True is no int here
        raise ValueError(f"not of {kind}")
    if isinstance(value, str):
        value.encode()  # UnicodeEncodeError, a ValueError, for half a character
    return value
