"""Model files that mean harm, each with what the admin is told: all are built here.

The tests import each, and the fuzzer begins with them.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import stat
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from infra import ROOT

Members = dict[str, bytes]
Attacks = dict[str, tuple[bytes, str]]

# a genuine export: a model that refines another, with all kinds of parts
GENUINE = (ROOT / "tests" / "data" / "formats" / "classifier-4.npz").read_bytes()


def unpacked(data: bytes) -> Members:
    """Return the members of a zip archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members: Members, compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive of these members, as any zip tool makes it."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def npy(array: Any, allow_pickle: bool = False) -> bytes:
    """Return an array as a ``.npy`` file."""
    out = io.BytesIO()
    np.save(out, array, allow_pickle=allow_pickle)
    return out.getvalue()


def with_array(data: bytes, name: str, change: Callable[[Any], Any]) -> bytes:
    """Return a model file with one of its arrays changed."""
    members = unpacked(data)
    array = np.load(io.BytesIO(members[f"{name}.npy"])).copy()
    members[f"{name}.npy"] = npy(change(array))
    return packed(members)


def with_facts(data: bytes, change: Callable[[dict[str, Any]], object]) -> bytes:
    """Return a model file whose facts `change` has changed in place."""
    members = unpacked(data)
    facts = json.loads(members["model.json"])
    change(facts)
    members["model.json"] = json.dumps(facts).encode()
    return packed(members)


MEMBERS = unpacked(GENUINE)
_FACTS = json.loads(MEMBERS["model.json"])
# one array of each kind
_ARRAYS = {
    name.removesuffix(".npy").partition(".")[2]: name.removesuffix(".npy")
    for name in reversed(MEMBERS)
    if name.startswith("part")
}

FOREIGN = "The file to import is not a model that was exported from this server."
TOO_LARGE = "The model file is too large: unpacked it may hold "


def damaged(what: str) -> str:
    """Return how the sentence about a damaged file begins."""
    return f"The model file is damaged or was changed after its export ({what}"


# pickles ------------------------------------------------------------------------------------------


class Explosive:
    """Makes a directory when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (self.path,)


def pickles(path: Path) -> Iterator[bytes]:
    """Yield model files with a pickle in each member in turn, that would make a directory."""
    explosive = np.empty(1, dtype=object)
    explosive[0] = Explosive(path)
    array, bare = npy(explosive, allow_pickle=True), pickle.dumps(explosive[0])
    header = array[: array.index(b"\n") + 1]
    for member in MEMBERS:
        yield packed(MEMBERS | {member: array})
        yield packed(MEMBERS | {member: bare})
    content = MEMBERS["model.json"]
    for planted in (header.replace(b"|O", b"|O8") + bare, content + bare, bare + content):
        yield packed(MEMBERS | {"model.json": planted})
    for name in ("model.pkl", "model.pickle", "part0.weights.0.pkl", "__reduce__.npy", "x.joblib"):
        yield packed(MEMBERS | {name: bare})
        yield packed({name: bare})
    yield bare
    yield array


# zip archives -------------------------------------------------------------------------------------


def _archive(
    *entries: tuple[str | zipfile.ZipInfo, bytes | str], compression: int = zipfile.ZIP_DEFLATED
) -> bytes:
    """Pack (name or ZipInfo, content), also twice the same."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that are there twice are meant
        for name, content in entries:
            archive.writestr(name, content)
    return out.getvalue()


def _with(**members: bytes) -> bytes:
    """Add members; two underscores in a name stand for a dot."""
    return packed(MEMBERS | {name.replace("__", "."): content for name, content in members.items()})


def _linked(name: str, target: bytes | str, mode: int = stat.S_IFLNK) -> bytes:
    info = zipfile.ZipInfo(name)
    info.external_attr = (mode | 0o777) << 16
    others = [(other, content) for other, content in MEMBERS.items() if other != name]
    return _archive(*others, (info, target))


