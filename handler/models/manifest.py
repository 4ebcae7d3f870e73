"""The manifest of a model: the one object that says what the model is now.

It is replaced by compare-and-swap, so whoever reads it sees the model before a change or after it.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass

from handler import errors
from handler.models.stored import facts_of, require_time, take
from mlcore.errors import NewerModelFile

FORMAT = 3  # no earlier one was ever released
_RUN = re.compile(r"(\d{12})-[0-9a-z]+")


@dataclass(frozen=True)
class Training:
    """One training in a model's history.

    Attributes
    ----------
    digest : str
        Of the dataset's bytes.
    samples : int
        How many the dataset had.
    at : float
        When, in seconds since 1970.
    key : str
        By which the client told it from others (``Idempotency-Key``); "" if it did not.
    is_rare : bool
        Whether the same dataset, if it came once more, could only be one that was sent again.
    """

    digest: str
    samples: int
    at: float
    key: str = ""
    is_rare: bool = False

    def __post_init__(self) -> None:
        require_time(self.at)


@dataclass(frozen=True)
class Run:
    """What a model was after a change; its objects are immutable.

    Attributes
    ----------
    name : str
        Begins with the time, so that runs sort by age.
    imported : bool
        Whether it is, or refines, an imported model.
    examples : bool
        Whether it has examples: an imported model has none at first.
    trainings : tuple of Training
        The latest ones, the newest last.
    n_samples : int
        How many samples were learned from in all; 0 where that is not known.
    sampled : bool
        Whether there were so many that only a part of them was kept to learn from.
    target, time_splitting : str
        Moodle's names; "" where they are not known, as of an imported model.
    """

    name: str
    imported: bool = False
    examples: bool = False
    trainings: tuple[Training, ...] = ()
    n_samples: int = 0
    sampled: bool = False
    target: str = ""
    time_splitting: str = ""

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError("not the name of a run")

    @property
    def at(self) -> int:
        """When it was made, in seconds since 1970."""
        return int(self.name.partition("-")[0])


@dataclass(frozen=True)
class Manifest:
    """What a model is now.

    Attributes
    ----------
    born : str
        Which model this is: one that is deleted and trained anew is another.
    current : Run or None
        What predicts; None while the first training is at work, or after it failed.
    previous : Run or None
        The run before, which is kept, too.
    changes : int
        How many there were, so that no two manifests of a model are alike: a swap that expects an
        earlier one must fail even after somebody went back to the same run.
    """

    born: str
    current: Run | None = None
    previous: Run | None = None
    changes: int = 0

    def changed(self, current: Run, previous: Run | None) -> Manifest:
        """Return the manifest after a change."""
        return Manifest(self.born, current, previous, self.changes + 1)

    @property
    def runs(self) -> list[Run]:
        """Those whose objects are kept."""
        return [run for run in (self.current, self.previous) if run]

    def to_bytes(self) -> bytes:
        """Return the manifest as JSON."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Read what `to_bytes` wrote.

        Raises
        ------
        handler.errors.NewerModel, handler.errors.ModelIncomplete
        """
        with as_stored():
            facts = facts_of(data)
            number = take(int, facts.pop("format"))
            if number > FORMAT:
                raise errors.NewerModel
            if number < FORMAT:
                raise ValueError("a format that was never released")
            return take(cls, facts)


def new_name() -> str:
    """Return a name that no run had before, and that sorts by age."""
    return f"{int(time.time()):012}-{secrets.token_hex(8)}"


def is_name(text: str) -> bool:
    """Say whether a text can be the name of a run: others may leave files beside ours."""
    return bool(_RUN.fullmatch(text))


@contextmanager
def as_stored() -> Iterator[None]:
    """Tell a stored file that cannot be read from one that a request brought."""
    try:
        yield
    except NewerModelFile as error:
        raise errors.NewerModel from error
    except (ValueError, KeyError, TypeError) as error:
        raise errors.ModelIncomplete from error
