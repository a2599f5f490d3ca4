"""The HubSpot connector: the protocol of `connectors.base`, said in the words of HubSpot's API.

`HubSpot` is what is connected, and speaks of contacts; `of` gives the others, which share its sign-in, its limits and its
count of calls. Contacts, companies and deals are one class: what distinguishes them is data (`objects.py`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

import httpx

from connectors.base import (
    Account,
    Budget,
    Capabilities,
    Clock,
    Connector,
    Cursor,
    Key,
    Kind,
    Page,
    Record,
    RemoteField,
    Write,
    WriteResult,
    utc_now,
)
from connectors.http import Http, Patience, open_client
from connectors.hubspot import merging, pipelines, removing
from connectors.hubspot.activities import Activities
from connectors.hubspot.api import ACCOUNT, BATCH, DIALECT, Settings
from connectors.hubspot.objects import COMPANIES, CONTACTS, DEALS, ObjectType
from connectors.hubspot.owners import Owners
from connectors.hubspot.pipelines import Pipelines, read_pipelines
from connectors.hubspot.portal import Make, Portal
from connectors.hubspot.properties import create_missing, read_schema
from connectors.hubspot.reading import Reading
from connectors.hubspot.writing import write
from connectors.limits import RateLimits


class Objects:
    """The records of one type. Ids are HubSpot's; values are its own text (None where blank)."""

    def __init__(self, portal: Portal, type: ObjectType) -> None:
        settings = portal.settings
        self.name = portal.name
        self.kind: Kind = type.kind
        self.kinds = portal.kinds
        self.can = Capabilities(
            tombstones=settings.archived_pages > 0,
            upsert_keys=frozenset({"*", *type.unique}),
            answers_values=True,
            write_batch=BATCH,
            find_batch=BATCH,
            provision=True,
            overlap=portal.overlap,
            archive=True,
            merge=type.merges,
            erase=True,
        )
        self._portal = portal
        self._type = type
        self._http = portal.http
        self._reading = Reading(portal.http, type, portal.clock, self.can.overlap, settings.archived_pages)
        self._unique: frozenset[str] | None = None
        self._pipelines: Pipelines | None = None

    def of(self, kind: Kind) -> Connector:
        return self._portal.of(kind)

    async def check(self) -> Account:
        """Which portal this is, and that its records may be read. Raises Unauthorized."""
        account = (await self._http.request("GET", ACCOUNT, expect=("portalId",))).json
        await self._http.request("GET", self._type.path, params={"limit": 1}, expect=("results",))
        detail = ", ".join(
            str(account[k]) for k in ("accountType", "timeZone", "dataHostingLocation") if account.get(k)
        )
        return Account(str(account["portalId"]), f"HubSpot portal {account['portalId']}", detail)

    async def schema(self) -> list[RemoteField]:
        fields = await read_schema(self._http, self._type)
        if self._type is DEALS:
            self._pipelines = await read_pipelines(self._http)
            fields = pipelines.with_options(fields, self._pipelines)
        self._unique = frozenset(field.name for field in fields if field.unique)
        return fields

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        created = await create_missing(self._http, self._type, wanted)
        self._unique = None
        return created

    def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        return self._reading.read(fields, since)

    def cursor_at(self, at: datetime) -> Cursor:
        return self._reading.cursor_at(at)

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        """By id and by unique properties as they are now. By any other property, a company's `domain` among them, as
        the search index knows it, a moment late: all that have the value."""
        return await self._reading.find(keys, fields, await self._unique_among(keys))

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        sent = await self._with_pipelines(batch) if self._type is DEALS else batch
        return self._clean(await write(self._http, self._type, sent))

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        return self._clean(await removing.archive(self._http, self._type, ids))

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        return self._clean(await removing.erase(self._http, self._type, ids))

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        """Of contacts and companies. The survivor has a new id."""
        [result] = self._clean([await merging.merge(self._http, self._type, winner_id, loser_id)])
        return result

    def budget(self) -> Budget:
        return self._http.budget()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _with_pipelines(self, batch: Sequence[Write]) -> Sequence[Write]:
        """A stage that we do not know may be a new one: then we ask again."""
        stages = {str(one.fields[pipelines.STAGE]) for one in batch if pipelines.needs_pipeline(one)}
        if not stages:
            return batch
        known = self._pipelines
        if known is None or not stages <= known.of_stage.keys():
            known = self._pipelines = await read_pipelines(self._http)
        return [pipelines.with_pipeline(one, known) for one in batch]

    def _clean(self, results: list[WriteResult]) -> list[WriteResult]:
        for result in results:
            if result.error is not None:
                self._http.clean(result.error)
        return results

    async def _unique_among(self, keys: Sequence[Key]) -> frozenset[str]:
        """Only properties that HubSpot keeps unique can be read by value; which those are is asked once."""
        if any(key.field != "id" and key.field not in self._type.unique for key in keys) and self._unique is None:
            await self.schema()
        return self._unique or self._type.unique


MAKERS: Mapping[Kind, Make] = {
    "lead": lambda portal: Objects(portal, CONTACTS),
    "company": lambda portal: Objects(portal, COMPANIES),
    "deal": lambda portal: Objects(portal, DEALS),
    "owner": Owners,
    "activity": Activities,
}


class HubSpot(Objects):
    """One HubSpot portal, and the connector of its contacts."""

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
        client = client or open_client(settings.base_url, settings.credentials(), timeout=settings.timeout_seconds)
        http = Http(client, DIALECT, limits=RateLimits(settings.policies()), patience=patience or Patience())
        portal = Portal(name, settings, http, clock, MAKERS)
        super().__init__(portal, CONTACTS)
        portal.keep(self)
