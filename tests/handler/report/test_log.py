"""The log of an evaluation: its files, their names, and what the page says."""

import io
import json
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handler import answers
from handler.report import EMPTY_LOG, evaluation_log
from handler.report.verdict import verdict
from mlcore.importance import Indicator

PNG = {
    "roc-curve.png",
    "precision-recall-curve.png",
    "confusion-matrix.png",
    "calibration.png",
    "scores.png",
    "learning-curve.png",
    "indicators.png",
    "class-balance.png",
}
EVENTS = {f"tensor/{run}/events.out.tfevents.0" for run in ("training", "validation")}
TEXTS = {"report.html", "info.log", "evaluation.json"}


def files_of(log):
    with zipfile.ZipFile(io.BytesIO(log)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def files(two_classes, context):
    return files_of(evaluation_log(*two_classes, context))


class Text(HTMLParser):
    """The text of a page, and its tags."""

    def __init__(self, html):
        super().__init__()
        self.parts, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.parts.append(data)

    def __contains__(self, text):
        return text in " ".join(" ".join(self.parts).split())


def page_of(log):
    return Text(files_of(log)["report.html"].decode())


# files --------------------------------------------------------------------------------------------


def test_holds_the_report_the_charts_all_figures_and_events(files):
    assert set(files) == TEXTS | PNG | EVENTS


def test_labels_survive_moodle(files):
    for name in files:
        assert not set(name) & set(":'\"&<\\")
        assert len(name) < 255
        assert not any(part.startswith(".") or part == "CVS" for part in name.split("/"))


def test_is_smaller_than_a_megabyte(two_classes, many_classes, context):
    for evaluated in (two_classes, many_classes):
        assert len(evaluation_log(*evaluated, context)) < 1_000_000


def test_the_same_evaluation_gives_the_same_log(two_classes, context):
    assert evaluation_log(*two_classes, context) == evaluation_log(*two_classes, context)


def test_unpacked_files_can_be_read_and_have_its_date(two_classes, context):
    with zipfile.ZipFile(io.BytesIO(evaluation_log(*two_classes, context))) as archive:
        assert {member.date_time for member in archive.infolist()} == {(2026, 11, 25, 12, 30, 0)}
        assert {member.external_attr >> 16 for member in archive.infolist()} == {0o644}


def test_the_log_of_an_unknown_run_is_an_empty_zip():
    assert files_of(EMPTY_LOG) == {}


def test_evaluation_json_holds_every_figure(files, two_classes, context):
    answer, evaluation = two_classes
    figures = json.loads(files["evaluation.json"])
    assert figures["answer"] == answer
    assert figures["report"] == json.loads(json.dumps(evaluation.report.as_json()))
    assert figures["iterations"] == [vars(measures) for measures in evaluation.iterations]
    assert figures["date"] == "2026-11-25T12:30:00+00:00"
    assert figures["target"] == context.target
    assert figures["time_splitting"] == context.time_splitting
    assert figures["trained_model"] is False
    libraries = {"numpy", "lightgbm"}
    assert figures["versions"].keys() == {"this server", "Python"} | libraries


def test_info_log_is_a_short_summary(files, two_classes):
    lines = files["info.log"].decode().splitlines()
    assert f"score: {two_classes[0]['score']:.4f}" in lines
    assert any(line.startswith("The indicators that matter most: ") for line in lines)
    assert len(lines) < 25


def test_evaluations_may_be_told_in_several_threads(two_classes, many_classes, context):
    def log(evaluated):
        return evaluation_log(*evaluated, context)

    alone = [log(two_classes), log(many_classes)]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(log, [two_classes, many_classes]))
    assert together == alone


def test_matplotlib_is_left_as_it_was_and_no_thread_stays(two_classes, context, monkeypatch):
    import matplotlib as mpl

    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)  # importing it fails
    before, threads = mpl.rcParams.copy(), threading.active_count()
    evaluation_log(*two_classes, context)
    assert mpl.rcParams.copy() == before
    assert threading.active_count() == threads


# the page -----------------------------------------------------------------------------------------


def test_begins_with_the_verdict_in_plain_words(two_classes, context):
    html = files_of(evaluation_log(*two_classes, context))["report.html"].decode()
    headline = verdict(*two_classes, context.target).headline
    assert "Students at risk of dropping out (course dropout)" in Text(html)
    order = [
        headline,
        "How often is it right?",
        "What does it miss?",
        "Would more data help?",
        "<svg",
        "All measures, and what they mean",
        "Versions",
    ]
    places = [html.index(text) for text in order]
    assert places == sorted(places)


