"""Salesforce: people (Leads until sales converts them, Contacts from then on), Accounts, Opportunities, Users.

What it is not: it knows neither mapping nor hub. Of a person Lead's field names are the only ones (see `objects`).
Every vendor's rule is stated, with its source, beside the code that obeys it:

    settings   what an admin sets; sign-in       org       the REST API, its refusals, describe
    kinds      which objects are which kind      objects   rows as records; Lead and Contact as one
    soql       queries built and escaped         cursor    where a read stands
    read       scans, changes, deletions         roles     the people of an Opportunity, read
    find       looking records up                bulk      Bulk API 2.0, both ways
    write      batches, halving, row locks       batch     which writes go in one request
    members    the people of an Opportunity, written       erase   deleting, and erasing for good
    rejects    what is said against one record   provision custom fields and who may see them
    activities Tasks, Events, campaigns' members
"""

from __future__ import annotations

import asyncio
import copy
import logging
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
from connectors.errors import Invalid, Misconfigured, ProtocolChanged, Stop
from connectors.http import Http, Patience, open_client
from connectors.salesforce.activities import activity_schema, find_activities, readable
from connectors.salesforce.bulk import Bulk, Sleep
from connectors.salesforce.cursor import cursor_at
from connectors.salesforce.erase import archive, erase
from connectors.salesforce.find import find
from connectors.salesforce.kinds import ACTIVITY, LEAD, SHAPES, Shape
from connectors.salesforce.objects import schema_of
from connectors.salesforce.org import DIALECT, Org
from connectors.salesforce.provision import provision
from connectors.salesforce.read import Reader
from connectors.salesforce.settings import Settings, credentials
from connectors.salesforce.soql import select
from connectors.salesforce.write import Writer

__all__ = ["Salesforce", "Settings"]

log = logging.getLogger(__name__)


