"""Taking hub records out of the tables by which they are found, in the transaction in which they go themselves.

Everything else about these tables is behind the engine (`indexing.py`). Invariant: asked after the hub records were deleted, it
leaves no word of them, whatever the indexer does meanwhile: that one holds a record for as long as it writes of it.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from state import tables as t
from state.connection import Connected
from state.words import words_in

_r, _w = t.search_record.c, t.search_word.c


class Unindexing(Connected):
    def searched(self, hub_ids: Collection[str], *, erase: bool) -> int:
        """How many of these hub records can be found."""
        mine = _r.hub_id.in_(self._values(hub_ids))
        rows = self._c.execute(sa.select(_r.n, _r.words).where(mine).with_for_update()).all()
        if erase and rows:
            self._c.execute(t.search_record.delete().where(mine))
            some = [{"_word": word, "_n": row.n} for row in rows for word in sorted(words_in(row.words))]
            self._many(t.search_word.delete().where(_w.word == sa.bindparam("_word"), _w.n == sa.bindparam("_n")), some)
        return len(rows)
