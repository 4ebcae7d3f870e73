"""POST /training."""

import codecs
import csv
import io
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from infra.local.client import CONTENT_TYPE, multipart

DATA = Path(__file__).parents[1] / "data"
LABELLED = DATA / "dropout-quarters-labelled.csv"
UNLABELLED = DATA / "dropout-quarters-unlabelled.csv"


def test_answers_status_0_and_no_info(moodle, course):
    answer = moodle.training(course.labelled(60)).json
    assert answer == {"status": 0, "info": []}
    assert type(answer["status"]) is int  # "0" and 0.0 count as failures


@pytest.mark.parametrize("n", [1, 2])
def test_rows_with_identical_features_and_two_classes_train(moodle, make_file, n):
    """Two or four rows, as in Moodle's own tests."""
    assert moodle.training(make_file(*["1,1,1,0", "1,1,1,1"] * n)).json["status"] == 0
    assert (
        moodle.prediction(b"nfeatures\n3\nsampleid,indicator0,indicator1,indicator2\ns,1,1,1").json[
            "status"
        ]
        == 0
    )


def test_where_one_class_alone_is_present_status_8_comes_with_errors(moodle, make_file):
    answer = moodle.training(make_file("1,0,0", "0,1,0")).json
    assert answer["status"] == 8
    assert answer["info"] == answer["errors"]
    (error,) = answer["errors"]
    assert error.startswith(
        "There is not enough data to train yet: samples of two target classes are needed"
    )


def test_after_status_8_nothing_was_stored(moodle, make_file):
    moodle.training(make_file("1,0,0", "0,1,0"))
    assert moodle.export().status == 503


def test_later_trainings_may_hold_one_class_only(moodle, make_file):
    moodle.train(make_file("1,0,0", "0,1,1"))
    moodle.train(make_file("0.9,0,0", "0.8,0,0")).train(make_file("0.1,1,1"))


def test_later_trainings_add_to_what_was_learned(moodle, course):
    """Training is incremental: in pieces or at once, the model is the same."""
    (X1, y1), (X2, y2) = course.draw(12), course.draw(6)
    pieces = moodle.train(course.file(X1, y=y1)).train(course.file(X2, y=y2))
    at_once = moodle.but(dirhash="other").train(
        course.file(np.vstack([X1, X2]), y=np.hstack([y1, y2]))
    )
    assert pieces.export().body == at_once.export().body


def test_what_was_learned_is_not_learned_again(moodle, course):
    """Moodle sends the rows of a lost answer again, alone or with new ones after them."""
    (X1, y1), (X2, y2) = course.draw(12), course.draw(6)
    first, both = course.file(X1, y=y1), course.file(np.vstack([X1, X2]), y=np.hstack([y1, y2]))
    repeated = moodle.train(first).train(first).train(both).train(both).train(first)
    at_once = moodle.but(dirhash="other").train(both)
    assert repeated.export().body == at_once.export().body


def test_trainings_of_one_model_at_the_same_time_all_answer_0(moodle, course):
    draws = [course.draw(3) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(moodle.training, (course.file(X, y=y) for X, y in draws)))
    assert [answer.json for answer in answers] == [{"status": 0, "info": []}] * 4
    X, y = (np.concatenate(values) for values in zip(*draws, strict=True))
    at_once = moodle.but(dirhash="other").train(course.file(X, y=y))
    assert moodle.export().body == at_once.export().body


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.replace(b"\n", b"\r\n"),
        lambda data: codecs.BOM_UTF8 + data,
        lambda data: data.removesuffix(b"\n"),
        lambda data: data + b"\n",
        lambda data: data.replace(b"discrete", b"discrete|discrete"),
        lambda data: re.sub(rb"timesplitting,|^\\core[^,]+,", b"", data, flags=re.MULTILINE),
    ],
    ids=["CRLF", "BOM", "no last newline", "a blank line", "joined values", "fewer names"],
)
def test_the_same_rows_written_otherwise_give_the_same_model(moodle, course, change):
    """The dataset file: values are found by name, and line ends and a BOM do not matter."""
    data = course.labelled(12)
    assert change(data) != data
    usual = moodle.train(data)
    changed = moodle.but(dirhash="other").train(change(data))
    assert changed.export().body == usual.export().body


