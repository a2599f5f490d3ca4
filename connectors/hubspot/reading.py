"""Reading records: everything, what changed, what was deleted, and single ones by key.

**What changed** comes from the search API, which is awkward three times over: it stops at 10,000 results a query, it
sorts by one property only (thousands of records may share a time), and it pages by offset, so that a record edited
between two pages shifts one past us. All three go away together by not paging: every query asks for the first page of
"changed since the window's start, id above the last one seen, by id". Ids are unique and do not move. A record that
is edited or indexed behind our back is in the next run's window, since the cursor never passes the run's own start.

**What was deleted** is in no search. The archive is listed without a time filter and in no promised order, so it is
swept: a bounded number of pages a run, resumed in the next, reporting what was archived since the last whole sweep
began. A record merged into another is not in the archive: its survivor names it (`hs_merged_object_ids`), and merges
are reported before deletions. An erasure (GDPR) leaves no trace at all: only a complete scan shows it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from connectors.base import Clock, Cursor, Key, Page, Record
from connectors.errors import ProtocolChanged
from connectors.http import Http
from connectors.hubspot.api import (
    ARCHIVE_DAYS,
    LIST_PAGE,
)
from connectors.hubspot.associations import READ_INPUTS, fill
from connectors.hubspot.objects import CONTACTS, MERGED, MORE_EMAILS, ObjectType
from connectors.hubspot.search import Filter, batch_read, search
from connectors.paging import SLACK, ByCursor, Fetch, Params, Position, pages, read_from, run_start

NEXT = ByCursor("after", ("paging", "next", "after"))
FEW = 25
"""Values in one search by value: the question has to stay short."""

TRIES = 3
"""Of a page that overlaps the one before it."""

TOO_OLD = timedelta(days=ARCHIVE_DAYS - 5)
"""A cursor this old may have missed deletions that the archive has forgotten since."""

ASKED = "asked"
"""Marks a cursor that a person made for a time of their choice: however old, it is no reason to scan everything."""


class Reading:
    """The read side of the connector. `overlap`: how late the search index may be."""

    def __init__(self, http: Http, type: ObjectType, clock: Clock, overlap: timedelta, archived_pages: int) -> None:
        self._http = http
        self._type = type
        self._more = (MORE_EMAILS,) if type is CONTACTS else ()
        self._clock = clock
        self._overlap = overlap
        self._archived_pages = archived_pages
        self._date: str | None = None
        """HubSpot's own time, as its last answer told it."""

    async def read(self, fields: Sequence[str], since: Cursor | None) -> AsyncGenerator[Page, None]:
        position = Position.load(since) if since is not None else None
        if position is None or self._too_old(position):
            position = Position(phase="scan", began=self._clock())
        reading = self._scan if position.phase == "scan" else self._changes
        async with aclosing(reading(fields, position)) as all_pages:
            async for page in all_pages:
                yield page

    def cursor_at(self, at: datetime) -> Cursor:
        return Position(phase="changes", since=at, memo={ASKED: True}).save()

    def _too_old(self, position: Position) -> bool:
        known = position.since or position.began
        return known is None or (ASKED not in position.memo and self._clock() - known > TOO_OLD)

    async def _scan(self, fields: Sequence[str], position: Position) -> AsyncGenerator[Page, None]:
        """Every live record by the list API. A resumed scan proves no absence, so the archive is swept in full."""
        whole = position.at is None
        start = {
            "limit": LIST_PAGE,
            "properties": ",".join(self._asked(fields)),
            "archived": "false",
            **(position.at or {}),
        }
        parse = Parse(self._type, fields)
        listing = Listing(self._list)
        wide, held = bool(self._type.referring(fields)), list[Record]()
        async with aclosing(pages(listing.page, NEXT, start, ahead=True)) as turns:
            async for body, following in turns:
                position = self._dated(position)
                records, newest = parse(body)
                held += records
                if following is not None:
                    position = position.step({"after": following["after"]}, newest)
                    if wide and len(held) <= READ_INPUTS - LIST_PAGE:
                        continue  # so that one question about associations covers many pages
                    records, held = await self._filled(held, fields), []
                    yield Page(records, position.save())
                else:
                    records = await self._filled(held, fields)
                    swept = {"swept": position.began.isoformat()} if whole and position.began else {}
                    complete = whole and listing.steady
                    yield Page(records, position.finish(newest, swept, self._slack).save(), complete=complete)

    async def _changes(self, fields: Sequence[str], position: Position) -> AsyncGenerator[Page, None]:
        """Records changed since the window's start, by id; then the archive."""
        at = dict(position.at or {})
        if position.began is None:
            position = position.model_copy(update={"began": self._clock()})
        merged: set[str] = set()
        parse = Parse(self._type, fields)
        while "archive" not in at:
            hits = await search(self._http, self._type, self._changed(position), self._asked(fields), at.get("id"))
            self._date = hits.date
            position = self._dated(position)
            records, newest = parse({"results": hits.results})
            records = await self._filled(records, fields)
            merged.update(record.id for record in records if record.became)
            if hits.last is None and not self._archived_pages:
                yield Page(records, position.finish(newest, slack=self._slack).save())
                return
            at = {"id": hits.last} if hits.last is not None else {"archive": True}
            position = position.step(at, newest)
            yield Page(records, position.save())
        async for page in self._sweep(position, merged):
            yield page

    def _changed(self, position: Position) -> list[Filter]:
        assert position.since is not None  # a "changes" position has one: _too_old sees to it
        start = read_from(position.since, self._overlap)
        return [{"propertyName": self._type.modified, "operator": "GTE", "value": str(int(start.timestamp() * 1000))}]

    async def _sweep(self, position: Position, merged: set[str]) -> AsyncGenerator[Page, None]:
        """As much of the archive as one run may read, from where the last run stopped."""
        memo = dict(position.memo)
        sweep = memo.pop("sweep", None) or {"began": (position.began or self._clock()).isoformat()}
        known = datetime.fromisoformat(memo["swept"]) - self._overlap if memo.get("swept") else None
        start = {"limit": LIST_PAGE, "properties": MERGED, "archived": "true"}
        if "after" in sweep:
            start["after"] = sweep["after"]
        turns = 0
        async for body, following in pages(self._list, NEXT, start):
            turns += 1
            records = [record for record in tombstones(body, known) if record.id not in merged]
            memo_now = (
                {**memo, "sweep": {**sweep, "after": following["after"]}} if following else {"swept": sweep["began"]}
            )
            if following is None or turns >= self._archived_pages:
                yield Page(records, position.finish(memo=memo_now, slack=self._slack).save())
                return
            position = position.model_copy(update={"memo": memo_now})
            yield Page(records, position.save())

    def _dated(self, position: Position) -> Position:
        """With the start of the run by HubSpot's clock, should ours be fast. Later answers change nothing."""
        began = run_start(position.began or self._clock(), self._date)
        return position if began == position.began else position.model_copy(update={"began": began})

    @property
    def _slack(self) -> timedelta:
        """None is needed once HubSpot has told us its time: then the run's start is by its clock."""
        return SLACK if self._date is None else timedelta(0)

    async def _list(self, params: Params) -> Any:
        answer = await self._http.request("GET", self._type.path, params=params, expect=("results",))
        self._date = answer.headers.get("date")
        return answer.json

    async def find(self, keys: Sequence[Key], fields: Sequence[str], unique: frozenset[str]) -> list[list[Record]]:
        """Live records per key. Unique properties and ids are read as they are now; for any other property only the
        search index can tell, which lags."""
        found: dict[Key, list[Record]] = {}
        for name in dict.fromkeys(key.field for key in keys):
            values = list(dict.fromkeys(key.value for key in keys if key.field == name))
            read = self._by_id if name == "id" or name in unique else self._by_value
            for value, records in (await read(name, values, fields)).items():
                found[Key(name, value)] = records
        await self._filled([record for records in found.values() for record in records], fields)
        return [found.get(key, []) for key in keys]

    async def _by_id(self, name: str, values: Sequence[str], fields: Sequence[str]) -> dict[str, list[Record]]:
        names = list(dict.fromkeys([*self._asked(fields), *self._more, *(() if name == "id" else (name,))]))
        results = await batch_read(self._http, self._type, values, names, None if name == "id" else name)
        return sorted_out(self._type, name, values, results, fields)

    async def _by_value(self, name: str, values: Sequence[str], fields: Sequence[str]) -> dict[str, list[Record]]:
        """Search wants text in lower case, choices as they are."""
        results: list[dict[str, Any]] = []
        for start in range(0, len(values), FEW):
            some = values[start : start + FEW]
            both = list(dict.fromkeys([*some, *(value.lower() for value in some)]))
            filters = [{"propertyName": name, "operator": "IN", "values": both}]
            hits = await search(self._http, self._type, filters, [*self._asked(fields), name])
            results += hits.results
            while hits.last is not None:
                hits = await search(self._http, self._type, filters, [*self._asked(fields), name], hits.last)
                results += hits.results
        return sorted_out(self._type, name, values, results, fields)

    def _asked(self, fields: Sequence[str]) -> list[str]:
        return list(dict.fromkeys([*self._type.plain(fields), MERGED]))

    async def _filled(self, records: list[Record], fields: Sequence[str]) -> list[Record]:
        """With the fields that stand for associations, where some are asked for."""
        if references := self._type.referring(fields):
            live = {record.id: record.fields for record in records if record.became is None}
            await fill(self._http, self._type, references, live)
        return records


