"""A compressed dataset is learned like any other, and is no way to fill the memory."""

import gzip
import random
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler.errors import BrokenGzip, DatasetTooLarge
from handler.gzipped import MAGIC, Unpacked
from handler.settings import MAX_DATASET_MB, MEMORY_SHARE, Settings
from mlcore import read_labelled

BROKEN = (
    "The dataset was compressed and cannot be unpacked: it was cut off or changed on its way from "
    "Moodle."
)


def unpack(data, limit):
    return b"".join(Unpacked(data, limit))


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_members_are_unpacked_one_after_the_other(contents):
    whole = b"".join(map(gzip.compress, contents))
    expected = b"".join(contents)
    assert unpack(whole, 1000) == expected
    assert unpack(whole, len(expected)) == expected
    if expected:
        with pytest.raises(DatasetTooLarge):
            unpack(whole, len(expected) - 1)


@given(st.binary(max_size=200), st.data())
def test_what_is_cut_short_or_followed_by_something_is_refused(content, data):
    whole = gzip.compress(content)
    end = data.draw(st.integers(len(MAGIC), len(whole) - 1))
    more = data.draw(st.binary(min_size=1, max_size=20))
    for broken in (whole[:end], whole + more):
        with pytest.raises(BrokenGzip):
            unpack(broken, 1000)


def test_a_changed_byte_is_noticed():
    whole = bytearray(gzip.compress(b"1,2,3\n" * 100))
    whole[-5] ^= 1  # of the checksum
    with pytest.raises(BrokenGzip):
        unpack(bytes(whole), 1000)


def test_a_bomb_is_not_unpacked_beyond_the_limit():
    bomb = gzip.compress(bytes(50 << 20))
    with pytest.raises(DatasetTooLarge, match="more than the 1 MB"):
        unpack(bomb, 1 << 20)


def test_endless_members_are_refused():
    with pytest.raises(BrokenGzip):
        unpack(gzip.compress(b"") * 20_000, 1000)


def test_hundreds_of_members_are_unpacked():
    """As programs make them that pack in several threads."""
    content = [bytes([i % 256]) * 300 for i in range(2000)]
    assert unpack(b"".join(map(gzip.compress, content)), 1 << 20) == b"".join(content)


@pytest.mark.parametrize("size", [0, 1, 1 << 16, (1 << 16) + 1, 1 << 20])
def test_no_block_is_large_or_empty(size):
    for content in (bytes(size), random.Random(1).randbytes(size)):
        for data in (content, gzip.compress(content), gzip.compress(content, 0)):
            blocks = list(Unpacked(data, 1 << 20))
            assert b"".join(blocks) == content
            assert all(0 < len(block) <= 1 << 16 for block in blocks)


def test_it_is_never_unpacked_whole():
    """Text of 12 MB, of which a matrix of 1 MB is made."""
    row = ",".join(["0." + 48 * "0"] * 12) + ",1\n"
    head = 'nfeatures,targetclasses\n12,"[0,1]"\na,b,c,d,e,f,g,h,i,j,k,l,target\n'
    unpacked = Unpacked(gzip.compress((head + 20_000 * row).encode()), 1 << 30)
    tracemalloc.start()
    dataset = read_labelled(unpacked, 1 << 40)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(dataset.y) == 20_000
    assert peak < 20_000 * len(row) / 2


def test_what_is_not_compressed_stays():
    assert unpack(b"nfeatures", 1) == b"nfeatures"
    assert unpack(b"", 1) == b""


# through Moodle's requests ------------------------------------------------------------------------


def test_moodle_trains_predicts_and_evaluates_with_compressed_datasets(make_moodle, course):
    plain = make_moodle()
    packed = plain.but(uniqueid="packed")
    data, asked = course.labelled(12), course.unlabelled(3)
    assert packed.training(gzip.compress(data)).json == plain.training(data).json
    assert packed.prediction(gzip.compress(asked)).json == plain.prediction(asked).json
    score = plain.evaluation(data, niterations=2).json["score"]
    assert packed.evaluation(gzip.compress(data), niterations=2).json["score"] == score


def test_what_cannot_be_unpacked_gets_a_sentence(make_moodle, course):
    moodle = make_moodle(MAX_DATASET_MB="1")
    whole = gzip.compress(course.labelled(12))
    answer = moodle.training(whole[:-1])
    assert (answer.status, answer.text) == (400, BROKEN)
    answer = moodle.training(gzip.compress(bytes(2 << 20)))
    assert answer.status == 413
    assert answer.text.endswith(f"raise its {MAX_DATASET_MB}.")
    answer = moodle.training(zlib.compress(b"not gzip"))
    assert answer.status == 400


def test_the_limit_is_a_share_of_the_functions_memory():
    on_lambda = Settings.from_environ({"HOME": "/x", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769"})
    assert on_lambda.max_dataset_bytes == (1769 // MEMORY_SHARE) << 20
    assert Settings.from_environ({"HOME": "/x"}).max_dataset_bytes >= 16 << 20
