"""HubSpot under contract, against the sandbox's portal on a loopback port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

from connectors.base import Connector
from connectors.http import Patience
from connectors.hubspot import HubSpot, Settings
from sandbox import hubspot as portal
from sandbox.serve import serve
from tests.contract.harness import Fault, Harness, Where

QUICK = Patience(attempts=4, total=5.0, first=0.01, longest=0.05)
PATHS: Mapping[Where, str] = {"read": r"contacts$|/search$|/batch/read$", "write": "/batch/(create|update|upsert)$"}


class HubSpotHarness(Harness):
    email, text, other, key, picklist = "email", "firstname", "lastname", "email", "lifecyclestage"
    bad: ClassVar = {"lifecyclestage": "no-such-stage"}
    faults: ClassVar = frozenset({"error", "rate_limited", "hangup_before", "hangup_after", "truncated", "not_json"})
    merges = True
    secret = portal.FAST.token

    def __init__(self) -> None:
        self.portal = portal.HubSpot(portal.FAST)
        self.url = ""

    @contextmanager
    def running(self) -> Iterator[Harness]:
        with serve({"hubspot": self.portal.app}) as urls:
            self.url = urls["hubspot"]
            yield self

    def connector(self, **settings: Any) -> Connector:
        chosen = Settings(**{"access_token": self.secret, "base_url": self.url, **settings})
        return HubSpot("hubspot", chosen, clock=self.portal.clock.now, patience=QUICK)

    def connector_refused(self) -> Connector:
        return self.connector(access_token="pat-eu1-0123456789abcdef")

    async def seed(self, fields: Mapping[str, Any]) -> str:
        return str(self.portal.edit({"do": "create", "fields": fields})["id"])

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        with self.portal.contacts.lock:
            self.portal.contacts.update(self.portal.contacts.get(id), fields, trusted=True)

    async def delete(self, id: str) -> None:
        with self.portal.contacts.lock:
            self.portal.contacts.archive(id)

    async def merge(self, winner: str, loser: str) -> str:
        with self.portal.contacts.lock:
            return str(self.portal.contacts.merge(winner, loser).id)

    async def held(self) -> dict[str, Mapping[str, Any]]:
        with self.portal.contacts.lock:
            return {str(id): dict(contact.values) for id, contact in self.portal.contacts.live.items()}

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
