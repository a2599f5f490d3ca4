"""A few records out of a million, in a few look-ups of an index: spread evenly over all, or any one.

Not here: what is done with them. Invariant: no table is scanned, however many records there are.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from state import tables as t
from state.store import Store

_c = t.link.c


def spread(store: Store, system: str, count: int) -> list[str]:
    """Remote ids of at most `count` live records of the store's kind, from the first on."""
    ends = _ends(store, system)
    if ends is None:
        return []
    found: dict[str, None] = {}
    for finer in (1, 2, 4, 8):  # the numbers have gaps, where other systems' records are
        steps = count * finer
        found = dict.fromkeys(_at(store, system, ends, step / max(steps - 1, 1)) for step in range(steps))
        if len(found) >= count:
            break
    every = list(found)
    return [every[len(every) * at // count] for at in range(count)] if len(every) > count else every


def any_one(store: Store, system: str, share: float) -> str | None:
    """The remote id of the live record that stands at this share (0 to 1) of all there are; None where there are none."""
    ends = _ends(store, system)
    return _at(store, system, ends, share) if ends else None


def _at(store: Store, system: str, ends: tuple[int, int], share: float) -> str:
    first, last = ends
    query = _live(store, system, sa.select(_c.remote_id)).where(_c.n >= first + round((last - first) * share))
    found: str = store._c.execute(query.order_by(_c.n).limit(1)).scalar_one()
    return found


def _ends(store: Store, system: str) -> tuple[int, int] | None:
    """The numbers of the first and the last live link."""
    query = _live(store, system, sa.select(_c.n)).limit(1)
    first, last = (store._c.execute(query.order_by(order)).scalar_one_or_none() for order in (_c.n, _c.n.desc()))
    return None if first is None or last is None else (first, last)


def _live(store: Store, system: str, query: sa.Select[Any]) -> sa.Select[Any]:
    return query.where(_c.system == system, _c.kind == store.kind, _c.state == sa.literal_column("'live'"))
