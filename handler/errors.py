"""What can go wrong with a request.

Moodle shows its admin the text of any answer but 200, so each error is one sentence that says what
happened and what to do. All of them are listed in ``docs/errors.md``.
"""

from __future__ import annotations

import logging
import re
import secrets
import traceback
from typing import ClassVar

from handler.logs import note
from handler.store import StoreError
from mlcore.errors import MlcoreError

_log = logging.getLogger(__name__)


class ExplainedError(Exception):
    """An error with one sentence for whoever can act on it.

    Parameters
    ----------
    **facts : object
        What the placeholders of `sentence` stand for.

    Attributes
    ----------
    sentence : str
    """

    sentence: ClassVar[str]

    def __init__(self, **facts: object) -> None:
        super().__init__(self.sentence.format(**facts))


class AdminError(ExplainedError):
    """An error that Moodle's admin can act on.

    Attributes
    ----------
    status : int
        The HTTP status of the answer, whose text is the sentence.
    """

    status: ClassVar[int]


class SettingsError(ExplainedError):
    """What keeps the server from starting."""


class UnusableValue(SettingsError):
    sentence = "{variable} must be {expected}."


class NoHomeDirectory(SettingsError):
    sentence = (
        "MOODLE_MLBACKEND_PYTHON_DIR must be set: the user that this server runs as has no home "
        "directory."
    )


class UsersQuoted(SettingsError):
    sentence = (
        "MOODLE_MLBACKEND_PYTHON_USERS begins or ends with a quotation mark: leave quotation marks "
        "out ('docker run --env-file', for one, keeps them)."
    )


class MalformedEntry(SettingsError):
    sentence = (
        "Entry {position} of MOODLE_MLBACKEND_PYTHON_USERS is not of the form user:password, "
        "user:sha256:salt:hexdigest or user:scrypt:...$salt$hash: make it anew with "
        "'python -m handler users add NAME'."
    )


class EntryNotForMoodle(SettingsError):
    sentence = (
        "Entry {position} of MOODLE_MLBACKEND_PYTHON_USERS has a name or a password that Moodle's "
        "form does not take: use only letters, digits, '_' and '-'."
    )


class RepeatedEntry(SettingsError):
    sentence = (
        "Entry {position} of MOODLE_MLBACKEND_PYTHON_USERS has the name of an earlier entry, upper "
        "and lower case aside: remove one."
    )


class UsernameNotForMoodle(SettingsError):
    sentence = "A username may hold only letters, digits, '_' and '-': Moodle's rule."


class UsersNotSet(SettingsError):
    sentence = (
        "MOODLE_MLBACKEND_PYTHON_USERS is not set, so nobody could sign in: make a user with "
        "'python -m handler users add NAME' and put the line it prints into that variable."
    )


class UserNotKept(SettingsError):
    sentence = (
        "MOODLE_MLBACKEND_PYTHON_USERS is not set, and {file}, where --make-user keeps a user, can "
        "be neither read nor made ({reason})."
    )


class ServerNotInstalled(SettingsError):
    sentence = "The server is not installed: run pip install 'moodle-mlbackend-lambda[server]'."


class CannotListen(SettingsError):
    sentence = (
        "Cannot listen on {host}, port {port} ({reason}): choose others with --host and --port."
    )


class MissingField(AdminError):
    status = 400
    sentence = "The request has no {name}, which Moodle always sends."


class BadField(AdminError):
    status = 400
    sentence = "The request's {name} is not {expected}."


class NameTooLong(AdminError):
    status = 400
    sentence = "The request's {name} is too long to be stored."


class NoCredentials(AdminError):
    status = 401
    sentence = (
        "The request has no username and password: enter them in Moodle under Site administration "
        "› Plugins › Machine learning backend settings › Python machine learning backend."
    )


class WrongCredentials(AdminError):
    status = 401
    sentence = (
        "The username or the password is wrong: correct them in Moodle under Site administration › "
        "Plugins › Machine learning backend settings › Python machine learning backend."
    )


class TooManyWrongPasswords(AdminError):
    status = 429
    sentence = (
        "Too many wrong passwords were tried on this server in the last minute: check the username "
        "and the password in Moodle, wait a minute, then try again."
    )


class NoUsers(AdminError):
    status = 401
    sentence = (
        "This server has no users yet: make one with 'python -m infra users add NAME' where it "
        "runs on AWS, elsewhere with 'python -m handler users add NAME', and put the line that "
        "this prints into the server's MOODLE_MLBACKEND_PYTHON_USERS."
    )


class UsersDamaged(AdminError):
    status = 500
    sentence = (
        "The list of users in this server's bucket (config/users) was changed by other means than "
        "'python -m infra users' and cannot be read: put an earlier version of it back, or delete "
        "it and make the users anew."
    )


class NotSignedIn(AdminError):
    status = 401
    sentence = "Sign in with the username and the password that Moodle uses for this server."


class WrongSignIn(AdminError):
    status = 401
    sentence = (
        "The username or the password is wrong: enter those that Moodle uses for this server."
    )


class CrossOriginRequest(AdminError):
    status = 403
    sentence = (
        "The request came from a page of another website, so nothing was done: open this server's "
        "own page and try again there."
    )


