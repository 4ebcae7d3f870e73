"""Compiled code in a package: what it is for, what it needs, and whether Lambda has that."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "arm64"}

# Amazon Linux 2023, which Lambda's python3.13 runs on. It has no libgomp.
_IN_THE_IMAGE = {
    *("libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1", "libutil.so.1"),
    *("ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"),
    *("libgcc_s.so.1", "libstdc++.so.6", "libz.so.1"),
}
_NEWEST = {"GLIBC": (2, 34), "GLIBCXX": (3, 4, 29), "CXXABI": (1, 3, 13), "GCC": (11,)}


@dataclass(frozen=True)
class Library:
    """What a compiled file says of itself.

    Attributes
    ----------
    architecture : str
        As AWS calls it; empty: another one.
    needed : tuple of str
        The libraries that must be there.
    versions : tuple of str
        The symbol versions that those must have, like ``GLIBC_2.28``.
    """

    architecture: str
    needed: tuple[str, ...]
    versions: tuple[str, ...]

    @classmethod
    def read(cls, content: bytes) -> Library:
        """Read an ELF file."""
        elf = ELFFile(io.BytesIO(content))
        needed: list[str] = []
        versions: list[str] = []
        for section in elf.iter_sections():
            if isinstance(section, DynamicSection):
                tags: Any = section.iter_tags("DT_NEEDED")
                needed += [tag.needed for tag in tags]
            elif isinstance(section, GNUVerNeedSection):
                versions += [entry.name for _, of in section.iter_versions() for entry in of]
        return cls(_MACHINES.get(elf["e_machine"], ""), tuple(needed), tuple(versions))


def is_library(content: bytes) -> bool:
    """Say whether a file is compiled code, whatever its name."""
    return content.startswith(b"\x7fELF")


def problems(libraries: Mapping[str, Library], architecture: str) -> Iterator[str]:
    """Say what would not load on Lambda.

    Parameters
    ----------
    libraries : mapping of str to Library
        By their places in the package.
    architecture : str
        The one that the package is for.
    """
    names = {PurePosixPath(place).name for place in libraries}
    for place, library in sorted(libraries.items()):
        if library.architecture != architecture:
            made_for = library.architecture or "another processor"
            yield f"{place} is for {made_for}, not {architecture}"
        for name in library.needed:
            if name not in names | _IN_THE_IMAGE:
                yield f"{place} needs {name}, which neither the package nor Lambda has"
        for version in library.versions:
            kind, _, number = version.rpartition("_")
            if kind in _NEWEST and _numbers(number) > _NEWEST[kind]:
                has = ".".join(map(str, _NEWEST[kind]))
                yield f"{place} needs {version}, and Lambda has {kind}_{has}"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
