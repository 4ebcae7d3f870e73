"""The container of stored and exported models: what is read, and what is refused."""

import io
import json
import os
import random
import shutil
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.lab.fuzz.known_attacks import npy, packed, unpacked
from mlcore import errors, modelfile

FACTS = {"name": "ü", "list": [1, 0.5, None]}
ARRAYS = {
    "float32": np.array([[0.5, np.nan], [1, -np.inf]], dtype=np.float32),
    "float64": np.array([1 / 3]),
    "int8": np.array([[-128, 127]], dtype=np.int8),
    "int32": np.arange(5, dtype=np.int32),
    "int64": np.array([2**62]),
    "bool": np.array([True, False]),
    "no.values": np.zeros(0, dtype=np.float32),
    "no.rows": np.zeros((0, 3), dtype=np.int32),
    "by.columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "every.other": np.arange(10)[::2],
}
DATA = modelfile.write("kind", 2, FACTS, ARRAYS)


def read(data, max_bytes=1 << 20):
    return modelfile.read(data, "kind", 2, max_bytes)


def test_a_format_can_be_told_without_reading_the_rest():
    assert modelfile.format_of(modelfile.write("kind", 7, FACTS, ARRAYS)) == 7
    for data in (b"", packed({"other.json": b"{}"}), packed({"model.json": b"{}"})):
        with pytest.raises(errors.ModelFileError):
            modelfile.format_of(data)


def with_member(name, content):
    return packed(unpacked(DATA) | {name: content})


def with_header(text, values=b""):
    """Return a model file in which an array has this header."""
    header = text.encode() + b" " * (-(len(text) + 11) % 64) + b"\n"
    magic = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header))
    return with_member("int32.npy", magic + header + values)


def with_entries(change, data=DATA):
    """Return the file with each entry of its directory changed: (bytearray, offset) -> None."""
    data = bytearray(data)
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        change(data, at)
        at = data.find(b"PK\x01\x02", at + 4)
    return bytes(data)


def packed_as(method):
    """Return the file with each member declared to be packed by another method."""
    return with_entries(lambda data, at: struct.pack_into("<H", data, at + 10, method))


# what is read ------------------------------------------------------------------------------------


def assert_whole(data):
    facts, arrays = read(data)
    assert facts == {"kind": "kind", "format": 2, **FACTS}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype


def test_what_was_written_is_read():
    assert_whole(DATA)


def test_the_same_content_gives_the_same_bytes():
    assert modelfile.write("kind", 2, FACTS, ARRAYS) == DATA
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_names_of_members_survive_moodle():
    for name in unpacked(DATA):
        assert not name.startswith(".")
        assert len(name) < 255
        assert not set(name) & set(":'\"<&\\/ ")


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_in_another_order_and_packing_are_read(compression):
    members = list(unpacked(DATA).items())
    random.Random(0).shuffle(members)
    assert_whole(packed(dict(members), compression))


def test_a_file_unpacked_and_packed_again_with_directories_is_read(tmp_path):
    with zipfile.ZipFile(io.BytesIO(DATA)) as archive:
        archive.extractall(tmp_path / "files")
    (tmp_path / "files" / "empty").mkdir()
    again = shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path / "files")
    assert "empty/" in zipfile.ZipFile(again).namelist()
    assert_whole(Path(again).read_bytes())


def test_values_that_json_has_not_are_never_written():
    with pytest.raises(ValueError, match="JSON"):
        modelfile.write("kind", 2, {"score": float("nan")}, {})


def test_objects_are_never_written():
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        modelfile.write("kind", 2, {}, {"a": np.array([{}])})


# what is no model --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK",
        b"not a zip",
        b"\x80\x04\x95.",
        bytes(100_000),
        packed({}),
        packed({"model.txt": b"{}"}),
        packed({"model/model.json": unpacked(DATA)["model.json"]}),
        packed({"mlbackend/saved_model.pb": b"\x08\x01", "mlbackend/checkpoint": b""}),
        with_member("model.json", b""),
        with_member("model.json", b"{"),
        with_member("model.json", b"[]"),
        with_member("model.json", b"null"),
        with_member("model.json", b"{}"),
        with_member("model.json", b"\xff\xfe\xfd"),
        with_member("model.json", b"[" * 100_000),
        with_member("model.json", b'{"kind": ' + b"9" * 5000 + b"}"),
        with_member("model.json", b'{"kind": "another", "format": 1}'),
        with_member("model.json", b'{"kind": ["kind"], "format": 1}'),
    ],
)
def test_what_is_no_model_is_refused(data):
    with pytest.raises(
        errors.NotAModelFile, match="not a model that was exported from this server"
    ):
        read(data)


