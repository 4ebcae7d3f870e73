"""The container of everything that is stored or exported: named arrays and JSON facts, no code.

A model file is a zip archive with one ``model.json`` and a ``.npy`` member for each array, so it
survives being unpacked and packed again by Moodle. Nothing in it is ever executed: arrays are of
plain number types only, and no pickle is read. Files come from strangers (Moodle's users share
exported models), so each size is checked before memory is set aside for it (zip bombs).
"""

from __future__ import annotations

import io
import json
import math
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlcore import errors

MAX_BYTES = 1 << 30
MAX_MEMBERS = 500

_FACTS = "model.json"
_MAX_FACTS_BYTES = 1 << 20  # the longest header of a dataset fits in, escaped
_MEMBER = re.compile(r"[a-z0-9_.]+\.npy")
# The one header that numpy gives such arrays. Its own reader accepts any Python literal.
_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..\{'descr': '(<f4|<f8|\|i1|<i4|<i8|\|b1)', 'fortran_order': False, "
    rb"'shape': \(([0-9]{1,10}),(?: ([0-9]{1,10}))?\), \} *\n",
    re.DOTALL,
)
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_FILE = (0, stat.S_IFREG)  # some programs do not say what a member is
_LEVEL = 4  # of compression: half the time of the usual 6, and 8 % more bytes
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


def write(
    kind: str, format: int, facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> bytes:
    """Return a model file.

    Parameters
    ----------
    kind : str
        What the file holds; `read` refuses any other.
    format : int
        Version of the layout of `facts` and `arrays`.
    facts : mapping
        What can be said in JSON.
    arrays : mapping of str to ndarray
        Of one or two dimensions; bool, int8, int32, int64, float32 or float64.
    """
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        header = {"kind": kind, "format": format, **facts}
        text = json.dumps(header, allow_nan=False, indent=1)
        _add(archive, _FACTS, text.encode())
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array, order="C"), allow_pickle=False)
            _add(archive, f"{name}.npy", member.getvalue())
    return out.getvalue()


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    info = zipfile.ZipInfo(name, date_time=_EPOCH)
    info.external_attr = 0o600 << 16
    archive.writestr(info, data, zipfile.ZIP_DEFLATED, _LEVEL)


def read(
    data: bytes, kind: str, format: int, max_bytes: int = MAX_BYTES
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the facts and the arrays of a model file.

    Parameters
    ----------
    data : bytes
    kind : str
        What the file must hold.
    format : int
        The layout that the caller understands.
    max_bytes : int
        Limit to the size of all members, unpacked.

    Raises
    ------
    mlcore.errors.ModelFileError
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError, OSError) as error:
        raise errors.NotAModelFile from error
    with archive:
        files = [info for info in archive.infolist() if not info.is_dir()]
        if len(files) > MAX_MEMBERS or sum(info.file_size for info in files) > max_bytes:
            raise errors.ModelFileTooLarge(limit=max_bytes >> 20, members=MAX_MEMBERS)
        members = {info.filename: info for info in files}
        if _FACTS not in members:
            raise errors.NotAModelFile
        if len(members) < len(files):
            raise errors.DamagedModelFile(what="two members of one name")
        if not all(stat.S_IFMT(info.external_attr >> 16) in _FILE for info in files):
            raise errors.DamagedModelFile(what="a member that is no file")
        if len({info.header_offset for info in members.values()}) < len(members):
            raise errors.DamagedModelFile(what="members that lie in one another")
        if members[_FACTS].file_size > _MAX_FACTS_BYTES:
            raise errors.DamagedModelFile(what="its description is too long")
        facts = _read_facts(_unpack(archive, members.pop(_FACTS)))
        if facts.get("kind") != kind:
            raise errors.NotAModelFile
        found = facts.get("format")
        if not isinstance(found, int) or found < 1:
            raise errors.DamagedModelFile(what="no format")
        if found > format:
            raise errors.NewerModelFile(found=found, known=format)
        if found < format:  # none of these was ever released
            raise errors.DamagedModelFile(what="a format that no release had")
        arrays = {}
        for name, info in members.items():
            if not _MEMBER.fullmatch(name):
                raise errors.DamagedModelFile(what="an unknown member")
            arrays[name.removesuffix(".npy")] = _read_array(_unpack(archive, info))
    return facts, arrays


def format_of(data: bytes) -> int:
    """Return the format of a model file, whatever this code reads.

    Raises
    ------
    mlcore.errors.ModelFileError
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            found = _read_facts(_unpack(archive, archive.getinfo(_FACTS))).get("format")
    except (zipfile.BadZipFile, KeyError) as error:
        raise errors.NotAModelFile from error
    if not isinstance(found, int):
        raise errors.DamagedModelFile(what="no format")
    return found


def _unpack(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    """Return a member's bytes, which are as many as it declares; no more of them are unpacked."""
    if info.compress_type not in _PACKINGS:
        raise errors.DamagedModelFile(what="a member is packed in an unusual way")
    try:
        with archive.open(info) as member:
            content = member.read(info.file_size)
    except (
        zipfile.BadZipFile,
        zlib.error,
        ValueError,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise errors.DamagedModelFile(what="a member cannot be unpacked") from error
    if len(content) < info.file_size:
        raise errors.DamagedModelFile(what="a member is shorter than it says")
    return content


def _read_facts(text: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise errors.NotAModelFile from error
    if not isinstance(facts, dict):
        raise errors.NotAModelFile
    return facts


def _read_array(data: bytes) -> NDArray[Any]:
    """Read a ``.npy`` member of a plain number type whose size is what it says."""
    header = _HEADER.match(data)
    if not header:
        raise errors.DamagedModelFile(what="an array of an unexpected type")
    dtype = np.dtype(header[1].decode())
    shape = [int(length) for length in header.groups()[1:] if length]
    values = data[header.end() :]
    if len(values) != math.prod(shape) * dtype.itemsize:
        raise errors.DamagedModelFile(what="an array of an unexpected size")
    return np.frombuffer(values, dtype=dtype).reshape(shape)
