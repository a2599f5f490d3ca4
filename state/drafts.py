"""Drafts of the configuration, one for each account, and what was published of them.

Files are `{name: text}`: the name as it is within the project folder ("smarketing.yaml", "mappings/hubspot.yaml"). Not here:
what they mean (`mapping.loader`), how they get into the folder (`mapping.folder`), who may publish.

Invariant: a draft is only ever saved over the version that whoever saves has seen, so that of two tabs none overwrites the other
unseen; a publication is never changed or deleted.

    draft = drafts.of(account.id) or Draft.begin(account.id, files)   # files: as the folder is now
    draft = drafts.save(draft, changed_files, now)                    # raises StaleDraft: read it again, and look
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from state import tables as t
from state.history import Engine
from state.ids import new_id
from state.rows import dumps, loads

Files = Mapping[str, str]
How = Literal["draft", "hand", "rollback"]


class StaleDraft(Exception):
    """The draft was changed, published or discarded since it was read: in another tab, or by another of our processes."""


class AnotherPublication(Exception):
    """Somebody else has published since the number was taken."""


@dataclass(frozen=True, slots=True)
class Draft:
    """`version`: 0 before it is saved for the first time. `begun`: the files of the folder when it was begun."""

    account_id: str
    files: dict[str, str]
    begun: dict[str, str]
    version: int = 0
    changed_at: datetime | None = None

    @classmethod
    def begin(cls, account_id: str, files: Files) -> Draft:
        """Of the folder as it is. Nothing is stored before `save`."""
        return cls(account_id, dict(files), dict(files))

    @property
    def changed(self) -> bool:
        """Whether it says anything else than what it was begun from."""
        return self.files != self.begun


@dataclass(frozen=True, slots=True)
class Publication:
    """`by`: e-mail address; empty where the files were edited by hand, which was then only seen. `rules_hash`: of the project
    that the files make (`Project.hash`); empty where they had errors. `begun_from`: the number of the one before."""

    id: str
    number: int
    at: datetime
    by: str
    how: How
    note: str
    files: dict[str, str]
    rules_hash: str
    rolls_back: int | None = None
    begun_from: int | None = None


class Drafts:
    """Every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of(self, account_id: str) -> Draft | None:
        found = self._found(sa.select(t.draft).where(t.draft.c.account_id == account_id))
        return found[0] if found else None

    def all(self) -> list[Draft]:
        """The last changed first."""
        return self._found(sa.select(t.draft).order_by(t.draft.c.changed_at.desc(), t.draft.c.account_id))

    def save(self, draft: Draft, files: Files, at: datetime, *, begun: Files | None = None) -> Draft:
        """`draft`: as it was read; `files`: what it says now; `begun`: what it changes, where that is something else now (after
        a merge). The draft with its new version. Raises StaleDraft where the stored one has another version."""
        new = replace(
            draft, files=dict(files), begun=dict(begun or draft.begun), version=draft.version + 1, changed_at=at
        )
        row = {
            "account_id": new.account_id, "version": new.version, "files": dumps(new.files), "begun": dumps(new.begun),
            "changed_at": at,
        }  # fmt: skip
        try:
            with self._engine.begin() as connection:
                if draft.version == 0:
                    connection.execute(t.draft.insert(), row)
                elif connection.execute(t.draft.update().where(*self._same(draft)), row).rowcount != 1:
                    raise StaleDraft
        except sa.exc.IntegrityError as error:
            raise StaleDraft from error
        return new

    def drop(self, draft: Draft) -> None:
        """Discarded, or published. Raises StaleDraft where the stored one has another version."""
        with self._engine.begin() as connection:
            if connection.execute(t.draft.delete().where(*self._same(draft))).rowcount != 1:
                raise StaleDraft

    def _same(self, draft: Draft) -> tuple[sa.ColumnElement[bool], ...]:
        return t.draft.c.account_id == draft.account_id, t.draft.c.version == draft.version

    def _found(self, query: sa.Select[Any]) -> list[Draft]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Draft(**{**row, "files": loads(row["files"]), "begun": loads(row["begun"])}) for row in rows]


class Publications:
    """Every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def last(self) -> Publication | None:
        found = self._found(sa.select(t.publication).order_by(t.publication.c.number.desc()).limit(1))
        return found[0] if found else None

    def get(self, number: int) -> Publication | None:
        found = self._found(sa.select(t.publication).where(t.publication.c.number == number))
        return found[0] if found else None

    def has(self, id_: str) -> bool:
        with self._engine.connect() as connection:
            query = sa.select(sa.func.count()).where(t.publication.c.id == id_)
            return bool(connection.execute(query).scalar_one())

    def newest(self, limit: int = 50, before: int | None = None) -> list[Publication]:
        """Newest first; `before`: a number."""
        query = sa.select(t.publication).order_by(t.publication.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(t.publication.c.number < before)
        return self._found(query)

    def add(self, publication: Publication) -> None:
        """Adding the same one again changes nothing: so one that was interrupted can be finished. Raises AnotherPublication
        where its number is taken by another."""
        if self.has(publication.id):
            return
        row = {name: getattr(publication, name) for name in Publication.__slots__}
        try:
            with self._engine.begin() as connection:
                connection.execute(t.publication.insert(), {**row, "files": dumps(publication.files)})
        except sa.exc.IntegrityError as error:
            if not self.has(publication.id):
                raise AnotherPublication from error

    def _found(self, query: sa.Select[Any]) -> list[Publication]:
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Publication(**{**row, "files": loads(row["files"])}) for row in rows]


def next_publication(
    last: Publication | None, at: datetime, by: str, how: How, note: str, files: Files, rules_hash: str,
    rolls_back: int | None = None,
) -> Publication:  # fmt: skip
    """What follows the last one; not stored yet."""
    number = last.number if last else 0
    return Publication(
        new_id(), number + 1, at, by, how, note, dict(files), rules_hash, rolls_back, last.number if last else None
    )
