"""The history of scores, the days on which they are due, and the learned models; and what happened to leads, by day.

Invariant: `score_due` has a lead's next day exactly where its points decay to others by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from state import tables as t
from state.activities import month_of
from state.bulk import Lookup, Row
from state.erasures import Erasures
from state.rows import dumps, loads

SCORE = ("hub_id", "at", "fit", "engagement", "total", "grade")
DAY = 86_400_000_000
"""Microseconds."""

_c = t.activity_lead.c
_span = (_c.month == sa.bindparam("month"), _c.at >= sa.bindparam("since"), _c.at < sa.bindparam("until"))


def _by_day(day: sa.ColumnElement[Any]) -> Lookup:
    query = sa.select(_c.hub_id, _c.type, day.label("day"), sa.func.count()).where(*_span)
    return Lookup(query.group_by(_c.hub_id, _c.type, sa.text("day")), _c.hub_id)


BY_DAY = {
    "sqlite": _by_day(sa.type_coerce(_c.at, sa.BigInteger).op("/")(sa.literal_column(f"{DAY}"))),
    "postgresql": _by_day(sa.cast(sa.func.floor(sa.func.extract("epoch", _c.at) / 86_400), sa.Integer)),
}


class ScoreRow(NamedTuple):
    """An axis without rules is None."""

    hub_id: str
    at: datetime
    fit: int | None
    engagement: int | None
    total: int
    grade: str | None


@dataclass(frozen=True, slots=True)
class ModelRow:
    """What was learned. `until`: the latest outcome that it knows of."""

    id: str
    trained_at: datetime
    until: datetime
    features: list[dict[str, Any]]
    coefficients: dict[str, Any]
    metrics: dict[str, Any]


class Scores(Erasures):
    """The verbs over `score`, `score_due` and `model`."""

    def activity_days(self, hub_ids: Collection[str], since: datetime, until: datetime) -> Iterable[Row]:
        """(hub id, type, day since 1970, how many) of what happened to these leads, from `since` on and before `until`.
        One query a month."""
        lookup = BY_DAY[self.engine.dialect.name]
        span = {"since": self._stored(since), "until": self._stored(until)}
        for month in self._months():
            if month_of(since) <= month <= month_of(until):
                yield from lookup.rows(self._c, hub_ids, month=month, **span)

    def log_scores(self, rows: Sequence[ScoreRow]) -> None:
        """The latest of a moment counts."""
        if rows:
            insert = self._insert(t.score)
            over = {name: insert.excluded[name] for name in SCORE[2:]}
            kept = insert.on_conflict_do_update(index_elements=["hub_id", "at"], set_=over)
            self._rows("log_scores", lambda: kept, SCORE, [(r[0], self._stored(r[1]), *r[2:]) for r in rows])

    def save_due(self, due: Mapping[str, int | None]) -> None:
        """The next day of each of these leads; None for a lead whose score stays what it is."""
        self._some(t.score_due.delete(), t.score_due.c.hub_id, [hub_id for hub_id, day in due.items() if day is None])
        insert = self._insert(t.score_due)
        kept = insert.on_conflict_do_update(index_elements=["hub_id"], set_={"day": insert.excluded.day})
        rows = [(hub_id, day) for hub_id, day in due.items() if day is not None]
        self._rows("save_due", lambda: kept, ("hub_id", "day"), rows)

    def touch_due(self, day: int) -> int:
        """Mark the leads whose points are other ones on that day; returns how many. Each is due anew once it has been
        looked at."""
        c = t.score_due.c
        some = sa.select(c.hub_id).where(c.day <= day)
        found = self._c.execute(
            t.hub.update().where(t.hub.c.id.in_(some), t.hub.c.merged_into.is_(None)).values(touched=1)
        )
        self._c.execute(t.score_due.delete().where(c.day <= day))
        return found.rowcount

    def scores_of(self, hub_id: str) -> list[ScoreRow]:
        """Oldest first."""
        c = t.score.c
        query = sa.select(*(c[name] for name in SCORE)).where(c.hub_id == hub_id).order_by(c.at)
        return [ScoreRow(*row) for row in self._c.execute(query)]

    def save_model(self, model: ModelRow) -> None:
        row = {"id": model.id, "trained_at": model.trained_at, "until": model.until, "features": dumps(model.features),
               "coefficients": dumps(model.coefficients), "metrics": dumps(model.metrics)}  # fmt: skip
        self._c.execute(t.model.insert(), [row])

    def newest_model(self) -> ModelRow | None:
        """None where nothing was ever learned."""
        row = self._c.execute(sa.select(t.model).order_by(t.model.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        features, coefficients, metrics = loads(row.features), loads(row.coefficients), loads(row.metrics)
        return ModelRow(row.id, row.trained_at, row.until, features, coefficients, metrics)
