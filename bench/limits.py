"""How much of what a vendor allows is used while there is work: the connector against HubSpot's real limits.

    python -m bench.limits WINDOWS     prints one line of JSON

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
from typing import Any

import orjson

from bench.calls import person
from bench.contacts import contacts
from bench.project import SYSTEM
from connectors.base import Connector, Key, Write
from connectors.registry import connect
from sandbox import hubspot as portal
from sandbox.serve import serve

CALLS, SECONDS = 100, 10.0
"""https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines: the least that any plan allows."""

SEARCHES = 5
"""In one second: https://developers.hubspot.com/docs/api-reference/search/guide"""

PEOPLE = 500
FIELDS = ("email", "firstname", "phone")

Work = Callable[[Connector], Awaitable[None]]


async def main(windows: int) -> dict[str, Any]:
    results = await asyncio.gather(
        measured(read, "", CALLS, SECONDS, windows),
        measured(write, "", CALLS, SECONDS, windows),
        measured(search, "/search$", SEARCHES, 1.0, 10 * windows),
    )
    return dict(zip(("reads", "writes", "searches"), results, strict=True))


async def measured(work: Work, endpoint: str, calls: int, seconds: float, windows: int) -> dict[str, float]:
    vendor = portal.HubSpot(replace(portal.Settings(), burst=CALLS, burst_seconds=SECONDS, search=SEARCHES))
    vendor.seed(person(contact) for contact in contacts(PEOPLE))
    with serve({SYSTEM: vendor.app}) as urls:
        settings = {"access_token": vendor.settings.token, "base_url": urls[SYSTEM]}
        connector = connect(SYSTEM, "hubspot", settings)
        while vendor.requests.count(endpoint) < calls * windows:
            await work(connector)
        await connector.aclose()
    times = [one.at for one in vendor.requests.log if one.status < 400 and re.search(endpoint, one.path)]
    spans = [later - earlier for earlier, later in zip(times, times[calls:], strict=False)]
    share = seconds * len(spans) / sum(spans)
    return {"calls": len(times), "share": share, "refused": sum(vendor.requests.refused.values())}


async def read(connector: Connector) -> None:
    async for _ in connector.read(FIELDS):
        pass


async def write(connector: Connector) -> None:
    await connector.write([Write(str(n), "update", {"firstname": "Ada"}, id=str(n)) for n in range(1, 101)])


async def search(connector: Connector) -> None:
    await connector.find([Key("phone", "+14155550000")], FIELDS)


if __name__ == "__main__":
    print(orjson.dumps(asyncio.run(main(int(sys.argv[1])))).decode())
