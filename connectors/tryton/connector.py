"""The Tryton connector: the protocol of `connectors.base`, said in the words of Tryton's models."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from datetime import datetime

import httpx

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
from connectors.errors import Misconfigured, ProtocolChanged, Unauthorized
from connectors.http import Http, Patience, open_client
from connectors.tryton.api import ADDRESS, LEAD, PARTY, Rpc, Settings, dialect
from connectors.tryton.codes import Codes
from connectors.tryton.finding import find
from connectors.tryton.jobs import EMAIL
from connectors.tryton.reading import Reading
from connectors.tryton.shape import OUR_ID, Shape
from connectors.tryton.writing import Writing

BATCH = 100


class Tryton:
    """The leads of one Tryton database. Ids are those of sale.opportunity; `shape.py` lists the flat fields."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        client: httpx.AsyncClient | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`client`: to bring your own (a test's), with the credentials already in it. The clock is not looked at:
        Tryton's own times are all that counts."""
        self.name = name
        self.kind: Kind = "lead"
        self.kinds: frozenset[Kind] = frozenset({"lead"})
        self.can = Capabilities(
            tombstones=False,
            upsert_keys=frozenset({OUR_ID, EMAIL}),
            answers_values=False,
            write_batch=BATCH,
            find_batch=BATCH,
            provision=False,
            overlap=settings.overlap,
        )
        client = client or open_client(settings.base_url, settings.credentials(), timeout=settings.timeout_seconds)
        self._http = Http(client, dialect(settings.database), patience=patience or Patience())
        self._rpc = Rpc(self._http, settings)
        self._reading = Reading(self._rpc, settings.overlap, settings.page_size)
        self._codes = Codes(self._rpc)
        self._known: Shape | None = None
        self._learning = asyncio.Lock()

    def of(self, kind: Kind) -> Tryton:
        if kind not in self.kinds:
            raise no_such_kind(self.name, kind)
        return self

    async def check(self) -> Account:
        """Who we are, and that leads and parties may be read and written. Raises Unauthorized, Misconfigured."""
        context = await self._rpc.context()
        try:
            access = await self._rpc.read("ir.model.access.get_access", [LEAD, PARTY])
        except ProtocolChanged:
            raise Misconfigured(
                f"Tryton's database {self._rpc.database!r} has no sales opportunities.",
                hint="Activate the module sale_opportunity (trytond-admin -u sale_opportunity --activate-dependencies).",
            ) from None
        for model, groups in ((LEAD, "Sale Opportunity"), (PARTY, "Party Administration or Sales")):
            lacking = [what for what in ("read", "write", "create") if access[model].get(what) in (False, 0)]
            if lacking:
                raise Unauthorized(
                    f"Tryton's user may not {' or '.join(lacking)} {model}.",
                    hint=f"Add the user to the group {groups}.",
                )
        if not context.get("company"):
            raise Misconfigured(
                "Tryton's user belongs to no company, so that no opportunity can be created.",
                hint="Set company and employee in the user's preferences.",
            )
        series = await self._rpc.series()
        company = str(context.get("company.rec_name") or context["company"])
        person = context.get("employee.rec_name") or "nobody: without an employee no lead can become an opportunity"
        detail = f"Tryton {series}, database {self._rpc.database}, as {person}"
        return Account(f"{self._rpc.database}/{context['company']}", company, detail)

    async def schema(self) -> list[RemoteField]:
        self._known = None
        return [place.about for place in (await self._shape()).places.values()]

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        """Nothing can be created through Tryton's API. Raises Misconfigured for a field that is not there."""
        places = (await self._shape()).places
        missing = [field.name for field in wanted if field.name not in places]
        if missing:
            raise Misconfigured(
                f"Tryton has no field {', '.join(missing)}, and its fields come with modules, not through the API.",
                hint="Map to a field that is there (conversion_probability for a score, from 0 to 1; description or "
                "comment for text), or have a module add the field to sale.opportunity.",
            )
        return []

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        async with aclosing(self._reading.read(await self._shape(), fields, since)) as pages:
            async for page in pages:
                yield page

    def cursor_at(self, at: datetime) -> Cursor:
        return self._reading.cursor_at(at)

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        return await find(self._rpc, await self._shape(), keys, fields)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        return await Writing(self._rpc, await self._shape(), self._codes).write(batch)

    def budget(self) -> Budget:
        return self._http.budget()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _shape(self) -> Shape:
        """The live definitions, read once."""
        async with self._learning:
            if self._known is None:
                lead = await self._rpc.read(f"{LEAD}.fields_get", [])
                defaults = await self._rpc.read(f"{LEAD}.default_get", list(lead))
                party = await self._rpc.read(f"{PARTY}.fields_get", [])
                address = await self._rpc.read(f"{ADDRESS}.fields_get", [])
                self._known = Shape.of(lead, party, address, defaults)
            return self._known