def test_is_one_file_without_scripts_or_addresses(files):
    html = files["report.html"].decode()
    tags = Text(html).tags
    assert "script" not in {tag for tag, _ in tags}
    assert not [attrs for _, attrs in tags if {"src", "onclick"} & attrs.keys()]
    assert [attrs["href"] for _, attrs in tags if "href" in attrs] == ["data:,"]
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html


def test_every_chart_has_a_text_alternative(files):
    images = [attrs for _, attrs in Text(files["report.html"].decode()).tags if "role" in attrs]
    images = [attrs for attrs in images if attrs["role"] == "img"]
    assert len(images) == len(PNG)
    assert all(len(attrs["aria-label"]) > 40 for attrs in images)


def test_shows_the_data_the_seed_the_date_and_versions(files, two_classes):
    page = Text(files["report.html"].decode())
    report = two_classes[1].report
    assert "Samples 200 Rows of the dataset" in page
    assert f"Empty columns {report.empty_features} " in page
    assert f"Constant columns {report.constant_features} " in page
    assert report.seed in page
    assert "25 November 2026, 12:30 UTC" in page
    assert "lightgbm" in page


def test_explains_the_names_of_indicators(files):
    page = Text(files["report.html"].decode())
    assert "…/mean the indicator's average over all students of the same course" in page
    assert "Cognitive depth how far a student went" in page


def test_a_model_without_moodles_names_is_told_as_it_stands(two_classes, context):
    page = page_of(evaluation_log(*two_classes, replace(context, target="", time_splitting="")))
    assert "A model of Moodle's analytics" in page
    assert "samples of class 1" in page
    assert "Analysis interval" not in page


def test_what_came_from_outside_is_no_markup(two_classes, context):
    target = "<script>alert(1)</script>|<b>&amp;"
    html = files_of(evaluation_log(*two_classes, replace(context, target=target)))["report.html"]
    assert b"<script" not in html
    assert b"&lt;script&gt;alert(1)" in html


@settings(max_examples=5, deadline=None)
@given(target=st.text(max_size=40), name=st.text(max_size=40))
def test_any_names_make_a_page(make_evaluation, context, target, name):
    indicator = Indicator(name, [f"{name}/mean"], 0.1, 0.01, None, None)
    evaluation = make_evaluation(indicators=[indicator])
    answer = answers.of_evaluation(evaluation, 0.7, 0.05)
    log = evaluation_log(answer, evaluation, replace(context, target=target, time_splitting=name))
    assert "All measures, and what they mean" in page_of(log)


def test_a_trained_model_is_told_from_fresh_ones(two_classes, context):
    fresh, trained = (
        page_of(evaluation_log(*two_classes, replace(context, trained=trained)))
        for trained in (False, True)
    )
    assert "it looks better than it is" in trained
    assert "it looks better than it is" not in fresh
    assert "A new model in each iteration" in fresh


def test_fewer_iterations_than_asked_for_are_told(two_classes, context):
    answer, evaluation = two_classes
    page = page_of(evaluation_log(answer, replace(evaluation, n_asked=10), context))
    assert "There was time for 3 of 10 iterations" in page


def test_several_classes_have_no_auc(many_classes, context):
    page = page_of(evaluation_log(*many_classes, context))
    assert "Ranking (AUC)" not in page
    assert "is the hardest" in page


def test_of_a_model_without_explained_indicators_there_is_no_glossary(make_evaluation, context):
    evaluation = make_evaluation(indicators=None)
    answer = answers.of_evaluation(evaluation, 0.7, 0.05)
    assert "What the indicators' names mean" not in page_of(
        evaluation_log(answer, evaluation, context)
    )


@pytest.mark.parametrize(
    ("status", "what_to_do"),
    [
        (answers.NO_MODEL, "Train the model first"),
        (answers.NOT_ENOUGH_DATA, "Evaluate again when more courses have ended."),
    ],
)
def test_what_could_not_be_evaluated_is_told_plainly(context, status, what_to_do):
    answer = answers.without_evaluation(status, "That is the reason", 0.7, 0.05)
    log = evaluation_log(answer, None, context)
    assert set(files_of(log)) == TEXTS
    page = page_of(log)
    assert "This model could not be evaluated" in page
    assert f"That is the reason. {what_to_do}" in page
    assert json.loads(files_of(log)["evaluation.json"])["answer"] == answer