def test_an_upgrade_that_removes_indicators_harms_nothing(moodle):
    """Moodle 5.0 removes those of chats and surveys from existing models, by SQL."""
    moodle.train(LABELLED.read_bytes())
    before = moodle.prediction(UNLABELLED.read_bytes()).json["predictions"]
    labelled, unlabelled = (
        without_columns(path.read_bytes(), r"\mod_chat", r"\mod_survey")
        for path in (LABELLED, UNLABELLED)
    )
    assert len(moodle.prediction(unlabelled).json["predictions"]) == len(before)
    moodle.train(labelled)
    after = moodle.prediction(unlabelled).json["predictions"]
    assert [row[:2] for row in after] == [row[:2] for row in before]
    moodle.train(LABELLED.read_bytes())


def without_columns(data, *beginnings):
    """Return a dataset file without the columns whose names begin so."""
    names, values, columns, *rows = csv.reader(data.decode().splitlines())
    kept = [i for i, name in enumerate(columns) if not name.startswith(beginnings)]
    values[names.index("nfeatures")] = str(98 - len(columns) + len(kept))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerows([names, values, *([row[i] for i in kept] for row in (columns, *rows))])
    return out.getvalue().encode()


def test_another_list_of_indicators_is_explained(moodle, make_file):
    moodle.train(make_file("1,0,0", "0,1,1"))
    other = make_file("1,0,1,0", "0,1,0,1").replace(b"indicator", b"another")
    answer = moodle.training(other)
    assert answer.status == 400
    assert "Of the 2 indicators that the trained model relies on, 2 are not" in answer.sentence


@pytest.mark.parametrize("n_rows", [1, 5, 60])
def test_a_key_alone_says_what_is_a_repetition(moodle, course, n_rows):
    """Of clients that send one; Moodle itself does not."""
    fields = {"uniqueid": moodle.uniqueid, "dirhash": moodle.dirhash}
    moodle.train(course.labelled(12))
    data = course.labelled(n_rows)

    def after(key):
        body = multipart({**fields, "dataset": data})
        headers = {"Content-Type": CONTENT_TYPE, "Idempotency-Key": key}
        answer = moodle.send("POST", "/training", body, headers)
        assert answer.json == {"status": 0, "info": []}
        return moodle.export().body

    once = after("a")
    assert after("a") == once
    twice = after("b")
    assert twice != once
    data = course.labelled(2)
    assert after("a") == twice


def test_two_students_who_are_alike_two_nights_in_a_row_are_two(moodle, make_file):
    """A repetition is only what chance cannot explain; labelled files carry no ids."""
    moodle.train(make_file("1,0,0", "0,1,1"))
    nights = [moodle.train(make_file("1,0,1")).export().body for _ in range(3)]
    assert len(set(nights)) == 3


@pytest.mark.parametrize(
    ("dataset", "sentence"),
    [
        (b"", "first three lines must be Moodle's"),
        (b"\xff\xfe", "not UTF-8 text"),
        (b"nfeatures,targetclasses\n1\na,b\n", "first three lines"),
        (b'nfeatures,targetclasses\n1,"[0,1]"\na,b\n', "holds no rows"),
        (b'nfeatures,targetclasses\n1,"[0,1]"\na,b\n1,0\nx,1\n', "Line 5, column 1"),
        (b'nfeatures,targetclasses\n1,"[0,1]"\na,b\n1,0\n1,2\n', "Line 5"),
        (b'nfeatures,targetclasses,targettype\n1,"[0,1]",linear\na,b\n1,0\n', "only discrete"),
    ],
)
def test_a_file_that_is_not_moodles_is_refused_with_its_line(moodle, dataset, sentence):
    answer = moodle.training(dataset)
    assert answer.status == 400
    assert sentence in answer.sentence


def test_a_name_with_a_dot_and_a_space_is_a_name_like_any_other(moodle, course):
    """Moodle's own tests send such a uniqueid."""
    moodle.but(uniqueid="whatever0.10445000 1795353954").train(course.labelled(12))
    assert moodle.but(uniqueid="whatever0.10445000 1795353954").export().status == 200
    assert moodle.but(uniqueid="whatever0.10445000_1795353954").export().status == 503
    assert moodle.but(uniqueid="whatever0.10445000+1795353954").export().status == 503
