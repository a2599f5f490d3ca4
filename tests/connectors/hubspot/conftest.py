"""A HubSpot portal on a loopback port, and connectors to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from connectors.base import Cursor, Page
from connectors.http import Patience
from connectors.hubspot import HubSpot, Settings
from sandbox import hubspot as portal
from sandbox.serve import serve

QUICK = Patience(attempts=4, total=5.0, first=0.01, longest=0.05)
FIELDS = ["email", "firstname", "lifecyclestage"]


class Portal:
    """The vendor's side, and the way to it."""

    def __init__(self, server: portal.HubSpot, url: str) -> None:
        self.server = server
        self.contacts = server.contacts
        self.clock = server.clock
        self.faults = server.faults
        self.url = url

    def add(self, count: int, start: int = 0, **fields: str) -> list[str]:
        people = [{"email": f"p{n}@example.com", "firstname": f"P{n}", **fields} for n in range(start, start + count)]
        with self.contacts.lock:
            return [str(self.contacts.create(one, trusted=True).id) for one in people]

    def make(self, objects: str, **fields: str) -> str:
        """A record of any type, as a person would in HubSpot's pages."""
        with self.server.lock:
            return str(self.server.objects[objects].create(fields, trusted=True).id)

    def change(self, objects: str, id: str, **fields: str) -> None:
        records = self.server.objects[objects]
        with self.server.lock:
            records.update(records.get(id), fields, trusted=True)

    def link(self, start: str, id: str, end: str, other: str, *, primary: bool | None = None) -> None:
        with self.server.lock:
            self.server.associations.put(start, end, int(id), int(other), primary=primary)

    def linked(self, start: str, id: str, end: str) -> dict[str, set[int]]:
        with self.server.lock:
            return {str(other): set(types) for other, types in self.server.associations.of(start, end, int(id)).items()}

    def held(self, objects: str, id: str) -> dict[str, str]:
        return dict(self.server.objects[objects].live[int(id)].values)

    def edit(self, id: str, **fields: str) -> None:
        with self.contacts.lock:
            self.contacts.update(self.contacts.get(id), fields, trusted=True)

    def values(self, id: str) -> dict[str, str]:
        return dict(self.contacts.live[int(id)].values)

    def calls(self, pattern: str = "") -> int:
        return self.server.requests.count(pattern)

    def forget_calls(self) -> None:
        self.server.requests.clear()

    def connector(self, patience: Patience = QUICK, **settings: Any) -> HubSpot:
        chosen = {"access_token": self.server.settings.token, "base_url": self.url, "overlap_seconds": 5.0, **settings}
        return HubSpot("hubspot", Settings(**chosen), clock=self.clock.now, patience=patience)


@pytest.fixture
def open_portal() -> Iterator[Callable[..., Portal]]:
    """A portal with settings of its own: `open_portal(index_delay=30.0)`."""
    stack = []

    def start(**settings: Any) -> Portal:
        server = portal.HubSpot(replace(portal.FAST, **settings))
        running = serve({"hubspot": server.app})
        url = running.__enter__()["hubspot"]
        stack.append(running)
        return Portal(server, url)

    yield start
    for running in stack:
        running.__exit__(None, None, None)


@pytest.fixture
def hubspot(open_portal: Callable[..., Portal]) -> Portal:
    return open_portal()


@pytest.fixture
async def connector(hubspot: Portal) -> AsyncIterator[HubSpot]:
    made = hubspot.connector()
    yield made
    await made.aclose()


Read = Callable[..., Awaitable[list[Page]]]


async def read(connector: HubSpot, since: Cursor | None = None, fields: list[str] = FIELDS) -> list[Page]:
    return [page async for page in connector.read(fields, since)]


def live(pages: list[Page]) -> list[str]:
    return [r.id for page in pages for r in page.records if not r.deleted and not r.became]


def deleted(pages: list[Page]) -> list[str]:
    return [r.id for page in pages for r in page.records if r.deleted]


def became(pages: list[Page]) -> dict[str, str]:
    return {r.id: r.became for page in pages for r in page.records if r.became}
