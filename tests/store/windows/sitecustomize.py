"""Refuse what Windows refuses, in this process and in all that it starts.

There is no ``fcntl``, folders cannot be opened, and a file that any process has open can neither be
replaced nor removed.
"""

import errno
import os
import pathlib
import sys
import types
import warnings
from contextlib import suppress

sys.modules["fcntl"] = None
with warnings.catch_warnings(action="ignore"):
    import filelock  # noqa: F401  # it warns that its lock is another one

from handler.store import directory  # noqa: E402


def is_open(path):
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            for handle in (process / "fd").iterdir():
                with suppress(OSError):
                    if handle.readlink() == path:
                        return True
    return False


def require_closed(path):
    if path.is_dir() or is_open(path):
        raise PermissionError(errno.EACCES, "what Windows says", str(path))


class Path(type(pathlib.Path())):
    """A path as Windows has it."""

    def read_bytes(self):
        if self.is_dir():
            require_closed(self)
        return super().read_bytes()

    def replace(self, target):
        require_closed(target)
        return super().replace(target)

    def unlink(self, missing_ok=False):
        require_closed(self)
        super().unlink(missing_ok)


def open_file(path, flags, *mode):
    if pathlib.Path(path).is_dir():
        raise PermissionError(errno.EACCES, "what Windows says", str(path))
    return os.open(path, flags, *mode)


directory.os = types.SimpleNamespace(**vars(os) | {"open": open_file})
directory.Path = Path
directory._WINDOWS = True
