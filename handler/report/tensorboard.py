"""TensorBoard's event files of an evaluation: Moodle tells admins to start TensorBoard on them.

tensorboardX's writers want a process-shared queue, which Lambda lacks, and put the machine's name
into the file's. Here its messages are framed in memory, as its RecordWriter does.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mlcore.curves import ThresholdCounts
from mlcore.evaluation import Evaluation
from mlcore.measures import BoostingCurve

if TYPE_CHECKING:
    from tensorboardX.proto.summary_pb2 import Summary

_FILE = "events.out.tfevents.0"  # TensorBoard looks for names with "tfevents"
_MEASURES = ("f1_score", "accuracy", "balanced_accuracy", "auc", "log_loss", "brier_score")
_LEAST = 1e-7

Step = tuple[int, "Summary"]


def event_files(evaluation: Evaluation, time: float) -> dict[str, bytes]:
    """Return event files under their names: a run of training, one of validation.

    Parameters
    ----------
    evaluation : Evaluation
    time : float
        When it was made, in seconds since 1970.
    """
    report = evaluation.report
    boosting = report.boosting or BoostingCurve((), (), ())
    training = [
        _scalar(step, "boosting/log_loss", boosting.training_log_loss[i])
        for i, step in enumerate(boosting.rounds)
    ]
    validation = [
        _scalar(step, "boosting/log_loss", boosting.validation_log_loss[i])
        for i, step in enumerate(boosting.rounds)
    ]
    for step, measures in enumerate(evaluation.iterations, 1):
        for name in _MEASURES:
            value = getattr(measures, name)
            if value is not None:
                validation.append(_scalar(step, f"iteration/{name}", value))
    for point in report.learning_curve or ():
        for name in ("log_loss", "f1_score"):
            validation.append(
                _scalar(point.samples, f"learning_curve/{name}", getattr(point, name))
            )
    validation += [_pr_curve(counts) for counts in report.counts_by_threshold]
    runs = {"training": training, "validation": validation}
    return {f"tensor/{run}/{_FILE}": _framed(steps, time) for run, steps in runs.items() if steps}


def _scalar(step: int, tag: str, value: float) -> Step:
    from tensorboardX import summary

    return step, summary.scalar(tag, value)


def _pr_curve(counts: ThresholdCounts) -> Step:
    """Return the curve of a class, whose counts fall from one threshold to the next."""
    import numpy as np
    from tensorboardX import summary

    found, false = np.array(counts.true_positives), np.array(counts.false_positives)
    missed, rejected = np.array(counts.false_negatives), np.array(counts.true_negatives)
    return 0, summary.pr_curve_raw(
        f"pr_curve/class_{counts.class_}",
        *(found, false, rejected, missed),
        precision=found / np.maximum(_LEAST, found + false),
        recall=found / np.maximum(_LEAST, found + missed),
        num_thresholds=len(counts.thresholds),
    )


def _framed(steps: Iterable[Step], time: float) -> bytes:
    """Return an event file: each event after its length, both followed by their checksums."""
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import masked_crc32c

    events = [Event(wall_time=time, file_version="brain.Event:2")]
    events += [Event(wall_time=time, step=step, summary=summary) for step, summary in steps]
    framed = []
    for event in events:
        data = event.SerializeToString()
        length = struct.pack("<Q", len(data))
        framed += [length, struct.pack("<I", masked_crc32c(length))]
        framed += [data, struct.pack("<I", masked_crc32c(data))]
    return b"".join(framed)
