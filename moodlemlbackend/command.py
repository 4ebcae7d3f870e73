"""What all commands share: their arguments, what they print, and their exit status."""

from __future__ import annotations

import inspect
import io
import json
import os
import sys
import time
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from handler.errors import explained
from handler.memory import available
from handler.models.model_id import ModelId
from handler.store import DirectoryStore
from moodlemlbackend import distributions, errors

# The directory alone says which model it is, so that it may be moved: the names are always these.
MODEL = ModelId("moodle", "model", "model")

# Takes the arguments; returns the exit status, and what is printed last.
Command = Callable[..., tuple[int, str]]


def run(command: Command) -> int:
    """Call a command with the arguments of this process, and return the exit status.

    Whatever happens, the last line of standard output is for Moodle: what the command says, or an
    answer in JSON with the status 1 and a sentence.
    """
    if not sys.warnoptions:  # standard error stays empty when all is well
        warnings.simplefilter("ignore")
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(_usage(command))
        return 0
    try:
        distributions.require_one()
        status, text = command(*_checked(command, sys.argv[1:]))
    except Exception as error:
        status = 1
        answer = {"status": 1, "info": [str(explained(error))], "runid": str(int(time.time()))}
        text = json.dumps(answer)
    print(text)
    return status


def store_in(folder: str, *, make: bool = False) -> DirectoryStore:
    """Return the store in a directory of Moodle's, which keeps all of it there.

    Parameters
    ----------
    folder : str
    make : bool, default=False
        Whether to make the directory where it is missing, as one that only reads must not.
    """
    return DirectoryStore(folder, make=make)


def memory() -> int:
    """Return how many bytes there are for the command."""
    return available(os.environ)


def content(file: str) -> bytes:
    """Read a file that Moodle wrote.

    Raises
    ------
    moodlemlbackend.errors.UnreadableFile
    """
    with _explained(errors.UnreadableFile):
        return Path(file).read_bytes()


def pack(folder: Path) -> bytes:
    """Return a zip of the files in a directory.

    Raises
    ------
    moodlemlbackend.errors.UnreadableFile
    """
    out = io.BytesIO()
    with _explained(errors.UnreadableFile), zipfile.ZipFile(out, "w") as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, path.name)
    return out.getvalue()


def unpack(data: bytes, folder: Path) -> None:
    """Write the files of a zip into a directory, which is made where it is missing.

    Raises
    ------
    moodlemlbackend.errors.UnwritableFile
    """
    made(folder)
    with _explained(errors.UnwritableFile), zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)


def made(folder: Path) -> Path:
    """Return a directory, which is made where it is missing.

    Raises
    ------
    moodlemlbackend.errors.UnwritableFile
    """
    with _explained(errors.UnwritableFile):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _explained(kind: type[errors.CommandError]) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise kind(reason=error.strerror) from error


def _checked(command: Command, arguments: list[str]) -> list[str]:
    parameters = inspect.signature(command).parameters.values()
    required = [one.name for one in parameters if one.default is one.empty]
    call: dict[str, Any] = {"command": _module(command), "all": " ".join(map(_shown, parameters))}
    missing = required[len(arguments) :]
    if missing:
        raise errors.MissingArguments(missing=", ".join(missing), **call)
    if len(arguments) > len(parameters):
        raise errors.TooManyArguments(**call)
    return arguments


def _usage(command: Command) -> str:
    parameters = map(_shown, inspect.signature(command).parameters.values())
    return f"usage: {_module(command)} {' '.join(parameters)}\n\n{inspect.getdoc(command)}"


def _module(command: Command) -> str:
    spec = sys.modules[command.__module__].__spec__
    return f"python -m {spec.name if spec else command.__module__}"


def _shown(parameter: inspect.Parameter) -> str:
    name = parameter.name.upper()
    return name if parameter.default is parameter.empty else f"[{name}]"
