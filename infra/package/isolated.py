"""Learn, evaluate and predict with nothing but an unpacked package and the standard library.

``python3.13 -I -S isolated.py FOLDER`` prints what it did and how long that took, or fails. Of the
project it imports what lies in the folder, as Lambda does.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path


def main(folder: str) -> None:
    """Use the ML core of a package, and its client for S3."""
    sys.path.insert(0, folder)
    began = time.perf_counter()

    from mlcore import evaluate, predict, read_labelled, read_unlabelled, train
    from mlcore.synthetic import Course

    course = Course(noise=0.3, seed=4)
    labelled = read_labelled(course.labelled(400))
    classifier, _ = train(labelled)
    score = evaluate(labelled, n_iterations=2).mean("f1_score")
    classes, _ = predict(classifier, read_unlabelled(course.unlabelled(50)))
    assert score
    assert len(classes) == 50

    import boto3

    s3 = boto3.session.Session().client("s3", region_name="eu-central-1")
    writing = s3.meta.service_model.operation_model("PutObject").input_shape.members
    assert {"IfMatch", "IfNoneMatch"} <= set(writing)

    _check_libgomp(folder)
    seconds = time.perf_counter() - began
    print(f"it trains, evaluates (score {score:.2f}) and predicts by itself, in {seconds:.1f} s")


def _check_libgomp(folder: str) -> None:
    """Every copy must be the package's: most machines have one of their own, Lambda has none."""
    lines = Path("/proc/self/maps").read_text().splitlines()
    copies = {line.split(maxsplit=5)[-1] for line in lines if "libgomp" in line}
    assert f"{Path(folder).resolve()}/lib/libgomp.so.1" in copies
    assert all(copy.startswith(str(Path(folder).resolve())) for copy in copies), copies


if __name__ == "__main__":
    main(sys.argv[1])
