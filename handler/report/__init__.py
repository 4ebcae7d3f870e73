"""The log of an evaluation, which Moodle unpacks beside its own: a report, charts, all figures."""

from __future__ import annotations

import io
import json
import platform
import zipfile
from dataclasses import dataclass
from datetime import datetime
from importlib import metadata
from typing import TYPE_CHECKING, Any

from handler.report.verdict import Verdict, verdict
from handler.version import SOFTWARE

if TYPE_CHECKING:
    from mlcore.evaluation import Evaluation
    from mlcore.importance import Indicator

__all__ = ["EMPTY_LOG", "Context", "Verdict", "evaluation_log", "verdict"]

_LIBRARIES = ("numpy", "lightgbm")


@dataclass(frozen=True)
class Context:
    """What a report tells beside the figures.

    Attributes
    ----------
    made : datetime
        When the evaluation was made, in UTC.
    target, time_splitting : str
        Moodle's names, "" where they are not known.
    trained : bool
        Whether a trained model was tested, and not fresh ones.
    """

    made: datetime
    target: str = ""
    time_splitting: str = ""
    trained: bool = False

    @property
    def versions(self) -> dict[str, str]:
        """The versions of this server, of Python and of what learns and measures."""
        libraries = {name: metadata.version(name) for name in _LIBRARIES}
        return {"this server": SOFTWARE, "Python": platform.python_version(), **libraries}


def evaluation_log(
    answer: dict[str, Any], evaluation: Evaluation | None, context: Context
) -> bytes:
    """Return the zip with the files of an evaluation.

    Parameters
    ----------
    answer : dict
        What Moodle is told (see `handler.answers`).
    evaluation : Evaluation or None
        None where nothing could be evaluated: the report then says why.
    context : Context
    """
    from handler.report.page import page  # no cold start for a prediction pays for it

    figures: dict[str, Any] = {
        "answer": answer,
        "date": context.made.isoformat(timespec="seconds"),
        "target": context.target,
        "time_splitting": context.time_splitting,
        "trained_model": context.trained,
        "versions": context.versions,
    }
    files: dict[str, bytes] = {}
    drawn = []
    if evaluation is not None:
        from handler.report.charts import of_evaluation
        from handler.report.tensorboard import event_files

        figures["iterations"] = [vars(measures) for measures in evaluation.iterations]
        figures["report"] = evaluation.report.as_json()
        for chart in of_evaluation(answer, evaluation, context.target):
            files[f"{chart.file}.png"], svg = chart.render()
            drawn.append((chart, svg))
        files |= event_files(evaluation, context.made.timestamp())
    html = page(answer, evaluation, context, drawn)
    texts = {
        "report.html": html,
        "info.log": _summary(answer, evaluation),
        "evaluation.json": json.dumps(figures, indent=1, allow_nan=False),
    }
    return _zipped({name: text.encode() for name, text in texts.items()} | files, context.made)


def _summary(answer: dict[str, Any], evaluation: Evaluation | None) -> str:
    lines = [f"{name}: {_shown(value)}" for name, value in answer.items() if name != "info"]
    if evaluation is not None:
        lines += _most_important(evaluation.report.indicators or ())
    return "\n".join([*lines, *answer["info"], ""])


def _most_important(indicators: tuple[Indicator, ...]) -> list[str]:
    """Return a line that names the indicators which stand out from chance, five at most."""
    from handler.report.sentences import stands_out

    names = [entry.indicator for entry in indicators if stands_out(entry)]
    return [f"The indicators that matter most: {', '.join(names[:5])}"] if names else []


def _shown(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)


def _zipped(files: dict[str, bytes], made: datetime) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            member = zipfile.ZipInfo(name, made.timetuple()[:6])
            member.external_attr = 0o644 << 16  # else some tools unpack what nobody may read
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


EMPTY_LOG = _zipped({}, datetime.min)  # of a run that is not known
