"""Reading records of one kind: everything, and what changed. Which kind is for `subjects.py` to say.

**What changed** has several sources, each with a time of its own: an e-mail that sales corrects touches neither the
opportunity nor the party. Every source is read by (last_modified_at, id), and whatever it names is then read whole.
Tryton dates a change by the beginning of its transaction, so each source is read again from a little before the time
up to which it was complete; how far that is comes from Tryton's own clock (the Date of its answers), and where nothing
is that young, nothing is read again.

**Deletions** show in a complete scan only: Tryton logs that something was deleted, but no longer says what.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Cursor, Page, Record
from connectors.paging import ByKeyset, Params, Position, pages
from connectors.tryton.api import BY_ID, Rpc
from connectors.tryton.shape import CHANGED
from connectors.tryton.subjects import PARTY_OF, Sources, Subject, parties_of
from connectors.tryton.values import moment, timed

BY_TIME = [[CHANGED, "ASC"], ["id", "ASC"]]
REMEMBERED = 20_000
"""Parties of which an incremental read remembers that it gave them out already."""

Given = dict[int, datetime]

Mark = dict[str, Any]
"""How far a source is read. "at", "id": the last row. "seen": when, by Tryton's clock. All may be missing."""


class Reading:
    """The read side of the connector."""

    def __init__(self, rpc: Rpc, sources: Sources, overlap: timedelta, page: int) -> None:
        self._rpc = rpc
        self._sources = sources
        self._overlap = overlap
        self._page = page

    async def read(self, subject: Subject, fields: Sequence[str], since: Cursor | None) -> AsyncGenerator[Page, None]:
        position = Position.load(since) if since is not None else None
        reading = self._changes if position is not None and position.phase == "changes" else self._scan
        async with aclosing(reading(subject, fields, position)) as all_pages:
            async for page in all_pages:
                yield page

    def cursor_at(self, at: datetime) -> Cursor:
        marks = {name: {"at": at.isoformat(), "id": 0} for name in self._sources}
        return Position(phase="changes", memo={"marks": marks}).save()

    async def _scan(
        self, subject: Subject, fields: Sequence[str], position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """Every record, by id. The next run takes up the changes from where each source stood at the start."""
        whole = position is None
        if position is None:
            position = Position(
                phase="scan", memo={"marks": {name: await self._newest(name) for name in self._sources}}
            )
        paths = subject.paths(fields)

        async def fetch(params: Params) -> list[dict[str, Any]]:
            domain = [["id", ">", params["after"]], subject.domain]
            return await self._rpc.search_read(subject.model, domain, paths, BY_ID, self._page)

        start = {"after": (position.at or {}).get("after", 0)}
        async with aclosing(pages(fetch, ByKeyset(self._page, (("after", ("id",)),)), start, ahead=True)) as turns:
            async for rows, following in turns:
                records = await subject.scanned(fields, rows)
                if following is not None:
                    position = position.step(following)
                    yield Page(records, position.save())
                else:
                    done = Position(phase="changes", memo=position.memo)
                    yield Page(records, done.save(), complete=whole)

    async def _changes(
        self, subject: Subject, fields: Sequence[str], position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """The records that each source names in turn. A checkpoint is {"source": name, "after": [time, id]}."""
        assert position is not None  # by `read`
        marks: dict[str, Mark] = {name: dict(position.memo.get("marks", {}).get(name, {})) for name in self._sources}
        at = position.at or {}
        given: Given = {}
        names = list(self._sources)
        for name in names[names.index(at["source"]) if at.get("source") in names else 0 :]:
            after = at.get("after") if at.get("source") == name else None
            seen = at.get("seen") if after else None
            while True:
                rows = await self._touched(name, marks[name], after)
                seen = seen or self._told()
                records = await self._named(subject, fields, name, rows, given)
                if rows:
                    after = [moment(rows[-1][CHANGED]).isoformat(), rows[-1]["id"]]
                if len(rows) < self._page:
                    break
                yield Page(records, position.step({"source": name, "after": after, "seen": seen}).save())
            last = dict(zip(("at", "id"), after, strict=True)) if after else marks[name]
            marks[name] = {**last, **({"seen": seen} if seen else {})}
            position = position.model_copy(update={"memo": {"marks": marks}})
            following = next_of(names, name)
            ahead = position.step({"source": following}) if following else position.model_copy(update={"at": None})
            if records or following is None:
                yield Page(records, ahead.save())

    async def _touched(self, source: str, mark: Mark, after: list[Any] | None) -> list[dict[str, Any]]:
        fields = [CHANGED, *PARTY_OF.get(source, ("party",))]
        domain = past(*after) if after else self._from(mark)
        return await self._rpc.search_read(
            self._sources[source], domain, fields, BY_TIME, self._page, active_test=False
        )

    def _from(self, mark: Mark) -> list[Any]:
        """Where a source is taken up. What is older than the overlap was complete when we looked."""
        if "at" not in mark:
            return []
        at = datetime.fromisoformat(mark["at"])
        floor = (datetime.fromisoformat(mark["seen"]) if "seen" in mark else at) - self._overlap
        return past(mark["at"], mark["id"]) if at < floor else [[CHANGED, ">=", timed(floor)]]

    async def _named(
        self, subject: Subject, fields: Sequence[str], source: str, rows: list[dict[str, Any]], given: Given
    ) -> list[Record]:
        """The records of the parties (or, without a party, the opportunities) that these rows of a source belong to."""
        when: dict[int, datetime] = {}
        alone: list[int] = []
        for row in rows:
            parties = parties_of(source, row)
            when.update(dict.fromkeys(parties, moment(row[CHANGED])))
            if not parties:
                alone.append(row["id"])
        wanted = {party: at for party, at in when.items() if party not in given or at > given[party]}
        if not wanted and not alone:
            return []
        records, read = await subject.named(fields, wanted, alone)
        if len(given) > REMEMBERED:
            given.clear()
        given.update(read)
        return records

    async def _newest(self, source: str) -> Mark:
        """Where a source stands now. One that is empty is read from its beginning."""
        order = [[CHANGED, "DESC"], ["id", "DESC"]]
        rows = await self._rpc.search_read(self._sources[source], [], [CHANGED], order, 1, active_test=False)
        if not rows:
            return {}
        told = self._told()
        return {
            "at": moment(rows[0][CHANGED]).isoformat(),
            "id": rows[0]["id"],
            **({"seen": told} if told else {}),
        }

    def _told(self) -> str | None:
        return self._rpc.told.isoformat() if self._rpc.told else None


def past(at: str, id_: int, by: str = CHANGED) -> list[Any]:
    """The rows behind this one, by (last_modified_at, id)."""
    when = timed(datetime.fromisoformat(at))
    return ["OR", [by, ">", when], [[by, "=", when], ["id", ">", id_]]]


def next_of(names: Sequence[str], source: str) -> str | None:
    return names[names.index(source) + 1] if source != names[-1] else None
