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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from mlcore import errors
from mlcore.memory import MAX_CELLS, TO_LEARN, TO_PREDICT, cells

MAX_ROWS = 2_000_000
MAX_FEATURES = 5_000
MAX_CLASSES = 100
MAX_HEADER_BYTES = 300_000  # 5,000 names of 60 bytes

# Of text made of these alone, Python's `float` reads what is a number in decimal notation.
_NUMERIC = b"0123456789+-.eE"
_LARGEST = float(np.finfo(np.float32).max)
_MARK = b"\xef\xbb\xbf"  # some programs begin UTF-8 with it
_SAMPLE_ID = "sampleid"  # name of the first column of an unlabelled file
_MAX_LINE = 8 << 20  # bytes
File = bytes | Iterable[bytes]  # whole or block by block, no block empty

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
    r"""Samples whose target is known.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features), float32
        Indicator values; NaN where Moodle has none.
    y : ndarray of shape (n_samples,), int64
        Class values, each one of `classes`.
    classes : tuple of int
        The target's classes in ascending order, also those without a sample.
    feature_names : tuple of str
        Moodle's names of the columns of `X`; not always distinct. What cannot be printed is ``?``.
    target, time_splitting : str
        What is predicted and when, as Moodle calls it: ``\core_course\analytics\target\…``;
        several joined by ``|`` are possible, and "" where the file does not say.
    """

    X: NDArray[np.float32]
    y: NDArray[np.int64]
    classes: tuple[int, ...]
    feature_names: tuple[str, ...]
    target: str = ""
    time_splitting: str = ""


@dataclass(frozen=True)
class Unlabelled:
    """Samples whose target is to be predicted.

    Attributes
    ----------
    sample_ids : list of str of length n_samples
        Moodle's ids, verbatim.
    X : ndarray of shape (n_samples, n_features), float32
        Indicator values; NaN where Moodle has none.
    feature_names : tuple of str
        As of `Labelled`.
    """

    sample_ids: list[str]
    X: NDArray[np.float32]
    feature_names: tuple[str, ...]


@dataclass(frozen=True)
class _Header:
    metadata: dict[str, str]
    columns: list[str]
    n_lines: int

    @property
    def is_merged(self) -> bool:
        """Whether Moodle joined several files, of which some said other things than others."""
        return any("|" in value for value in self.metadata.values())

    def shown_name(self, column: int) -> str:
        """Return the name of a column, counted from 1, as it may stand in a sentence."""
        return _shown(self.columns[column - 1]) if column <= len(self.columns) else "(no name)"

    def n_features(self) -> int:
        """Return nfeatures, or what the columns say when nfeatures is absent or ambiguous."""
        text = self.metadata.get("nfeatures", "")
        counts = set(text.split("|"))
        if len(counts) == 1 and text:
            count = counts.pop().strip()
            if not re.fullmatch("[0-9]{1,9}", count) or not int(count):
                raise errors.BadMetadata(name="nfeatures", value=_shown(text))
            n_features = int(count)
        else:
            n_features = len(self.columns) - 1
        if n_features < 1:
            raise errors.NoIndicators
        if n_features > MAX_FEATURES:
            raise errors.TooManyFeatures(found=n_features, limit=MAX_FEATURES)
        return n_features


