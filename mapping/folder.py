"""The files of a project folder, read and replaced as a whole: all of them or none, whatever happens in the middle.

Not here: what the files mean, and who may replace them. The new texts are first written to a journal beside the files, and
with its renaming they are what the folder holds: whoever reads the folder from then on reads them from there, also where the
process died before the files themselves were written. `finish` does the rest, then or at the next start.

Invariant: every reader sees the files as they were before or as they are after, never some of each; a file that somebody has
edited by hand meanwhile is left as they made it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mapping.problems import ConfigErrors
from mapping.source import Source, read_bytes, read_file

MAIN = "smarketing.yaml"
FOLDER = "mappings"
JOURNAL = ".publication.json"
Files = Mapping[str, str]
"""The name within the folder, with "/" -> its text."""

_NAME = re.compile(rf"{re.escape(MAIN)}|{FOLDER}/[A-Za-z0-9_][A-Za-z0-9_.-]*\.ya?ml")


class FolderChanged(Exception):
    """The files are not what whoever replaces them has seen."""


@dataclass(frozen=True, slots=True)
class Journal:
    """`after`: name -> new text, None for a file that goes. `before`: name -> digest of what it replaces, "" for nothing.
    `record`: what its writer has to note once the files are written."""

    after: dict[str, str | None]
    before: dict[str, str]
    record: dict[str, Any]


def sources(folder: Path) -> dict[str, Source]:
    """Every file of the folder by its name; what cannot be read says so in its errors. The main file is always there."""
    journal = unfinished(folder)
    found = {}
    for name in _names(folder, journal):
        text = _new(folder, name, journal)
        if text is not None:
            found[name] = read_bytes(text.encode(), name)
        elif not _gone(folder, name, journal):
            found[name] = read_file(folder / name, name)
    return found


def read_files(folder: Path) -> dict[str, str]:
    """The texts, to the byte. Raises ConfigErrors where one is not text."""
    journal = unfinished(folder)
    found, errors = {}, []
    for name in _names(folder, journal):
        text = _new(folder, name, journal)
        if text is None and not _gone(folder, name, journal):
            try:
                text = (folder / name).read_bytes().decode("utf-8")
            except FileNotFoundError:
                continue
            except (OSError, UnicodeDecodeError):
                errors += read_file(folder / name, name).errors
        if text is not None:
            found[name] = text
    if errors:
        raise ConfigErrors(errors)
    return found


def stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Another one as soon as any of the files is another."""
    paths = [folder / MAIN, folder / JOURNAL, *sorted((folder / FOLDER).glob("*.y*ml"))]
    seen = [(path, path.stat()) for path in paths if path.exists()]
    return tuple((str(path), status.st_mtime_ns, status.st_size) for path, status in seen)


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """One at a time who replaces files, among all processes of the machine; let go by the system where one dies."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def begin(folder: Path, expected: Files, files: Files, record: dict[str, Any]) -> Journal:
    """From its return on the folder holds `files`. Within `exclusive`, with nothing unfinished. Raises FolderChanged where
    it does not hold `expected`, ValueError for a name that no file of a project has, OSError."""
    for name in files:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no file of a project")
    if read_files(folder) != dict(expected):
        raise FolderChanged
    after: dict[str, str | None] = {name: text for name, text in files.items() if expected.get(name) != text}
    after.update({name: None for name in expected if name not in files})
    before = {name: _digest(expected[name].encode()) if name in expected else "" for name in after}
    journal = Journal(after, before, record)
    _write(folder / JOURNAL, json.dumps({"after": after, "before": before, "record": record}))
    return journal


def unfinished(folder: Path) -> Journal | None:
    try:
        return Journal(**json.loads((folder / JOURNAL).read_text("utf-8")))
    except FileNotFoundError:
        return None


def finish(folder: Path, journal: Journal) -> None:
    """Write the files themselves. As often as one likes; `end` when all is noted."""
    for name in journal.after:
        path = folder / name
        text = _new(folder, name, journal)
        if text is not None:
            path.parent.mkdir(exist_ok=True)
            _write(path.resolve(), text)
        elif _gone(folder, name, journal):
            path.unlink(missing_ok=True)


def end(folder: Path) -> None:
    (folder / JOURNAL).unlink(missing_ok=True)
    _flush(folder)


def _names(folder: Path, journal: Journal | None) -> list[str]:
    here = {f"{FOLDER}/{path.name}" for path in (folder / FOLDER).glob("*.y*ml")}
    return [MAIN, *sorted(here | set(journal.after if journal else ()) - {MAIN})]


def _untouched(folder: Path, name: str, journal: Journal) -> bool:
    """Whether the file is still what the journal replaces."""
    try:
        return _digest((folder / name).read_bytes()) == journal.before[name]
    except FileNotFoundError:
        return not journal.before[name]


def _new(folder: Path, name: str, journal: Journal | None) -> str | None:
    """The text that the journal has for it, where that counts."""
    text = journal.after.get(name) if journal else None
    return text if journal and text is not None and _untouched(folder, name, journal) else None


def _gone(folder: Path, name: str, journal: Journal | None) -> bool:
    return bool(journal and name in journal.after and journal.after[name] is None and _untouched(folder, name, journal))


def _digest(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def _write(path: Path, text: str) -> None:
    """As a whole: a reader finds the old text or the new one. Its mode stays; a new file is its owner's and group's to read."""
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o640
    other = path.with_name(f".{path.name}.{os.getpid()}.new")
    handle = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    try:
        os.fchmod(handle, mode)
        with os.fdopen(handle, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.replace(other, path)
    except BaseException:
        other.unlink(missing_ok=True)
        raise
    _flush(path.parent)


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
