"""How many processors there are for this process: of the function, container or machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from handler.control_groups import ROOT, limits

_BYTES_PER_PROCESSOR = 1769 << 20  # of a function on Lambda


def of_function(memory: int) -> float:
    """Return how many a function on Lambda has, which go with its memory.

    https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html

    Parameters
    ----------
    memory : int
        Bytes.
    """
    return memory / _BYTES_PER_PROCESSOR


def available(root: Path = ROOT) -> float:
    """Return how many there are, which may be a part of one.

    Those that this process may run on, or fewer where a container or a service may use less of them
    (control groups, version 1 or 2).

    Parameters
    ----------
    root : Path
        Where the system's files are.
    """
    return min([_of_machine(), *_quotas(root)])


def _of_machine() -> float:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    for words in limits("cpu", "cpu.max", ("cpu.cfs_quota_us", "cpu.cfs_period_us"), root):
        if len(words) == 2 and all(map(str.isdecimal, words)):  # and not "max" or -1
            quota, period = map(int, words)
            if quota and period:
                yield quota / period
