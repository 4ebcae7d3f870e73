"""How much memory there is for this process: the function's, the container's or the machine's."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from handler.control_groups import ROOT, limits

LAMBDA = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE"


def available(environ: Mapping[str, str], root: Path = ROOT) -> int:
    """Return how many bytes there are, whoever else may use some of them.

    That is the memory of the function on Lambda, else the machine's, or less where a container or
    a service may use less (control groups, version 1 or 2).

    Parameters
    ----------
    environ : mapping of str to str
    root : Path
        Where the system's files are.
    """
    on_lambda = environ.get(LAMBDA, "")
    if on_lambda.isdecimal():
        return int(on_lambda) << 20
    return min([_of_machine(), *_limits(root)])


def _limits(root: Path) -> Iterator[int]:
    for words in limits("memory", "memory.max", ("memory.limit_in_bytes",), root):
        if words and words[0].isdecimal():  # and not "max"
            yield int(words[0])


def _of_machine() -> int:
    if sys.platform == "win32":
        return _of_windows()
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


if sys.platform == "win32":
    import ctypes

    class _Status(ctypes.Structure):
        """MEMORYSTATUSEX of the Windows API."""

        _fields_ = (
            ("dwLength", ctypes.c_uint32),
            ("dwMemoryLoad", ctypes.c_uint32),
            ("ullTotalPhys", ctypes.c_uint64),
            ("others", ctypes.c_uint64 * 6),
        )

    def _of_windows() -> int:
        status = _Status(dwLength=ctypes.sizeof(_Status))
        ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
        return int(status.ullTotalPhys)
