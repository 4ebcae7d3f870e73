"""The charts: that they show the figures; how they look is for tests/browser."""

import io
import re
import xml.etree.ElementTree as ET
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from handler.report import charts
from handler.report.drawing import COLOURS, WIDTH
from mlcore.curves import PrecisionRecall, Roc
from mlcore.importance import Indicator
from mlcore.measures import Bin, Calibration, LearningPoint

DROPOUT = r"\core_course\analytics\target\course_dropout"
FILES = {
    "confusion-matrix",
    "scores",
    "calibration",
    "roc-curve",
    "precision-recall-curve",
    "learning-curve",
    "indicators",
    "class-balance",
}


def of(evaluated, target=DROPOUT):
    return {chart.file: chart for chart in charts.of_evaluation(*evaluated, target)}


@pytest.fixture(scope="module")
def drawn(two_classes):
    return of(two_classes)


@pytest.fixture(scope="module")
def drawn_many(many_classes):
    return of(many_classes, "")


def svg_of(chart):
    return ET.fromstring(chart.render()[1])


def texts(svg):
    return [element.text for element in svg.iter("text")]


def lines(svg, colour):
    """The points of the lines that have a colour, from left to right as they are drawn."""
    found = [
        path.get("d")
        for path in svg.iter("path")
        if f"stroke:var(--{colour})" in path.get("style") and "fill:none" in path.get("style")
    ]
    return [
        [tuple(map(float, pair.split())) for pair in re.findall(r"[ML]([-\d. ]+)", d)]
        for d in found
    ]


def bars(svg, colours=("blue", "faded")):
    """The widths of the bars, from top to bottom."""
    widths = []
    for path in svg.iter("path"):
        if any(f"fill:var(--{colour})" in path.get("style") for colour in colours):
            xs = [float(x) for x in re.findall(r"[ML]([-\d.]+) ", path.get("d"))]
            widths.append(max(xs) - min(xs))
    return widths


# all of them --------------------------------------------------------------------------------------


def test_there_is_a_chart_of_all_that_is_known(drawn, drawn_many):
    assert set(drawn) == set(drawn_many) == FILES


def test_what_is_not_known_has_no_chart(make_evaluation, two_classes):
    unknown = {"learning_curve": None, "indicators": None, "roc": [], "precision_recall": []}
    left_out = {"learning-curve", "indicators", "roc-curve", "precision-recall-curve"}
    assert set(of((two_classes[0], make_evaluation(**unknown)))) == FILES - left_out


def test_every_chart_is_told_in_words_and_figures(drawn, drawn_many):
    for chart in [*drawn.values(), *drawn_many.values()]:
        assert chart.title
        assert not chart.title.endswith(".")
        assert chart.reading.endswith(".")
        assert len(chart.alternative) > 40
        assert chart.rows
        assert all(len(row) == len(chart.columns) for row in chart.rows)


def test_the_picture_is_a_png_and_the_pages_drawing_has_its_colours_and_text(drawn):
    for chart in drawn.values():
        png, text = chart.render()
        picture = Image.open(io.BytesIO(png))
        assert picture.format == "PNG"
        assert picture.width == pytest.approx(WIDTH * 160 / 72, abs=1)
        assert set(re.findall(r"var\(--(\w+)\)", text)) <= set(COLOURS)
        assert "#" not in text
        svg = ET.fromstring(text)
        assert texts(svg)
        assert chart.title not in texts(svg)  # the page says it


def test_no_title_is_cut_off(drawn, drawn_many):
    for chart in [*drawn.values(), *drawn_many.values()]:
        picture = Image.open(io.BytesIO(chart.render()[0])).convert("L")
        edge = picture.crop((picture.width - 2, 0, picture.width, 60))  # where titles would run out
        assert edge.getextrema() == (255, 255), chart.title


def test_the_same_evaluation_gives_the_same_pictures(drawn, two_classes):
    again = of(two_classes)
    assert drawn["roc-curve"].render() == again["roc-curve"].render()


def test_nothing_is_drawn_beyond_the_edges(drawn, drawn_many):
    for chart in [*drawn.values(), *drawn_many.values()]:
        svg = svg_of(chart)
        _, top, width, height = map(float, svg.get("viewBox").split())
        for path in svg.iter("path"):
            numbers = [float(number) for number in re.findall(r"-?[\d.]+", path.get("d"))]
            assert all(-1 <= x <= width + 1 for x in numbers[::2])
            assert all(top - 1 <= y <= top + height + 1 for y in numbers[1::2])


