"""How far the history goes: what was counted before is still right as long as this has not moved.

Invariant: three look-ups at the end of an index, however long the history is.
"""

from __future__ import annotations

from typing import NamedTuple

import sqlalchemy as sa

from state import tables as t
from state.history import Engine


class Watermark(NamedTuple):
    """The last change and the last stage event by their numbers; 0 for none. `erasures`: how many people were forgotten, or are
    being forgotten."""

    change: int
    stage_event: int
    erasures: int


def watermark(engine: Engine) -> Watermark:
    last = (
        sa.select(sa.func.coalesce(sa.func.max(table.c.id), 0)).scalar_subquery() for table in (t.change, t.stage_event)
    )
    erasures = sa.select(sa.func.count()).select_from(t.erasure).scalar_subquery()
    with engine.connect() as connection:
        return Watermark(*map(int, connection.execute(sa.select(*last, erasures)).one()))