def _directory(data: bytes, field: int, value: int, width: str = "<I", name: bytes = b"") -> bytes:
    """Change a field of each entry of the directory, or of one entry only."""
    changed = bytearray(data)
    at = changed.find(b"PK\x01\x02")
    while at >= 0:
        if changed[at + 46 :].startswith(name):
            struct.pack_into(width, changed, at + field, value)
        at = changed.find(b"PK\x01\x02", at + 4)
    return bytes(changed)


def _overlapping(n: int = 200, size: int = 1 << 20) -> bytes:
    """Return a bomb of David Fifield's kind: all members share one kernel of packed zeros.

    Each member is a stored block that quotes the local header of the next, then the kernel.
    """
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    kernel = packer.compress(bytes(size)) + packer.flush()
    names = [b"a%d.npy" % i for i in range(n)]
    crc, unpacked_size, body, local = zlib.crc32(bytes(size)), size, kernel, []
    for name in reversed(names):
        fields = (20, 0, 8, 0, 33, crc, len(body), unpacked_size, len(name), 0)
        header = struct.pack("<IHHHHHIIIHH", 0x04034B50, *fields) + name
        local.append((name, crc, len(body), unpacked_size, len(header)))
        quoted = struct.pack("<BHH", 0, len(header), 0xFFFF ^ len(header)) + header
        crc = zlib.crc32(header + _unpack(body))
        body, unpacked_size = quoted + body, unpacked_size + len(header)
    local.reverse()
    data = body[5:]  # the first header is not quoted
    directory, offset = b"", 0
    for name, crc, n_packed, n_unpacked, n_header in local:
        entry = (20, 20, 0, 8, 0, 33, crc, n_packed, n_unpacked, len(name), 0, 0, 0, 0, 0, offset)
        directory += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, *entry) + name
        offset += n_header + 5
    end = struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, n, n, len(directory), len(data), 0)
    return data + directory + end


def _unpack(body: bytes) -> bytes:
    return zlib.decompressobj(-15).decompress(body)


def _nested(levels: int) -> bytes:
    data = packed({"model.npy": npy(np.zeros(1 << 20, dtype=np.int8))})
    for _ in range(levels):
        data = packed({f"{i}.zip": data for i in range(10)})
    return data


_ZEROS = npy(np.zeros(3 << 20, dtype=np.int8))

