"""What was measured, as a page: verdicts first, then the figures."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from infra.lab.datasets import DATASETS, describe
from infra.lab.quality.cache import Cell
from infra.lab.quality.cells import COURSES_SEED, SHARED_TUNING, SPLITS_SEED
from infra.lab.quality.learners import LEARNERS
from infra.lab.quality.refinement import SCENARIOS, Refinement
from infra.lab.quality.sample import N_PIECES, ROWS, SAME, Sampling
from infra.lab.quality.scoring import N_BINS, calibration_error
from infra.lab.quality.verdicts import (
    CALIBRATED,
    CALIBRATED_FROM_ROWS,
    MISSED,
    NEARLY,
    REACHED,
    Comparison,
    Verdict,
    by_learner,
    standard_error,
)

FIGURE = "quality.png"
MEASURES = {  # decimals
    "log_loss": ("Log-loss", 4),
    "auc": ("AUC", 4),
    "f1": ("Weighted F1", 3),
    "balanced_accuracy": ("Balanced accuracy", 3),
    "brier": ("Brier score", 4),
    "fit_seconds": ("Seconds to fit", 2),
    "predict_seconds": ("Seconds to predict the test samples", 3),
}


def verdicts_text(verdicts: Sequence[Verdict]) -> str:
    """Return a table with a line for each dataset, and how often each goal was reached."""
    rows = [
        [
            verdict.dataset,
            str(verdict.n_splits),
            *_compared(verdict.log_loss, 4),
            *_compared(verdict.auc, 4),
            *(_compared(verdict.f1, 3) if verdict.f1 else ("", "", "", "")),
            *_calibration(verdict),
        ]
        for verdict in verdicts
    ]
    head = ["dataset", "splits", "log-loss", "best peer", "worse by", ""]
    head += ["AUC", "best peer", "worse by", "", "F1", "existing backend", "worse by", ""]
    head += ["calibration error (by chance)", ""]
    return f"{table(head, rows)}\n\n{_counts(verdicts)}"


def refinement_text(refinements: Sequence[Refinement]) -> str:
    """Return a table with a line for each scenario and size."""
    rows = [
        [
            each.scenario,
            f"{each.rows:,}",
            f"{each.imported:.4f}",
            f"{each.local:.4f}",
            f"{each.comparison.ours:.4f}",
            _with_error(each.comparison.worse, each.comparison.paired_error, 4, sign="+"),
            REACHED if each.comparison.reached else MISSED,
        ]
        for each in refinements
    ]
    head = ["import", "local rows", "import alone", "local alone", "refined", "worse by", ""]
    return table(head, rows)


def sample_text(samplings: Sequence[Sampling]) -> str:
    """Return a table with a line for each limit."""
    rows = [
        [
            f"{each.limit:,}",
            f"{each.log_loss:.4f}",
            _with_error(*each.worse, 4, sign="+"),
            f"{each.auc:.4f}",
            f"{each.apart:.1g}",
            REACHED if each.apart <= SAME else MISSED,
        ]
        for each in samplings
    ]
    head = [
        "rows kept",
        "log-loss",
        "worse than all rows by",
        "AUC",
        "at once and in pieces apart by",
        "",
    ]
    return table(head, rows)


def _gaps(cells: Mapping[str, Sequence[Cell]]) -> str:
    """Say which learners were not measured on which dataset."""
    gaps = []
    for name, of_dataset in cells.items():
        absent = LEARNERS.keys() - {cell["learner"] for cell in of_dataset}
        if absent:
            gaps.append(f"{name} without {', '.join(sorted(absent))}")
    return f" ({'; '.join(gaps)})" if gaps else ""


def page(
    cells: Mapping[str, Sequence[Cell]],
    verdicts: Sequence[Verdict],
    refinements: Sequence[Refinement],
    samplings: Sequence[Sampling],
    arguments: Sequence[str],
) -> str:
    """Return the whole page; `cells` are by dataset, `arguments` those of the command."""
    versions = ", ".join(
        f"{name} {version(name)}" for name in ("numpy", "scikit-learn", "lightgbm")
    )
    parts = [
        f"""# Quality of learning

