"""What the contract suite needs to know of a connector, and how to plug one in.

Write a `Harness` (about ten lines beyond the vendor's own server), name it in `HARNESSES`, and the whole suite runs
against it. A person's hand on the vendor's side is `seed`, `edit`, `delete`, `merge`; `held` is the truth as the
vendor has it, read past the connector.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from typing import Any, ClassVar, Literal

from connectors.base import Connector, Page, Record

Fault = Literal["error", "rate_limited", "hangup_before", "hangup_after", "truncated", "not_json"]
Where = Literal["read", "write"]

HARNESSES = {
    "memory": "tests.contract.memory:MemoryHarness",
    "memory-company": "tests.contract.memory:MemoryCompanyHarness",
    "memory-deal": "tests.contract.memory:MemoryDealHarness",
    "file": "tests.contract.file:FileHarness",
    "hubspot": "tests.contract.hubspot:HubSpotHarness",
    "hubspot-company": "tests.contract.hubspot:HubSpotCompanyHarness",
    "hubspot-deal": "tests.contract.hubspot:HubSpotDealHarness",
    "salesforce": "tests.contract.salesforce:SalesforceHarness",
    "salesforce-company": "tests.contract.salesforce:CompanyHarness",
    "salesforce-deal": "tests.contract.salesforce:DealHarness",
    "tryton": "tests.contract.tryton:TrytonHarness",
    "tryton-company": "tests.contract.tryton:TrytonCompanyHarness",
    "tryton-deal": "tests.contract.tryton:TrytonDealHarness",
}
"""A connector whose harness module does not exist yet is skipped, by name."""


class Harness(ABC):
    """One vendor with nothing in it, and connectors to it. Entered once per test. Tests that need a trait which a
    harness says it lacks (`needs` in test_contract.py) are deselected, and counted as such."""

    writable: ClassVar[bool] = True
    """Whether records of this kind can be created and updated."""
    credentials: ClassVar[bool] = True
    """Whether there is anything to sign in by."""
    rescans: ClassVar[bool] = False
    """A change makes the connector read everything again, so that an incremental read may claim to be complete."""

    email: ClassVar[str]
    """Remote field by which a person is found."""
    text: ClassVar[str]
    """A text field that may be cleared."""
    other: ClassVar[str]
    """Another one."""
    required: ClassVar[Mapping[str, Any]] = {}
    """What the vendor wants in every record besides."""
    picklist: ClassVar[str | None] = None
    key: ClassVar[str | None] = None
    """Remote field by which a create may be repeated; None where the vendor has none."""
    bad: ClassVar[Mapping[str, Any] | None] = None
    """Fields that the vendor refuses in one record."""
    faults: ClassVar[frozenset[Fault]] = frozenset()
    merges: ClassVar[bool] = False
    page: ClassVar[int] = 100
    """Records on a page of a scan."""
    secret: ClassVar[str] = ""
    """The credential in use."""
    calls_of_a_full_batch: ClassVar[int] = 2
    """At most so many, for a new connector to create a full batch."""

    @property
    def time_moves(self) -> bool:
        """Whether `later` really moves the vendor's clock."""
        return type(self).later is not Harness.later

    @property
    def fields(self) -> list[str]:
        return [self.email, self.text, self.other]

    @abstractmethod
    def connector(self) -> Connector:
        """A new one, as after a restart. Closed by the suite."""

    @abstractmethod
    def connector_refused(self) -> Connector:
        """One whose credentials the vendor does not take."""

    @abstractmethod
    async def seed(self, fields: Mapping[str, Any]) -> str: ...

    @abstractmethod
    async def edit(self, id: str, fields: Mapping[str, Any]) -> None: ...

    @abstractmethod
    async def delete(self, id: str) -> None: ...

    @abstractmethod
    async def held(self) -> dict[str, Mapping[str, Any]]:
        """Every live record by id; a blank is None or missing."""

    async def merge(self, winner: str, loser: str) -> str:
        """Returns the survivor's id."""
        raise NotImplementedError

    def fault(self, kind: Fault, where: Where, times: int | None = None) -> None:
        """From now on, `times` times or until `heal`."""
        raise NotImplementedError

    def heal(self) -> None:
        """No more faults."""
        return

    def later(self, seconds: float) -> None:
        """Let time pass on the vendor's side."""
        return

    def one_instant(self) -> Any:
        """A context in which the vendor stamps everything with the same time, where that can be arranged."""
        return nullcontext()

    @contextmanager
    def running(self) -> Iterator[Harness]:
        yield self

    def person(self, n: int, **more: Any) -> dict[str, Any]:
        return {
            **self.required,
            self.email: f"person{n}@example.com",
            self.text: f"First{n}",
            self.other: f"Last{n}",
            **more,
        }


async def read_all(connector: Connector, fields: list[str], since: Any = None) -> list[Page]:
    return [page async for page in connector.read(fields, since)]


def records_of(pages: list[Page]) -> dict[str, Record]:
    """Live records by id, the latest reading of each."""
    return {r.id: r for page in pages for r in page.records if not r.deleted and not r.became}
