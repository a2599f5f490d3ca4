"""From a draft to what runs, and back: publishing, what was edited by hand, and rolling back. For every door.

Not here: drafts and their versions (`state.drafts`), how files are replaced (`mapping.folder`). Invariant: what runs is what
the files in the folder say, and every state that they were published in, or found in, is kept; nothing is published that has
errors, nor over a state that whoever publishes has not seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from mapping import folder as files_of
from mapping.checks import BARE, looks_bare
from mapping.folder import Files, FolderChanged
from mapping.loader import Project, load_project
from mapping.problems import ConfigError, ConfigErrors
from state.drafts import AnotherPublication, How, Publication, Publications, next_publication

__all__ = ["FolderChanged", "NothingNew", "bare", "by_hand", "checked", "finish", "publish", "roll_back"]


class NothingNew(Exception):
    """What would be published is what the folder says already."""


def checked(files: Files, folder: Path) -> tuple[Project | None, list[ConfigError]]:
    """The project that the files make, or all that is wrong with them."""
    try:
        return load_project(folder, files), []
    except ConfigErrors as error:
        return None, error.errors


def bare(files: Files, errors: Sequence[ConfigError], file: str = "") -> bool:
    """Whether a secret stands in the files (or in this one) as it is: such a text is kept nowhere, and shown to admins alone.
    `errors`: of the files."""
    if any(one.message in BARE and file in ("", one.file) for one in errors):
        return True
    main = files.get(files_of.MAIN, "") if file in ("", files_of.MAIN) else ""
    return any(one.file == files_of.MAIN for one in errors) and looks_bare(main)


def finish(folder: Path, publications: Publications) -> None:
    """What was interrupted in the middle of a publication; at every start."""
    if files_of.unfinished(folder) is not None:
        with files_of.exclusive(folder):
            _finish(folder, publications)


def by_hand(folder: Path, publications: Publications, at: datetime) -> Publication | None:
    """Note what the files are now, where that is not what was published last: somebody has edited them. The new publication;
    None where there is nothing to note, or a secret stands in
    a file. Raises ConfigErrors where a file is no text."""
    with files_of.exclusive(folder):
        _finish(folder, publications)
        return _by_hand(folder, publications, files_of.read_files(folder), at)


def publish(
    folder: Path, publications: Publications, begun: Files, files: Files, *, by: str, note: str, at: datetime,
    rolls_back: int | None = None,
) -> Publication:  # fmt: skip
    """`begun`: what the folder holds as far as whoever publishes has seen. Raises ConfigErrors where the files have errors,
    FolderChanged where the folder holds something else, NothingNew, OSError where it cannot be written."""
    project = load_project(folder, files)
    with files_of.exclusive(folder):
        _finish(folder, publications)
        now = files_of.read_files(folder)
        if now != dict(begun):
            raise FolderChanged
        if now == dict(files):
            raise NothingNew
        _by_hand(folder, publications, now, at)
        how: How = "draft" if rolls_back is None else "rollback"
        publication = next_publication(publications.last(), at, by, how, note, files, project.hash, rolls_back)
        files_of.begin(folder, now, files, _record(publication))
        return _finish(folder, publications) or publication


def roll_back(
    folder: Path, publications: Publications, to: Publication, begun: Files, *, by: str, note: str, at: datetime
) -> Publication:
    """The files of an older publication, published anew. Raises what `publish` raises."""
    return publish(folder, publications, begun, to.files, by=by, note=note, at=at, rolls_back=to.number)


def _finish(folder: Path, publications: Publications) -> Publication | None:
    journal = files_of.unfinished(folder)
    if journal is None:
        return None
    files_of.finish(folder, journal)
    publication = _noted(publications, _publication(journal.record))
    files_of.end(folder)
    return publication


def _by_hand(folder: Path, publications: Publications, now: Files, at: datetime) -> Publication | None:
    last = publications.last()
    if last is not None and last.files == dict(now):
        return None
    project, errors = checked(now, folder)
    if bare(now, errors):
        return None
    return _noted(publications, next_publication(last, at, "", "hand", "", now, project.hash if project else ""))


def _noted(publications: Publications, publication: Publication) -> Publication:
    """Another machine with the same database may have taken the number."""
    for _ in range(10):
        try:
            publications.add(publication)
            return publication
        except AnotherPublication:
            last = publications.last()
            publication = replace(publication, number=last.number + 1 if last else 1)
    raise AnotherPublication


def _record(publication: Publication) -> dict[str, Any]:
    return {**asdict(publication), "at": publication.at.isoformat()}


def _publication(record: Mapping[str, Any]) -> Publication:
    return Publication(**{**record, "at": datetime.fromisoformat(record["at"])})
