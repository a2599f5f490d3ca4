"""The Tryton connector: the protocol of `connectors.base`, said in the words of Tryton's models.

`Tryton` is what is connected, and speaks of leads; `of` gives the others, which share its sign-in and its count of
calls: companies and deals from here, owners and activities from files of their own. Leads, companies and deals are read
in the same way (`reading.py`, `subjects.py`) and differ in what they write.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime

import httpx

from connectors.base import (
    Account,
    Capabilities,
    Clock,
    Cursor,
    Key,
    Kind,
    Page,
    Record,
    Write,
    WriteResult,
    utc_now,
)
from connectors.http import Http, Patience, open_client
from connectors.tryton.activities import Activities
from connectors.tryton.api import LEAD, PARTY, Rpc, Settings, dialect
from connectors.tryton.companies import CompanyWriting
from connectors.tryton.database import Database, Make, Records
from connectors.tryton.finding import find_companies, find_deals, find_leads
from connectors.tryton.jobs import EMAIL
from connectors.tryton.owners import Owners
from connectors.tryton.reading import Reading
from connectors.tryton.removing import Removing
from connectors.tryton.shape import OUR_ID, Shape
from connectors.tryton.subjects import (
    OF_COMPANIES,
    OF_DEALS,
    OF_LEADS,
    RELATED,
    Companies,
    Deals,
    Leads,
    Sources,
    Subject,
)
from connectors.tryton.writing import DealWriting, Writing

BATCH = 100


class Changing(Records):
    """Records that are read by their changes, and written."""

    sources: Sources
    subject: Callable[[Rpc, Shape], Subject]

    def __init__(self, database: Database, kind: Kind, can: Capabilities) -> None:
        super().__init__(database, kind, can)
        settings = database.settings
        related = RELATED if settings.company_relation and kind != "company" else {}
        self._reading = Reading(database.rpc, {**self.sources, **related}, settings.overlap, settings.page_size)

    async def read(self, fields: Sequence[str], since: Cursor | None = None) -> AsyncIterator[Page]:
        subject = type(self).subject(self._rpc, await self._shape())
        async with aclosing(self._reading.read(subject, fields, since)) as pages:
            async for page in pages:
                yield page

    def cursor_at(self, at: datetime) -> Cursor:
        return self._reading.cursor_at(at)

    async def _shape(self) -> Shape:
        return await self._database.shape(self.kind)

    async def _removing(self) -> Removing:
        return Removing(self._rpc, await self._database.organisations())


class OfLeads(Changing):
    """Ids are those of sale.opportunity; `shape.py` lists the flat fields."""

    sources = OF_LEADS
    subject = Leads

    def __init__(self, database: Database) -> None:
        super().__init__(database, "lead", capabilities(database.settings, archive=True, erase=True))

    async def check(self) -> Account:
        """Who we are, that leads and parties may be read and written, and that what the settings name is there. Raises
        Unauthorized, Misconfigured."""
        remark = "" if self._database.settings.company_category else "no companies (company_category is not set)"
        account = await self._database.account({LEAD: ALL, PARTY: ALL}, remark)
        await self._database.shape("lead", anew=True)
        return account

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        return await find_leads(self._rpc, await self._shape(), keys, fields)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        return await Writing(self._rpc, await self._shape(), self._database.codes).write(batch)

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        """Cancelled, then deleted: Tryton has no bin. One that has become a sale is refused."""
        return await (await self._removing()).archive_leads(ids)

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        """The person of the opportunity, with all their opportunities that have not become sales."""
        return await (await self._removing()).erase_leads(ids)


class OfCompanies(Changing):
    """Ids are those of party.party."""

    sources = OF_COMPANIES
    subject = Companies

    def __init__(self, database: Database) -> None:
        super().__init__(database, "company", capabilities(database.settings, archive=True, erase=True))

    async def check(self) -> Account:
        """Raises Unauthorized, Misconfigured."""
        account = await self._database.account({PARTY: ALL})
        await self._database.shape("company", anew=True)
        return account

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        return await find_companies(self._rpc, await self._shape(), keys, fields)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        return await CompanyWriting(self._rpc, await self._shape(), self._database.codes).write(batch)

    async def archive(self, ids: Sequence[str]) -> list[WriteResult]:
        """Not in use any more."""
        return await (await self._removing()).archive_companies(ids)

    async def erase(self, ids: Sequence[str]) -> list[WriteResult]:
        return await (await self._removing()).erase_companies(ids)


class OfDeals(Changing):
    """Ids are those of sale.opportunity: a deal has the id of the opportunity that it has been a lead by. It is neither
    created nor removed here, since that would make or remove a lead."""

    sources = OF_DEALS
    subject = Deals

    def __init__(self, database: Database) -> None:
        super().__init__(database, "deal", capabilities(database.settings, create=False, upsert_keys=frozenset()))

    async def check(self) -> Account:
        """Raises Unauthorized, Misconfigured."""
        account = await self._database.account({LEAD: ("read", "write"), PARTY: ("read",)})
        await self._database.shape("deal", anew=True)
        return account

    async def find(self, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
        return await find_deals(self._rpc, await self._shape(), keys, fields)

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        return await DealWriting(self._rpc, await self._shape(), self._database.codes).write(batch)


ALL = ("read", "write", "create")


def capabilities(
    settings: Settings,
    *,
    create: bool = True,
    upsert_keys: frozenset[str] = frozenset({OUR_ID, EMAIL}),
    archive: bool = False,
    erase: bool = False,
) -> Capabilities:
    return Capabilities(
        create=create,
        tombstones=False,
        upsert_keys=upsert_keys,
        answers_values=False,
        write_batch=BATCH,
        find_batch=BATCH,
        provision=False,
        overlap=settings.overlap,
        archive=archive,
        erase=erase,
    )


MAKERS: Mapping[Kind, Make] = {
    "lead": OfLeads,
    "company": OfCompanies,
    "deal": OfDeals,
    "owner": Owners,
    "activity": Activities,
}


class Tryton(OfLeads):
    """One Tryton database, and the connector of its leads."""

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
        client = client or open_client(settings.base_url, settings.credentials(), timeout=settings.timeout_seconds)
        http = Http(client, dialect(settings.database), patience=patience or Patience())
        database = Database(name, settings, http, MAKERS)
        super().__init__(database)
        database.keep(self)