Made on {datetime.now(UTC):%d %B %Y} by

    make bench-quality ARGS="{shlex.join(arguments)}"

with Python {platform.python_version()}, {versions}; each fit on one core. All figures are as
measured, on {len(cells)} of the benchmark's {len(DATASETS)} datasets{_gaps(cells)}.

![Ours and its peers, relative to the best peer on each dataset]({FIGURE})

## Verdicts

Ours against the peer that is best on the dataset, in log-loss and in AUC; against the existing
backend's net in weighted F1; and its calibration error, from {CALIBRATED_FROM_ROWS:,} rows on.

* "Worse by" is the mean over the splits of the difference between ours and the peer on the same
  split (below 0 where ours is better) ± the standard error of that mean.
* {REACHED}: not worse by more than this standard error. {NEARLY}: worse by more than that, but by
  no more than the standard error of the peer's own mean, which is larger because splits differ.
  {MISSED}: worse by more than both.
* For calibration {REACHED} is an error of {CALIBRATED} at most; in brackets what a perfectly
  calibrated model would show by chance on so few samples.
* Weighted F1 rewards predicting a rare class also where it is less probable than not. Ours always
  predicts the most probable class, as Moodle takes its probability along and ignores what is below
  0.6.

{verdicts_text(verdicts)}""",
        f"""## How it is measured

**Splits.** Stratified, four fifths to learn from and a fifth to test on, the same for all learners.
The tables say how many; without `--repeats` 20 up to 1,000 rows, 10 below 20,000, else 5. A
generated course is drawn anew for each split. Splits of a file overlap, so standard errors there
are smaller than new data would show. What the learner was tuned on were splits drawn with the seeds
1 and 1,000 to 1,015, courses drawn with 1 and 500 to 515, and some 110 public data sets that
are not kept here; these are drawn with the seeds {SPLITS_SEED} (splits) and {COURSES_SEED}
(courses) and those that follow.

**Learners.** `ours` is `mlcore.train` as Moodle gets it. The peers choose their settings by
cross-validated log-loss within what they learn from: anew on each split of datasets below
{SHARED_TUNING:,} rows; once, on the first split, of larger ones, which favours the peers
a little.

| learner | what |
|---|---|
| ours | the classifier of this backend |
| majority | the classes' shares, whatever the sample |
| plain-lightgbm | LightGBM as it comes: 100 trees of 31 leaves |
| existing | the existing backend's net: two ReLU layers of max(8, n / 3), RMSprop; in numpy |
| logistic | logistic regression on imputed, scaled values with missing indicators; C tuned |
| boosting | scikit-learn's HistGradientBoosting; iterations, leaves, regularisation tuned |
| extra-trees, random-forest | 100 to 200 trees; leaf size and number of features tuned |
| net | multi-layer perceptron on the inputs of `logistic`; sizes, solver, alpha tuned |
| slow-lightgbm, slow-xgboost | rate 0.03, as many trees (up to 2,000) as suit a held-out fifth; \
size of trees and leaves tuned |

**Measures.** Probabilities are kept at least 1e-6 from 0 for all learners. AUC: of the higher
class's probability; with more classes the mean of one against the rest. F1: mean over the classes
weighted by their samples, which is Moodle's score. Brier score: sum over the classes. Calibration
error: in {N_BINS} bins of equal width, with the samples of all splits together, the distances
between mean prediction and observed share, weighted by the bins' samples; with more classes the
mean of one against the rest.""",
        f"""## Datasets

Files of Moodle sites and of Moodle's own tests, courses made up by `infra.lab.course`, and public
data that scikit-learn ships, whose columns are spread over Moodle's -1 to 1.

