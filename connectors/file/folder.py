"""Which files of the folder are read. Invariant: nothing outside the folder is opened, whatever links lead there, and
nothing that is no plain file."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from connectors.errors import Misconfigured, Unauthorized, Unavailable


@dataclass(frozen=True, slots=True)
class Found:
    """A file as it was when the folder was looked through. `name` is its path inside the folder."""

    name: str
    path: Path
    size: int
    mtime: int
    """Nanoseconds since 1970."""

    @property
    def seconds(self) -> float:
        return self.mtime / 1e9


@dataclass(frozen=True, slots=True)
class Refused:
    """A name that matches and is not read; `why` is for people."""

    name: str
    why: str


def look(folder: Path, pattern: str) -> tuple[list[Found], list[Refused]]:
    """The files that match, the one changed first before all others, and those that are refused. Raises Misconfigured,
    Unauthorized."""
    root = accessible(folder)
    found: list[Found] = []
    refused: list[Refused] = []
    for path in _matching(folder, pattern):
        relative = path.relative_to(folder)
        name = str(relative)
        if any(part.startswith(".") for part in relative.parts):
            continue
        try:
            name.encode()
        except UnicodeEncodeError:
            name = name.encode("utf-8", "backslashreplace").decode()
            refused.append(Refused(name, "Its name is no text. Give it another name."))
            continue
        try:
            real = path.resolve(strict=True)
            at = real.stat()
        except (OSError, RuntimeError):  # taken away meanwhile, a link to nothing or in a circle
            if path.is_symlink():
                refused.append(Refused(name, "It is a link that leads nowhere."))
            continue
        if not real.is_relative_to(root):
            refused.append(Refused(name, f"It is a link out of {folder}. Put the file itself there."))
        elif stat.S_ISREG(at.st_mode):
            found.append(Found(name, real, at.st_size, at.st_mtime_ns))
    return sorted(found, key=lambda file: (file.mtime, file.name)), sorted(refused, key=lambda one: one.name)


def accessible(folder: Path) -> Path:
    """The folder itself, links followed. Raises Misconfigured, Unauthorized."""
    try:
        root = folder.resolve(strict=True)
        os.listdir(root)
    except PermissionError:
        raise Unauthorized(
            f"The folder {folder} may not be read.", hint="Let the user that runs smarketing read and enter it."
        ) from None
    except (OSError, RuntimeError) as error:
        told = error.strerror if isinstance(error, OSError) else "a circle of links"
        raise Misconfigured(f"The folder {folder} cannot be read: {told}.", hint="Look at `folder`.") from None
    return root


def opened(file: Found) -> BinaryIO:
    """Raises Unauthorized, Unavailable; FileNotFoundError where it has been taken away."""
    try:
        handle = os.open(file.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except PermissionError:
        raise Unauthorized(
            f"The file {file.name} may not be read.", hint="Let the user that runs smarketing read it."
        ) from None
    except OSError as error:
        raise Unavailable(f"The file {file.name} cannot be opened: {error.strerror}.", sent=False) from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise FileNotFoundError(file.name)
    return os.fdopen(handle, "rb", buffering=0)


def _matching(folder: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from folder.glob(pattern)
    except PermissionError as error:
        raise Unauthorized(
            f"The folder {error.filename} may not be read.", hint="Let the user that runs smarketing read and enter it."
        ) from None
