"""The shared ML core: datasets, learning, prediction, evaluation, the model file.

It knows no HTTP, no AWS and no environment: plain functions from values to values. Importing it
imports numpy only; what learns loads LightGBM when it is called. Evaluations are not imported
here, as a process that starts for a prediction would pay for them:
`mlcore.evaluation`.
"""

from mlcore.classifier import Classifier
from mlcore.dataset import Labelled, Unlabelled, read_labelled, read_unlabelled
from mlcore.examples import Examples
from mlcore.prediction import predict
from mlcore.training import train

__all__ = [
    "Classifier",
    "Examples",
    "Labelled",
    "Unlabelled",
    "predict",
    "read_labelled",
    "read_unlabelled",
    "train",
]
