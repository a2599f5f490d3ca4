"""Arrays of a file as `numpy.savez` writes it, read in place: only the pages of the file that are asked for are read.

`numpy.load` reads every array whole and checks its sum; of a list of fifty out of a million leads that is nearly all of the
time. The format: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html inside a ZIP file without compression
(local headers: APPNOTE.TXT 4.3.7, https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT). Invariant: the file stays as
it was when it was opened, also where another takes its place.
"""

from __future__ import annotations

import mmap
import os
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

LOCAL = 30
"""Bytes of a local header before the name; the lengths of name and extra field are the last four of them."""

Place = tuple[int, np.dtype[Any], tuple[int, ...]]
"""Where the values of an array begin, what they are, and how many."""

Mark = tuple[str, int, int]
KNOWN = 32
_known: dict[Mark, Mapping[str, Place]] = {}
"""The places in files that were opened lately."""


class Arrays(Mapping[str, NDArray[Any]]):
    """`mark`: another for every file. Raises OSError where there is none, ValueError where it is of another kind."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            seen = os.fstat(file.fileno())
            self.mark = (str(path), seen.st_ino, seen.st_mtime_ns)
            self._memory = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        known = _known.get(self.mark)
        if known is None:
            known = _read(self._memory)
            if len(_known) >= KNOWN:
                _known.clear()
            _known[self.mark] = known
        self._places = known

    def __getitem__(self, name: str) -> NDArray[Any]:
        start, dtype, shape = self._places[name]
        return np.ndarray(shape, dtype, self._memory, start)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def _read(memory: mmap.mmap) -> Mapping[str, Place]:
    found = {}
    with zipfile.ZipFile(memory) as members:  # type: ignore[call-overload]  # it reads and seeks as a file does
        for member in members.infolist():
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{member.filename} is compressed")
            header = member.header_offset
            lengths = memory[header + LOCAL - 4 : header + LOCAL]
            name, extra = int.from_bytes(lengths[:2], "little"), int.from_bytes(lengths[2:], "little")
            memory.seek(header + LOCAL + name + extra)
            version = npy.read_magic(memory)
            read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
            shape, fortran, dtype = read(memory)
            if fortran and len(shape) > 1:
                raise ValueError(f"{member.filename} is written by columns")
            found[member.filename.removesuffix(".npy")] = memory.tell(), dtype, shape
    return found
