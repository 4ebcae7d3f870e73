"""A compressed dataset is learned like any other, and is no way to fill the memory."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handler import gzipped
from handler.errors import BrokenGzip, DatasetTooLarge
from handler.settings import MAX_DATASET_MB, MEMORY_SHARE, Settings

BROKEN = (
    "The dataset was compressed and cannot be unpacked: it was cut off or changed on its way from "
    "Moodle."
)


@given(st.lists(st.binary(max_size=200), min_size=1, max_size=4))
def test_members_are_unpacked_one_after_the_other(contents):
    whole = b"".join(map(gzip.compress, contents))
    expected = b"".join(contents)
    assert gzipped.unpack(whole, 1000) == expected
    assert gzipped.unpack(whole, len(expected)) == expected
    if expected:
        with pytest.raises(DatasetTooLarge):
            gzipped.unpack(whole, len(expected) - 1)


@given(st.binary(max_size=200), st.data())
def test_what_is_cut_short_or_followed_by_something_is_refused(content, data):
    whole = gzip.compress(content)
    end = data.draw(st.integers(len(gzipped.MAGIC), len(whole) - 1))
    more = data.draw(st.binary(min_size=1, max_size=20))
    for broken in (whole[:end], whole + more):
        with pytest.raises(BrokenGzip):
            gzipped.unpack(broken, 1000)


def test_a_changed_byte_is_noticed():
    whole = bytearray(gzip.compress(b"1,2,3\n" * 100))
    whole[-5] ^= 1  # of the checksum
    with pytest.raises(BrokenGzip):
        gzipped.unpack(bytes(whole), 1000)


def test_a_bomb_is_not_unpacked_beyond_the_limit():
    bomb = gzip.compress(bytes(50 << 20))
    with pytest.raises(DatasetTooLarge, match="more than the 1 MB"):
        gzipped.unpack(bomb, 1 << 20)


def test_endless_members_are_refused():
    with pytest.raises(BrokenGzip):
        gzipped.unpack(gzip.compress(b"") * 1000, 1000)


def test_what_is_not_compressed_stays():
    assert gzipped.unpack(b"nfeatures", 1) == b"nfeatures"
    assert gzipped.unpack(b"", 1) == b""


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
