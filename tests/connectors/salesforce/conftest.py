"""A Salesforce org on a loopback port, and connectors to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx
import pytest

from connectors.base import Page, Record
from connectors.http import Patience
from connectors.salesforce import Salesforce, Settings
from connectors.salesforce.settings import credentials
from sandbox.salesforce.people_work import Converted, convert_lead, merge
from sandbox.salesforce.server import Salesforce as Vendor
from sandbox.serve import serve

QUICK = Patience(attempts=3, total=5.0, first=0.01, longest=0.02)
FIELDS = ["LastName", "FirstName", "Email", "Company", "Street", "Status", "HasOptedOutOfEmail", "NumberOfEmployees"]
SIGN_IN = {"client_id": "sandbox-consumer-key", "client_secret": "sandbox-consumer-secret"}


class World:
    """The org, and a person's hands in it."""

    def __init__(self, vendor: Vendor, url: str) -> None:
        self.vendor = vendor
        self.org = vendor.org
        self.url = url
        self.slept: list[float] = []
        self.made: list[Salesforce] = []

    def connector(self, *, client: httpx.AsyncClient | None = None, **settings: Any) -> Salesforce:
        chosen = Settings(**{"login_url": self.url, **SIGN_IN, **settings})
        made = Salesforce(
            "salesforce", chosen, clock=self.org.clock.now, client=client, patience=QUICK, sleep=self.sleep
        )
        self.made.append(made)
        return made

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def create(self, entity: str = "Lead", **fields: Any) -> str:
        required = {"Lead": {"LastName": "Roe", "Company": "Acme"}, "Contact": {"LastName": "Roe"}}.get(entity, {})
        table = self.org.table(entity)
        with self.org.lock:
            return self.org.create(table, self.org.read(table, {**required, **fields}), allow_duplicates=True)

    def leads(self, count: int, **fields: Any) -> list[str]:
        return [self.create(LastName=f"Roe{n}", Smarketing_Id__c=f"smk-{n}", **fields) for n in range(count)]

    def leads_named(self, *names: str) -> list[str]:
        by_name = {row["LastName"]: row["Id"] for row in self.org.tables["Lead"].live()}
        return [by_name[name] for name in names]

    def edit(self, id_: str, **fields: Any) -> None:
        table = self.org.table_of(id_)
        assert table is not None
        with self.org.lock:
            self.org.update(table, id_, self.org.read(table, fields))

    def delete(self, id_: str) -> None:
        table = self.org.table_of(id_)
        assert table is not None
        with self.org.lock:
            self.org.delete(table, id_)

    def merge(self, winner: str, loser: str) -> None:
        table = self.org.table_of(winner)
        assert table is not None
        merge(self.org, table.name, winner, [loser])

    def convert(self, lead: str, **how: Any) -> Converted:
        return convert_lead(self.org, lead, **how)

    def row(self, id_: str) -> Mapping[str, Any]:
        table = self.org.table_of(id_)
        assert table is not None
        row = table.get(id_)
        assert row is not None
        return row

    def live(self) -> set[str]:
        """Ids of the people that are there: contacts, and leads that were not converted."""
        with self.org.lock:
            return {
                row["Id"]
                for name in ("Lead", "Contact")
                for row in self.org.tables[name].live()
                if not row.get("IsConverted")
            }

    def later(self, seconds: float) -> None:
        self.org.clock.advance(seconds)

    def calls(self, pattern: str = "") -> int:
        return self.vendor.requests.count(pattern)

    def forget_calls(self) -> None:
        self.vendor.requests.clear()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    vendor = Vendor()
    with serve({"salesforce": vendor.app}) as urls:
        world = World(vendor, urls["salesforce"])
        yield world
        for made in world.made:
            await made.aclose()


async def pages_of(sf: Salesforce, since: Any = None, fields: list[str] = FIELDS) -> list[Page]:
    return [page async for page in sf.read(fields, since)]


def records_in(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


Answering = Callable[[httpx.Request], httpx.Response | None]


class Between(httpx.AsyncBaseTransport):
    """Answers some requests in the vendor's place; the others reach it."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.through = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return self.answer(request) or await self.through.handle_async_request(request)


def overruled(world: World, answer: Answering, **settings: Any) -> Salesforce:
    """A connector whose vendor is overruled in places."""
    chosen = Settings(**{"login_url": world.url, **SIGN_IN, **settings})
    auth = credentials(chosen, world.org.clock.now)
    client = httpx.AsyncClient(base_url=world.url, auth=auth, transport=Between(answer))
    return world.connector(client=client, **settings)
