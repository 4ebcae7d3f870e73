"""The shared ML core: datasets, learning, prediction, evaluation, the model file.

It knows no HTTP, no AWS and no environment: plain functions from values to values. Importing it
imports numpy only; `train` and `evaluate` import scikit-learn and LightGBM when they are called.
"""

from mlcore.classifier import Classifier
from mlcore.dataset import Labelled, Unlabelled, read_labelled, read_unlabelled
from mlcore.evaluation import Evaluation, evaluate
from mlcore.examples import Examples
from mlcore.prediction import predict
from mlcore.training import train

__all__ = [
    "Classifier",
    "Evaluation",
    "Examples",
    "Labelled",
    "Unlabelled",
    "evaluate",
    "predict",
    "read_labelled",
    "read_unlabelled",
    "train",
]
