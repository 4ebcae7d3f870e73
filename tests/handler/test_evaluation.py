"""POST /evaluation and GET /evaluationlog."""

import html
import json
import math
import re
from urllib.parse import urljoin

import pytest

from handler import answers
from mlcore import read_labelled
from mlcore.evaluation import evaluate

LINK = re.compile(r'<a href="(https?://[^"<>\s]+)">Open the report</a>')
MEASURES = {"score", "accuracy", "balanced accuracy", "precision", "recall", "f1_score"}
FIELDS = MEASURES | {
    "status",
    "info",
    "score_deviation",
    "min_score",
    "accepted_deviation",
    "runid",
    "dir",
}


def sentences(answer):
    """The lines of info but for the last, which leads to the report."""
    *lines, link = answer["info"]
    assert LINK.fullmatch(link)
    return lines


@pytest.fixture
def data(course):
    return course.labelled(15)


@pytest.fixture
def evaluations(monkeypatch):
    """Lists the evaluations that were really computed."""
    computed = []

    def counting(*args, **kwargs):
        computed.append(args)
        return evaluate(*args, **kwargs)

    monkeypatch.setattr("mlcore.evaluation.evaluate", counting)
    return computed


def evaluated(make_file, minscore=0.0, maxdeviation=1.0):
    """What Moodle is told of a dataset that any model predicts perfectly."""
    data = make_file(*["1,0,0", "0,1,1"] * 5)
    return answers.of_evaluation(evaluate(read_labelled(data), 2), minscore, maxdeviation)


# the fields of the answer -------------------------------------------------------------------------


def test_has_all_fields_and_no_other(moodle, data):
    assert set(moodle.evaluation(data).json) == FIELDS | {"auc", "auc_deviation"}


def test_more_than_two_classes_have_no_auc(moodle, make_file):
    rows = ["1,0,0", "0,1,1", "0,0,2"] * 4
    assert set(moodle.evaluation(make_file(*rows, classes="[0,1,2]")).json) == FIELDS


def test_the_figures_are_those_of_the_ml_core(moodle, course):
    """score: the mean over the iterations of the weighted F1, with its standard deviation."""
    data = course.labelled(40)
    answer = moodle.evaluation(data, niterations=3).json
    evaluation = evaluate(read_labelled(data), 3)
    assert answer["score"] == answer["f1_score"] == evaluation.mean("f1_score")
    assert answer["score_deviation"] == evaluation.deviation("f1_score") > 0
    for name in ("accuracy", "precision", "recall", "auc"):
        assert answer[name] == evaluation.mean(name)
    assert answer["balanced accuracy"] == evaluation.mean("balanced_accuracy")
    assert answer["auc_deviation"] == evaluation.deviation("auc")
    assert len({answer[name] for name in ("score", "accuracy", "balanced accuracy")}) == 3


def test_types_are_what_php_compares_with(moodle, data):
    answer = moodle.evaluation(data).json
    assert type(answer["status"]) is type(answer["runid"]) is int
    assert type(answer["dir"]) is str
    assert all(type(answer[name]) is float for name in MEASURES)
    assert all(math.isfinite(answer[name]) for name in MEASURES)


def test_repeats_what_was_asked_for(moodle, data):
    answer = moodle.evaluation(data, minscore=0.25, maxdeviation=0.5).json
    assert (answer["min_score"], answer["accepted_deviation"]) == (0.25, 0.5)


def test_without_the_numbers_moodles_defaults_hold(moodle, data):
    answer = moodle.post("evaluation", uniqueid="u", dirhash="d", dataset=data).json
    assert (answer["min_score"], answer["accepted_deviation"]) == (0.7, 0.05)
    log = moodle.but(uniqueid="u", dirhash="d").evaluationlog(answer["runid"]).files
    assert len(json.loads(log["evaluation.json"])["iterations"]) == 10


# status and info ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("minscore", "maxdeviation", "status"), [(0, 1, 0), (1.1, 1, 4), (0, -1, 8), (1.1, -1, 12)]
)
def test_status_has_bit_4_for_a_low_score_and_bit_8_for_too_much_deviation(
    moodle, data, minscore, maxdeviation, status
):
    answer = moodle.evaluation(data, minscore=minscore, maxdeviation=maxdeviation).json
    assert answer["status"] == status
    assert type(answer["info"]) is list  # else it is a fatal error in Moodle
    assert len(sentences(answer)) == status.bit_count()
    for sentence, bit in zip(sentences(answer), [b for b in (4, 8) if status & b], strict=True):
        beginning = {4: "The model predicts not well enough", 8: "There is not enough data"}[bit]
        assert sentence.startswith(beginning)


