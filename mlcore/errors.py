"""What can be wrong with a dataset or a model file, each with one sentence for Moodle's admin."""

from __future__ import annotations

from typing import ClassVar

_QUOTED = {"text", "value"}  # the facts that stand in a dataset


class MlcoreError(ValueError):
    """Base of all errors that come from what was sent, not from this program.

    Parameters
    ----------
    **facts : object
        What the placeholders of `sentence` stand for.

    Attributes
    ----------
    without_data : str
        The sentence with an ellipsis for what it quotes of a dataset.
    """

    sentence: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        super().__init__(self.sentence.format(**facts))
        unquoted = {name: "…" if name in _QUOTED else fact for name, fact in facts.items()}
        self.without_data = self.sentence.format(**unquoted)


class DatasetError(MlcoreError):
    """A dataset file that cannot be used."""


class EmptyDataset(DatasetError):
    sentence = "The dataset holds no rows: Moodle has no samples to send for this model yet."


class NotText(DatasetError):
    sentence = "The dataset is not UTF-8 text: it is not a file that Moodle made."


class IncompleteHeader(DatasetError):
    sentence = (
        "The dataset's first three lines must be Moodle's: names, their values and the columns. "
        "This file does not begin so."
    )


class HeaderTooLong(DatasetError):
    sentence = (
        "The dataset's first three lines have more than {limit} KB, which is the most: choose "
        "fewer indicators, or ones with shorter names."
    )


class TooLittleMemory(DatasetError):
    sentence = (
        "This dataset needs {needed} MB of memory and the server has {available} MB: give it "
        "{needed} MB or more (on AWS memory_size in zappa_settings.json, then run up again)."
    )


class TooLittleTime(DatasetError):
    sentence = (
        "Learning from so many samples takes about {needed} s here, and the gateway in front of "
        "this server gives up in {available} s: enter the host of the function URL in Moodle, "
        "which waits for 15 minutes ('python -m infra status' shows it), or raise memory_size if "
        "it is below 1769."
    )


class MissingMetadata(DatasetError):
    sentence = "The dataset's first line does not name {name}, which Moodle always sends."


class BadMetadata(DatasetError):
    sentence = "The dataset's second line has a value for {name} that cannot be used: {value}."


class NotDiscrete(DatasetError):
    sentence = (
        "The dataset's target is {targettype}, and only discrete targets (classes) can be "
        "learned: choose another target in Moodle."
    )


class NoIndicators(DatasetError):
    sentence = "The dataset's third line names no indicator: choose indicators for the model."


class Unlabelled(DatasetError):
    sentence = (
        "The dataset is one to predict (its first column is sampleid), and only one with known "
        "targets can be learned from or evaluated."
    )


class AlreadyLabelled(DatasetError):
    sentence = (
        "The dataset is one to learn from (its last column is the target), and only one with "
        "sample ids can be predicted."
    )


class ColumnCount(DatasetError):
    sentence = "The dataset's third line names {found} columns where nfeatures asks for {expected}."


class RowLength(DatasetError):
    sentence = "Line {line} of the dataset has {found} values where {expected} were expected."


class MergedFiles(DatasetError):
    sentence = (
        "Line {line} of the dataset has {found} values where {expected} were expected: Moodle "
        "joined files from before and after a change of the model's indicators. Clear the model's "
        "predictions in Moodle, or wait until no course from before the change is among them."
    )


class LineTooLong(DatasetError):
    sentence = "The dataset has a line of more than {limit} MB: it is not a file that Moodle made."


class BadNumber(DatasetError):
    sentence = (
        "Line {line}, column {column} of the dataset ({name}) holds {text}, which is not a number."
    )


class BadQuotes(DatasetError):
    sentence = "Line {line} of the dataset has a quote or a line end out of place."


class BadSampleId(DatasetError):
    sentence = (
        "Line {line} of the dataset has the sample id {text}, and an id with a comma or a line end "
        "cannot be used."
    )


class BadTarget(DatasetError):
    sentence = (
        "Line {line} of the dataset has the target {text}, which is none of the target classes "
        "{classes}."
    )


class TooManyRows(DatasetError):
    sentence = "The dataset has more than {limit} rows, which is the most that a file may hold."


class TooManyFeatures(DatasetError):
    sentence = "The dataset has {found} features, and {limit} is the most that a model may have."


class TooManyClasses(DatasetError):
    sentence = "The target has {found} classes, and {limit} is the most that a model may have."


class OtherFeatures(DatasetError):
    sentence = (
        "The dataset has {found} features and the trained model has {expected}: the model's "
        "indicators have changed. Clear its predictions in Moodle so that it is trained anew."
    )


class OtherIndicators(DatasetError):
    sentence = (
        "Of the {known} indicators that the trained model relies on, {missing} are not in the "
        "dataset, {names} among them: it belongs to another model. Clear the model's predictions "
        "in Moodle so that it is trained anew, or choose the indicators again that it had."
    )


class OtherTarget(DatasetError):
    sentence = (
        "The dataset has the target {found} and the trained model has {expected}: the target has "
        "changed. Clear the model's predictions in Moodle so that it is trained anew."
    )


class NotEnoughData(MlcoreError):
    """A dataset that is right, but too small or too one-sided for what is asked of it."""


class ClassesMissing(NotEnoughData):
    sentence = (
        "There is not enough data to train yet: samples of two target classes are needed, and "
        "none of the class {missing} has been sent so far."
    )


class TooFewToEvaluate(NotEnoughData):
    sentence = (
        "There is not enough data to evaluate this model: the dataset needs two samples or more "
        "of at least two target classes."
    )


class ModelFileError(MlcoreError):
    """A model file that cannot be read."""


class NotAModelFile(ModelFileError):
    sentence = (
        "The file to import is not a model that was exported from this server. Models of other "
        "machine learning backends cannot be imported: train the model anew instead."
    )


class DamagedModelFile(ModelFileError):
    sentence = (
        "The model file is damaged or was changed after its export ({what}): export it again and "
        "import the new file."
    )


class NewerModelFile(ModelFileError):
    sentence = (
        "The model file has format {found}, and this server knows formats up to {known}: update "
        "the server, then import it again."
    )


class ModelFileTooLarge(ModelFileError):
    sentence = "The model file is too large: unpacked it may hold {limit} MB in {members} members."
