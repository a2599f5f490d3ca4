"""Reading leads: everything, and what changed.

**What changed** has four sources, each with a time of its own: an e-mail that sales corrects touches neither the
opportunity nor the party. Every source is read by (last_modified_at, id), and whatever it names is then read whole.
Tryton dates a change by the beginning of its transaction, so each source is read again from a little before the time
up to which it was complete; how far that is comes from Tryton's own clock (the Date of its answers), and where nothing
is that young, nothing is read again.

**One lead per party.** A customer who comes back gets a second opportunity, and when one party replaces another (which
is Tryton's way of merging) it takes over the other's. The newest that is not cancelled is the lead; the party's others
`became` it.

**Deletions** show in a complete scan only: Tryton logs that something was deleted, but no longer says what.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Any

from connectors.base import Cursor, Page, Record
from connectors.paging import ByKeyset, Params, Position, pages
from connectors.tryton.api import ADDRESS, LEAD, MECHANISM, PARTY, Rpc
from connectors.tryton.shape import CHANGED, Shape, changed_at, party_id
from connectors.tryton.values import moment, timed

SOURCES: Mapping[str, str] = {"lead": LEAD, "party": PARTY, "mechanism": MECHANISM, "address": ADDRESS}
"""What can change about a lead, and where. Inactive ones count: that is how Tryton's people remove an e-mail."""

BY_TIME = [[CHANGED, "ASC"], ["id", "ASC"]]
BY_ID = [["id", "ASC"]]
REMEMBERED = 20_000
"""Parties of which an incremental read remembers that it gave them out already."""

Mark = dict[str, Any]
"""How far a source is read. "at", "id": the last row. "seen": when, by Tryton's clock. All may be missing."""


class Reading:
    """The read side of the connector."""

    def __init__(self, rpc: Rpc, overlap: timedelta, page: int) -> None:
        self._rpc = rpc
        self._overlap = overlap
        self._page = page

    async def read(self, shape: Shape, fields: Sequence[str], since: Cursor | None) -> AsyncGenerator[Page, None]:
        position = Position.load(since) if since is not None else None
        reading = self._changes if position is not None and position.phase == "changes" else self._scan
        async with aclosing(reading(shape, fields, position)) as all_pages:
            async for page in all_pages:
                yield page

    def cursor_at(self, at: datetime) -> Cursor:
        marks = {name: {"at": at.isoformat(), "id": 0} for name in SOURCES}
        return Position(phase="changes", memo={"marks": marks}).save()

    async def _scan(self, shape: Shape, fields: Sequence[str], position: Position | None) -> AsyncGenerator[Page, None]:
        """Every opportunity, by id. The next run takes up the changes from where each source stood at the start."""
        whole = position is None
        if position is None:
            position = Position(phase="scan", memo={"marks": {name: await self._newest(name) for name in SOURCES}})
        paths = shape.paths([*fields, "state"])

        async def fetch(params: Params) -> list[dict[str, Any]]:
            return await self._rpc.search_read(LEAD, [["id", ">", params["after"]]], paths, BY_ID, self._page)

        start = {"after": (position.at or {}).get("after", 0)}
        async with aclosing(pages(fetch, ByKeyset(self._page, (("after", ("id",)),)), start, ahead=True)) as turns:
            async for rows, following in turns:
                records = records_of(shape, fields, rows, await leaders_among(self._rpc, rows))
                if following is not None:
                    position = position.step(following)
                    yield Page(records, position.save())
                else:
                    done = Position(phase="changes", memo=position.memo)
                    yield Page(records, done.save(), complete=whole)

    async def _changes(
        self, shape: Shape, fields: Sequence[str], position: Position | None
    ) -> AsyncGenerator[Page, None]:
        """The leads that each source names in turn. A checkpoint is {"source": name, "after": [time, id]}."""
        assert position is not None  # by `read`
        marks: dict[str, Mark] = {name: dict(position.memo.get("marks", {}).get(name, {})) for name in SOURCES}
        at = position.at or {}
        given: dict[int, datetime] = {}
        reached = list(SOURCES).index(at["source"]) if at.get("source") in SOURCES else 0
        for name in list(SOURCES)[reached:]:
            after = at.get("after") if at.get("source") == name else None
            seen = at.get("seen") if after else None
            while True:
                rows = await self._touched(name, marks[name], after)
                seen = seen or self._told()
                records = await self._named(shape, fields, name, rows, given)
                if rows:
                    after = [moment(rows[-1][CHANGED]).isoformat(), rows[-1]["id"]]
                if len(rows) < self._page:
                    break
                yield Page(records, position.step({"source": name, "after": after, "seen": seen}).save())
            last = dict(zip(("at", "id"), after, strict=True)) if after else marks[name]
            marks[name] = {**last, **({"seen": seen} if seen else {})}
            position = position.model_copy(update={"memo": {"marks": marks}})
            following = next_of(name)
            ahead = position.step({"source": following}) if following else position.model_copy(update={"at": None})
            if records or following is None:
                yield Page(records, ahead.save())

    async def _touched(self, source: str, mark: Mark, after: list[Any] | None) -> list[dict[str, Any]]:
        fields = [CHANGED, "replaced_by" if source == "party" else "party"]
        domain = past(*after) if after else self._from(mark)
        return await self._rpc.search_read(SOURCES[source], domain, fields, BY_TIME, self._page, active_test=False)

    def _from(self, mark: Mark) -> list[Any]:
        """Where a source is taken up. What is older than the overlap was complete when we looked."""
        if "at" not in mark:
            return []
        at = datetime.fromisoformat(mark["at"])
        floor = (datetime.fromisoformat(mark["seen"]) if "seen" in mark else at) - self._overlap
        return past(mark["at"], mark["id"]) if at < floor else [[CHANGED, ">=", timed(floor)]]

    async def _named(
        self, shape: Shape, fields: Sequence[str], source: str, rows: list[dict[str, Any]], given: dict[int, datetime]
    ) -> list[Record]:
        """The leads of the parties (or, without a party, the leads) that these rows of a source belong to."""
        when: dict[int, datetime] = {}
        alone: list[int] = []
        for row in rows:
            party = row["party"] if source != "party" else row["replaced_by"] or row["id"]
            if party is None:
                alone.append(row["id"])
            else:
                when[party] = moment(row[CHANGED])
        wanted = [party for party, at in when.items() if party not in given or at > given[party]]
        if not wanted and not alone:
            return []
        domain = ["OR", ["party", "in", wanted], ["id", "in", alone]]
        found = await self._rpc.search_read(LEAD, domain, shape.paths([*fields, "state"]), BY_ID)
        if len(given) > REMEMBERED:
            given.clear()
        given.update((party, changed_at(row)) for row in found if (party := party_id(row)) is not None)
        return records_of(shape, fields, found, leaders(found), when)

    async def _newest(self, source: str) -> Mark:
        """Where a source stands now. One that is empty is read from its beginning."""
        order = [[CHANGED, "DESC"], ["id", "DESC"]]
        rows = await self._rpc.search_read(SOURCES[source], [], [CHANGED], order, 1, active_test=False)
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


