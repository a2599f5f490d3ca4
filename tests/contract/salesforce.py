"""Salesforce under contract, against the sandbox's org on a loopback port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from connectors.base import Connector, Kind
from connectors.http import Patience
from connectors.salesforce import Salesforce, Settings
from sandbox.salesforce import people_work
from sandbox.salesforce.server import Salesforce as Vendor
from sandbox.salesforce.table import Table
from sandbox.serve import serve
from tests.contract.harness import Fault, Harness, Where

QUICK = Patience(attempts=4, total=5.0, first=0.01, longest=0.05)
PATHS: Mapping[Where, str] = {"read": r"/query(All)?\b", "write": "/composite/sobjects"}


async def no_sleep(seconds: float) -> None:
    return None


class SalesforceHarness(Harness):
    """Batches of 200, so that a full one is one request; larger ones have tests of their own."""

    kind: ClassVar[Kind] = "lead"
    sobject: ClassVar = "Lead"
    email, text, other, key, picklist = "Email", "FirstName", "LastName", "Smarketing_Id__c", "Status"
    required: ClassVar = {"Company": "Acme"}
    bad: ClassVar = {"Status": "No such status"}
    faults: ClassVar = frozenset({"error", "rate_limited", "hangup_before", "hangup_after", "truncated", "not_json"})
    merges = True
    secret = "sandbox-consumer-secret"

    def __init__(self) -> None:
        self.vendor = Vendor()
        self.org = self.vendor.org
        self.org.switches.page_size = self.page
        self.org.switches.hard_delete = True
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Harness]:
        with serve({"salesforce": self.vendor.app}) as urls:
            self.url = urls["salesforce"]
            yield self

    def connector(self, **settings: Any) -> Connector:
        accepted = {"client_id": "sandbox-consumer-key", "client_secret": self.secret, "login_url": self.url}
        chosen = Settings(**{**accepted, "write_batch": 200, **settings})
        sf = Salesforce("salesforce", chosen, clock=self.org.clock.now, patience=QUICK, sleep=no_sleep)
        return sf.of(self.kind)

    def connector_refused(self) -> Connector:
        return self.connector(client_secret="0123456789abcdef")

    def person(self, n: int, **more: Any) -> dict[str, Any]:
        return super().person(n, **{"Smarketing_Id__c": f"smk-{n}", **more})

    @property
    def table(self) -> Table:
        return self.org.tables[self.sobject]

    async def seed(self, fields: Mapping[str, Any]) -> str:
        with self.org.lock:
            return self.org.create(self.table, self.org.read(self.table, fields))

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        with self.org.lock:
            self.org.update(self.table, id, self.org.read(self.table, fields))

    async def delete(self, id: str) -> None:
        with self.org.lock:
            self.org.delete(self.table, id)

    async def merge(self, winner: str, loser: str) -> str:
        return people_work.merge(self.org, self.sobject, winner, [loser])

    async def held(self) -> dict[str, Mapping[str, Any]]:
        with self.org.lock:
            return {row["Id"]: dict(row) for row in self.table.live()}

    def fault(self, kind: Fault, where: Where, times: int | None = None) -> None:
        self.vendor.faults.add(kind, path=PATHS[where], times=times)

    def heal(self) -> None:
        self.vendor.faults.clear()

    def later(self, seconds: float) -> None:
        self.org.clock.advance(seconds)

    @contextmanager
    def one_instant(self) -> Iterator[None]:
        self.org.clock.freeze()
        yield
        self.org.clock.unfreeze()


class CompanyHarness(SalesforceHarness):
    """An Account has no e-mail of its own: Website stands for it."""

    kind = "company"
    sobject = "Account"
    email, text, other, picklist = "Website", "BillingCity", "Name", "Type"
    required: ClassVar = {}
    bad: ClassVar = {"Phone": "0" * 41}


class DealHarness(SalesforceHarness):
    kind = "deal"
    sobject = "Opportunity"
    email, text, other, picklist = "Name", "Description", "LeadSource", "StageName"
    required: ClassVar = {"StageName": "Prospecting", "CloseDate": "2026-12-31"}
    bad: ClassVar = {"CloseDate": "in spring"}
    merges = False
