"""What people ask about runs: which there were, what each wrote, was refused and asked.

Reading only. Invariant: no question looks at more than `WINDOW` rows, however much a run has written; whoever asks is told
where to go on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from state import tables as t
from state.history import Engine, ReviewRow, Run, _run, review_row
from state.records import WriteRow
from state.rows import loads, write_of

WINDOW = 20_000
"""Rows that one question looks through."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which of a run's writes; an empty word asks for all."""

    system: str = ""
    kind: str = ""
    operation: str = ""
    field: str = ""
    state: str = ""


class Writes(NamedTuple):
    """`next`: the id of the write after which to go on; None where that was all."""

    rows: list[WriteRow]
    next: int | None


class Page(NamedTuple):
    """`next`: the id of the run before which to go on; None where that was all."""

    runs: list[Run]
    next: str | None


class Problem(NamedTuple):
    """Writes that were refused for one reason. `code`: of docs/errors.md; `message`: of the first of them."""

    system: str
    code: str
    message: str
    times: int


class Runs:
    """Questions to one project's database; every call is a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._read = t.read_time(engine.dialect)

    def newest(self, limit: int) -> list[Run]:
        """Newest first."""
        return self.page(limit).runs

    def page(self, limit: int, before: str | None = None, kind: str = "", outcome: str = "") -> Page:
        """Newest first; `before`: the id of a run. `outcome`: "none" for those that never ended."""
        c = t.run.c
        part = sa.select(c.id, c.kind, c.outcome).order_by(c.id.desc()).limit(WINDOW // 10)
        seen = (part.where(c.id < before) if before else part).subquery()
        ids = sa.select(seen.c.id).order_by(seen.c.id.desc()).limit(limit + 1)
        if kind:
            ids = ids.where(seen.c.kind == kind)
        if outcome:
            ids = ids.where(seen.c.outcome.is_(None) if outcome == "none" else seen.c.outcome == outcome)
        query = sa.select(t.run).where(c.id.in_(ids)).order_by(c.id.desc())
        with self._engine.connect() as connection:
            runs = [_run(row) for row in connection.execute(query)]
            if len(runs) > limit:
                return Page(runs[:limit], runs[limit - 1].id)
            count, end = connection.execute(sa.select(sa.func.count(), sa.func.min(seen.c.id))).one()
        return Page(runs, end if count == WINDOW // 10 else None)

    def one(self, id_: str) -> Run | None:
        with self._engine.connect() as connection:
            row = connection.execute(sa.select(t.run).where(t.run.c.id == id_)).first()
        return _run(row) if row else None

    def newer(self, id_: str) -> str | None:
        """The run after this one."""
        c = t.run.c
        with self._engine.connect() as connection:
            found = connection.execute(sa.select(c.id).where(c.id > id_).order_by(c.id).limit(1)).scalar()
        return str(found) if found else None

    def writes(self, id_: str, asked: Asked = Asked(), after: int = 0, limit: int = 50) -> Writes:
        """What a run wrote, in the order of its plan."""
        w = t.write.c
        part = sa.select(t.write).where(w.run_id == id_, w.id > after).order_by(w.id).limit(WINDOW).subquery()
        query = sa.select(*(part.c[column.name] for column in t.write.c)).order_by(part.c.id).limit(limit + 1)
        for name in ("system", "kind", "operation", "state"):
            if value := getattr(asked, name):
                query = query.where(part.c[name] == value)
        if asked.field:
            query = query.where(part.c.fields.contains(f'"{asked.field}":', autoescape=True))
        last = sa.select(sa.func.count(), sa.func.max(part.c.id))
        with self._engine.connect() as connection:
            rows = [write_of(tuple(row), lambda at: at) for row in connection.execute(query)]
            if len(rows) > limit:
                return Writes(rows[:limit], rows[limit - 1].id)
            seen, end = connection.execute(last).one()
        return Writes(rows, end if seen == WINDOW else None)

    def reviews(self, id_: str, limit: int = 20) -> list[ReviewRow]:
        """The questions that a run asked, newest first; closed ones too."""
        c = t.review.c
        ids = sa.select(c.id).where(c.run_id == id_, c.kind != "guard").order_by(c.id.desc()).limit(limit)
        query = sa.select(t.review).where(c.id.in_(ids)).order_by(c.id.desc())
        with self._engine.connect() as connection:
            return [review_row(row) for row in connection.execute(query)]

    def problems(self, id_: str) -> list[Problem]:
        """What the systems refused, by reason, the most frequent first."""
        c = t.review.c
        query = (
            sa.select(c.system, c.detail).where(c.run_id == id_, c.kind == "dead_letter").order_by(c.id).limit(WINDOW)
        )
        counted: Counter[tuple[str, str]] = Counter()
        first: dict[tuple[str, str], str] = {}
        with self._engine.connect() as connection:
            for system, detail in connection.execute(query):
                for problem in loads(detail).get("problems", ()):
                    key = str(system), _code(problem)
                    counted[key] += 1
                    first.setdefault(key, str(problem.get("message", "")))
        return [Problem(*key, first[key], number) for key, number in counted.most_common()]


def _code(problem: Mapping[str, Any]) -> str:
    """What the mapping could not write has no code of its own: the system was never asked."""
    return str(problem.get("code") or "invalid-value")
