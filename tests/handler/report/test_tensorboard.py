"""TensorBoard's event files, read by TensorBoard's own reader."""

import io
import socket
import zipfile

import numpy as np
import pytest

pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.pr_curve import metadata
from tensorboard.util import tensor_util

from handler import answers
from handler.report import evaluation_log


@pytest.fixture
def read(tmp_path, context):
    """Unpack a log, and read what is below tensor/."""

    def read(evaluation):
        answer = answers.of_evaluation(evaluation, 0.7, 0.05)
        log = evaluation_log(answer, evaluation, context)
        zipfile.ZipFile(io.BytesIO(log)).extractall(tmp_path)
        runs = {}
        for folder in sorted((tmp_path / "tensor").iterdir()):
            runs[folder.name] = EventAccumulator(str(folder)).Reload()
        return runs

    return read


def scalars(run, tag):
    return [(event.step, event.value) for event in run.Scalars(tag)]


def test_losses_of_training_and_validation_lie_in_one_chart(read, two_classes):
    evaluation = two_classes[1]
    runs = read(evaluation)
    boosting = evaluation.report.boosting
    assert boosting.rounds
    for run in ("training", "validation"):
        steps, values = zip(*scalars(runs[run], "boosting/log_loss"), strict=True)
        assert steps == boosting.rounds
        np.testing.assert_allclose(values, getattr(boosting, f"{run}_log_loss"), rtol=1e-6)


def test_scores_are_told_iteration_by_iteration(read, two_classes):
    evaluation = two_classes[1]
    validation = read(evaluation)["validation"]
    for measure in ("f1_score", "auc", "log_loss"):
        steps, values = zip(*scalars(validation, f"iteration/{measure}"), strict=True)
        assert steps == (1, 2, 3)
        np.testing.assert_allclose(
            values, [getattr(m, measure) for m in evaluation.iterations], rtol=1e-6
        )


def test_the_learning_curve_goes_by_samples(read, two_classes):
    evaluation = two_classes[1]
    points = scalars(read(evaluation)["validation"], "learning_curve/log_loss")
    curve = evaluation.report.learning_curve
    assert [step for step, _ in points] == [point.samples for point in curve]


def test_the_pr_curve_is_what_tensorboards_plugin_takes(read, two_classes):
    evaluation = two_classes[1]
    validation = read(evaluation)["validation"]
    tag = "pr_curve/class_1"
    assert validation.PluginTagToContent(metadata.PLUGIN_NAME).keys() == {tag}
    content = validation.PluginTagToContent(metadata.PLUGIN_NAME)[tag]
    (counts,) = evaluation.report.counts_by_threshold
    assert metadata.parse_plugin_metadata(content).num_thresholds == len(counts.thresholds)
    (event,) = validation.Tensors(tag)
    curve = tensor_util.make_ndarray(event.tensor_proto)
    assert curve.shape == (6, 127)
    for i, name in (
        (metadata.TRUE_POSITIVES_INDEX, "true_positives"),
        (metadata.FALSE_POSITIVES_INDEX, "false_positives"),
        (metadata.TRUE_NEGATIVES_INDEX, "true_negatives"),
        (metadata.FALSE_NEGATIVES_INDEX, "false_negatives"),
    ):
        np.testing.assert_array_equal(curve[i], getattr(counts, name))
    assert curve[metadata.RECALL_INDEX, 0] == 1
    assert curve[metadata.PRECISION_INDEX, 0] == pytest.approx(0.3, abs=0.02)


def test_each_of_several_classes_has_a_curve(read, many_classes):
    evaluation = many_classes[1]
    tags = read(evaluation)["validation"].PluginTagToContent(metadata.PLUGIN_NAME)
    curves = evaluation.report.counts_by_threshold
    assert set(tags) == {f"pr_curve/class_{counts.class_}" for counts in curves}
    assert len(tags) > 4


def test_what_was_not_boosted_has_no_training(read, make_evaluation):
    runs = read(make_evaluation())
    assert set(runs) == {"validation"}
    assert "iteration/f1_score" in runs["validation"].Tags()["scalars"]


def test_nothing_of_the_machine_is_told(two_classes, context):
    log = evaluation_log(*two_classes, context)
    with zipfile.ZipFile(io.BytesIO(log)) as archive:
        for name in archive.namelist():
            if name.startswith("tensor/"):
                assert socket.gethostname().encode() not in archive.read(name) + name.encode()