class NotConfirmed(AdminError):
    status = 403
    sentence = (
        "The confirmation is too old, or not of this page, so nothing was done: open the model's "
        "page again and repeat what you wanted to do."
    )


class NotFound(AdminError):
    status = 404
    sentence = (
        "There is nothing at this address: check the host and the port in Moodle's settings of the "
        "Python machine learning backend."
    )


class NoSuchModel(AdminError):
    status = 404
    sentence = (
        "There is no such model, or not any more: it was deleted, or its predictions were cleared "
        "in Moodle."
    )


class NoSuchReport(AdminError):
    status = 404
    sentence = (
        "There is no report of this evaluation, or not any more: evaluate the model again in "
        "Moodle to get one."
    )


class MethodNotAllowed(AdminError):
    status = 405
    sentence = "This address does not answer to {method} requests."


class BodyTooLarge(AdminError):
    status = 413
    sentence = (
        "The request is larger than the {limit} MB that this server accepts: raise its "
        "MOODLE_MLBACKEND_PYTHON_MAX_BODY_MB."
    )


class AnswerTooLarge(AdminError):
    status = 413
    sentence = (
        "The answer would be larger than the 6 MB that AWS Lambda lets pass: for predictions, "
        'lower Moodle\'s "Analysis time limit per model" (Site administration › Analytics › '
        "Analytics settings), so that it asks for fewer at once; otherwise use a server of your "
        "own with the same bucket."
    )


class FormTooLarge(AdminError):
    status = 413
    sentence = (
        "The request is larger than the {limit} KB that somebody may send who has not signed in: "
        "open this server's page again and sign in with its form."
    )


class BodyTooSlow(AdminError):
    status = 408
    sentence = (
        "The request came in more slowly than the {rate} KB a second that this server asks for: "
        "check the network between Moodle and this server, then try again."
    )


class ServerBusy(AdminError):
    status = 503
    sentence = (
        "This server is receiving as many or as large requests as it can hold at this moment, so "
        "it took no more of this one: try again in a few minutes."
    )


class DatasetTooLarge(AdminError):
    status = 413
    sentence = (
        "The dataset has more than the {limit} MB, unpacked, that this server has memory for: give "
        "it more memory, or raise its MOODLE_MLBACKEND_PYTHON_MAX_DATASET_MB."
    )


class BrokenGzip(AdminError):
    status = 400
    sentence = (
        "The dataset was compressed and cannot be unpacked: it was cut off or changed on its way "
        "from Moodle."
    )


class TooManyParts(AdminError):
    status = 413
    sentence = "The request has more than {limit} form fields; Moodle sends seven at most."


class BadRequest(AdminError):
    status = 400
    sentence = "The request cannot be read: it was cut off or changed on its way from Moodle."


class NothingToExport(AdminError):
    status = 503
    sentence = "This model has not been trained yet, so there is nothing to export."


class ModelDeleted(AdminError):
    status = 503
    sentence = "The model was deleted while this request was changing it; nothing was stored."


class ModelChanged(AdminError):
    status = 409
    sentence = (
        "The model has changed since this page was shown, so nothing was done: load the page again "
        "and look before you decide."
    )


class ModelIncomplete(AdminError):
    status = 503
    sentence = (
        "A part of the stored model is missing or damaged. Try again; if it stays so, clear the "
        "model's predictions in Moodle so that it is trained anew."
    )


class NewerModel(AdminError):
    status = 503
    sentence = (
        "The model was stored by a newer version of this server: update the server, then try again."
    )


class LibraryMissing(AdminError):
    status = 500
    sentence = (
        "LightGBM, which learns, needs the system library {library}: run "
        "'apt-get install libgomp1' (Fedora and the like: 'dnf install libgomp', a Mac: "
        "'brew install libomp') where this server runs, then try again."
    )


class Unexpected(AdminError):
    status = 500
    sentence = (
        "The server failed in a way nobody foresaw. What happened is in its log under the "
        "reference {reference}; the stored models are as they were."
    )


def explained(error: Exception) -> AdminError | StoreError | MlcoreError:
    """Return the error whose sentence the admin sees, and log what only the log is to tell."""
    if isinstance(error, StoreError):
        _log.error("the store failed: %r", error.__cause__ or error)
    if isinstance(error, AdminError | StoreError | MlcoreError):
        return error
    library = re.search(r"libg?omp[.\w]*", str(error)) if isinstance(error, OSError) else None
    if library:  # as LightGBM fails to load
        return LibraryMissing(library=library[0])
    reference = secrets.token_hex(4)
    note(reference=reference)
    _log.error("reference %s\n%s", reference, _trace(error))
    return Unexpected(reference=reference)


def _trace(error: BaseException) -> str:
    """Return where an error came from and its kind; its message may quote what was sent to us."""
    cause = error.__cause__ or error.__context__
    lines = [_trace(cause), "which led to\n"] if cause else []
    frames = traceback.format_tb(error.__traceback__)
    return "".join([*lines, *frames, type(error).__qualname__, "\n"])


def too_large(limit: int) -> AdminError:
    """Return what is wrong with a body of more than `limit` bytes."""
    return BodyTooLarge(limit=limit >> 20) if limit >> 20 else FormTooLarge(limit=limit >> 10)
