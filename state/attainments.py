"""What came of objectives, frozen, and who stands by it. Append-only: to restate is a new row that names the old one.

Invariant: of an objective and a period there is one first row, and each row is restated at most once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.history import Engine
from state.rows import dumps, loads


class AlreadyFrozen(Exception):
    """Somebody has frozen this period of the objective, or restated this row, before."""


@dataclass(frozen=True, slots=True)
class Attainment:
    id: int
    objective: str
    period: str
    value: float
    target: float
    frozen_at: datetime
    frozen_by: str
    basis: dict[str, Any]
    restated_from: int | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """`attainment_id`: the frozen value that is accepted; None where it is the target alone."""

    objective: str
    period: str
    team: str
    target: float
    accepted_at: datetime
    accepted_by: str
    attainment_id: int | None = None


def attainments(engine: Engine) -> list[Attainment]:
    """All rows ever made, in the order of their making."""
    with engine.connect() as connection:
        rows = connection.execute(sa.select(t.attainment).order_by(t.attainment.c.id)).mappings()
        return [Attainment(**{**row, "basis": loads(row["basis"])}) for row in rows]


def newest(rows: list[Attainment]) -> dict[tuple[str, str], Attainment]:
    """Objective and period -> the row that holds: the one that nothing has taken the place of."""
    replaced = {row.restated_from for row in rows}
    return {(row.objective, row.period): row for row in rows if row.id not in replaced}


def freeze(
    engine: Engine, objective: str, period: str, value: float, target: float, basis: Mapping[str, Any], at: datetime,
    by: str, *, restates: int | None = None, reason: str | None = None,
) -> int:  # fmt: skip
    """The id of the new row. Raises AlreadyFrozen."""
    row = {
        "objective": objective, "period": period, "value": value, "target": target, "basis": dumps(dict(basis)),
        "frozen_at": at, "frozen_by": by, "restated_from": restates, "reason": reason,
    }  # fmt: skip
    try:
        with engine.begin() as connection:
            return int(connection.execute(t.attainment.insert().returning(t.attainment.c.id), row).scalar_one())
    except sa.exc.IntegrityError as error:
        raise AlreadyFrozen(f"{objective} {period}") from error


def accept(engine: Engine, said: Acceptance) -> None:
    names = ("objective", "period", "team", "target", "accepted_at", "accepted_by", "attainment_id")
    with engine.begin() as connection:
        connection.execute(t.acceptance.insert(), {name: getattr(said, name) for name in names})


def acceptances(engine: Engine) -> list[Acceptance]:
    """In the order of their making."""
    c = t.acceptance.c
    query = sa.select(c.objective, c.period, c.team, c.target, c.accepted_at, c.accepted_by, c.attainment_id).order_by(
        c.id
    )
    with engine.connect() as connection:
        return [Acceptance(*row) for row in connection.execute(query)]
