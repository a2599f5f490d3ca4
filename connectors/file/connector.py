"""The connector of a folder of files: the protocol of `connectors.base`, for what can only be read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from connectors.base import (
    Account,
    Budget,
    Capabilities,
    Clock,
    Cursor,
    Key,
    Kind,
    Page,
    Record,
    RemoteField,
    Write,
    WriteResult,
    no_such_kind,
    utc_now,
)
from connectors.errors import Invalid, Misconfigured
from connectors.file.contents import BLOCK
from connectors.file.cursor import cursor_at
from connectors.file.folder import accessible, look
from connectors.file.reading import Reading
from connectors.file.records import schema_of
from connectors.file.settings import Settings

FINDS = 1_000
"""Keys that one look through the files answers."""


class Files:
    """One kind of record of a folder. A budget's calls are the files that were opened."""

    kind: Kind

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        kind: Kind | None = None,
        block: int = BLOCK,
    ) -> None:
        """`kind`: people where the folder holds any, else its first. `block`: bytes of a file that make a page."""
        self.name = name
        self.kinds = frozenset(settings.sources)
        chosen: Kind = next(iter(settings.sources)) if kind is None else kind
        self.kind = chosen
        self.can = Capabilities(create=False, update=False, find_batch=FINDS)
        self._settings = settings
        self._clock = clock
        self._block = block
        self._opened = 0
        self._siblings: dict[Kind, Files] = {chosen: self}
        self._reading = Reading(settings, settings.sources[chosen], clock, self._count, block)

    def of(self, kind: Kind) -> Files:
        if kind not in self.kinds:
            raise no_such_kind(self.name, kind)
        if kind not in self._siblings:
            other = Files(self.name, self._settings, clock=self._clock, kind=kind, block=self._block)
            other._siblings = self._siblings
            self._siblings[kind] = other
        return self._siblings[kind]

    async def check(self) -> Account:
        """That the folder may be read, and what of it matches. Raises Unauthorized, Misconfigured."""
        return await asyncio.to_thread(self._check)

    async def schema(self) -> list[RemoteField]:
        """The columns of all files of this kind; of JSONL files, of their first lines."""
        return await asyncio.to_thread(self._schema)

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        known = {field.name for field in await self.schema()}
        missing = [field.name for field in wanted if field.name not in known]
        if missing:
            raise Misconfigured(
                f"The files of {self.name} have no column {', '.join(missing)}, and files are only read.",
                hint="Have whoever makes the files add it, or take the field out of the mapping.",
            )
        return []

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        pages = self._reading.pages(fields, since)
        upcoming: asyncio.Future[Page | None] | None = None
        try:
            while True:
                upcoming = asyncio.ensure_future(asyncio.to_thread(next, pages, None))
                page = await asyncio.shield(upcoming)
                if page is None:
                    return
                yield page
        finally:
            if upcoming is not None:
                await asyncio.wait([upcoming])  # a thread cannot be stopped, and the file is closed behind it
            pages.close()

    def cursor_at(self, at: datetime) -> Cursor:
        return cursor_at(at)

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        return await asyncio.to_thread(self._find, keys, fields)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        """Files are only read: every write is rejected."""
        error = Invalid(f"{self.name} is a folder of files, which are only read.", hint="Map its fields to be pulled.")
        return [WriteResult("rejected", write.id, error=error) for write in batch]

    def budget(self) -> Budget:
        return Budget(calls=sum(one._opened for one in self._siblings.values()))

    async def aclose(self) -> None:
        return None

    def _count(self) -> None:
        self._opened += 1

    def _check(self) -> Account:
        root = accessible(self._settings.folder)
        told = []
        for kind, streams in self._settings.sources.items():
            for stream, source in streams.items():
                found, refused = look(self._settings.folder, source.files)
                left = f", {len(refused)} refused" if refused else ""
                told.append(f"{kind if stream == kind else f'{kind} {stream}'}: {len(found)} files{left}")
        return Account(str(root), root.name, "; ".join(told))

    def _schema(self) -> list[RemoteField]:
        fields: dict[str, RemoteField] = {}
        for source, columns in self._reading.columns():
            fields |= {field.name: field for field in schema_of(source, columns)}
        return list(fields.values())

    def _find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """One look through all that is there. A record that answers any key is followed through the lines behind, which
        may say that it answers no more."""
        wanted = {_folded(key.field, key.value) for key in keys}
        names = {key.field for key in keys} - {"id"}
        followed: dict[str, Record] = {}
        for records in self._reading.now([*fields, *(name for name in names if name not in fields)]):
            for record in records:
                if record.id in followed or not wanted.isdisjoint(_answers(record, names)):
                    followed[record.id] = record
        asked = set(fields)
        answers: dict[tuple[str, str], list[Record]] = {pair: [] for pair in wanted}
        for record in followed.values():
            kept = {name: value for name, value in record.fields.items() if name in asked}
            for pair in wanted.intersection(_answers(record, names)):
                answers[pair].append(record._replace(fields=kept))
        return [answers[_folded(key.field, key.value)] for key in keys]


def _answers(record: Record, names: set[str]) -> list[tuple[str, str]]:
    """The keys that a record answers."""
    told = [_folded(name, value) for name in names if (value := record.fields.get(name)) is not None]
    return [("id", record.id), *told]


def _folded(name: str, value: object) -> tuple[str, str]:
    """Whoever keeps lists by hand writes one address in several ways; an id is what it is."""
    return name, str(value) if name == "id" else str(value).strip().casefold()
