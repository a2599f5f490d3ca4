"""What has happened, from eight lists of HubSpot's: the streams. Read only; each has a position of its own, and the
cursor is all of them.

A stream that the app may not read (403) is left out, and `check` says so: the others are worth having. Should it be
allowed one day, it begins at its beginning, since the cursor does not know it. No page claims to be complete: an activity
that is missing proves nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from connectors.base import ACTIVITY_FIELDS, Account, Capabilities, Cursor, FieldType, Key, Page, Record, RemoteField
from connectors.hubspot.api import ACCOUNT, BATCH, Forbidden
from connectors.hubspot.engagements import Engagements, Step
from connectors.hubspot.marketing_events import EmailEvents, Submissions
from connectors.hubspot.objects import ENGAGEMENTS
from connectors.hubspot.portal import Portal, ReadOnly
from connectors.paging import Position

TYPES: dict[str, FieldType] = {"at": "datetime", "value": "number", "url": "text"}
REFERS: dict[str, Any] = {"leads": "lead", "company": "company", "deal": "deal", "owner": "owner"}
STREAMS = "streams"


class Stream(Protocol):
    """`name` is its name in the cursor, `prefix` what its ids begin with."""

    name: str
    prefix: str

    async def probe(self) -> None: ...

    def read(self, position: Position) -> AsyncIterator[Step]: ...


class Activities(ReadOnly):
    def __init__(self, portal: Portal) -> None:
        super().__init__(
            portal, "activity", Capabilities(create=False, update=False, find_batch=BATCH, overlap=portal.overlap)
        )
        self._engagements = {type.one: Engagements(portal, type) for type in ENGAGEMENTS.values()}
        self._streams: list[Stream] = [
            *self._engagements.values(),
            Submissions(portal),
            EmailEvents(portal, "OPEN"),
            EmailEvents(portal, "CLICK"),
        ]

    async def check(self) -> Account:
        """Which streams can be read. Raises Unauthorized, also where none can."""
        account = (await self._http.request("GET", ACCOUNT, expect=("portalId",))).json
        open_, closed, last = list[str](), list[str](), None
        for stream in self._streams:
            try:
                await stream.probe()
                open_.append(stream.name)
            except Forbidden as error:
                needs = f" (needs {', '.join(error.scopes)})" if error.scopes else ""
                closed.append(f"{stream.name}{needs}")
                last = error
        if last is not None and not open_:
            raise last
        detail = f"reads {', '.join(open_)}" + (f"; may not read {', '.join(closed)}" if closed else "")
        return Account(str(account["portalId"]), f"HubSpot portal {account['portalId']}", detail)

    async def schema(self) -> list[RemoteField]:
        return [
            RemoteField(
                name,
                name.title(),
                "reference" if name in REFERS else TYPES.get(name, "string"),
                False,
                refers=REFERS.get(name),
                many=name == "leads",
            )
            for name in ACTIVITY_FIELDS
        ]

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        """Stream by stream; a cursor of an unfinished read goes on in the stream that was under way."""
        positions = _positions(since)
        began = self._portal.clock()
        for stream in self._streams:
            position = positions.get(stream.name) or Position(phase="changes")
            if position.began is None:
                position = position.model_copy(update={"began": began})
            try:
                async for records, now in stream.read(position):
                    positions[stream.name] = now
                    yield Page([_only(record, fields) for record in records], _cursor(positions))
            except Forbidden:
                continue
        yield Page([], _cursor(positions))

    def cursor_at(self, at: datetime) -> Cursor:
        return _cursor({stream.name: Position(phase="changes", since=at) for stream in self._streams})

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """By id, of what salespeople log; HubSpot finds no single submission and no single event."""
        found: dict[str, Record] = {}
        for prefix, stream in self._engagements.items():
            ids = [
                key.value.partition(":")[2] for key in keys if key.field == "id" and key.value.startswith(f"{prefix}:")
            ]
            if ids:
                try:
                    found |= {
                        record.id: _only(record, fields) for record in await stream.find(list(dict.fromkeys(ids)))
                    }
                except Forbidden:
                    continue
        return [[found[key.value]] if key.field == "id" and key.value in found else [] for key in keys]


def _positions(since: Cursor | None) -> dict[str, Position]:
    held = (since or {}).get(STREAMS)
    if not isinstance(held, dict):
        return {}
    loaded = {name: Position.load(one) for name, one in held.items() if isinstance(one, dict)}
    return {name: position for name, position in loaded.items() if position is not None}


def _cursor(positions: dict[str, Position]) -> Cursor:
    return {STREAMS: {name: position.save() for name, position in positions.items()}}


def _only(record: Record, fields: Sequence[str]) -> Record:
    return record._replace(fields={name: record.fields.get(name) for name in fields})
