"""POST /prediction."""

import numpy as np
import pytest

from mlcore import Classifier, predict, read_unlabelled


@pytest.fixture
def trained(moodle, course):
    return moodle.train(course.labelled(60))


@pytest.fixture
def X(course):
    return course.draw(4)[0]


def test_rows_come_back_in_order_as_strings(trained, course):
    data = course.unlabelled(5)
    answer = trained.prediction(data).json
    assert (answer["status"], answer["info"]) == (0, [])
    assert type(answer["status"]) is int
    assert all(type(value) is str for row in answer["predictions"] for value in row)
    ids = [sample_id for sample_id, _, _ in answer["predictions"]]
    assert ids == ["0-0", "1-1", "2-2", "3-3", "4-0"]


def test_the_score_is_the_probability_that_the_class_is_right(trained, course):
    data = course.unlabelled(40)
    classifier = Classifier.from_bytes(trained.export().body)
    classes, scores = predict(classifier, read_unlabelled(data))
    rows = trained.prediction(data).json["predictions"]
    assert [int(value) for _, value, _ in rows] == classes.tolist()
    np.testing.assert_allclose([float(score) for _, _, score in rows], scores, atol=1e-6)
    assert all(0 <= float(score) <= 1 for _, _, score in rows)
    assert {"0", "1"} == {value for _, value, _ in rows}


@pytest.mark.parametrize(
    "sample_ids",
    [
        ["170040-2", "170041-2", "9-0", "10-0"],
        ["7", "7", "7", "7"],
        ["007", "7.0", " 7 ", "1e3"],
        ["Ärger-1", "学生-2", "😀", "e\u0301"],
        ["a b", "<b>", "NaN", "null"],
    ],
    ids=["Moodle's", "alike", "like numbers", "unicode", "odd"],
)
def test_sample_ids_come_back_verbatim(trained, course, X, sample_ids):
    rows = trained.prediction(course.file(X, sample_ids=sample_ids)).json["predictions"]
    assert [row[0] for row in rows] == sample_ids


@pytest.mark.parametrize("classes", ["[0,5]", "[7,3]", "[-1,1,10]"])
def test_the_class_is_the_value_from_targetclasses_not_an_index(moodle, make_file, classes):
    values = classes.strip("[]").split(",")
    rows = [f"{i},{1 - i},{value}" for i, value in enumerate(values)]
    moodle.train(make_file(*rows, *rows, *rows, classes=classes))
    unlabelled = b"nfeatures\n2\nsampleid,indicator0,indicator1\nx,0,1\ny,1,0"
    rows = moodle.prediction(unlabelled).json["predictions"]
    assert [value for _, value, _ in rows] == values[:2]


def test_a_model_that_was_not_trained_has_status_2(moodle, course):
    assert moodle.prediction(course.unlabelled(3)).json == {
        "status": 2,
        "info": ["Provided model have not been trained yet"],
    }


def test_of_other_dirhashes_nothing_is_known(trained, course):
    """The dirhash: one per model version."""
    assert trained.but(dirhash="other").prediction(course.unlabelled(3)).json["status"] == 2


def test_one_row_is_enough(trained, course):
    assert len(trained.prediction(course.unlabelled(1)).json["predictions"]) == 1


def test_an_empty_field_is_no_value_and_not_0(trained, course, X):
    """A model treats them apart: some sample changes when its zeros are emptied."""
    some, none = np.zeros_like(X), np.full_like(X, np.nan)
    ids = [f"{i}-0" for i in range(len(X))]
    answers = [trained.prediction(course.file(x, sample_ids=ids)).json for x in (some, none)]
    assert answers[0] != answers[1]


def test_other_indicators_than_the_models_are_explained(trained):
    answer = trained.prediction(b"nfeatures\n1\nsampleid,a\nx,0\n")
    assert answer.status == 400
    assert "are not in the dataset" in answer.sentence
    assert "Clear the model's predictions" in answer.sentence


def test_the_number_of_columns_without_names_must_be_the_models(trained):
    answer = trained.prediction(b"nfeatures\n1\nsampleid,input-0\nx,0\n")
    assert answer.status == 400
    assert "has 1 features and the trained model has 12" in answer.sentence


def test_a_file_to_learn_from_is_told_from_one_to_predict(trained, course):
    for answer in (
        trained.prediction(course.labelled(5)),
        trained.training(course.unlabelled(5)),
        trained.evaluation(course.unlabelled(5)),
    ):
        assert answer.status == 400
        assert answer.sentence.startswith("The dataset is one to ")


@pytest.mark.parametrize(
    "dataset", [b"", b"nfeatures\n12\nsampleid,a\nx,0\n", b"\x00" * 100], ids=repr
)
def test_a_file_that_is_not_moodles_is_refused(trained, dataset):
    answer = trained.prediction(dataset)
    assert answer.status == 400
    assert answer.sentence


def test_nothing_changes_but_what_is_known_of_the_models_use(tmp_path, trained, course):
    def files():
        found = [path for path in (tmp_path / "models").rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in found if path.parent.name != "requests"}

    before = files()
    assert before
    assert trained.prediction(course.unlabelled(2)).json["status"] == 0
    assert files() == before
