"""The charts of a report: what each says, how to read it, its figures, and how it is drawn.

Those who cannot see a chart get its title, its alternative text and its figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from handler.report import labels, sentences
from handler.report.drawing import SIZE, Panel, render
from mlcore.curves import Points, PrecisionRecall, Roc
from mlcore.evaluation import Evaluation
from mlcore.importance import Indicator
from mlcore.measures import Calibration, Report

_MOST_CURVES = 4
_MOST_CLASSES = (
    8  # rows of a confusion matrix, bars of the class balance; the rest are put together
)
_MOST_INDICATORS = 20
_CURVES = (("blue", "-"), ("orange", "--"), ("green", "-."), ("purple", ":"))
_PERCENT = {0.0: "0", 0.25: "25", 0.5: "50", 0.75: "75", 1.0: "100 %"}
_SQUARE = (40.0, 20.0, 44.0, 34.0)  # margins: left, right, below, above
_LINE = 1.4 * SIZE
_ROW = 2.9 * SIZE  # a line of text and a bar below it
_LABEL = 46  # characters of an indicator's name

_Curve = TypeVar("_Curve", Calibration, Roc, PrecisionRecall)


@dataclass(frozen=True)
class Chart:
    """One chart.

    Attributes
    ----------
    file : str
        Name of its PNG, without extension.
    title : str
        What it shows, as a finding.
    reading : str
        How to read it.
    alternative : str
        What it shows, for those who cannot see it.
    columns : tuple of str
    rows : list of list of str
        Its figures.
    draw : callable
    height : float
        Of the panel, in points.
    margins : tuple of float
        Points left free for text: left, right, below, above.
    """

    file: str
    title: str
    reading: str
    alternative: str
    columns: tuple[str, ...]
    rows: list[list[str]]
    draw: Callable[[Panel], None]
    height: float = 220
    margins: tuple[float, float, float, float] = _SQUARE

    def render(self) -> tuple[bytes, str]:
        """Return it as a PNG and as an SVG."""
        return render(self.title, self.draw, self.height, self.margins)


def of_evaluation(answer: dict[str, Any], evaluation: Evaluation, target: str) -> list[Chart]:
    """Return the charts for which there are figures, in the order of the report."""
    report = evaluation.report
    charts = [
        confusion_matrix(evaluation, target),
        scores(answer, evaluation),
        calibration(evaluation, target),
        roc(evaluation, target),
        precision_recall(report, target),
        learning_curve(evaluation),
        indicators(report, target),
        class_balance(report, target),
    ]
    return [chart for chart in charts if chart is not None]


# how good it is -----------------------------------------------------------------------------------


def confusion_matrix(evaluation: Evaluation, target: str) -> Chart:
    """Show what became of each class."""
    captions, matrix = _grouped(evaluation.report, target)
    totals = [sum(row) for row in matrix]
    shares = [
        [count / total if total else 0 for count in row]
        for row, total in zip(matrix, totals, strict=True)
    ]
    n = len(captions)

    def draw(panel: Panel) -> None:
        panel.axes.set_xlim(0, n)
        panel.axes.set_ylim(n, 0)
        for i in range(n):
            for k in range(n):
                panel.cell(k, i, shares[i][k])
                number = f"{100 * shares[i][k]:.0f}" if totals[i] else "–"
                panel.text(k + 0.5, i + 0.5, number, ha="center", va="center", bold=i == k)
            panel.text(0, i + 0.5, _cut(captions[i], 14), ha="right", va="center", dx=-6)
            head = captions[i] if n <= _MOST_CURVES else captions[i].removeprefix("class ")
            panel.text(i + 0.5, 0, _cut(head, 44 // n), ha="center", va="bottom", dy=5)
        panel.text(n / 2, 0, "predicted as", "muted", ha="center", va="bottom", dy=20)
        panel.text(0, 0, "really", "muted", ha="right", va="bottom", dx=-6, dy=20)

    told = [
        f"Of 100 {captions[i]}: "
        + ", ".join(f"{100 * shares[i][k]:.0f} {captions[k]}" for k in range(n))
        for i in range(n)
        if totals[i]
    ]
    return Chart(
        file="confusion-matrix",
        title=sentences.hardest(evaluation, target)[0].removesuffix("."),
        reading="Each row is 100 of those who really were so; the numbers say as what they were "
        "predicted. What lies on the diagonal (bold) is right.",
        alternative="Rows of what really was and as what it was predicted. "
        + "; ".join(told)
        + ".",
        columns=("really", *(f"predicted as {label}" for label in captions)),
        rows=[
            [label, *(str(count) for count in row)]
            for label, row in zip(captions, matrix, strict=True)
        ],
        draw=draw,
        height=max(130, 30 * n),
        margins=(92, 8, 10, 38),
    )


def scores(answer: dict[str, Any], evaluation: Evaluation) -> Chart:
    """Show the score of each iteration."""
    values = [measures.f1_score for measures in evaluation.iterations]
    n, least = len(values), answer["min_score"]
    guess = evaluation.report.baseline.f1_score
    enough = sum(value >= least for value in values)
    bottom, step = (0.5, 0.1) if min(*values, guess, least) >= 0.55 else (0.0, 0.25)
    ticks = {
        bottom + i * step: f"{bottom + i * step:.2g}"
        for i in range(int((1 - bottom) / step + 1.01))
    }

    def draw(panel: Panel) -> None:
        labelled = {1, n} | ({round(n / 2)} if n > 4 else set())
        panel.scale((0.5, n + 0.5), (bottom, 1), {i: str(i) for i in labelled}, ticks)
        lines = [(guess, "always guessing", "muted", ":")]
        if bottom <= least <= 1:
            lines.append((least, "asked for", "orange", "--"))
        above = least >= guess  # keep the two labels apart
        for value, label, colour, style in lines:
            panel.line([0.5, n + 0.5], [value, value], colour, linewidth=1.5, linestyle=style)
            up = above == (label == "asked for")
            panel.text(
                n + 0.5,
                value,
                label,
                colour,
                dx=4,
                dy=2 if up else -2,
                ha="left",
                va="bottom" if up else "top",
            )
        size = 6 if n <= 50 else 3
        panel.line(range(1, n + 1), values, "blue", linestyle="none", marker="o", markersize=size)
        panel.names("iteration", "score")

    return Chart(
        file="scores",
        title=f"The score reaches {least:.2f} in {enough} of {n} iterations",
        reading="Each dot is an iteration: it learned from four fifths of the data and was tested "
        "on the rest. The closer together the dots, the more the score can be relied on.",
        alternative=f"Scores of {n} iterations, from {min(values):.2f} to {max(values):.2f}. "
        f"Always guessing would score {guess:.2f}; {least:.2f} is asked for.",
        columns=("iteration", "score", "right", "log-loss"),
        rows=[
            [str(i), f"{m.f1_score:.3f}", f"{100 * m.accuracy:.1f} %", f"{m.log_loss:.3f}"]
            for i, m in enumerate(evaluation.iterations, 1)
        ],
        draw=draw,
        height=150,
        margins=(40, 88, 44, 34),
    )


def calibration(evaluation: Evaluation, target: str) -> Chart:
    """Show how often what was predicted came true."""
    tables = evaluation.report.calibration
    tables = tables[1:] if len(tables) == 2 else tables
    sizes = {entry.class_: entry.samples for entry in evaluation.report.classes}
    shown, rest = _largest(tables, [sizes[table.class_] for table in tables], target)
    captions = [labels.short_label(target, table.class_) for table in shown]

    def draw(panel: Panel) -> None:
        panel.scale((0, 1), (0, 1), _PERCENT, _PERCENT)
        panel.line([0, 1], [0, 1], "muted", linewidth=1, linestyle=":")
        for table, (colour, style) in zip(shown, _CURVES, strict=False):
            x = [b.predicted for b in table.bins]
            y = [b.observed for b in table.bins]
            panel.line(x, y, colour, linestyle=style)
            most = max(b.samples for b in table.bins)
            for b in table.bins:
                size = 4 + 5 * (b.samples / most) ** 0.5
                panel.line([b.predicted], [b.observed], colour, marker="o", markersize=size)
        panel.names("predicted probability", "came true")
        _legend(panel, captions)

    rows = [
        [label, f"{100 * b.predicted:.1f} %", f"{100 * b.observed:.1f} %", str(b.samples)]
        for label, table in zip(captions, shown, strict=True)
        for b in table.bins
    ]
    told = "; ".join(f"{row[0]}: predicted {row[1]}, came true {row[2]}" for row in rows)
    return Chart(
        file="calibration",
        title=sentences.calibration(evaluation).removesuffix("."),
        reading="Of all it gave a probability of, say, 70 %, 70 of 100 should come true: then a "
        f"dot lies on the dotted line. Below it, too much was promised. Small dots are of few "
        f"tests.{rest}",
        alternative=f"Predicted probability and how often it came true. {told}.",
        columns=("class", "predicted", "came true", "tests"),
        rows=rows,
        draw=draw,
        margins=_named(captions),
    )


# how well it ranks --------------------------------------------------------------------------------


def roc(evaluation: Evaluation, target: str) -> Chart | None:
    """Show how many of a class are found at the price of how many false alarms."""
    curves = evaluation.report.roc
    if not curves:
        return None
    sizes = {entry.class_: entry.samples for entry in evaluation.report.classes}
    shown, rest = _largest(curves, [sizes[curve.class_] for curve in curves], target)
    captions = [labels.short_label(target, curve.class_) for curve in shown]
    auc = evaluation.mean("auc")
    title = "How well each class is told from the others"
    if auc is not None:
        title = f"{sentences.ranking(auc)} (AUC {auc:.2f})"

    def draw(panel: Panel) -> None:
        panel.scale((0, 1), (0, 1), _PERCENT, _PERCENT)
        panel.line([0, 1], [0, 1], "muted", linewidth=1, linestyle=":")
        for curve, (colour, style) in zip(shown, _CURVES, strict=False):
            panel.line(*_columns(curve.points), colour, linestyle=style)
        panel.names("false alarms among the others", "found")
        _legend(panel, captions)

    rows = [
        [label, f"{100 * share:.0f} %", f"{100 * _at(curve.points, share):.1f} %"]
        for label, curve in zip(captions, shown, strict=True)
        for share in (0.05, 0.1, 0.2, 0.3, 0.5)
    ]
    told = "; ".join(f"{row[0]}: with {row[1]} false alarms {row[2]} are found" for row in rows)
    return Chart(
        file="roc-curve",
        title=title,
        reading="The earlier it warns, the more it finds (up), and the more false alarms it gives "
        "(right). The closer the line comes to the upper left corner the better; pure guessing "
        f"gives the dotted line.{rest}",
        alternative=f"ROC curve. {told}.",
        columns=("class", "false alarms", "found"),
        rows=rows,
        draw=draw,
        margins=_named(captions),
    )


def precision_recall(report: Report, target: str) -> Chart | None:
    """Show how many warnings are right when so many of a class are to be found."""
    curves = report.precision_recall
    if not curves:
        return None
    shown, rest = _largest(curves, [curve.share for curve in curves], target)
    captions = [labels.short_label(target, curve.class_) for curve in shown]
    title = "How many warnings are right, class by class"
    if len(curves) == 1:
        (curve,) = curves
        right = sentences.of_100(_precision(curve.points, 0.8)).removesuffix(" of 100")
        title = f"To find 80 of 100 {labels.members(target, curve.class_)}, "
        title += f"{right} of 100 warnings would be right"

    def draw(panel: Panel) -> None:
        panel.scale((0, 1), (0, 1), _PERCENT, _PERCENT)
        for curve, (colour, style) in zip(shown, _CURVES, strict=False):
            panel.line([0, 1], [curve.share] * 2, "muted", linewidth=1, linestyle=":")
            panel.line(*_columns(curve.points), colour, linestyle=style)
        panel.names("found", "warnings that are right")
        _legend(panel, captions)

    rows = [
        [label, f"{100 * share:.0f} %", f"{100 * _precision(curve.points, share):.1f} %"]
        for label, curve in zip(captions, shown, strict=True)
        for share in (0.2, 0.4, 0.6, 0.8, 1.0)
    ]
    told = "; ".join(f"{row[0]}: to find {row[1]}, {row[2]} of warnings are right" for row in rows)
    return Chart(
        file="precision-recall-curve",
        title=title,
        reading="The more are to be found (right), the more warnings are false (down). Warning of "
        f"everybody gives the dotted line.{rest}",
        alternative=f"Precision–recall curve. {told}.",
        columns=("class", "found", "warnings that are right"),
        rows=rows,
        draw=draw,
        margins=_named(captions),
    )


# what it learns from ------------------------------------------------------------------------------


def learning_curve(evaluation: Evaluation) -> Chart | None:
    """Show how the error falls with more data."""
    curve = evaluation.report.learning_curve
    if not curve:
        return None
    samples = [point.samples for point in curve]
    losses = [point.log_loss for point in curve]
    deviations = [point.log_loss_deviation for point in curve]
    highs = [loss + by for loss, by in zip(losses, deviations, strict=True)]
    lows = [loss - by for loss, by in zip(losses, deviations, strict=True)]
    step = next(s for s in (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if max(highs) <= 5 * s)
    top = step * (int(max(highs) / step) + 1)
    right = samples[-1]

    def draw(panel: Panel) -> None:
        x = {at: f"{at:,.0f}" for at in (0, right / 2, right)}
        y = {step * i: f"{step * i:g}" for i in range(round(top / step) + 1)}
        panel.scale((0, right), (0, top), x, y)
        for at, low, high in zip(samples, lows, highs, strict=True):
            panel.line([at, at], [max(low, 0), high], "faded", linewidth=3)
        panel.line(samples, losses, "blue", marker="o", markersize=5)
        panel.names("samples learned from", "error (log-loss)")

    return Chart(
        file="learning-curve",
        title=sentences.more_data(evaluation).removesuffix("."),
        reading="The error on new samples, after learning from so many. Where the line still falls "
        "at its end, more data would help. The grey bars show how much chance does.",
        alternative="Learning curve. "
        + "; ".join(
            f"{at:,.0f} samples: log-loss {loss:.3f}"
            for at, loss in zip(samples, losses, strict=True)
        )
        + ".",
        columns=("samples", "log-loss", "± by chance", "score", "± by chance"),
        rows=[
            [
                f"{point.samples:,.0f}",
                f"{point.log_loss:.3f}",
                f"{point.log_loss_deviation:.3f}",
                f"{point.f1_score:.3f}",
                f"{point.f1_score_deviation:.3f}",
            ]
            for point in curve
        ],
        draw=draw,
        height=170,
    )


def indicators(report: Report, target: str) -> Chart | None:
    """Show what the model relies on most."""
    entries = (report.indicators or ())[:_MOST_INDICATORS]
    if not entries:
        return None
    classes = [entry.class_ for entry in report.classes]
    captions = [labels.readable(entry.indicator) for entry in entries]
    n = len(entries)
    most = max(max(entry.importance for entry in entries), 1e-9)
    standing = [sentences.stands_out(entry) for entry in entries]
    title = "No indicator stands out from chance"
    if standing[0]:
        title = f"It relies most on “{captions[0]}”"

    def draw(panel: Panel) -> None:
        panel.axes.set_xlim(0, 1)
        panel.axes.set_ylim(n, 0)
        for i, entry in enumerate(entries):
            panel.text(
                0,
                i + 0.42,
                _cut(captions[i], _LABEL),
                "ink" if standing[i] else "muted",
                ha="left",
                va="baseline",
            )
            panel.text(
                1, i + 0.42, _arrow(entry, classes, target), "muted", ha="right", va="baseline"
            )
            length = max(entry.importance, 0) / most
            panel.bar(0, i + 0.54, max(length, 0.003), 0.22, "blue" if standing[i] else "faded")

    sign = " →: what a higher value makes more likely."
    if len(classes) == 2:
        label = labels.short_label(target, classes[1])
        sign = f" ↑: a higher value makes “{label}” more likely; ↓: less likely."
    return Chart(
        file="indicators",
        title=title,
        reading="The longer the bar, the more the predictions suffer when the indicator's values "
        f"are mixed up. Grey bars are no more than chance.{sign}",
        alternative="Indicators, the most important first: "
        + "; ".join(
            f"{label} ({sentences.direction(entry, target, classes)}"
            f"{'' if stands else ', no more than chance'})"
            for label, entry, stands in zip(captions, entries, standing, strict=True)
        )
        + ".",
        columns=("indicator", "importance", "± by chance", "direction"),
        rows=[
            [
                label,
                f"{entry.importance:.4f}",
                f"{entry.importance_deviation:.4f}",
                "; ".join(
                    filter(
                        None,
                        (
                            sentences.direction(entry, target, classes),
                            sentences.without_value(entry, target, classes),
                        ),
                    )
                ),
            ]
            for label, entry in zip(captions, entries, strict=True)
        ],
        draw=draw,
        height=_ROW * n,
        margins=(8, 10, 4, 4),
    )


def class_balance(report: Report, target: str) -> Chart:
    """Show how frequent the classes are."""
    ordered = sorted(report.classes, key=lambda entry: -entry.samples)
    shown, rest = ordered, ordered[:0]
    if len(ordered) > _MOST_CLASSES:
        shown, rest = ordered[: _MOST_CLASSES - 1], ordered[_MOST_CLASSES - 1 :]
    bars = [(labels.short_label(target, entry.class_), entry.samples) for entry in shown]
    if rest:
        bars.append((f"{len(rest)} others", sum(entry.samples for entry in rest)))
    total = report.samples
    longest = max(count for _, count in bars)
    n = len(bars)

    def draw(panel: Panel) -> None:
        panel.axes.set_xlim(0, 1)
        panel.axes.set_ylim(n, 0)
        for i, (label, count) in enumerate(bars):
            panel.text(0, i + 0.42, label, ha="left", va="baseline")
            panel.text(
                1,
                i + 0.42,
                f"{count:,} ({100 * count / total:.0f} %)",
                "muted",
                ha="right",
                va="baseline",
            )
            panel.bar(0, i + 0.54, max(count / longest, 0.003), 0.22, "blue")

    least = min(report.classes, key=lambda entry: entry.samples)
    title = f"{sentences.of_100(least.samples / total)} samples are "
    title += f"“{labels.short_label(target, least.class_)}”"
    return Chart(
        file="class-balance",
        title=title[0].upper() + title[1:],
        reading="How many samples there are of each class. Of a rare class there is little to "
        "learn from.",
        alternative="Samples of each class: "
        + "; ".join(f"{label} {count:,}" for label, count in bars)
        + ".",
        columns=("class", "samples"),
        rows=[
            [labels.short_label(target, entry.class_), f"{entry.samples:,}"]
            for entry in report.classes
        ],
        draw=draw,
        height=_ROW * n,
        margins=(8, 10, 4, 4),
    )


# what several of them need ------------------------------------------------------------------------


def _grouped(report: Report, target: str) -> tuple[list[str], Sequence[Sequence[int]]]:
    """Return the captions and the confusion matrix of the largest classes, all others as one."""
    classes, matrix = report.classes, report.confusion_matrix
    captions = [labels.short_label(target, entry.class_) for entry in classes]
    if len(classes) <= _MOST_CLASSES:
        return captions, matrix
    by_size = sorted(range(len(classes)), key=lambda i: -classes[i].samples)
    kept = sorted(by_size[: _MOST_CLASSES - 1])
    others = sorted(by_size[_MOST_CLASSES - 1 :])
    groups = [*([i] for i in kept), others]
    return [*(captions[i] for i in kept), "others"], [
        [sum(matrix[i][k] for i in rows for k in columns) for columns in groups] for rows in groups
    ]


def _largest(
    curves: Sequence[_Curve], sizes: Sequence[float], target: str
) -> tuple[list[_Curve], str]:
    """Return the curves of the most frequent classes, and a sentence about the rest."""
    order = sorted(range(len(curves)), key=lambda i: -sizes[i])
    shown = [curves[i] for i in sorted(order[:_MOST_CURVES])]
    rest = [labels.short_label(target, curves[i].class_) for i in sorted(order[_MOST_CURVES:])]
    if not rest:
        return shown, ""
    named = ", ".join(rest[:5]) + (f" and {len(rest) - 5} more" if len(rest) > 5 else "")
    return shown, f" Only the {_MOST_CURVES} most frequent classes are drawn; not {named}."


def _named(captions: list[str]) -> tuple[float, float, float, float]:
    """Return the margins of a chart whose lines are named above it; a single one needs no name."""
    left, right, below, above = _SQUARE
    return left, right, below, above + (_LINE * len(captions) if len(captions) > 1 else 0)


def _legend(panel: Panel, captions: list[str]) -> None:
    if len(captions) < 2:
        return
    for i, (label, (colour, style)) in enumerate(zip(captions, _CURVES, strict=False)):
        sign = {"-": "––", "--": "- -", "-.": "–·", ":": "···"}[style]
        dy = 26 + _LINE * (len(captions) - 1 - i)
        panel.text(0, 1, f"{sign}  {_cut(label, 40)}", colour, dx=4, dy=dy, ha="left", va="bottom")


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _at(points: Points, x: float) -> float:
    """Return the height of a curve that rises to (1, 1), at a place before that."""
    x0, y0 = max(point for point in points if point[0] <= x)
    x1, y1 = min(point for point in points if point[0] > x)
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)


def _precision(points: Points, recall: float) -> float:
    """Return the best precision that finds at least so many."""
    return max(precision for found, precision in points if found >= recall - 1e-9)


def _arrow(indicator: Indicator, classes: list[int], target: str) -> str:
    """Return a sign of what a higher value speaks for."""
    changes = indicator.direction
    if changes is None or not sentences.stands_out(indicator):
        return ""
    if len(classes) == 2:
        return "↑" if changes[1] > 0 else "↓"
    return f"→ {labels.short_label(target, classes[changes.index(max(changes))])}"


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"
