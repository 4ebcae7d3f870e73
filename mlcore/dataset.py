"""Moodle's dataset files: bytes in, a float32 matrix out.

The layout is Moodle's own, written by PHP's ``fputcsv``: a line of names, a line of their values, a
line of columns, then a line for each sample. A labelled file ends each line with the target; an
unlabelled one begins each line with the sample's id.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mlcore import errors

MAX_ROWS = 2_000_000
MAX_FEATURES = 5_000
MAX_CLASSES = 100

_NUMBER = re.compile(rb"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)

_LARGEST = float(np.finfo(np.float32).max)
_COMMA, _NEWLINE = ord(","), ord("\n")
_CHUNK = 1 << 16  # bytes at a time: what a chunk needs stays in the processor's second-level cache
_KEY_BYTES = 8
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(_KEY_BYTES)] + [2**64 - 1], dtype=np.uint64)
# Multiplying by this and keeping the top 16 bits gives each way to write a hundredth between -1 and
# 1 (the values that Moodle sends) a slot of its own. Found by trying odd numbers; any would work.
_MULTIPLIER = np.uint64(0x615D86B07AA16197)
_SHIFT = np.uint64(48)


@dataclass(frozen=True)
class Labelled:
    """Samples whose target is known.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32
        Indicator values; NaN where Moodle has none.
    y : ndarray of shape (n_samples,), int64
        Class values, each one of `classes`.
    classes : tuple of int
        The target's classes in ascending order, also those without a sample.
    feature_names : tuple of str
        Moodle's names of the columns of `X`; not always distinct.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    classes: tuple[int, ...]
    feature_names: tuple[str, ...]


@dataclass(frozen=True)
class Unlabelled:
    """Samples whose target is to be predicted.

    Attributes
    ----------
    sample_ids : list of str of length n_samples
        Moodle's ids, verbatim.
    X : ndarray of shape (n_samples, n_features), float32
        Indicator values; NaN where Moodle has none.
    """

    sample_ids: list[str]
    X: NDArray[np.float32]


@dataclass(frozen=True)
class _Header:
    metadata: dict[str, str]
    columns: list[str]
    n_lines: int
    body: bytes

    def n_features(self, others: int) -> int:
        """Return nfeatures, or what the columns say when nfeatures is absent or ambiguous."""
        text = self.metadata.get("nfeatures", "")
        counts = set(text.split("|"))
        if len(counts) == 1 and text:
            count = counts.pop().strip()
            if not re.fullmatch("[0-9]{1,9}", count) or not int(count):
                raise errors.BadMetadata(name="nfeatures", value=_shown(text))
            n_features = int(count)
        else:
            n_features = len(self.columns) - others
        if n_features < 1:
            raise errors.ColumnCount(found=len(self.columns), expected=others + 1)
        if n_features > MAX_FEATURES:
            raise errors.TooManyFeatures(found=n_features, limit=MAX_FEATURES)
        return n_features


def read_labelled(data: bytes) -> Labelled:
    """Read a file for training or evaluation.

    The target is the column that ``targetcolumn`` names, or else the last one.

    Raises
    ------
    mlcore.errors.DatasetError
        With the line and the column where the file is wrong.
    """
    header = _read_header(data)
    targettype = header.metadata.get("targettype", "discrete")
    if set(targettype.split("|")) != {"discrete"}:
        raise errors.NotDiscrete(targettype=_shown(targettype))
    classes = _read_classes(header.metadata)
    n_features = header.n_features(others=1)
    if len(header.columns) != n_features + 1:
        raise errors.ColumnCount(found=len(header.columns), expected=n_features + 1)
    target = n_features
    name = header.metadata.get("targetcolumn", header.columns[target])
    if header.columns[target] != name and header.columns.count(name) == 1:
        target = header.columns.index(name)

    table = _read_table(header, n_features + 1, 0).numbers
    y = table[:, target]
    known = np.isin(y, np.array(classes, dtype=np.float32))
    if not known.all():
        row = int(np.argmin(known))
        text = "" if np.isnan(y[row]) else f"{y[row]:g}"
        raise errors.BadTarget(
            line=header.n_lines + row + 1, text=text or "(empty)", classes=list(classes)
        )
    del header.columns[target]
    X = table[:, :-1] if target == n_features else np.delete(table, target, axis=1)
    return Labelled(
        X=np.ascontiguousarray(X),
        y=y.astype(np.int64),
        classes=classes,
        feature_names=tuple(header.columns),
    )


def read_unlabelled(data: bytes) -> Unlabelled:
    """Read a file for prediction.

    Raises
    ------
    mlcore.errors.DatasetError
        With the line and the column where the file is wrong.
    """
    header = _read_header(data)
    n_features = header.n_features(others=1)
    # known clients list the target among the columns although no row has it
    if len(header.columns) not in (n_features + 1, n_features + 2):
        raise errors.ColumnCount(found=len(header.columns), expected=n_features + 1)
    table = _read_table(header, n_features + 1, 1)
    return Unlabelled(sample_ids=table.texts, X=table.numbers)


