"""What the two teams have decided in their meetings, and whether it was carried out.

Invariant: a decision is never deleted and its text never changed; it is open until somebody says that it is done or dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

import sqlalchemy as sa

from state import tables as t
from state.history import Engine

DecisionState = Literal["open", "done", "dropped"]


@dataclass(frozen=True, slots=True)
class Decision:
    """`met`: the day of the meeting. `who`: whoever carries it out; empty where nobody is named. `closed_at`: when it was
    noted to be done or dropped."""

    id: int
    met: date
    text: str
    who: str
    due: date | None
    state: DecisionState
    noted_at: datetime
    noted_by: str
    closed_at: datetime | None = None
    closed_by: str | None = None

    def late(self, day: date) -> bool:
        return self.state == "open" and self.due is not None and self.due < day


def decide(engine: Engine, met: date, text: str, who: str, due: date | None, at: datetime, by: str) -> int:
    """The id of the new row."""
    row = {"met": met, "text": text, "who": who, "due": due, "state": "open", "noted_at": at, "noted_by": by}
    with engine.begin() as connection:
        return int(connection.execute(t.decision.insert().returning(t.decision.c.id), row).scalar_one())


def close(engine: Engine, id_: int, state: DecisionState, at: datetime, by: str) -> bool:
    """Done, or dropped. False where there is no such open decision."""
    c = t.decision.c
    mine = t.decision.update().where(c.id == id_, c.state == "open")
    with engine.begin() as connection:
        return connection.execute(mine.values(state=state, closed_at=at, closed_by=by)).rowcount == 1


def decisions(engine: Engine) -> list[Decision]:
    """All of them, in the order of their making."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(t.decision).order_by(t.decision.c.id)).mappings()
        return [Decision(**row) for row in rows]
