"""POST /deletemodel."""

import pytest


def test_deletes_all_that_was_kept_under_the_uniqueid(moodle, course):
    data = course.labelled(12)
    first, second = (
        moodle.but(dirhash="first").train(data),
        moodle.but(dirhash="second").train(data),
    )
    runid = first.evaluation(data).json["runid"]
    assert first.evaluationlog(runid).files
    answer = moodle.deletemodel()
    assert (answer.status, answer.text) == (200, "Ok")
    assert first.export().status == second.export().status == 503
    assert first.prediction(course.unlabelled(2)).json["status"] == 2
    assert first.evaluationlog(runid).files == {}


def test_leaves_nothing_in_the_store(moodle, course, tmp_path):
    moodle.train(course.labelled(12)).evaluation(course.labelled(12))
    moodle.deletemodel()
    assert not list((tmp_path / "models" / "models").rglob("*"))


def test_moodle_sends_it_twice(moodle, course):
    moodle.train(course.labelled(12))
    assert [moodle.deletemodel().text for _ in range(2)] == ["Ok", "Ok"]


def test_is_ok_for_a_model_that_never_existed(moodle):
    assert moodle.but(uniqueid="never seen").deletemodel().text == "Ok"


def test_a_deleted_model_begins_anew(moodle, course, make_file):
    moodle.train(course.labelled(12)).deletemodel()
    moodle.train(make_file("1,0,0", "0,1,1"))  # other features: nothing is left of the old ones


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("model", "model2"),
        ("model", "mode"),
        ("a b", "a.b"),
        ("a/b", "a"),
        ("a/b", "a.2Fb"),
        ("a.", "a"),
        ("..", "."),
        ("é", "e\u0301"),
        ("a\0b", "ab"),
        ("%2e", "."),
    ],
)
def test_models_with_names_much_alike_are_kept_apart(moodle, course, one, other):
    one, other = moodle.but(uniqueid=one), moodle.but(uniqueid=other)
    one.train(course.labelled(12))
    other.train(course.labelled(12))
    kept = other.export().body
    assert one.export().body != kept
    one.deletemodel()
    assert one.export().status == 503
    assert other.export().body == kept
