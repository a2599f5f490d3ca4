"""The HubSpot connector: the protocol of `connectors.base`, said in the words of HubSpot's API."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta

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
from connectors.http import Http, Patience, open_client
from connectors.hubspot.api import ACCOUNT, BATCH, CONTACTS, DIALECT, Settings
from connectors.hubspot.properties import EMAIL, create_missing, read_schema
from connectors.hubspot.reading import Reading
from connectors.hubspot.writing import write
from connectors.limits import RateLimits


class HubSpot:
    """One HubSpot portal. Ids are contact ids; values are HubSpot's own text (None where blank)."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        client: httpx.AsyncClient | None = None,
        patience: Patience | None = None,
    ) -> None:
        """`client`: to bring your own (a test's), with the credentials already in it."""
        self.name = name
        self.kind: Kind = "lead"
        self.kinds: frozenset[Kind] = frozenset({"lead"})
        self.can = Capabilities(
            tombstones=settings.archived_pages > 0,
            upsert_keys=frozenset({"*", EMAIL}),
            answers_values=True,
            write_batch=BATCH,
            find_batch=BATCH,
            provision=True,
            overlap=timedelta(seconds=settings.overlap_seconds),
        )
        client = client or open_client(settings.base_url, settings.credentials(), timeout=settings.timeout_seconds)
        self._http = Http(client, DIALECT, limits=RateLimits(settings.policies()), patience=patience or Patience())
        self._reading = Reading(self._http, clock, self.can.overlap, settings.archived_pages)
        self._unique: frozenset[str] | None = None

    def of(self, kind: Kind) -> HubSpot:
        if kind not in self.kinds:
            raise no_such_kind(self.name, kind)
        return self

    async def check(self) -> Account:
        """Which portal this is, and that its contacts may be read. Raises Unauthorized."""
        account = (await self._http.request("GET", ACCOUNT, expect=("portalId",))).json
        await self._http.request("GET", CONTACTS, params={"limit": 1}, expect=("results",))
        detail = ", ".join(
            str(account[k]) for k in ("accountType", "timeZone", "dataHostingLocation") if account.get(k)
        )
        return Account(str(account["portalId"]), f"HubSpot portal {account['portalId']}", detail)

    async def schema(self) -> list[RemoteField]:
        fields = await read_schema(self._http)
        self._unique = frozenset(field.name for field in fields if field.unique)
        return fields

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        created = await create_missing(self._http, wanted)
        self._unique = None
        return created

    def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        return self._reading.read(fields, since)

    def cursor_at(self, at: datetime) -> Cursor:
        return self._reading.cursor_at(at)

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        return await self._reading.find(keys, fields, await self._unique_among(keys))

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        results = await write(self._http, batch)
        for result in results:
            if result.error is not None:
                self._http.clean(result.error)
        return results

    def budget(self) -> Budget:
        return self._http.budget()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _unique_among(self, keys: Sequence[Key]) -> frozenset[str]:
        """Only properties that HubSpot keeps unique can be read by value; which those are is asked once."""
        if any(key.field not in ("id", EMAIL) for key in keys) and self._unique is None:
            await self.schema()
        return self._unique or frozenset({EMAIL})
