"""What a whole model is, and what it was made from."""

import hashlib
import io
import json
import zipfile
from collections import Counter

import numpy as np

from handler.app import create_app, open_store
from handler.models.manifest import Manifest
from handler.models.model_id import ModelId
from handler.models.models import Models
from handler.settings import Settings
from infra.lab.course import Course
from mlcore import Classifier, Examples, predict, read_labelled, read_unlabelled
from mlcore.training import fit

MODEL = ModelId("default", "4d3fce33", "818aba1d")


class Place:
    """Where models are kept.

    Parameters
    ----------
    environ : dict
        What a process needs in its environment to find them.
    """

    def __init__(self, environ):
        self.environ = environ
        self._settings = Settings.from_environ(environ)
        self.store = open_store(self._settings)

    def app(self, store=None):
        """Make an application that knows nothing but the store."""
        app = create_app(self._settings)
        for part in ("MODELS", "EVALUATIONS", "ACTIVITIES"):
            app.config[part] = type(app.config[part])(store or self.store)
        return app


class Files:
    """Datasets of one course, whose samples are all distinct."""

    def __init__(self, seed=3):
        self._course = Course(n_features=8, unused=0, missing=0, minority=0.4, seed=seed)
        self._drawn = {}

    def labelled(self, n_samples=3):
        """Return a new file."""
        draw = self._course.draw(n_samples)
        return self._of([draw])

    def joined(self, *files):
        """Return one file that has the rows of all these."""
        return self._of([draw for file in files for draw in self._drawn[_digest(file)]])

    def unlabelled(self, n_samples=5):
        return self._course.unlabelled(n_samples)

    def counts(self, digests):
        """Return how often each sample occurs in these files together, by its digest."""
        counts = Counter()
        for digest in digests:
            examples = Examples.of(read_labelled(self._of(self._drawn[digest])))
            counts.update(_counts(examples))
        return counts

    def _of(self, draws):
        X, y = (np.concatenate(parts) for parts in zip(*draws, strict=True))
        file = self._course.file(X, y=y)
        self._drawn[_digest(file)] = draws
        return file


def _digest(file):
    return hashlib.sha256(file).hexdigest()


def learn(store, file):
    """Train the model as another process would, which knows the store only."""
    digest = _digest(file)
    Models(store).learn(MODEL, digest, lambda: read_labelled(file), key=digest)


def manifest_of(store):
    stored = store.get(MODEL.manifest)
    return stored and Manifest.from_bytes(stored.data)


def exported(store):
    """Return the model file of the current classifier, or None."""
    classifier = Models(store).classifier(MODEL)
    return classifier and classifier.to_bytes()


def require_union(store, files, union):
    """Require that the model knows every row of these files once, and predicts accordingly."""
    run, classifier = manifest_of(store).current, Models(store).classifier(MODEL)
    counts = _counts(_examples(store, run))
    assert counts == files.counts(map(_digest, union))
    assert run.n_samples == sum(counts.values())
    dataset = read_labelled(files.joined(*union))
    at_once = fit(Examples.of(dataset), dataset.feature_names)
    data = read_unlabelled(files.unlabelled(50))
    classes, scores = predict(classifier, data)
    expected_classes, expected_scores = predict(at_once, data)
    np.testing.assert_array_equal(classes, expected_classes)
    np.testing.assert_allclose(scores, expected_scores, atol=1e-6)


def _examples(store, run):
    return Examples.from_bytes(store.get(f"{MODEL.runs}/{run.name}/examples.npz").data)


def _counts(examples):
    return dict(zip(examples.digests.tolist(), examples.counts.tolist(), strict=True))


def require_whole(store, files, imported=(), orphans=False):
    """Require that what is stored is whole: no model at all, or one whose parts belong together.

    Parameters
    ----------
    store : ObjectStore
    files : Files
        Which the trainings took their datasets from.
    imported : tuple of bytes
        The model files that imports may have brought.
    orphans : bool
        Whether there may be objects that the manifest does not name.
    """
    manifest = manifest_of(store)
    runs = manifest.runs if manifest else []
    named = {f"{MODEL.runs}/{run.name}/classifier.npz" for run in runs}
    named |= {f"{MODEL.runs}/{run.name}/examples.npz" for run in runs if run.examples}
    stored = set(store.keys(MODEL.runs))
    assert named <= stored
    assert orphans or named == stored
    for run in runs:
        data = store.get(f"{MODEL.runs}/{run.name}/classifier.npz").data
        classifier = Classifier.from_bytes(data)
        if not run.examples:
            assert run.imported
            assert classifier.to_bytes() in imported
            continue
        examples = _examples(store, run)
        assert (classifier.prior is not None) == run.imported
        assert classifier.prior is None or classifier.prior.to_bytes() in imported
        again = fit(examples, classifier.feature_names, classifier.prior)
        assert classifier.to_bytes() == again.to_bytes()
        counts = _counts(examples)
        assert counts == files.counts(training.digest for training in run.trainings)
        assert run.n_samples == sum(counts.values())


def undrawn(answer, evaluation, context):
    """The log of an evaluation, without what takes time to draw."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("evaluation.json", json.dumps(answer))
    return out.getvalue()


def without_run(answer):
    """An evaluation's answer but for its runid, which the link to the report holds, too."""
    info = [line for line in answer["info"] if "<a href" not in line]
    return answer | {"info": info, "runid": None, "dir": None}
