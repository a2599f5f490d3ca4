"""How much of what a vendor allows is used while there is work: the connector against HubSpot's real limits.

    python -m bench.limits WINDOWS SECONDS     prints one line of JSON

Each kind of call (list pages, batch writes, searches) works against a portal of its own, one call after the other as a
run does, until it has filled WINDOWS of its windows. Where 100 calls are allowed in 10 seconds, a call may follow the
hundredth before it after 10 seconds and no sooner: the share is that time, divided by what it took. A 429 that the
sandbox had to give was avoidable: nobody else calls it.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, NamedTuple

import orjson

from bench.calls import person
from bench.contacts import contacts
from bench.project import SYSTEM
from connectors.base import Connector, Key, Write
from connectors.registry import connect
from sandbox import hubspot as portal
from sandbox.serve import serve

CALLS_A_SECOND = 10
"""100 in 10 seconds, the least that any plan allows:
https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines. A shorter window has as much less."""

SEARCHES = 5
"""In one second: https://developers.hubspot.com/docs/api-reference/search/guide"""

PEOPLE = 500
FIELDS = ("email", "firstname", "phone")


class Window(NamedTuple):
    calls: int
    seconds: float


Work = Callable[[Connector], Awaitable[None]]


async def main(windows: int, seconds: float) -> dict[str, Any]:
    burst = round(CALLS_A_SECOND * seconds)
    settings = replace(portal.Settings(), burst=burst, burst_seconds=seconds, search=SEARCHES)
    results = await asyncio.gather(
        measured(read, "", settings, Window(burst, seconds), windows),
        measured(write, "", settings, Window(burst, seconds), windows),
        measured(search, "/search$", settings, Window(SEARCHES, 1.0), round(seconds) * windows),
    )
    return dict(zip(("reads", "writes", "searches"), results, strict=True))


async def measured(
    work: Work, endpoint: str, settings: portal.Settings, window: Window, windows: int
) -> dict[str, float]:
    vendor = portal.HubSpot(settings)
    vendor.seed(person(contact) for contact in contacts(PEOPLE))
    with serve({SYSTEM: vendor.app}) as urls:
        connector = connect(SYSTEM, "hubspot", {"access_token": settings.token, "base_url": urls[SYSTEM]})
        while vendor.requests.count(endpoint) < window.calls * windows:
            await work(connector)
        await connector.aclose()
    times = [one.at for one in vendor.requests.log if one.status < 400 and re.search(endpoint, one.path)]
    spans = [later - earlier for earlier, later in zip(times, times[window.calls :], strict=False)]
    share = window.seconds * len(spans) / sum(spans)
    return {"calls": len(times), "share": share, "refused": sum(vendor.requests.refused.values())}


async def read(connector: Connector) -> None:
    async for _ in connector.read(FIELDS):
        pass


async def write(connector: Connector) -> None:
    await connector.write([Write(str(n), "update", {"firstname": "Ada"}, id=str(n)) for n in range(1, 101)])


async def search(connector: Connector) -> None:
    await connector.find([Key("phone", "+14155550000")], FIELDS)


if __name__ == "__main__":
    print(orjson.dumps(asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))).decode())
