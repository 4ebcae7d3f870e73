"""The report's page: plain words first, then charts, then all that is behind them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from handler.report import labels, sentences
from handler.report.verdict import verdict
from mlcore.evaluation import Evaluation
from mlcore.importance import Indicator

if TYPE_CHECKING:
    import jinja2

    from handler.report import Context
    from handler.report.charts import Chart


def page(
    answer: dict[str, Any],
    evaluation: Evaluation | None,
    context: Context,
    charts: list[tuple[Chart, str]],
) -> str:
    """Return the page: one file without scripts, which asks nothing of any network.

    Parameters
    ----------
    answer : dict
        What Moodle is told.
    evaluation : Evaluation or None
    context : Context
    charts : list of (Chart, str)
        With their SVG.
    """
    target = context.target
    title = labels.readable(target) if "\\" in target else "A model of Moodle's analytics"
    filled = {
        "title": title,
        "context": context,
        "time_splitting": labels.readable(context.time_splitting),
        "answer": answer,
        "charts": charts,
        "verdict": verdict(answer, evaluation, target),
    }
    if evaluation is not None:
        report = evaluation.report
        filled |= {
            "questions": _questions(evaluation, context),
            "measures": _measures(answer, evaluation, target),
            "facts": _facts(evaluation),
            "glossary": _glossary(report.indicators or ()),
            "seed": report.seed,
            "done": len(evaluation.iterations),
            "asked": evaluation.n_asked,
        }
    return _template().render(filled)


@functools.cache
def _template() -> jinja2.Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("handler.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template("report.html")


def _questions(evaluation: Evaluation, context: Context) -> list[tuple[str, list[str]]]:
    """Return what an admin asks, with answers."""
    target = context.target
    probabilities = [sentences.calibration(evaluation), sentences.used(evaluation)]
    return [
        ("How often is it right?", [sentences.right(evaluation, target)]),
        ("What does it miss?", sentences.hardest(evaluation, target)),
        ("Can its probabilities be trusted?", [s for s in probabilities if s]),
        ("Would more data help?", [sentences.more_data(evaluation)]),
    ]


def _measures(
    answer: dict[str, Any], evaluation: Evaluation, target: str
) -> list[tuple[str, str, str]]:
    """Return the name of each measure, its value and what it means."""
    baseline = evaluation.report.baseline
    guess = f"Always guessing “{labels.short_label(target, baseline.class_)}”"
    n = len(evaluation.report.classes)
    log_loss, brier_score = evaluation.mean("log_loss"), evaluation.mean("brier_score")
    found = [
        (
            "Score",
            f"{answer['score']:.2f}",
            "What Moodle goes by, from 0 to 1: the weighted F1 score, which counts both what is "
            f"found and what is wrongly warned of. {guess} gets "
            f"{baseline.f1_score:.2f}; {answer['min_score']:.2f} is asked for.",
        ),
        (
            "Score varies by",
            f"±{answer['score_deviation']:.3f}",
            "From one part of the data to another (standard deviation over the iterations). At "
            f"most {answer['accepted_deviation']:.3f} is accepted.",
        ),
        (
            "Right (accuracy)",
            f"{100 * answer['accuracy']:.1f} %",
            f"Of all predictions. {guess} gets {100 * baseline.accuracy:.1f} %.",
        ),
        (
            "Found in each class (balanced accuracy)",
            f"{100 * answer['balanced accuracy']:.1f} %",
            "The mean over the classes of how many of each are found, so that a rare class counts "
            f"as much as a frequent one. Guessing gets {100 / n:.1f} %.",
        ),
        (
            "Precision",
            f"{100 * answer['precision']:.1f} %",
            "How many of those predicted as a class are of it; the mean over the classes, weighted "
            "by their size.",
        ),
        (
            "Recall",
            f"{100 * answer['recall']:.1f} %",
            "How many of a class are found; the mean over the classes, weighted by their size.",
        ),
        (
            "Log-loss",
            f"{log_loss:.3f}",
            "How far probabilities are from what came true; less is better. Knowing only how "
            f"frequent the classes are gets {baseline.log_loss:.3f}.",
        ),
        (
            "Brier score",
            f"{brier_score:.3f}",
            "The same with squared distances, which mind single mistakes less; less is better, 0 "
            "is perfect and 2 always certain and wrong.",
        ),
    ]
    if "auc" in answer:
        lower, higher = (
            labels.short_label(target, entry.class_) for entry in evaluation.report.classes
        )
        meaning = (
            f"Take one sample of “{higher}” and one of “{lower}”: how often the first gets the "
            f"higher probability of “{higher}”. 0.50 is guessing, 1 is perfect. From iteration to "
            f"iteration it varies by ±{answer['auc_deviation']:.3f}."
        )
        found.insert(2, ("Ranking (AUC)", f"{answer['auc']:.2f}", meaning))
    return found


def _facts(evaluation: Evaluation) -> list[tuple[str, str, str]]:
    """Return what is known about the dataset: names, values and what they mean."""
    report = evaluation.report
    return [
        (
            "Samples",
            f"{report.samples:,}",
            "Rows of the dataset. A sample is what one prediction is about: with most targets one "
            "student in one part of one course.",
        ),
        (
            "Distinct samples",
            f"{report.distinct_samples:,}",
            "The others say the same as one of these.",
        ),
        (
            "Tested",
            f"{report.tested_samples:,}",
            "Predictions compared with what came true, over all iterations; a sample may be "
            "tested several times, each time by a model that had not learned from it.",
        ),
        (
            "Features",
            f"{report.features:,}",
            "Columns of the dataset; an indicator has one or several.",
        ),
        (
            "Empty columns",
            f"{report.empty_features:,}",
            "No sample has a value there, mostly as no course uses that activity.",
        ),
        (
            "Constant columns",
            f"{report.constant_features:,}",
            "All samples have the same value there, so nothing can be learned from it.",
        ),
    ]


def _glossary(indicators: tuple[Indicator, ...]) -> list[tuple[str, str]]:
    """Return the words in the names of the most important indicators that need explaining."""
    entries: dict[str, str] = {}
    for indicator in indicators:
        meaning = labels.explained(indicator.indicator)
        if meaning:
            kind = labels.kind(indicator.indicator)
            entries.setdefault(kind[0].upper() + kind[1:], meaning)
        if f"{indicator.indicator}/mean" in indicator.features:
            entries["…/mean"] = (
                "the indicator's average over all students of the same course, so that a student "
                "can be compared with the others; it counts as part of its indicator"
            )
    return sorted(entries.items(), key=lambda entry: entry[0].casefold())
