"""Learn, evaluate and predict with nothing but an unpacked package and the standard library.

``python3.13 -I -S isolated.py FOLDER LABELLED UNLABELLED`` prints what it did and how
long that took, or fails. Of the project it imports what lies in the folder, as Lambda does; the
datasets come from outside.
"""

from __future__ import annotations

import io
import resource
import sys
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path


def main(folder: str, labelled_csv: str, unlabelled_csv: str) -> None:
    """Use the ML core of a package, its report of an evaluation, and its client for S3."""
    sys.path.insert(0, folder)
    began = time.perf_counter()

    from mlcore import predict, read_labelled, read_unlabelled, train
    from mlcore.evaluation import evaluate

    labelled = read_labelled(Path(labelled_csv).read_bytes())
    classifier, _ = train(labelled)
    evaluation = evaluate(labelled, n_iterations=2)
    unlabelled = read_unlabelled(Path(unlabelled_csv).read_bytes())
    classes, _ = predict(classifier, unlabelled)
    assert len(classes) == len(unlabelled.sample_ids) > 0

    from handler.answers import of_evaluation
    from handler.report import Context, evaluation_log

    answer = of_evaluation(evaluation, min_score=0.7, max_deviation=0.05)
    context = Context(datetime.now(UTC), labelled.target, labelled.time_splitting)
    log = zipfile.ZipFile(io.BytesIO(evaluation_log(answer, evaluation, context)))
    names = set(log.namelist())
    assert {"report.html", "evaluation.json", "info.log"} <= names
    assert {"roc-curve.png", "learning-curve.png", "indicators.png"} <= names
    assert sum("tfevents" in name for name in names) == 2
    assert b"<svg" in log.read("report.html")

    import boto3

    s3 = boto3.session.Session().client("s3", region_name="eu-central-1")
    writing = s3.meta.service_model.operation_model("PutObject").input_shape.members
    assert {"IfMatch", "IfNoneMatch"} <= set(writing)

    _check_libgomp(folder)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"it trains, evaluates (score {answer['score']:.2f}, {len(names)} files of a report) and "
        f"predicts by itself, in {seconds:.1f} s and {peak:.0f} MB"
    )


def _check_libgomp(folder: str) -> None:
    """Every copy must be the package's: most machines have one of their own, Lambda has none."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    copies = {line.split(maxsplit=5)[-1] for line in lines if "libgomp" in line}
    assert f"{Path(folder).resolve()}/lib/libgomp.so.1" in copies
    assert all(copy.startswith(str(Path(folder).resolve())) for copy in copies), copies


if __name__ == "__main__":
    main(*sys.argv[1:])
