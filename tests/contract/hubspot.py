"""HubSpot under contract, against the sandbox's portal on a loopback port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from connectors.base import Connector, Kind
from connectors.http import Patience
from connectors.hubspot import HubSpot, Settings
from sandbox import hubspot as portal
from sandbox.serve import serve
from tests.contract.harness import Fault, Harness, Where

QUICK = Patience(attempts=4, total=5.0, first=0.01, longest=0.05)
PATHS: Mapping[Where, str] = {
    "read": r"objects/[a-z]+$|/search$|/batch/read$",
    "write": "/batch/(create|update|upsert)$",
}


class HubSpotHarness(Harness):
    email, text, other, key, picklist = "email", "firstname", "lastname", "email", "lifecyclestage"
    bad: ClassVar = {"lifecyclestage": "no-such-stage"}
    faults: ClassVar = frozenset({"error", "rate_limited", "hangup_before", "hangup_after", "truncated", "not_json"})
    merges = True
    secret = portal.FAST.token
    kind: ClassVar[Kind] = "lead"
    objects: ClassVar[str] = "contacts"

    def __init__(self) -> None:
        self.portal = portal.HubSpot(portal.FAST)
        self.records = self.portal.objects[self.objects]
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Harness]:
        with serve({"hubspot": self.portal.app}) as urls:
            self.url = urls["hubspot"]
            yield self

    def connector(self, **settings: Any) -> Connector:
        chosen = Settings(**{"access_token": self.secret, "base_url": self.url, **settings})
        return HubSpot("hubspot", chosen, clock=self.portal.clock.now, patience=QUICK).of(self.kind)

    def connector_refused(self) -> Connector:
        return self.connector(access_token="pat-eu1-0123456789abcdef")

    async def seed(self, fields: Mapping[str, Any]) -> str:
        with self.portal.lock:
            return str(self.records.create(fields, trusted=True).id)

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        with self.portal.lock:
            self.records.update(self.records.get(id), fields, trusted=True)

    async def delete(self, id: str) -> None:
        with self.portal.lock:
            self.records.archive(id)

    async def merge(self, winner: str, loser: str) -> str:
        with self.portal.lock:
            return str(self.records.merge(winner, loser).id)

    async def held(self) -> dict[str, Mapping[str, Any]]:
        with self.portal.lock:
            return {str(id): dict(record.values) for id, record in self.records.live.items()}

    def fault(self, kind: Fault, where: Where, times: int | None = None) -> None:
        self.portal.faults.add(kind, path=PATHS[where], times=times)

    def heal(self) -> None:
        self.portal.faults.clear()

    def later(self, seconds: float) -> None:
        self.portal.clock.advance(seconds)

    @contextmanager
    def one_instant(self) -> Iterator[None]:
        self.portal.clock.freeze()
        yield
        self.portal.clock.unfreeze()


class HubSpotCompanyHarness(HubSpotHarness):
    """Nothing by which a company is found is unique, so it is found by search, and created by our own id."""

    email, text, other, key, picklist = "name", "city", "state", "smarketing_id", "lifecyclestage"
    kind, objects = "company", "companies"

    def __init__(self) -> None:
        super().__init__()
        text = {"label": "id", "type": "string", "fieldType": "text", "hasUniqueValue": True}
        group = next(iter(self.records.properties.groups))
        self.records.properties.create({"name": "smarketing_id", "groupName": group, **text})

    def person(self, n: int, **more: Any) -> dict[str, Any]:
        return super().person(n, **{"smarketing_id": f"smk-{n}", **more})


class HubSpotDealHarness(HubSpotCompanyHarness):
    email, text, other, picklist = "dealname", "description", "closed_lost_reason", "dealstage"
    kind, objects = "deal", "deals"
    required: ClassVar = {"dealstage": "qualifiedtobuy"}
    bad: ClassVar = {"dealstage": "no-such-stage"}
    calls_of_a_full_batch = 3  # which pipeline a stage is of is asked once
