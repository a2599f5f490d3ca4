"""The draft of whoever looks, as the pages about the configuration have it.

A draft begins with the first change; until then its pages show what the folder says. Changes are made entry by entry, so that of
two tabs of one person neither takes back what the other did: an edit is refused only where its own entry is not any more what
the page had shown. Not here: what the entries are, and publishing (`console.publishing`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, Request

from console.publishing import bare, checked
from console.web.page import Page, Refused
from mapping.compared import Change, changes
from mapping.editing import CannotEdit, data_of
from mapping.folder import MAIN, Files, read_files
from mapping.loader import Project
from mapping.problems import ConfigError
from mapping.source import Loc, dotted
from state.drafts import Draft, StaleDraft

TRIES = 4
"""How often an edit is made again over what another tab has just saved."""


class ChangedMeanwhile(Exception):
    """The entry is not any more what the page had shown."""


@dataclass(frozen=True)
class Work:
    """A draft with what it says. `stored`: whether there is a draft, or only the folder's files. `behind`: whether the folder
    holds something else than what it was begun from."""

    draft: Draft
    stored: bool
    now: dict[str, str]
    project: Project | None
    errors: list[ConfigError]
    changes: list[Change]

    @property
    def files(self) -> dict[str, str]:
        return self.draft.files

    @property
    def behind(self) -> bool:
        return self.stored and self.draft.changed and self.draft.begun != self.now

    @property
    def main(self) -> dict[str, Any]:
        return data(self.files.get(MAIN, ""))

    def errors_at(self, file: str, loc: Loc) -> list[ConfigError]:
        """Those of the entry itself and of what is in it."""
        key = dotted(loc)
        return [
            one
            for one in self.errors
            if one.file == file and (one.key == key or one.key.startswith((f"{key}.", f"{key}[")))
        ]

    def changed_at(self, file: str, loc: Loc) -> bool:
        return any(
            one.file == file and one.loc and (one.loc[: len(loc)] == loc or loc[: len(one.loc)] == one.loc)
            for one in self.changes
        )


def work_of(page: Page) -> Work:
    """For an admin their draft; for everybody else, and where there is none, what the folder says."""
    now = read_files(page.site.folder)
    draft = None
    if page.visitor is not None and page.visitor.may("admin"):
        draft = page.site.drafts.of(page.visitor.account.id)
    stored = draft is not None and draft.changed
    account = page.visitor.account.id if page.visitor else ""
    shown = draft if stored and draft is not None else Draft(account, now, now, draft.version if draft else 0)
    project, errors = _checked(tuple(sorted(shown.files.items())), str(page.site.folder))
    return Work(shown, stored, now, project, errors, changes_of(shown.begun, shown.files))


def trial(page: Page, files: Files) -> Work:
    """What a draft with these files would say. Nothing is stored."""
    work = work_of(page)
    project, errors = _checked(tuple(sorted(files.items())), str(page.site.folder))
    return replace(work, draft=replace(work.draft, files=dict(files)), project=project, errors=errors)


def edit(
    page: Page, change: Callable[[Files], Mapping[str, str]], what: str, still: Callable[[Files], bool] | None = None
) -> Draft:
    """The draft with a change made to its files and stored; begun where there is none. `still`: whether what the change is about is
    as the page had shown it. `what`: for the audit. Raises ChangedMeanwhile, Refused where a secret stands in it, and
    what `change` raises."""
    for _ in range(TRIES):
        draft = work_of(page).draft
        if still is not None and not still(draft.files):
            raise ChangedMeanwhile
        files = dict(change(draft.files))
        if files == draft.files:
            return draft
        if bare(files, _checked(tuple(sorted(files.items())), str(page.site.folder))[1]):
            raise Refused(422, "mapping.secret")
        try:
            saved = page.site.drafts.save(draft, files, page.now, begun=draft.begun)
        except StaleDraft:
            continue
        page.note("draft", what, version=saved.version)
        return saved
    raise ChangedMeanwhile


def digest(value: Any) -> str:
    """Tells one state of an entry from another."""
    text = json.dumps(value, sort_keys=True, default=repr)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@lru_cache(maxsize=64)
def data(text: str) -> dict[str, Any]:
    """What a file says, not to be changed; nothing where it is no YAML, which the errors tell."""
    try:
        return data_of(text)
    except CannotEdit:
        return {}


def changes_of(before: Files, after: Files) -> list[Change]:
    try:
        return changes(before, after)
    except CannotEdit:  # then its errors are what matters
        return [Change(name, (), before.get(name), after[name]) for name in after if before.get(name) != after[name]]


@lru_cache(maxsize=32)
def _checked(files: Sequence[tuple[str, str]], folder: str) -> tuple[Project | None, list[ConfigError]]:
    return checked(dict(files), Path(folder))


async def _said(request: Request) -> dict[str, str]:
    return {name: str(value) for name, value in (await request.form()).items() if name != "csrf"}


Said = Annotated[dict[str, str], Depends(_said)]
"""What a form says, by the names of its places; for forms whose places depend on what they are about."""
