"""What Linux lets a container or a service have: the control groups of this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def limits(controller: str, v2: str, v1: tuple[str, ...], root: Path = ROOT) -> Iterator[list[str]]:
    """Yield what limits this process, each of its groups and those above it.

    https://docs.kernel.org/admin-guide/cgroup-v2.html
    https://docs.kernel.org/admin-guide/cgroup-v1/index.html

    Parameters
    ----------
    controller : str
    v2 : str
        The file of version 2 that says it,
    v1 : tuple of str
        and those of version 1.
    root : Path
        Where the system's files are.

    Yields
    ------
    list of str
        The words in those files.
    """
    mounted = root / "sys/fs/cgroup"
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, controllers, group = line.split(":", 2)
        names: tuple[str, ...]
        if not controllers:
            top, names = mounted, (v2,)
        elif controller in controllers.split(","):
            top, names = mounted / controller, v1
        else:
            continue
        # in a container the path may be that of the host, and only the top be there
        path = Path(group.lstrip("/"))
        for folder in (path, *path.parents):
            yield " ".join(_text(top / folder / name) for name in names).split()


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except OSError:
        return ""
