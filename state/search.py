"""Finding hub records among a million, by the beginnings of their words, by kind, stage, system and owner.

Not here: how the words come into their table (`indexing.py`), what the words are (`words.py`). Reading only. Invariant: a
question costs a bounded number of rows, whatever it asks; where that was not enough to look through all that could match,
the answer says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from mapping.fields import Kind
from state import tables as t
from state.bulk import Lookup
from state.connection import Connected
from state.indexing import Progress, progress_of
from state.words import BREAK, asked, facet

MOST = 1_000
"""Records of one answer at most: whoever has more asks more precisely."""

FEW = 2_000
"""Words up to which all records that have one are put in order."""

COUNTED = 50_000
"""Words up to which they are counted, and other records compared with them; those that more have are looked for in the text of
each record."""

LOOKED_AT = 10_000
"""Records that are looked through for what is found nowhere else."""

OTHERS = 5_000
"""Rows of one query of an answer at most. The first is for twice as many as were asked for, each other for four times as many."""

END = "\U0010ffff"
"""After every character there is."""


@dataclass(frozen=True)
class Question:
    text: str = ""
    kind: Kind | None = None
    stage: str = ""
    system: str = ""
    owner: str = ""

    @property
    def empty(self) -> bool:
        return not (self.text.strip() or self.stage or self.system or self.owner)


@dataclass(frozen=True)
class Found:
    """`ids`: as many as were asked for. Of a few, who is called just so first, then by their last change; of many, by the word
    that was found, the newest first; without any word, by their last change. `more`: there are others. `through`: whether all was
    looked through that could match."""

    ids: list[str]
    more: bool = False
    through: bool = True


class _Range(NamedTuple):
    """Words from `low` on, before `high`: those that begin alike, or one alone. `size`: how many, `COUNTED` at most."""

    low: str
    high: str
    size: int

    @property
    def whole(self) -> bool:
        return self.low.startswith("=")

    def within(self, words: str) -> bool:
        return f"{BREAK}{self.low}{BREAK if self.whole else ''}" in words


_w, _r, _l, _c = t.search_word.c, t.search_record.c, t.link.c, t.change.c
LIVE = Lookup(sa.select(_l.hub_id, _l.system).where(_l.state == "live"), _l.hub_id)
CHANGED = Lookup(sa.select(_c.hub_id, sa.func.max(_c.at)).group_by(_c.hub_id), _c.hub_id)


class Search(Connected):
    """The verbs. `with` it, or close it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def progress(self) -> Progress:
        """How much of what there is can be found."""
        return progress_of(self._c)

    def find(self, question: Question, most: int = MOST) -> Found:
        """The first `most` records, those of a smaller number being the first of a greater one."""
        ranges, words = self._ranges(question), asked(question.text)
        if (question.text.strip() and not words) or (ranges and not ranges[0].size):
            return Found([])
        few = bool(ranges) and ranges[0].size <= FEW
        if ranges and (few or words or ranges[0].size < COUNTED):
            batches = self._by_word(ranges, question.kind, FEW + 1 if few else 2 * most)
        else:
            batches = self._by_change(question.kind, most + 1)
        exact = [f"{BREAK}{word}{BREAK}" for word in words]
        found: dict[str, tuple[int, int]] = {}
        looked = 0
        for batch in batches:
            fits = {
                row.hub_id: (-sum(word in row.words for word in exact), -row.changed)
                for row in batch
                if row.hub_id not in found and all(one.within(row.words) for one in ranges)
            }
            found |= self._in(question.system, fits) if question.system else fits
            looked += len(batch)
            if not few and (len(found) > most or looked >= LOOKED_AT):
                break
        else:
            looked = 0
        ids = sorted(found, key=found.__getitem__) if few else list(found)
        return Found(ids[:most], len(ids) > most, len(ids) > most or not looked)

    def changes(self, hub_ids: Iterable[str]) -> dict[str, datetime]:
        """When each of these hub records changed last."""
        return {hub_id: at for hub_id, stored in CHANGED.rows(self._c, hub_ids) if (at := self._read(stored))}

    def _ranges(self, question: Question) -> list[_Range]:
        """Everything that must hold, the rarest first. Leads are most of all there is: they have no word for it."""
        some = [(word, word + END) for word in asked(question.text)]
        named = {"stage": question.stage, "system": question.system, "owner": question.owner}
        if question.kind not in (None, "lead") and not question.empty:
            named["kind"] = str(question.kind)
        some += [(one, one + "\x01") for name, value in named.items() if value and (one := facet(name, value))]
        return sorted((_Range(low, high, self._size(low, high)) for low, high in some), key=lambda one: one.size)

    def _size(self, low: str, high: str) -> int:
        some = sa.select(sa.literal_column("1")).where(_w.word >= low, _w.word < high).limit(COUNTED).subquery()
        return int(self._c.execute(sa.select(sa.func.count()).select_from(some)).scalar_one())

    def _by_word(self, ranges: Sequence[_Range], kind: Kind | None, size: int) -> Iterator[Sequence[Any]]:
        """Records that have a word of the first range, by word, the newest first; of a range of a few words, only those that
        have one of it too."""
        first, *others = ranges
        query = (
            sa.select(_w.word, _w.n, _r.hub_id, _r.changed, _r.words)
            .join_from(t.search_word, t.search_record, _r.n == _w.n)
            .where(_w.word >= first.low, _w.word < first.high)
            .order_by(_w.word, _w.n)
        )
        for one in others:
            if one.size < COUNTED:
                also = t.search_word.alias().c
                query = query.where(_w.n.in_(sa.select(also.n).where(also.word >= one.low, also.word < one.high)))
        if kind:
            query = query.where(_r.kind == kind)
        after: tuple[str, int] | None = None
        for limit in (min(OTHERS, size * 4**round_) for round_ in count()):
            beyond = query.where(sa.tuple_(_w.word, _w.n) > sa.tuple_(*map(sa.literal, after))) if after else query
            rows = self._c.execute(beyond.limit(limit)).all()
            yield rows
            if len(rows) < limit:
                return
            after = (rows[-1].word, rows[-1].n)

    def _by_change(self, kind: Kind | None, size: int) -> Iterator[Sequence[Any]]:
        """All records, or all of a kind, the last change first."""
        query = sa.select(_r.hub_id, _r.changed, _r.words).order_by(_r.changed.desc())
        if kind:
            query = query.where(_r.kind == kind)
        after: int | None = None
        for limit in (min(OTHERS, size * 4**round_) for round_ in count()):
            beyond = query.where(_r.changed < after) if after is not None else query
            rows = self._c.execute(beyond.limit(limit)).all()
            yield rows
            if len(rows) < limit:
                return
            after = rows[-1].changed

    def _in(self, system: str, found: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
        """Those that are in the system now: the index knows who ever was."""
        here = {hub_id for hub_id, live in LIVE.rows(self._c, found) if live == system}
        return {hub_id: rank for hub_id, rank in found.items() if hub_id in here}