def _read_header(data: bytes) -> _Header:
    """Read the first three records and keep the bytes that follow."""
    data = data.removeprefix(b"\xef\xbb\xbf")
    consumed = n_lines = 0

    def lines() -> Iterator[str]:
        nonlocal consumed, n_lines
        while consumed < len(data):
            end = data.find(b"\n", consumed) + 1 or len(data)
            line = data[consumed:end].decode()
            consumed, n_lines = end, n_lines + 1
            yield line

    try:
        reader = csv.reader(lines(), strict=True)
        names, values, columns = (next(reader) for _ in range(3))
    except UnicodeDecodeError as error:
        raise errors.NotText from error
    except (csv.Error, RuntimeError, ValueError) as error:
        raise errors.IncompleteHeader from error
    if len(names) != len(values):
        raise errors.IncompleteHeader
    metadata = dict(zip(names, values, strict=True))
    return _Header(metadata, columns, n_lines, data[consumed:])


def _read_classes(metadata: dict[str, str]) -> tuple[int, ...]:
    """Read targetclasses, a JSON list of integers or several of them joined by ``|``."""
    if "targetclasses" not in metadata:
        raise errors.MissingMetadata(name="targetclasses")
    text = metadata["targetclasses"]
    try:
        listed = [value for part in text.split("|") for value in json.loads(part)]
        numbers = {float(value) for value in listed}
        classes = tuple(sorted(int(number) for number in numbers))
        exact = all(abs(number) <= 2**24 and number == int(number) for number in numbers)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise errors.BadMetadata(name="targetclasses", value=_shown(text)) from error
    if not exact or len(classes) < 2:
        raise errors.BadMetadata(name="targetclasses", value=_shown(text))
    if len(classes) > MAX_CLASSES:
        raise errors.TooManyClasses(found=len(classes), limit=MAX_CLASSES)
    return classes


@dataclass(frozen=True)
class _Table:
    texts: list[str]
    numbers: NDArray[np.float32]


def _read_table(header: _Header, n_columns: int, n_texts: int) -> _Table:
    """Read the lines after the header: `n_texts` (0 or 1) text columns, then numbers."""
    body = header.body
    if b"\r" in body:
        body = body.replace(b"\r\n", b"\n")
    body = body.rstrip(b"\n")
    if not body:
        raise errors.EmptyDataset
    if b"\0" in body:
        raise errors.NotText
    if b'"' in body:
        body = _unquoted(body, header.n_lines)
    n_rows = body.count(b"\n") + 1
    if n_rows > MAX_ROWS:
        raise errors.TooManyRows(found=n_rows, limit=MAX_ROWS)
    if len(body) + 1 < n_rows * n_columns:  # before memory is set aside for so many
        raise _row_length(body, header.n_lines, n_columns)

    texts: list[str] = []
    numbers = np.empty((n_rows, n_columns - n_texts), dtype=np.float32)
    parser = _NumberParser()
    row = 0
    for chunk in _chunks(body):
        starts, ends = _fields(chunk)
        if len(ends) % n_columns or not _is_table(chunk, ends, n_columns):
            raise _row_length(chunk, header.n_lines + row, n_columns)
        starts, ends = starts.reshape(-1, n_columns), ends.reshape(-1, n_columns)
        if n_texts:
            texts += _decoded(chunk, starts[:, 0], ends[:, 0])
        try:
            values = parser.parse(chunk, starts[:, n_texts:].ravel(), ends[:, n_texts:].ravel())
        except _NotANumber as error:
            at, column = divmod(error.index, n_columns - n_texts)
            raise errors.BadNumber(
                line=header.n_lines + row + at + 1,
                column=column + n_texts + 1,
                text=_shown(error.text.decode(errors="replace")),
            ) from None
        numbers[row : row + len(starts)] = values.reshape(len(starts), -1)
        row += len(starts)
    return _Table(texts, numbers)


def _unquoted(body: bytes, n_before: int) -> bytes:
    """Return the same table without quotes; a quoted comma or line end is refused."""
    lines: list[str] = []
    try:
        for row in csv.reader((line.decode() for line in io.BytesIO(body)), strict=True):
            for column, text in enumerate(row, 1):
                if "," in text or "\n" in text:
                    line = n_before + len(lines) + 1
                    raise errors.BadNumber(line=line, column=column, text=_shown(text))
            lines.append(",".join(row))
    except UnicodeDecodeError as error:
        raise errors.NotText from error
    except csv.Error as error:
        raise errors.BadNumber(
            line=n_before + len(lines) + 1, column=1, text="a quote or line end out of place"
        ) from error
    return "\n".join(lines).encode()