def past(at: str, id_: int) -> list[Any]:
    """The rows behind this one, by (last_modified_at, id)."""
    when = timed(datetime.fromisoformat(at))
    return ["OR", [CHANGED, ">", when], [[CHANGED, "=", when], ["id", ">", id_]]]


def next_of(source: str) -> str | None:
    names = list(SOURCES)
    return names[names.index(source) + 1] if source != names[-1] else None


def leaders(rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """For each party the opportunity that is its lead: the newest that is not cancelled, else the newest. A duplicate
    that sales cancels (which is how Tryton has one removed) must not pass for a lead that was lost."""
    best: dict[int, tuple[bool, int]] = {}
    for row in rows:
        if (party := party_id(row)) is not None:
            best[party] = max(best.get(party, (False, 0)), (row["state"] != "cancelled", row["id"]))
    return {party: id_ for party, (_, id_) in best.items()}


async def leaders_among(rpc: Rpc, rows: Iterable[Mapping[str, Any]]) -> dict[int, int]:
    """For the parties of these opportunities, the one that is their lead; it need not be among them."""
    parties = sorted({party for row in rows if (party := party_id(row)) is not None})
    if not parties:
        return {}
    return leaders(await rpc.search_read(LEAD, [["party", "in", parties]], ["party.id", "state"], BY_ID))


def records_of(
    shape: Shape,
    fields: Sequence[str],
    rows: Iterable[Mapping[str, Any]],
    leading: Mapping[int, int],
    when: Mapping[int, datetime] | None = None,
) -> list[Record]:
    """`when`: a party's change that shows neither in its opportunity nor in itself."""
    records = []
    for row in rows:
        party, changed, leader = party_id(row), changed_at(row), row["id"]
        if party is not None:
            leader = leading.get(party, leader)
            changed = max(changed, (when or {}).get(party, changed))
        became = str(leader) if leader != row["id"] else None
        records.append(Record(str(row["id"]), shape.flat(row, fields), changed, became=became))
    return records