class Salesforce:
    """One kind of one org. Satisfies `connectors.base.Connector`."""

    def __init__(
        self,
        name: str,
        settings: Settings,
        *,
        clock: Clock = utc_now,
        client: httpx.AsyncClient | None = None,
        patience: Patience = Patience(),  # noqa: B008  (frozen)
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.name = name
        self.kind: Kind = LEAD.kind
        self.kinds: frozenset[Kind] = frozenset(SHAPES)
        self.can = _capabilities(LEAD, settings)
        self._shape = LEAD
        self._others: dict[Kind, Salesforce] = {self.kind: self}
        self._settings = settings
        self._clock = clock
        self._sleep = sleep
        self._http = Http(
            client or open_client(_base_url(settings), credentials(settings, clock), timeout=settings.timeout),
            DIALECT,
            patience=patience,
            sleep=sleep,
        )
        self._org = Org(self._http, settings.api_version, clock)
        self._bulk = Bulk(self._org, wait=settings.bulk_wait, clock=clock, sleep=sleep)

    def of(self, kind: Kind) -> Salesforce:
        if kind not in self.kinds:
            raise no_such_kind(self.name, kind)
        if kind not in self._others:
            other = copy.copy(self)  # the same sign-in, the same org, the same count of calls
            other.kind, other._shape = kind, SHAPES[kind]
            other.can = _capabilities(other._shape, self._settings)
            self._others[kind] = other
        return self._others[kind]

    async def check(self) -> Account:
        """Which org, as which user, and how much of the day's calls is left. Raises Unauthorized, Misconfigured."""
        left_out = await self._look()
        found = await self._org.query(select(["Id", "Name", "OrganizationType", "IsSandbox"], "Organization"))
        if not found["records"]:
            raise ProtocolChanged("Salesforce does not tell which org this is.")
        org = found["records"][0]
        kind = f"{org.get('OrganizationType') or 'org'}{', sandbox' if org.get('IsSandbox') else ''}"
        return Account(
            org["Id"], org["Name"], "; ".join([kind, *await self._user(), *await self._calls_left(), *left_out])
        )

    async def _look(self) -> list[str]:
        """Whether the objects of the kind can be read. Raises Misconfigured; says what is left out where they need not
        all be there."""
        if not self._shape.partly:
            for entity in self._shape.entities:
                await self._org.describe(entity, fresh=True)
            return []
        seen = await readable(self._org, fresh=True)
        missing = [entity for entity in self._shape.entities if entity not in seen]
        return [f"may not read, and leaves out: {', '.join(missing)}"] if missing else []

    async def schema(self) -> list[RemoteField]:
        """Of a person Lead's and Contact's fields, merged; a field of one alone says so in its label."""
        if self._shape is ACTIVITY:
            return activity_schema()
        return schema_of(
            self._shape, {entity: await self._org.describe(entity, fresh=True) for entity in self._shape.entities}
        )

    async def provision(self, wanted: Sequence[RemoteField]) -> list[str]:
        if wanted and not self.can.provision:
            raise Misconfigured(f"Salesforce has no custom fields of ours on {self._shape.said}.")
        return await provision(self._org, self._shape, wanted)

    def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        return Reader(self._org, self._bulk, self._shape, self._settings, fields, self._clock).pages(since)

    def cursor_at(self, at: datetime) -> Cursor:
        return cursor_at(at, self._clock(), self._shape.followed)

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        if self._shape is ACTIVITY:
            return await find_activities(self._org, keys, fields)
        return await find(self._org, self._shape, keys, fields)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        if len(batch) > self.can.write_batch:
            raise ValueError(f"a batch of {len(batch)} is over the limit of {self.can.write_batch}")
        if not self.can.update:
            only_read = Invalid(f"A Salesforce {self._shape.said} is only read.")
            return [WriteResult("rejected", write.id, error=only_read) for write in batch]
        writer = Writer(self._org, self._bulk, self._shape, bulk_above=self._settings.bulk_above, sleep=self._sleep)
        return self._clean(await writer.write(batch))

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        return self._clean(await archive(self._org, self._shape, ids))

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        return self._clean(await erase(self._org, self._bulk, self._shape, ids))

    async def merge(self, winner_id: str, loser_id: str) -> WriteResult:
        """There is no such thing in the REST API: `merge` is a call of the SOAP API and of Apex.

        https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_merge.htm
        """
        said = f"Salesforce merges records in its own pages alone: merge {loser_id} into {winner_id} there."
        return WriteResult("rejected", loser_id, error=Invalid(said))

    def _clean(self, results: list[WriteResult]) -> list[WriteResult]:
        for result in results:
            if result.error is not None:
                self._http.clean(result.error)
        return results

    def budget(self) -> Budget:
        return self._http.budget()

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _user(self) -> list[str]:
        """Only with the scope to ask; a token that lacks it syncs all the same."""
        answer = await self._org.call("GET", "/services/oauth2/userinfo", expect=None, accept=(401, 403, 404))
        name = answer.json.get("preferred_username") if isinstance(answer.json, dict) else None
        return [f"signed in as {name}"] if name and answer.status == httpx.codes.OK else []

    async def _calls_left(self) -> list[str]:
        """https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/resources_limits.htm"""
        try:
            daily = (await self._org.call("GET", "/limits")).json["DailyApiRequests"]
            left, most = int(daily["Remaining"]), int(daily["Max"])
        except (KeyError, TypeError, ValueError):
            return []
        except Stop as error:
            log.info("Salesforce does not tell its limits to this user: %s", error)
            return []
        if left == 0:
            log.warning("All %d API calls of the last 24 hours are used up.", most)
        return [f"{left:,} of {most:,} API calls left today"]


def _capabilities(shape: Shape, settings: Settings) -> Capabilities:
    writes = shape.creates is not None
    return Capabilities(
        create=writes,
        update=writes,
        tombstones=shape.deletions,
        upsert_keys=frozenset({"*"}) if writes else frozenset(),
        write_batch=settings.write_batch,
        find_batch=200,
        provision=writes,
        oldest_first=shape.incremental,
        overlap=timedelta(seconds=settings.overlap),
        archive=writes,
        erase=writes,
    )


def _base_url(settings: Settings) -> str:
    return settings.instance_url or settings.login_url