def read_labelled(data: File, memory: int | None = None) -> Labelled:
    """Read a file for training or evaluation.

    The target is the column that ``targetcolumn`` names, or else the last one. An empty target is
    0, as PHP writes ``false``, where 0 is a class.

    Parameters
    ----------
    data : bytes or iterable of bytes
        The file, whole or block by block.
    memory : int or None
        Bytes that there are for the process; then the file is looked through twice. None: as many
        as it needs.

    Raises
    ------
    mlcore.errors.TooLittleMemory
        When the rows would not fit, and what is done with them.
    mlcore.errors.DatasetError
        With the line and the column where the file is wrong.
    """
    header, body = _read_header(data)
    if header.columns[0] == _SAMPLE_ID:
        raise errors.Unlabelled
    targettype = header.metadata.get("targettype", "discrete")
    if set(targettype.split("|")) != {"discrete"}:
        raise errors.NotDiscrete(targettype=_shown(targettype))
    classes = _read_classes(header.metadata)
    n_features = header.n_features()
    if len(header.columns) != n_features + 1:
        raise errors.ColumnCount(found=len(header.columns), expected=n_features + 1)
    target = n_features
    name = header.metadata.get("targetcolumn", header.columns[target])
    if header.columns[target] != name and header.columns.count(name) == 1:
        target = header.columns.index(name)

    if memory is not None:
        n_rows = _n_rows(data, header)
        n_fitted = min(n_rows, MAX_CELLS // cells(n_features)) * n_features
        TO_LEARN.require(memory, (n_rows, n_features), n_fitted)
    X, y = _Rows(n_features), _Rows(1)
    for _, numbers in _pieces(body, header, n_texts=0):
        X.add(np.delete(numbers, target, axis=1))
        y.add(numbers[:, [target]])
    targets = y.all()[:, 0]
    if 0 in classes:
        targets[np.isnan(targets)] = 0
    known = np.isin(targets, np.array(classes, dtype=np.float32))
    if not known.all():
        row = int(np.argmin(known))
        text = "(empty)" if np.isnan(targets[row]) else f"{targets[row]:g}"
        line = header.n_lines + row + 1
        raise errors.BadTarget(line=line, text=text, classes=list(classes))
    target_name = printable(header.columns.pop(target))
    feature_names = tuple(map(printable, header.columns))
    time_splitting = printable(header.metadata.get("timesplitting", ""))
    return Labelled(
        X.all(), targets.astype(np.int64), classes, feature_names, target_name, time_splitting
    )


def read_unlabelled(data: File, memory: int | None = None) -> Unlabelled:
    """Read a file for prediction.

    Parameters
    ----------
    data : bytes or iterable of bytes
        The file, whole or block by block.
    memory : int or None
        Bytes that there are for the process; then the file is looked through twice. None: as many
        as it needs.

    Raises
    ------
    mlcore.errors.TooLittleMemory
        When the rows would not fit, and what is done with them.
    mlcore.errors.DatasetError
        With the line and the column where the file is wrong.
    """
    header, body = _read_header(data)
    n_features = header.n_features()
    # known clients list the target among the columns although no row has it
    if len(header.columns) not in (n_features + 1, n_features + 2):
        raise errors.ColumnCount(found=len(header.columns), expected=n_features + 1)
    is_target = header.columns[-1] == header.metadata.get("targetcolumn")
    if header.columns[0] != _SAMPLE_ID and len(header.columns) == n_features + 1 and is_target:
        raise errors.AlreadyLabelled
    if memory is not None:
        TO_PREDICT.require(memory, (_n_rows(data, header), n_features))
    X = _Rows(n_features)
    sample_ids: list[str] = []
    for texts, numbers in _pieces(body, header, n_texts=1):
        sample_ids += texts
        X.add(numbers)
    names = tuple(map(printable, header.columns[1 : n_features + 1]))
    return Unlabelled(sample_ids, X.all(), names)


class _Rows:
    """A matrix that grows row by row, in place where the system can."""

    def __init__(self, n_columns: int) -> None:
        self._matrix = np.empty((0, n_columns), dtype=np.float32)
        self._n_rows = 0

    def add(self, rows: NDArray[np.float32]) -> None:
        """Add rows at the end."""
        n_rows = self._n_rows + len(rows)
        if n_rows > len(self._matrix):
            self._resize(n_rows + n_rows // 2)
        self._matrix[self._n_rows : n_rows] = rows
        self._n_rows = n_rows

    def all(self) -> NDArray[np.float32]:
        """Return the matrix; no more is added to it."""
        self._resize(self._n_rows)
        return self._matrix

    def _resize(self, n_rows: int) -> None:
        self._matrix.resize((n_rows, self._matrix.shape[1]), refcheck=False)


def _read_header(data: File) -> tuple[_Header, Iterator[bytes]]:
    """Read the first three records; return what follows in blocks."""
    rest = blocks(data)
    head = b""
    while len(head) <= MAX_HEADER_BYTES and (block := next(rest, b"")):
        head += block
    n_lines = 0
    consumed = len(_MARK) if head.startswith(_MARK) else 0

    def lines() -> Iterator[str]:
        nonlocal consumed, n_lines
        while consumed < len(head):
            end = head.find(b"\n", consumed) + 1 or len(head)
            line = head[consumed:end].decode()
            consumed, n_lines = end, n_lines + 1
            yield line

    try:
        reader = csv.reader(lines(), strict=True)
        names, values, columns = (next(reader) for _ in range(3))
    except UnicodeDecodeError as error:
        raise errors.NotText from error
    except (csv.Error, RuntimeError, ValueError) as error:
        if len(head) > MAX_HEADER_BYTES:
            raise errors.HeaderTooLong(limit=MAX_HEADER_BYTES // 1000) from error
        raise errors.IncompleteHeader from error
    if len(names) != len(values) or not columns:
        raise errors.IncompleteHeader
    if consumed > MAX_HEADER_BYTES:
        raise errors.HeaderTooLong(limit=MAX_HEADER_BYTES // 1000)
    metadata = dict(zip(names, values, strict=True))
    return _Header(metadata, columns, n_lines), chain([head[consumed:]], rest)


def blocks(data: File) -> Iterator[bytes]:
    """Return a file block by block."""
    if not isinstance(data, bytes):
        return iter(data)
    return (data[begin : begin + _CHUNK] for begin in range(0, len(data), _CHUNK))


def _n_rows(data: File, header: _Header) -> int:
    """Return how many rows there are, or some more."""
    n_lines = sum(block.count(b"\n") for block in blocks(data)) + 1
    return min(n_lines - header.n_lines, MAX_ROWS)


def _read_classes(metadata: dict[str, str]) -> tuple[int, ...]:
    """Read targetclasses: a JSON list of integers, or an object whose values they are.

    That is what PHP makes of an array with keys. Several may be joined by ``|``.
    """
    if "targetclasses" not in metadata:
        raise errors.MissingMetadata(name="targetclasses")
    text = metadata["targetclasses"]
    try:
        parts = [json.loads(part) for part in text.split("|")]
        listed = [v for part in parts for v in (part.values() if type(part) is dict else part)]
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


def _pieces(
    body: Iterator[bytes], header: _Header, n_texts: int
) -> Iterator[tuple[list[str], NDArray[np.float32]]]:
    """Read the rows, some at a time: `n_texts` (0 or 1) columns of text, then numbers.

    Yields
    ------
    texts : list of str
    numbers : ndarray of shape (n_rows, n_numbers), float32
    """
    n_columns = header.n_features() + 1
    parser = _NumberParser()
    row = 0
    for chunk in _chunks(body):
        if b'"' in chunk:
            chunk = _unquoted(chunk, header, row, n_texts)
        starts, ends = _fields(chunk)
        if len(ends) % n_columns or not _is_table(chunk, ends, n_columns):
            raise _row_length(chunk, header, row, n_columns)
        starts, ends = starts.reshape(-1, n_columns), ends.reshape(-1, n_columns)
        if row + len(starts) > MAX_ROWS:
            raise errors.TooManyRows(limit=MAX_ROWS)
        texts = _decoded(chunk, starts[:, 0], ends[:, 0]) if n_texts else []
        try:
            numbers = parser.parse(chunk, starts[:, n_texts:].ravel(), ends[:, n_texts:].ravel())
        except _NotANumber as error:
            at, column = divmod(error.index, n_columns - n_texts)
            raise errors.BadNumber(
                line=header.n_lines + row + at + 1,
                column=column + n_texts + 1,
                name=header.shown_name(column + n_texts + 1),
                text=_shown(error.text.decode(errors="replace")),
            ) from None
        yield texts, numbers.reshape(len(starts), -1)
        row += len(starts)
    if not row:
        raise errors.EmptyDataset


def _unquoted(chunk: bytes, header: _Header, n_before: int, n_texts: int) -> bytes:
    """Return the same rows without quotes; a quoted comma or line end is refused."""
    lines: list[str] = []
    try:
        for row in csv.reader((line.decode() for line in io.BytesIO(chunk)), strict=True):
            for column, text in enumerate(row, 1):
                if "," in text or "\n" in text:
                    line = header.n_lines + n_before + len(lines) + 1
                    if column <= n_texts:
                        raise errors.BadSampleId(line=line, text=_shown(text))
                    raise errors.BadNumber(
                        line=line,
                        column=column,
                        name=header.shown_name(column),
                        text=_shown(text),
                    )
            lines.append(",".join(row))
    except UnicodeDecodeError as error:
        raise errors.NotText from error
    except csv.Error as error:
        raise errors.BadQuotes(line=header.n_lines + n_before + len(lines) + 1) from error
    return "\n".join([*lines, ""]).encode()


def _chunks(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """Cut the table into pieces of whole lines, each ended by a newline.

    Empty lines at the end of the file are left out.
    """
    rest = b""
    for block in blocks:
        if b"\0" in block:
            raise errors.NotText
        if len(rest) > _MAX_LINE:
            raise errors.LineTooLong(limit=_MAX_LINE >> 20)
        rest += block
        lines = rest[: rest.rfind(b"\n") + 1].rstrip(b"\r\n")
        if lines:
            rest = rest[len(lines) :].removeprefix(b"\r")[1:]
            yield _with_newlines(lines)
    rest = rest.rstrip(b"\r\n")
    if rest:
        yield _with_newlines(rest)


def _with_newlines(lines: bytes) -> bytes:
    return (lines.replace(b"\r\n", b"\n") if b"\r" in lines else lines) + b"\n"


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


def _row_length(
    chunk: bytes, header: _Header, n_before: int, n_columns: int
) -> errors.RowLength | errors.MergedFiles:
    """Name the first line of the chunk that has not `n_columns` values."""
    found = [line.count(b",") + 1 for line in chunk.removesuffix(b"\n").split(b"\n")]
    at = next(i for i, count in enumerate(found) if count != n_columns)
    kind = errors.MergedFiles if header.is_merged else errors.RowLength
    return kind(line=header.n_lines + n_before + at + 1, found=found[at], expected=n_columns)


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
    text = printable(text if len(text) <= 80 else text[:77] + "...")
    return text or "(empty)"


def printable(text: str) -> str:
    """Return a text with ``?`` for what cannot be printed: line ends, say, or half a letter."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


class _NotANumber(Exception):
    def __init__(self, index: int, text: bytes) -> None:
        self.index, self.text = index, text


class _NumberParser:
    """Turns the text of fields into float32, remembering what each short text means.

    Moodle writes at most two decimals, so a file of millions of fields has a few hundred distinct
    texts. The bytes of a field (up to eight) are read as one integer, which a hash table maps to
    its value; Python's `float` is asked only for texts that the table does not hold, and for longer
    ones.
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
        longer = lengths > _KEY_BYTES
        missed = np.flatnonzero((self._keys[slots] != keys) | longer)
        if len(missed):
            at = zip(starts[missed].tolist(), ends[missed].tolist(), strict=True)
            texts = [chunk[start:end] for start, end in at]
            try:
                values[missed] = _numbers(texts)
            except ValueError:
                wrong = next(i for i, text in enumerate(texts) if not _is_number(text))
                raise _NotANumber(int(missed[wrong]), texts[wrong]) from None
            new = missed[~longer[missed]]
            self._keys[slots[new]], self._values[slots[new]] = keys[new], values[new]
        return values


def _numbers(texts: list[bytes]) -> NDArray[np.float32]:
    """Return the values of fields as Python's `float` reads them; raise `ValueError`."""
    if b"".join(texts).translate(None, _NUMERIC):
        raise ValueError
    values = np.array([float(text or b"nan") for text in texts])
    if (np.abs(values) > _LARGEST).any():
        raise ValueError
    return (values + 0.0).astype(np.float32)  # -0 is 0


def _is_number(text: bytes) -> bool:
    try:
        _numbers([text])
    except ValueError:
        return False
    return True