class Listing:
    """Pages of the list API, watched: a page that shows a record of the page before it once more was moved by
    something, and may have lost others. It is asked for again; if it stays so, the scan proves no absence."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._before: set[str] = set()
        self.steady = True

    async def page(self, params: Params) -> Any:
        for _ in range(TRIES):
            body = await self._fetch(params)
            ids = ids_of(body)
            if ids.isdisjoint(self._before):
                break
        else:
            self.steady = False
        self._before = ids
        return body


def ids_of(body: Mapping[str, Any]) -> set[str]:
    try:
        return {item["id"] for item in body["results"]}
    except (KeyError, TypeError) as error:
        raise ProtocolChanged(f"HubSpot sent a record without an id ({error!r}).") from None


_record: Callable[[tuple[Any, ...]], Record] = partial(tuple.__new__, Record)
"""`Record._make`, which is `Record(…)`, without the two calls of Python that they cost."""


class Parse:
    """Bodies to records. Hot: called once a page, and touches each record as little as can be."""

    def __init__(self, type: ObjectType, fields: Sequence[str]) -> None:
        self._spare = [name for name in type.system_fields if name not in fields and name != MERGED]
        self._keep_merged = MERGED in fields

    def __call__(self, body: Mapping[str, Any]) -> tuple[list[Record], datetime | None]:
        """The page's records, and the latest change among them. A survivor of a merge is followed by one record per
        other one that it took the place of. Raises ProtocolChanged."""
        records: list[Record] = []
        add, when, spare, keep_merged = records.append, datetime.fromisoformat, self._spare, self._keep_merged
        newest = ""
        try:
            for item in body["results"]:
                id, held, at = item["id"], item["properties"], item["updatedAt"]
                drop = held.pop
                for name in spare:
                    drop(name, None)
                add(_record((id, held, when(at), at, False, None, None)))
                if at > newest:
                    newest = at
                merged = held.get(MERGED) if keep_merged else drop(MERGED, None)
                if merged:
                    records.extend(replaced(id, merged))
            return records, when(newest) if newest else None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolChanged(f"HubSpot sent a record in a shape that we do not know ({error!r}).") from None


def replaced(survivor: str, merged: str) -> Iterator[Record]:
    for old in merged.split(";"):
        if old.strip() and old.strip() != survivor:
            yield Record(old.strip(), {}, became=survivor)


def tombstones(body: Mapping[str, Any], known: datetime | None) -> Iterator[Record]:
    """Archived records, less those archived before `known`."""
    try:
        for item in body["results"]:
            at = datetime.fromisoformat(item.get("archivedAt") or item["updatedAt"])
            if known is None or at >= known:
                yield Record(item["id"], {}, at, deleted=True)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProtocolChanged(
            f"HubSpot listed an archived record in a shape that we do not know ({error!r})."
        ) from None


def sorted_out(
    type: ObjectType, name: str, values: Sequence[str], results: Iterable[dict[str, Any]], fields: Sequence[str]
) -> dict[str, list[Record]]:
    """Results back to the values asked for: HubSpot answers in any order, folds the case of e-mails, finds a contact
    by its further e-mails, and gives the survivor for the id of a contact that was merged into it."""
    wanted = {fold(value): value for value in values}
    found: dict[str, list[Record]] = {value: [] for value in values}
    parse = Parse(type, fields)
    for item in results:
        held = item.get("properties") or {}
        names = {str(item.get("id")), *split(held.get(MERGED))} if name == "id" else {str(held.get(name) or "")}
        if name == "email":
            names |= split(held.get(MORE_EMAILS))
        if name not in ("id", *fields):
            held.pop(name, None)
        records, _ = parse({"results": [item]})
        for hit in {wanted[fold(one)] for one in names if fold(one) in wanted}:
            found[hit].append(records[0])
    return found


def split(text: str | None) -> set[str]:
    return {part.strip() for part in (text or "").split(";") if part.strip()}


def fold(value: str) -> str:
    return value.strip().casefold()