ZIPS: Attacks = {
    "nothing": (b"", FOREIGN),
    "an end without a beginning": (b"PK\x05\x06" + bytes(18), FOREIGN),
    "a million zeros": (bytes(1_000_000), FOREIGN),
    "a directory of 200,000 members that are not there": (
        b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 65535, 65535, 0xFFFFFFF0, 0, 0),
        FOREIGN,
    ),
    "a zip in a zip": (packed({"model.npz": GENUINE}), FOREIGN),
    "zips in zips in zips": (_nested(4), FOREIGN),
    "zips in a model": (_with(a__npy=_nested(3)), damaged("an array of an unexpected type")),
    "130 MB of zeros": (
        packed(MEMBERS | {"a.npy": npy(np.zeros(130 << 20, np.int8))}),
        TOO_LARGE,
    ),
    "zeros packed by bzip2": (
        _archive(*MEMBERS.items(), ("a.npy", _ZEROS), compression=12),
        damaged("a member is packed in an unusual way"),
    ),
    "zeros packed by lzma": (
        _archive(*MEMBERS.items(), ("a.npy", _ZEROS), compression=14),
        damaged("a member is packed in an unusual way"),
    ),
    "10,000 members": (packed(MEMBERS | {f"a{i}.npy": b"" for i in range(10_000)}), TOO_LARGE),
    "members that lie in one another": (
        _directory(GENUINE, 42, 0),
        damaged("members that lie in one another"),
    ),
    "members that share a kernel of zeros": (_overlapping(), TOO_LARGE),
    "few of them, and a description": (_overlapping(2), FOREIGN),
    "a size of 4 GB": (_directory(GENUINE, 24, 2**32 - 2), TOO_LARGE),
    "a size of 2^64": (_directory(GENUINE, 24, 2**32 - 1), TOO_LARGE),
    "less declared than there is": (
        _directory(_with(a__npy=_ZEROS), 24, 1000, name=b"a.npy"),
        damaged("a member cannot be unpacked"),
    ),
    "more declared than there is": (
        _directory(GENUINE, 24, 200_000, name=b"part1.mean"),
        damaged("a member is shorter than it says"),
    ),
    "a wrong checksum": (
        _directory(GENUINE, 16, 1, name=b"model.json"),
        damaged("a member cannot be unpacked"),
    ),
    "an encrypted member": (
        _directory(GENUINE, 8, 1, "<H", name=b"part"),
        damaged("a member cannot be unpacked"),
    ),
    "an entry beyond the end": (
        _directory(GENUINE, 42, 2**31, name=b"part1.mean"),
        damaged("a member cannot be unpacked"),
    ),
    "two descriptions": (
        _archive(*MEMBERS.items(), ("model.json", b"{}")),
        damaged("two members of one name"),
    ),
    "a link in the place of the description": (
        _linked("model.json", "/etc/passwd"),
        damaged("a member that is no file"),
    ),
    "a link in the place of an array": (
        _linked("part1.mean.npy", "../../examples.npz"),
        damaged("a member that is no file"),
    ),
    "a link whose content is an array": (
        _linked("part1.mean.npy", MEMBERS["part1.mean.npy"]),
        damaged("a member that is no file"),
    ),
    "a device": (_linked("null.npy", b"", stat.S_IFCHR), damaged("a member that is no file")),
}
ZIPS |= {
    f"a member called {name[:20]!r}": (
        _archive(*MEMBERS.items(), (name, npy(np.zeros(1)))),
        damaged("an unknown member"),
    )
    for name in (
        "../model.npy",
        "..\\model.npy",
        "/etc/cron.d/model.npy",
        "//host/share/model.npy",
        "C:\\model.npy",
        "part0/../../model.npy",
        "model.json/a.npy",
        "MODEL.JSON",
        "part0.weights.0.NPY",
        "par\u0442.npy",  # a Cyrillic letter
        "model\u202eyp.n.npy",
        "a\nb.npy",
        "model.npy\0.txt",
        "-rf.npy",
        "~.npy",
        "$(id).npy",
        "..npy",
        "con.npy",
        "a" * 60_000 + ".npy",
        ".npy",
        "",
    )
}


# arrays -------------------------------------------------------------------------------------------


def _array(kind: str) -> Any:
    return np.load(io.BytesIO(MEMBERS[f"{_ARRAYS[kind]}.npy"]))


def _tree(name: str, change: Callable[[Any], None]) -> bytes:
    """Change an array of trees in place."""

    def changed(array: Any) -> Any:
        change(array)
        return array

    return with_array(GENUINE, _ARRAYS[name], changed)


def _setting(at: int | slice, value: Any) -> Callable[[Any], None]:
    def change(array: Any) -> None:
        array[at] = value

    return change


def _wrong(name: str, change: Callable[[Any], Any]) -> bytes:
    return with_array(GENUINE, _ARRAYS[name], change)


def _forest(n_trees: int, depth: int, n_thresholds: int = 1 << 20) -> bytes:
    """Put trees in the place of others: chains of nodes, each with a leaf.

    Every node has a threshold of its own, unless there are fewer thresholds.
    """
    size = 2 * depth + 1
    here = np.arange(size * n_trees, dtype=np.int32)
    inner = (here % size % 2 == 0) & (here % size < size - 1)
    arrays = {
        "roots": here[::size],
        "feature": here * 0,
        "left": np.where(inner, here + 1, here).astype(np.int32),
        "right": np.where(inner, here + 2, here).astype(np.int32),
        "threshold": (here % n_thresholds).astype(np.float32),
        "missing": np.zeros(len(here), np.int8),
        "value": np.zeros(len(here)),
    }
    members = {f"{_ARRAYS[name]}.npy": npy(array) for name, array in arrays.items()}
    return packed(MEMBERS | members)