def test_a_score_or_deviation_at_the_limit_is_good_enough(make_file):
    assert evaluated(make_file)["score"] == 1
    assert evaluated(make_file, minscore=1, maxdeviation=0)["status"] == 0


def test_the_sentences_hold_the_figures_and_no_markup(make_file):
    """info is shown to the admin as HTML."""
    answer = evaluated(make_file, minscore=2.5, maxdeviation=-0.25)
    assert "its score is 1.00, and at least 2.50 is asked for" in answer["info"][0]
    assert "varies by 0.000, and at most -0.250 is accepted" in answer["info"][1]
    assert not set("<>&\"'\n") & set("".join(answer["info"]))


def test_fewer_iterations_than_asked_for_are_told(make_file):
    data = read_labelled(make_file(*["1,0,0", "0,1,1"] * 5))
    evaluation = evaluate(data, 9, deadline=0)
    (sentence,) = answers.of_evaluation(evaluation, 0, 1)["info"]
    assert sentence == "There was time for 1 of 9 iterations."


def test_too_few_samples_are_status_8_with_measures_of_0(moodle, make_file):
    answer = moodle.evaluation(make_file("1,0,0", "0,1,1")).json
    assert set(answer) == FIELDS
    assert answer["status"] == 8
    assert "two samples or more" in answer["info"][0]
    assert all(answer[name] == 0.0 for name in MEASURES)


# runid and log ------------------------------------------------------------------------------------


def test_every_runid_is_new_whatever_the_status(moodle, data, make_file):
    runids = [
        moodle.evaluation(data).json["runid"],
        moodle.evaluation(data).json["runid"],
        moodle.evaluation(data, minscore=1.1).json["runid"],
        moodle.evaluation(make_file("1,0,0", "0,1,1")).json["runid"],
        moodle.evaluation(make_file("1,0,0", "0,1,1")).json["runid"],
        moodle.evaluation(data, trained="untrained").json["runid"],
    ]
    assert runids == sorted(set(runids))


def test_every_runid_has_its_log_at_once_whatever_the_status(moodle, data, make_file):
    for dataset, trained in [(data, None), (make_file("1,0,0", "0,1,1"), None), (data, "none")]:
        answer = moodle.evaluation(dataset, trained=trained).json
        assert answer["dir"] == f"evaluations/{answer['runid']}"
        log = moodle.evaluationlog(answer["runid"]).files
        figures = json.loads(log["evaluation.json"])
        assert figures["answer"].items() <= (answer | {"info": sentences(answer)}).items()
        assert sentences(answer) == [
            line for line in log["info.log"].decode().splitlines() if line in answer["info"]
        ]


def test_the_log_holds_each_iteration_and_the_report(moodle, data):
    answer = moodle.evaluation(data, niterations=3).json
    figures = json.loads(moodle.evaluationlog(answer["runid"]).files["evaluation.json"])
    assert len(figures["iterations"]) == 3
    assert figures["iterations"][0].keys() >= {"f1_score", "auc", "log_loss"}
    assert figures["report"]["samples"] == 15


def test_the_log_names_the_indicators_that_matter_most_and_the_answer_does_not(moodle, make_file):
    data = make_file(*["1,0.5,0", "0,0.5,1"] * 10)
    answer = moodle.evaluation(data, niterations=3).json
    log = moodle.evaluationlog(answer["runid"]).files
    indicators = json.loads(log["evaluation.json"])["report"]["indicators"]
    (name,) = (entry["indicator"] for entry in indicators)
    assert f"The indicators that matter most: {name}" in log["info.log"].decode().splitlines()
    assert name not in json.dumps(answer)


def test_the_log_names_no_indicator_where_none_matters(moodle, make_file):
    answer = moodle.evaluation(make_file(*["1,0.5,0", "1,0.5,1"] * 10)).json
    assert b"matter most" not in moodle.evaluationlog(answer["runid"]).files["info.log"]