def _chunks(body: bytes) -> Iterator[bytes]:
    """Cut the table into pieces of whole lines, each ended by a newline."""
    begin = 0
    while begin < len(body):
        end = body.rfind(b"\n", begin, begin + _CHUNK) + 1
        if not end or begin + _CHUNK >= len(body):
            end = body.find(b"\n", begin + _CHUNK) + 1 or len(body)
        chunk = body[begin:end]
        yield chunk if chunk.endswith(b"\n") else chunk + b"\n"
        begin = end


def _fields(chunk: bytes) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return where each field of the chunk starts and ends."""
    octets = np.frombuffer(chunk, dtype=np.uint8)
    ends = np.flatnonzero((octets == _COMMA) | (octets == _NEWLINE))
    starts = np.empty_like(ends)
    starts[0] = 0
    starts[1:] = ends[:-1] + 1
    return starts, ends


def _is_table(chunk: bytes, ends: NDArray[np.intp], n_columns: int) -> bool:
    """Say whether every `n_columns`-th separator, and no other, ends a line."""
    last = np.frombuffer(chunk, dtype=np.uint8)[ends].reshape(-1, n_columns) == _NEWLINE
    return bool(last[:, -1].all() and last.sum() == len(last))


def _row_length(chunk: bytes, n_before: int, n_columns: int) -> errors.RowLength:
    """Name the first line of the chunk that has not `n_columns` values."""
    found = [line.count(b",") + 1 for line in chunk.removesuffix(b"\n").split(b"\n")]
    at = next(i for i, count in enumerate(found) if count != n_columns)
    return errors.RowLength(line=n_before + at + 1, found=found[at], expected=n_columns)


def _decoded(chunk: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]) -> list[str]:
    try:
        return [
            chunk[start:end].decode()
            for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
        ]
    except UnicodeDecodeError as error:
        raise errors.NotText from error


def _shown(text: str) -> str:
    """Return a piece of the file as it may stand in a sentence: short and printable."""
    text = "".join(c if c.isprintable() else "?" for c in text)
    return (text if len(text) <= 40 else text[:37] + "...") or "(empty)"


class _NotANumber(Exception):
    def __init__(self, index: int, text: bytes) -> None:
        self.index, self.text = index, text


class _NumberParser:
    """Turns the text of fields into float32, remembering what each short text means.

    Moodle writes at most two decimals, so a file of millions of fields has a few hundred distinct
    texts. The bytes of a field (up to eight) are read as one integer, which a hash table maps to
    its value; Python's `float` is asked only for texts not seen before. Longer fields are
    converted one by one.
    """

    def __init__(self) -> None:
        # no field but an empty one has the key 0, and that one means NaN
        self._keys = np.zeros(1 << 16, dtype=np.uint64)
        self._values = np.full(1 << 16, np.nan, dtype=np.float32)

    def parse(
        self, chunk: bytes, starts: NDArray[np.intp], ends: NDArray[np.intp]
    ) -> NDArray[np.float32]:
        """Return the values of the fields, NaN for an empty one; raise `_NotANumber`."""
        lengths = ends - starts
        # every offset of the chunk seen as the start of a 64-bit word
        words = np.ndarray(len(chunk), "<u8", chunk + bytes(_KEY_BYTES), strides=(1,))
        keys = words[starts]
        keys &= _MASKS[np.minimum(lengths, _KEY_BYTES)]
        slots = ((keys * _MULTIPLIER) >> _SHIFT).astype(np.intp)
        values = self._values[slots]
        missed = self._keys[slots] != keys
        if missed.any():
            self._look_up(keys, values, np.flatnonzero(missed), lengths)
        longer = lengths > _KEY_BYTES
        if longer.any():
            for i in np.flatnonzero(longer).tolist():
                values[i] = _number(chunk[starts[i] : ends[i]], i)
        return values

    def _look_up(
        self,
        keys: NDArray[np.uint64],
        values: NDArray[np.float32],
        missed: NDArray[np.intp],
        lengths: NDArray[np.intp],
    ) -> None:
        """Fill in the values of texts that the table does not hold, and remember them."""
        missed = missed[lengths[missed] <= _KEY_BYTES]
        distinct, first, inverse = np.unique(keys[missed], return_index=True, return_inverse=True)
        found = np.empty(len(distinct), dtype=np.float32)
        for i in np.argsort(first).tolist():  # so that the first wrong field is the one named
            at = int(missed[first[i]])
            found[i] = _number(int(distinct[i]).to_bytes(_KEY_BYTES, "little")[: lengths[at]], at)
        slots = ((distinct * _MULTIPLIER) >> _SHIFT).astype(np.intp)
        self._keys[slots], self._values[slots] = distinct, found
        values[missed] = found[inverse]


def _number(text: bytes, index: int) -> np.float32:
    """Return the value of one field as Python's `float` reads it."""
    if not text:
        return np.float32(np.nan)
    if not _NUMBER.fullmatch(text):
        raise _NotANumber(index, text)
    value = float(text)
    if abs(value) > _LARGEST:
        raise _NotANumber(index, text)
    return np.float32(value + 0.0)  # -0 is 0