@settings(max_examples=20, deadline=None)
@given(name=st.text(max_size=60))
def test_any_name_can_be_drawn(make_evaluation, name):
    indicator = Indicator(name, [name], 0.1, 0.01, [-0.1, 0.1], None)
    chart = charts.indicators(make_evaluation(indicators=[indicator]).report, "")
    assert "↑" in texts(svg_of(chart))
    assert chart.rows[0][1] == "0.1000"


# each of them -------------------------------------------------------------------------------------


def test_the_roc_goes_from_nothing_to_everything(drawn):
    (curve,) = lines(svg_of(drawn["roc-curve"]), "blue")
    (diagonal,) = lines(svg_of(drawn["roc-curve"]), "muted")
    assert (curve[0], curve[-1]) == (diagonal[0], diagonal[-1])
    below = [y for (_, y), (_, y1) in pairwise(curve) if y1 > y + 0.05]
    assert below == []  # it never falls


def test_the_roc_table_reads_the_curve_between_its_points(make_evaluation, make_measures):
    points = [[0, 0], [0, 0.4], [0.2, 0.8], [1, 1]]
    chart = charts.roc(make_evaluation(roc=[Roc(1, points)]), "")
    assert chart.title == "It tells the two groups apart very well (AUC 0.90)"
    assert [row[1:] for row in chart.rows][:3] == [
        ["5 %", "50.0 %"],
        ["10 %", "60.0 %"],
        ["20 %", "80.0 %"],
    ]


def test_precision_at_a_recall_is_the_best_that_finds_as_much(make_evaluation):
    points = [[0, 1], [0.5, 0.9], [0.8, 0.6], [0.9, 0.7], [1, 0.2]]
    curve = PrecisionRecall(1, 0.2, points)
    chart = charts.precision_recall(make_evaluation(precision_recall=[curve]).report, DROPOUT)
    assert chart.title == (
        "To find 80 of 100 students who dropped out, 70 of 100 warnings would be right"
    )
    assert [row[2] for row in chart.rows] == ["90.0 %", "90.0 %", "70.0 %", "70.0 %", "20.0 %"]
    (guessing,) = lines(svg_of(chart), "muted")
    assert guessing[0][1] == guessing[1][1]


def test_rows_of_the_confusion_matrix_are_of_100(make_evaluation):
    chart = charts.confusion_matrix(make_evaluation(), DROPOUT)
    shown = texts(svg_of(chart))
    assert [text for text in shown if text.isdigit()] == ["95", "5", "40", "60"]
    assert "Of 100 dropped out: 40 stayed, 60 dropped out" in chart.alternative
    assert chart.rows == [["stayed", "76", "4"], ["dropped out", "8", "12"]]


def test_a_class_that_was_not_tested_has_no_share(make_evaluation):
    chart = charts.confusion_matrix(make_evaluation(confusion_matrix=[[5, 1], [0, 0]]), "")
    assert [text for text in texts(svg_of(chart)) if text == "–"] == ["–", "–"]


def test_a_large_confusion_matrix_keeps_its_sum(drawn_many, many_classes):
    chart, report = drawn_many["confusion-matrix"], many_classes[1].report
    assert len(chart.rows) == 8
    assert chart.rows[-1][0] == "others"
    total = sum(int(count) for row in chart.rows for count in row[1:])
    assert total == report.tested_samples == sum(map(sum, report.confusion_matrix))


def test_bars_of_the_class_balance_sum_up(drawn, drawn_many, two_classes, many_classes):
    for chart, (_, evaluation) in ((drawn, two_classes), (drawn_many, many_classes)):
        svg = svg_of(chart["class-balance"])
        shown = [text for text in texts(svg) if "%" in text]
        counts = [int(text.split()[0].replace(",", "")) for text in shown]
        assert sum(counts) == evaluation.report.samples
        widths = bars(svg)
        for count, width in zip(counts, widths, strict=True):
            assert width / max(widths) == pytest.approx(count / max(counts), abs=0.01)
    assert "5 others" in texts(svg)


def test_each_iteration_is_a_dot(drawn, two_classes):
    chart = drawn["scores"]
    scores = [measures.f1_score for measures in two_classes[1].iterations]
    assert [row[1] for row in chart.rows] == [f"{score:.3f}" for score in scores]
    dots = [path for path in svg_of(chart).iter("path") if "fill:var(--blue)" in path.get("style")]
    assert len(dots) == len(scores)