def test_the_log_of_an_unknown_run_is_an_empty_zip(moodle, data):
    assert moodle.evaluationlog(0).files == {}
    runid = moodle.evaluation(data).json["runid"]
    assert moodle.evaluationlog(runid + 1).files == {}
    assert moodle.but(dirhash="other").evaluationlog(runid).files == {}


@pytest.mark.parametrize("runid", ["-1", "1.5", "abc", "1795353912479x", "٣", "9" * 30, ""])
def test_a_runid_that_is_no_number_is_refused(moodle, runid):
    answer = moodle.evaluationlog(runid)
    assert answer.status == 400
    assert "runid" in answer.sentence


# a trained model ----------------------------------------------------------------------------------


def test_trainedmodeldirhash_evaluates_that_model_without_training(moodle, course, data):
    moodle.train(course.labelled(12))
    before = moodle.export().body
    answer = moodle.but(dirhash="evaluation").evaluation(data, trained=moodle.dirhash).json
    fresh = moodle.but(dirhash="evaluation").evaluation(data).json
    measured = ("score", "auc", "recall", "precision")
    assert [answer[name] for name in measured] != [fresh[name] for name in measured]
    assert moodle.export().body == before
    assert moodle.but(dirhash="evaluation").export().status == 503


def test_a_trained_model_is_evaluated_anew_after_a_training(moodle, course, data):
    moodle.train(course.labelled(12))
    first = moodle.but(dirhash="e").evaluation(data, trained=moodle.dirhash).json
    moodle.train(course.labelled(40))
    second = moodle.but(dirhash="e").evaluation(data, trained=moodle.dirhash).json
    assert first["auc"] != second["auc"]


def test_a_trainedmodeldirhash_that_names_nothing_trained_is_status_2(moodle, data):
    answer = moodle.evaluation(data, trained="untrained").json
    assert set(answer) == FIELDS
    assert answer["status"] == 2
    assert sentences(answer) == ["Provided model have not been trained yet"]


def test_status_2_of_an_untrained_model_is_not_taken_for_the_datasets_own_result(moodle, data):
    """And the other way round: with and without trainedmodeldirhash are two questions."""
    assert moodle.evaluation(data, trained="untrained").json["status"] == 2
    assert moodle.evaluation(data, minscore=0, maxdeviation=1).json["status"] == 0
    assert moodle.evaluation(data).json["score"] > 0
    other = moodle.but(dirhash="other")
    assert other.evaluation(data).json["score"] > 0
    assert other.evaluation(data, trained="untrained").json["status"] == 2


def test_a_class_that_a_trained_model_does_not_know_counts_against_it(moodle, make_file):
    moodle.train(make_file("1,0,0", "0,1,1"))
    rows = ["1,0,0", "0,1,1", "0,0,2"] * 5
    answer = moodle.evaluation(make_file(*rows, classes="[0,1,2]"), trained=moodle.dirhash)
    assert answer.json["accuracy"] == pytest.approx(2 / 3)


# repetition ---------------------------------------------------------------------------------------


def test_a_repetition_is_answered_without_work_under_a_fresh_runid(moodle, data, evaluations):
    """As after a gateway's time-out."""
    first, second = moodle.evaluation(data).json, moodle.evaluation(data).json
    assert len(evaluations) == 1
    assert second.pop("runid") > first.pop("runid")
    assert second.pop("dir") != first.pop("dir")
    assert sentences(first) == sentences(second)
    assert first.pop("info") != second.pop("info")  # each leads to its own report
    assert first == second


def test_the_log_of_a_repetition_is_the_first_ones(moodle, data):
    first, second = moodle.evaluation(data).json, moodle.evaluation(data).json
    logs = [moodle.evaluationlog(answer["runid"]).body for answer in (first, second)]
    assert logs[0] == logs[1]


@pytest.mark.parametrize(
    "change", [{"minscore": 0.6}, {"maxdeviation": 0.2}, {"niterations": 1}], ids=str
)
def test_other_numbers_are_another_evaluation(moodle, data, evaluations, change):
    moodle.evaluation(data)
    moodle.evaluation(data, **change)
    assert len(evaluations) == 2


def test_another_dataset_or_model_is_another_evaluation(moodle, course, data, evaluations):
    moodle.evaluation(data)
    moodle.evaluation(course.labelled(40))
    moodle.but(dirhash="other").evaluation(data)
    moodle.but(uniqueid="other").evaluation(data)
    assert len(evaluations) == 4