def _net(n_layers: int, width: int) -> bytes:
    """Put a net of this size in the place of a part that is linear."""
    part = _ARRAYS["weights.0"].partition(".")[0]
    weights = _array("weights.0")
    n_inputs = 1 + len(weights) - len(_array("mean"))  # with what a part gets from its prior
    sizes = [n_inputs, *[width] * (n_layers - 1), weights.shape[1]]
    arrays: dict[str, Any] = {
        name: np.ones(1, np.float32) for name in ("fill", "low", "high", "mean", "scale")
    }
    arrays |= {"columns": np.zeros(1, np.int32), "flags": np.zeros(0, np.int32)}
    for layer in range(n_layers):
        arrays[f"weights.{layer}"] = np.zeros(sizes[layer : layer + 2], np.float32)
        arrays[f"biases.{layer}"] = np.zeros(sizes[layer + 1], np.float32)
    others = {name: data for name, data in MEMBERS.items() if not name.startswith(f"{part}.")}
    return packed(others | {f"{part}.{name}.npy": npy(array) for name, array in arrays.items()})


_LAST = len(_array("left")) - 1
_UNEXPECTED = damaged("an array of an unexpected type")
_DTYPES = {"f2": _UNEXPECTED, ">f4": _UNEXPECTED}
_MEASURES = ("weights.0", "biases.0", "fill", "low", "high", "mean", "scale", "value")

ARRAYS: Attacks = {
    f"{value} in {name}": (
        _wrong(name, partial(np.full_like, fill_value=value)),
        damaged(f"{name} is not finite"),
    )
    for name in _MEASURES
    for value in (np.nan, np.inf, -np.inf)
}
ARRAYS |= {
    f"{dtype} in {name}": (
        _wrong(name, partial(np.zeros_like, dtype=dtype)),
        sentence,
    )
    for name in _ARRAYS
    for dtype, sentence in (_DTYPES | {"?": damaged(f"{name} is missing")}).items()
}
ARRAYS |= {
    f"{name} of another shape": (_wrong(name, lambda array: array[None]), damaged(name))
    for name in _ARRAYS
    if not name.startswith("weights")
}
ARRAYS |= {
    f"{name} too long": (_wrong(name, lambda array: np.concatenate([array, array])), damaged(""))
    for name in _ARRAYS
    if name != "flags"  # which is empty
}
ARRAYS |= {
    "a child that is its own parent": (
        _tree("left", _setting(_LAST, 0)),
        damaged("a node above its parent"),
    ),
    "two nodes that are each other's children": (
        _tree("right", _setting(slice(0, 2), [1, 0])),
        damaged("a node above its parent"),
    ),
    "children that are one node": (
        _tree("left", _setting(0, _array("right")[0])),
        damaged("a node of several trees"),
    ),
    "a child beyond the end": (
        _tree("left", _setting(0, 2**31 - 1)),
        damaged("a node above its parent"),
    ),
    "a child before the beginning": (
        _tree("right", _setting(0, -(2**31))),
        damaged("a node above its parent"),
    ),
    "a root beyond the end": (_tree("roots", _setting(0, _LAST + 1)), damaged("a root out of")),
    "a root below zero": (_tree("roots", _setting(0, -1)), damaged("a root out of range")),
    "a root twice": (
        _tree("roots", _setting(0, _array("roots")[-1])),
        damaged("a node of several trees"),
    ),
    "a feature beyond the end": (
        _tree("feature", _setting(0, 9)),
        damaged("a feature out of range"),
    ),
    "a feature below zero": (_tree("feature", _setting(0, -1)), damaged("a feature out of")),
    "a tree of 60,000 levels": (_forest(1, 60_000), damaged("a tree too deep")),
    "a tree of 100 levels": (_forest(1, 100), damaged("a tree too deep")),
    "1,001 trees": (_forest(1_001, 1), damaged("too many trees")),
    "trees with 30,000 thresholds": (_forest(400, 75), damaged("too many thresholds")),
    "a column below zero": (_wrong("columns", lambda a: a - 9), damaged("a feature out of range")),
    "a column twice": (_wrong("columns", lambda a: a * 0), damaged("a feature used twice")),
    "a scale of zero": (_wrong("scale", lambda a: a * 0), damaged("a scale that is not positive")),
    "a header with 10 TB": (
        _with(a__npy=npy(np.zeros(1)).replace(b"(1,), }        ", b"(9999999999,), }")),
        damaged("an array of an unexpected size"),
    ),
    "a header with code": (
        _with(a__npy=npy(np.zeros(1)).replace(b"'<f8'", b"exit()")),
        _UNEXPECTED,
    ),
}


