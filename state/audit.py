"""Who did what in the console: a row for each deed, only ever added to, and what is asked of them.

Refused log-ins are rows like any other, and so is what limits them: several processes on one database count the same ones.
Not here: what a deed means in words, how long somebody has to wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.history import Engine
from state.rows import dumps, loads

IN, REFUSED, OUT = "sign-in", "sign-in-refused", "sign-out"
"""Of these the subject is the client's address, and who is the e-mail address that was typed."""


@dataclass(frozen=True, slots=True)
class Deed:
    """A row of the audit."""

    id: int
    at: datetime
    who: str
    action: str
    subject: str
    detail: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failures:
    """Log-ins that were refused, and when the last one was."""

    count: int
    last: datetime | None


class Audit:
    """Every call is a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def note(self, at: datetime, who: str, action: str, subject: str = "", **detail: Any) -> None:
        row = {"at": at, "who": who[:255], "action": action, "subject": subject[:255], "detail": dumps(detail)}
        with self._engine.begin() as connection:
            connection.execute(t.audit.insert(), row)

    def who_did(self, action: str, subjects: Sequence[str]) -> dict[str, str]:
        """Subject -> who did it last, of those that anybody did."""
        c = t.audit.c
        query = sa.select(c.subject, c.who).where(c.action == action, c.subject.in_(subjects)).order_by(c.id)
        with self._engine.connect() as connection:
            return {row.subject: row.who for row in connection.execute(query)}

    def deeds(
        self, limit: int = 100, before: int | None = None, *, who: str = "", action: str = ""
    ) -> Sequence[Deed]:  # fmt: skip
        """Newest first; `before`: the id of a row."""
        c = t.audit.c
        query = sa.select(t.audit).order_by(c.id.desc()).limit(limit)
        if before is not None:
            query = query.where(c.id < before)
        if who:
            query = query.where(c.who == who)
        if action:
            query = query.where(c.action == action)
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [Deed(**{**row, "detail": loads(row["detail"])}) for row in rows]

    def actions(self) -> list[str]:
        """Whatever was done at all; one look into the index for each, not one for each row."""
        c, found, last = t.audit.c, list[str](), ""
        with self._engine.connect() as connection:
            while (
                one := connection.execute(sa.select(sa.func.min(c.action)).where(c.action > last)).scalar()
            ) is not None:
                found.append(one)
                last = one
        return found

    def last_in(self) -> dict[str, datetime]:
        """E-mail address -> when they last came in or went."""
        c = t.audit.c
        query = sa.select(c.who, sa.func.max(c.at)).where(c.action.in_((IN, OUT))).group_by(c.who)
        with self._engine.connect() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def failures(self, since: datetime, *, who: str | None = None, client: str | None = None) -> Failures:
        """Refused log-ins after `since`, of one address, from one client, or both."""
        c = t.audit.c
        query = sa.select(sa.func.count(), sa.func.max(c.at)).where(c.action == REFUSED, c.at > since)
        with self._engine.connect() as connection:
            count, last = connection.execute(_about(query, who, client)).one()
        return Failures(int(count), last)

    def came_in(self, who: str, client: str, since: datetime) -> datetime | None:
        """When this address last came in from this client, if it did after `since`."""
        c = t.audit.c
        query = sa.select(sa.func.max(c.at)).where(c.action == IN, c.at > since)
        with self._engine.connect() as connection:
            found: datetime | None = connection.execute(_about(query, who, client)).scalar_one()
        return found


def _about(query: sa.Select[Any], who: str | None, client: str | None) -> sa.Select[Any]:
    if who is not None:
        query = query.where(t.audit.c.who == who[:255])
    if client is not None:
        query = query.where(t.audit.c.subject == client[:255])
    return query