# what cannot be used ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minscore", "high"),
        ("minscore", "nan"),
        ("minscore", "1e999"),
        ("maxdeviation", "-inf"),
        ("niterations", "0"),
        ("niterations", "-3"),
        ("niterations", "2.5"),
        ("niterations", "1001"),
        ("niterations", "ten"),
    ],
)
def test_a_field_that_is_no_number_is_refused_by_name(moodle, data, field, value):
    answer = moodle.evaluation(data, **{field: value})
    assert answer.status == 400
    assert answer.sentence.startswith(f"The request's {field} is not a ")


def test_a_file_that_is_not_moodles_is_refused(moodle):
    answer = moodle.evaluation(b"a,b\n1,2\n")
    assert answer.status == 400
    assert answer.sentence


# the line that leads to the report ----------------------------------------------------------------

SCRIPT = "\"><script>alert(1)</script><img src=x onerror='alert(1)'>"


def test_the_last_line_of_info_leads_to_the_report(moodle, course):
    moodle = moodle.but(uniqueid="a b&c", dirhash="d'e")
    answer = moodle.evaluation(course.labelled(60)).json
    address = html.unescape(LINK.fullmatch(answer["info"][-1])[1])
    shown = moodle.send("GET", address.removeprefix("http://localhost"))
    assert shown.status == 200
    assert b"Evaluation report" in shown.body


def test_the_link_still_leads_there_when_enabling_the_model_deleted_it(moodle, course):
    """Moodle's evaluation log keeps the line."""
    answer = moodle.evaluation(course.labelled(120)).json
    address = html.unescape(LINK.fullmatch(answer["info"][-1])[1]).removeprefix("http://localhost")
    moodle.deletemodel()
    assert b"Evaluation report" in moodle.send("GET", address).body
    assert moodle.send("GET", f"{address}0").status == 404


def test_the_link_leads_there_as_moodles_commands_print_it(moodle, course):
    answer = moodle.evaluation(course.labelled(60)).json
    printed = LINK.fullmatch(answer["info"][-1])[1].removeprefix("http://localhost")
    assert "&amp;" in printed
    led = moodle.send("GET", printed)
    assert led.status == 303
    shown = moodle.send("GET", urljoin("http://localhost/report", led.headers["Location"]))
    assert b"Evaluation report" in shown.body


@pytest.mark.parametrize(
    ("host", "stage", "link"),
    [
        ("ml.school.example", "", "https://ml.school.example/report?"),
        (
            "x.execute-api.eu.amazonaws.com",
            "/prod",
            "https://x.execute-api.eu.amazonaws.com/prod/re",
        ),
        ("mlbackend:5000", "", None),
    ],
)
def test_the_link_is_left_out_where_no_browser_would_find_it(
    make_moodle, course, host, stage, link
):
    environ = {"HTTP_HOST": host, "SCRIPT_NAME": stage, "wsgi.url_scheme": "https"}
    info = make_moodle(environ=environ).evaluation(course.labelled(60)).json["info"]
    links = [line for line in info if line.startswith("<a")]
    assert [line.startswith(f'<a href="{link}') for line in links] == ([True] if link else [])


@pytest.mark.parametrize(
    "place", ["uniqueid", "dirhash", "target", "interval", "indicator", "host"]
)
def test_no_line_of_info_holds_a_script_that_came_from_outside(make_moodle, course, place):
    """Moodle's log dialog puts these lines into its page as they are."""
    moodle = make_moodle(environ={"HTTP_HOST": f"a.b{SCRIPT}"} if place == "host" else None)
    data = course.labelled(60)
    names = {
        "target": rb"\core_course\analytics\target\course_dropout",
        "interval": rb"\core\analytics\time_splitting\quarters",
        "indicator": data.split(b"\n")[2].split(b",")[0],
    }
    if place in names:
        assert names[place] in data
        data = data.replace(names[place], SCRIPT.replace('"', '""').encode())
    elif place != "host":
        moodle = moodle.but(**{place: SCRIPT})
    answer = moodle.evaluation(data, minscore=1.01, maxdeviation=-1)
    if answer.status == 200:
        *lines, link = answer.json["info"]
        assert lines
        assert LINK.fullmatch(link) or place == "host"
        for line in lines:
            assert "<" not in line
        assert "<script" not in link
