"""The connector in RAM under contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.base import Connector, Kind, RemoteField
from connectors.memory import LogicalClock, Memory, Vendor
from tests.contract.harness import Harness


class MemoryHarness(Harness):
    email, text, other, key, picklist = "email", "first", "last", "email", "stage"
    bad: ClassVar = {"last": "refused"}
    merges = True
    page = 10

    def __init__(self) -> None:
        self.clock = LogicalClock()
        options = (("new", "New"), ("old", "Old"))
        schema = [RemoteField(n, n.title(), "string") for n in self.fields]
        self.vendor = Vendor(
            "memory",
            schema=[*schema, RemoteField("stage", "Stage", "picklist", options=options)],
            unique=frozenset({"email"}),
            clock=self.clock,
            refuse=lambda fields: "Nobody is called that." if "refused" in fields.values() else None,
        )

    def connector(self) -> Connector:
        return Memory(self.vendor, page_size=self.page)

    def connector_refused(self) -> Connector:
        return Memory(self.vendor, token="not-the-token")

    async def seed(self, fields: Mapping[str, Any]) -> str:
        return self.vendor.create(fields)

    async def edit(self, id: str, fields: Mapping[str, Any]) -> None:
        self.vendor.update(id, fields)

    async def delete(self, id: str) -> None:
        self.vendor.delete(id)

    async def merge(self, winner: str, loser: str) -> str:
        self.vendor.merge(winner, loser)
        return winner

    async def held(self) -> dict[str, Mapping[str, Any]]:
        return {id: row.fields for id, row in self.vendor.live().items()}

    def later(self, seconds: float) -> None:
        self.clock.tick(seconds)


class MemoryCompanyHarness(MemoryHarness):
    """The same for another kind: the connector is the one that `of` gives."""

    kind: ClassVar[Kind] = "company"

    def __init__(self) -> None:
        super().__init__()
        self.vendor.kind = self.kind
        self.people = Vendor("memory", clock=self.clock, siblings={self.kind: self.vendor})

    def connector(self) -> Connector:
        return Memory(self.people, page_size=self.page).of(self.kind)

    def connector_refused(self) -> Connector:
        return Memory(self.people, token="not-the-token").of(self.kind)


class MemoryDealHarness(MemoryCompanyHarness):
    kind = "deal"