{table(["dataset", "rows", "features", "what"], describe(cells))}""",
    ]
    if refinements:
        parts.append(_refinement_section(refinements))
    if samplings:
        parts.append(_sample_section(samplings))
    parts.append("## All figures\n\nMeans ± standard errors over the splits.")
    learners = {dataset: by_learner(of_dataset) for dataset, of_dataset in cells.items()}
    for measure, (title, decimals) in MEASURES.items():
        rows = [
            [dataset, *(_figure(of_dataset.get(name), measure, decimals) for name in LEARNERS)]
            for dataset, of_dataset in learners.items()
        ]
        parts.append(f"### {title}\n\n{table(['dataset', *LEARNERS], rows)}")
    errors = [
        [dataset, *(_calibration_figure(of_dataset.get(name)) for name in LEARNERS)]
        for dataset, of_dataset in learners.items()
    ]
    parts.append(f"### Calibration error\n\n{table(['dataset', *LEARNERS], errors)}")
    return "\n\n".join(parts) + "\n"


def _refinement_section(refinements: Sequence[Refinement]) -> str:
    scenarios = "\n".join(f"* {name}: {each.description}." for name, each in SCENARIOS.items())
    return f"""## Refining an imported model

{scenarios}

Log-loss on 10,000 other local samples, means over {refinements[0].n_courses} courses. "Worse by"
compares the refined model with the better of the two it is made of, on the same courses;
{REACHED} as above.

{refinement_text(refinements)}"""


def _sample_section(samplings: Sequence[Sampling]) -> str:
    return f"""## Learning from a sample

{ROWS:,} rows with room for fewer and fewer examples, learned at once and in {N_PIECES} pieces in
random order, and measured on 10,000 other rows: means over several courses, ± the standard error
of a difference on the same courses. {REACHED}: predictions are the same to {SAME:g}.

{sample_text(samplings)}"""


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table, aligned so that it can be read as text, too."""
    widths = [max(3, *(len(row[i]) for row in (head, *rows))) for i in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (head, ["-" * width for width in widths], *rows)
    ]
    return "\n".join(lines)


def _compared(comparison: Comparison, decimals: int) -> tuple[str, ...]:
    return (
        f"{comparison.ours:.{decimals}f}",
        f"{comparison.theirs:.{decimals}f} {comparison.peer}",
        _with_error(comparison.worse, comparison.paired_error, decimals, sign="+"),
        comparison.mark,
    )


def _with_error(mean: float, error: float, decimals: int, sign: str = "") -> str:
    return f"{mean:{sign}.{decimals}f} ± {error:.{decimals}f}"


def _calibration(verdict: Verdict) -> tuple[str, str]:
    found = verdict.calibration
    return (f"{found.error:.3f} ({found.by_chance:.3f})", found.mark) if found else ("", "")


def _counts(verdicts: Sequence[Verdict]) -> str:
    """Say how often each goal was reached."""
    goals = {
        "log-loss": [verdict.log_loss.mark for verdict in verdicts],
        "AUC": [verdict.auc.mark for verdict in verdicts],
        "weighted F1": [verdict.f1.mark for verdict in verdicts if verdict.f1],
        "calibration": [verdict.calibration.mark for verdict in verdicts if verdict.calibration],
    }
    rows = [
        [goal, *(str(marks.count(mark)) for mark in (REACHED, NEARLY, MISSED))]
        for goal, marks in goals.items()
    ]
    return table(["goal", REACHED, NEARLY, MISSED], rows)


def _figure(cells: Sequence[Cell] | None, measure: str, decimals: int) -> str:
    if not cells:
        return ""
    values = [cell[measure] for cell in cells]
    mean = float(np.mean(values))
    if measure.endswith("seconds"):
        return f"{mean:.{decimals}f}"
    return _with_error(mean, standard_error(values), decimals)


def _calibration_figure(cells: Sequence[Cell] | None) -> str:
    if not cells:
        return ""
    return f"{calibration_error(np.sum([cell['bins'] for cell in cells], axis=0)):.3f}"