@pytest.mark.parametrize(
    ("scores", "least", "labels"),
    [
        ((0.8, 0.9), 0.7, {"0.5", "0.9", "asked for"}),
        ((0.2, 0.9), 0.7, {"0", "0.75", "asked for"}),
        ((0.8, 0.9), 1.5, {"0.5", "0.9"}),
    ],
)
def test_the_scale_of_scores_holds_them_all(
    make_evaluation, make_measures, two_classes, scores, least, labels
):
    evaluation = make_evaluation([make_measures(score) for score in scores])
    chart = charts.scores({"min_score": least}, evaluation)
    shown = set(texts(svg_of(chart)))
    assert labels <= shown
    assert ("asked for" in shown) == ("asked for" in labels)
    assert f"in {sum(score >= least for score in scores)} of 2 iterations" in chart.title


def test_calibration_shows_what_came_true(make_evaluation):
    entries = [Bin(60, 0.1, 0.15)]
    entries += [Bin(40, 0.8, 0.75)]
    tables = [Calibration(0, []), Calibration(1, entries)]
    chart = charts.calibration(make_evaluation(calibration=tables), DROPOUT)
    assert chart.rows == [
        ["dropped out", "10.0 %", "15.0 %", "60"],
        ["dropped out", "80.0 %", "75.0 %", "40"],
    ]


def test_of_many_classes_the_most_frequent_are_drawn_and_the_others_named(drawn_many):
    for file in ("roc-curve", "precision-recall-curve", "calibration"):
        chart = drawn_many[file]
        labels = {row[0] for row in chart.rows}
        assert len(labels) == 4
        assert "class 0" in labels
        assert {f"––  {min(labels)}"} <= set(texts(svg_of(chart)))
        assert "Only the 4 most frequent classes are drawn; not class " in chart.reading
        assert "and 3 more" in chart.reading


def test_the_learning_curve_falls_as_the_error_does(make_evaluation):
    points = [
        LearningPoint(1000 * 2**i, loss, 0.01, 0.8, 0.02) for i, loss in enumerate((0.5, 0.4, 0.35))
    ]
    chart = charts.learning_curve(make_evaluation(learning_curve=points))
    (line,) = (line for line in lines(svg_of(chart), "blue") if len(line) == 3)
    heights = [y for _, y in line]
    assert heights == sorted(heights)  # SVG counts from above
    assert chart.rows[0] == ["1,000", "0.500", "0.010", "0.800", "0.020"]


def indicator(name, importance, deviation, direction, without=None):
    return Indicator(name, [name], importance, deviation, direction, without)


def test_bars_of_indicators_are_their_importance_and_noise_is_faded(make_evaluation):
    entries = [
        indicator("a", 0.4, 0.1, [-0.1, 0.1], [0.1, -0.1]),
        indicator("b", 0.2, 0.1, [0.1, -0.1]),
        indicator("c", 0.1, 0.2, [0.1, -0.1]),
        indicator("d", -0.1, 0.2, None),
    ]
    chart = charts.indicators(make_evaluation(indicators=entries).report, DROPOUT)
    svg = svg_of(chart)
    first, second = bars(svg, ["blue"])
    assert second / first == pytest.approx(0.5, abs=0.01)
    assert len(bars(svg, ["faded"])) == 2
    assert [text for text in texts(svg) if text in "↑↓"] == ["↑", "↓"]
    assert chart.title == "It relies most on “a”"
    assert chart.rows[0][3] == "higher: “dropped out” more likely; no value: “stayed” more likely"
    assert chart.rows[3][3] == "has no higher or lower"
    assert "c (higher: “dropped out” less likely, no more than chance)" in chart.alternative


def test_where_no_indicator_stands_out_that_is_the_finding(make_evaluation):
    entries = [indicator("a", 0.1, 0.2, None)]
    chart = charts.indicators(make_evaluation(indicators=entries).report, "")
    assert chart.title == "No indicator stands out from chance"


def test_the_twenty_most_important_indicators_are_shown(make_evaluation):
    entries = [indicator(f"{i}", 1 - i / 50, 0.1, [0.1, -0.1]) for i in range(30)]
    chart = charts.indicators(make_evaluation(indicators=entries).report, "")
    assert [row[0] for row in chart.rows] == [f"{i}" for i in range(20)]
    assert len(bars(svg_of(chart))) == 20


def test_of_several_classes_a_direction_names_the_class(drawn_many):
    assert any(text.startswith("→ class ") for text in texts(svg_of(drawn_many["indicators"])))


def test_long_names_are_cut_in_the_drawing_and_whole_in_the_table(make_evaluation):
    name = "x" * 100
    entries = [indicator(name, 0.2, 0.1, None)]
    chart = charts.indicators(make_evaluation(indicators=entries).report, "")
    assert chart.rows[0][0] == name
    assert name not in texts(svg_of(chart))
    assert any(text.startswith("xxx") and text.endswith("x…") for text in texts(svg_of(chart)))