def test_a_newer_format_is_refused():
    with pytest.raises(
        errors.NewerModelFile, match="format 3, and this server knows formats up to 2"
    ):
        read(modelfile.write("kind", 3, FACTS, ARRAYS))


def test_a_format_that_no_release_had_is_refused():
    with pytest.raises(errors.DamagedModelFile, match="a format that no release had"):
        read(modelfile.write("kind", 1, FACTS, ARRAYS))


@pytest.mark.parametrize("format", [None, 0, -1, "2", 2.0, [2]])
def test_a_format_that_is_none_is_refused(format):
    facts = json.dumps({"kind": "kind", "format": format}).encode()
    with pytest.raises(errors.DamagedModelFile, match=r"\(no format\)"):
        read(with_member("model.json", facts))


# what is damaged ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["../model.npy", "/tmp/x.npy", "a/b.npy", "A.npy", "x.pkl", "x.npz"]
)
def test_unknown_members_are_refused(name):
    with pytest.raises(errors.DamagedModelFile, match="an unknown member"):
        read(with_member(name, npy(np.zeros(1))))


class Bomb:
    """Makes a directory when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", unpacked(DATA))
@pytest.mark.parametrize("shape", [(1,), (1, 1), ()])
def test_a_planted_pickle_is_refused_and_not_executed(name, shape, tmp_path):
    array = np.empty(shape, dtype=object)
    array[...] = Bomb(tmp_path / "exploded")
    planted = npy(array, allow_pickle=True)
    with pytest.raises(errors.ModelFileError):
        read(with_member(name, planted))
    with pytest.raises(errors.ModelFileError):
        read(with_member(name, planted[planted.index(b"\n") + 1 :]))
    assert not list(tmp_path.iterdir())
    np.load(io.BytesIO(planted), allow_pickle=True)
    assert (tmp_path / "exploded").exists()  # the bomb is real


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(2, dtype=">f4"),
        np.zeros(2, dtype=np.float16),
        np.zeros(2, dtype=np.uint8),
        np.zeros(2, dtype=np.complex64),
        np.zeros(2, dtype="U1"),
        np.zeros(2, dtype="M8[s]"),
        np.zeros(2, dtype=[("a", "<f4")]),
        np.zeros((2, 2, 2), dtype=np.float32),
        np.float32(1),
        np.asfortranarray(np.zeros((2, 3), dtype=np.float32)),
    ],
)
def test_arrays_of_unexpected_types_are_refused(array):
    with pytest.raises(errors.DamagedModelFile, match="an array of an unexpected type"):
        read(with_member("float32.npy", npy(array)))


HEADER = "{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}"


@pytest.mark.parametrize(
    "header",
    [
        HEADER.format("<i4", "(-1,)"),
        HEADER.format("<i4", "(1L,)"),
        HEADER.format("<i4", "(1.0,)"),
        HEADER.format("<i4", "(" * 200 + ")" * 200),
        HEADER.format("<i4", "(1,)").replace(", }", ""),
        HEADER.format("<i4", "(1,), 'shape': (1,)"),
        HEADER.format("<i4", "(" + "-" * 9000 + "1,)"),
        "{'descr': (), 'fortran_order': False, 'shape': (1,), }",
        "{'descr': [()], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '\\d', 'fortran_order': False, 'shape': (1,), }",
        "__import__('os').mkdir('x')",
        "",
    ],
)
def test_arrays_with_odd_headers_are_refused(header):
    with pytest.raises(errors.DamagedModelFile, match="an array of an unexpected type"):
        read(with_header(header, bytes(4)))


def test_arrays_without_a_header_are_refused():
    for content in (b"", b"\x93NUMPY", b"\x93NUMPY\x02\x00" + npy(np.zeros(1))[8:], b"1,2,3"):
        with pytest.raises(errors.DamagedModelFile):
            read(with_member("int32.npy", content))


@pytest.mark.parametrize(
    ("shape", "n_bytes"),
    [
        ("(2500000000000,)", 20),  # 10 TB
        ("(9999999999, 9999999999)", 20),
        ("(9999999999,)", 20),
        ("(99999, 99999)", 20),
        ("(6,)", 20),
        ("(4,)", 20),
        ("(5,)", 19),
        ("(5,)", 21),
        ("(0,)", 4),
        ("(0, 9999999999)", 4),
    ],
)
def test_an_array_that_is_not_as_large_as_it_says_is_refused(shape, n_bytes):
    data = with_header(HEADER.format("<i4", shape), bytes(n_bytes))
    tracemalloc.start()
    with pytest.raises(errors.DamagedModelFile, match="an array of an unexpected"):
        read(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


@pytest.mark.parametrize("method", [1, 9, 12, 14, 93, 98, 99])
def test_other_ways_of_packing_are_refused(method):
    with pytest.raises(errors.DamagedModelFile, match="packed in an unusual way"):
        read(packed_as(method))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_packings_that_moodle_never_uses_are_refused(compression):
    with pytest.raises(errors.DamagedModelFile, match="packed in an unusual way"):
        read(packed(unpacked(DATA), compression))


def test_an_encrypted_file_is_refused():
    def encrypt(data, at):
        data[at + 8] |= 1

    with pytest.raises(errors.DamagedModelFile, match="cannot be unpacked"):
        read(with_entries(encrypt))


def test_members_that_lie_in_one_another_are_refused():
    def overlap(data, at):
        struct.pack_into("<I", data, at + 42, 0)

    with pytest.raises(errors.ModelFileError):
        read(with_entries(overlap))


# what is too large -------------------------------------------------------------------------------


def test_files_that_are_too_large_unpacked_are_refused():
    assert_whole(packed(unpacked(DATA)))
    with pytest.raises(errors.ModelFileTooLarge, match="unpacked it may hold 1 MB in 500 members"):
        read(with_member("zeros.npy", npy(np.zeros(1 << 18))))


@pytest.mark.parametrize("declared", [2**32 - 2, 1 << 20])
def test_members_that_declare_too_much_are_refused(declared):
    def declare(data, at):
        struct.pack_into("<I", data, at + 24, declared)

    with pytest.raises(errors.ModelFileTooLarge):
        read(with_entries(declare))


def test_a_member_that_holds_more_than_it_declares_is_refused_in_little_memory():
    data = packed({**unpacked(DATA), "zeros.npy": npy(np.zeros(10_000_000, dtype=np.int8))})

    def declare(data, at):
        if data[at + 46 :].startswith(b"zeros.npy"):
            struct.pack_into("<I", data, at + 24, 1000)

    tracemalloc.start()
    with pytest.raises(errors.DamagedModelFile, match="cannot be unpacked"):
        read(with_entries(declare, data))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000


def test_too_many_members_are_refused():
    members = {f"a{i}.npy": npy(np.zeros(1)) for i in range(500)}
    with pytest.raises(errors.ModelFileTooLarge):
        read(packed(unpacked(DATA) | members))


def test_too_long_facts_are_refused(monkeypatch):
    monkeypatch.setattr(modelfile, "_MAX_FACTS_BYTES", 10)
    with pytest.raises(errors.DamagedModelFile, match=r"\(its description is too long\)"):
        read(DATA)


def test_directories_do_not_count_as_members():
    members = {f"d{i}/": b"" for i in range(600)}
    assert_whole(packed(members | unpacked(DATA)))


# anything at all ---------------------------------------------------------------------------------


def read_or_refuse(data):
    began = time.process_time()
    try:
        facts, arrays = read(data)
    except errors.ModelFileError as error:
        assert len(str(error)) < 400  # noqa: PT017
    else:
        assert facts["kind"] == "kind"
        assert all(array.dtype.hasobject is False for array in arrays.values())
    assert time.process_time() - began < 30  # of work, however busy the machine is


@given(st.binary(max_size=300))
def test_octets_are_refused(data):
    with pytest.raises(errors.ModelFileError):
        read(data)


@given(st.integers(0, len(DATA) - 1))
def test_a_cut_file_is_refused(length):
    with pytest.raises(errors.ModelFileError):
        read(DATA[:length])


damages = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=5)


def damaged(data, changes):
    data = bytearray(data)
    for at, octet in changes:
        if data:
            data[at % len(data)] = octet
    return bytes(data)


@given(damages)
def test_a_file_with_wrong_octets_is_read_or_refused(changes):
    read_or_refuse(damaged(DATA, changes))


@given(damages)
def test_a_file_with_a_damaged_directory_is_read_or_refused(changes):
    begin = DATA.index(b"PK\x01\x02")
    read_or_refuse(DATA[:begin] + damaged(DATA[begin:], changes))


@given(st.sampled_from(list(unpacked(DATA))), damages)
def test_a_file_with_a_damaged_member_is_read_or_refused(name, changes):
    read_or_refuse(with_member(name, damaged(unpacked(DATA)[name], changes)))