# descriptions -------------------------------------------------------------------------------------


def _facts(**changes: Any) -> bytes:
    return with_facts(GENUINE, lambda facts: facts.update(changes))


def _text(text: bytes) -> bytes:
    return packed(MEMBERS | {"model.json": text})


def _part(**changes: Any) -> bytes:
    return with_facts(GENUINE, lambda facts: facts["parts"][0].update(changes))


def _deep_prior() -> bytes:
    prior: dict[str, Any] | None = None
    for _ in range(200):
        prior = {"feature_names": ["x"], "classes": [0, 1], "learned": [0, 1], "prior": prior}
    return _facts(prior=prior)


_KINDS = {"kind": "prior", "weight": 0.1, "from_prior": True}

DESCRIPTIONS: Attacks = {
    "lists in lists without end": (_text(b"[" * 900_000), FOREIGN),
    "objects in objects without end": (_text(b'{"kind":' * 100_000), FOREIGN),
    "300,000 empty lists": (_text(b"[" + b"[]," * 300_000 + b"0]"), FOREIGN),
    "a number of a million digits": (_text(b'{"format": ' + b"9" * 1_000_000 + b"}"), FOREIGN),
    "a description of 20 MB": (
        packed({"model.json": b" " * 3_500_000 + MEMBERS["model.json"]}),
        damaged("its description is too long"),
    ),
    "a newer format": (
        _facts(format=5),
        "The model file has format 5, and this server knows formats up to 4:",
    ),
    "format 1e999": (
        _text(MEMBERS["model.json"].replace(b'"format": 4', b'"format": 1e999')),
        damaged("no format"),
    ),
    "no classes": (_facts(classes=[]), damaged("no classes")),
    "a class that is no number": (_facts(classes=[0, "1"]), damaged("no classes")),
    "a class of 1e308": (_facts(classes=[0, 1e308]), damaged("no classes")),
    "a class twice": (_facts(classes=[1, 1]), damaged("no classes")),
    "a class too many": (_facts(classes=[0, 1, 2, 3]), damaged("")),
    "100,000 classes": (_facts(classes=[*range(100_000)]), damaged("no classes")),
    "100,000 names": (_facts(feature_names=[""] * 100_000), damaged("no feature names")),
    "names that are numbers": (_facts(feature_names=[1] * 8), damaged("no feature names")),
    "names too few": (_facts(feature_names=["a"] * 3), damaged("a feature out of range")),
    "a weight of NaN": (_part(weight=float("nan")), damaged("a weight out of range")),
    "a weight without end": (_part(weight=float("inf")), damaged("a weight out of range")),
    "a weight below zero": (_part(weight=-1), damaged("a weight out of range")),
    "a weight that is a list": (_part(weight=[1]), damaged("a weight out of range")),
    "a kind that is a module": (_part(kind="os"), damaged("an unknown part")),
    "a kind that is a list": (_part(kind=["dense"]), damaged("its description is incomplete")),
    "parts that are a text": (_facts(parts="dense"), damaged("its description is incomplete")),
    "parts by the thousand": (_facts(parts=[_KINDS] * 10_000), damaged("too many parts")),
    "models in one another": (_deep_prior(), damaged("too many models in one another")),
    "a prior that is a number": (_facts(prior=7), damaged("its description is incomplete")),
    "a part of another kind": (_part(kind="dense", from_prior=False), damaged("")),
}

IMPORTS = ZIPS | ARRAYS | DESCRIPTIONS

# Within all limits, and as much work as these allow.
EXPENSIVE = {
    "stumps": _forest(1_000, 1, 1),
    "stumps with thresholds of their own": _forest(1_000, 1, 1_000),
    "a comb": _forest(90, 90, 400),
    "a wide net": _net(2, 1_000),
    "a deep net": _net(200, 40),
}
