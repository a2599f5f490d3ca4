"""How many API calls a run makes, as the systems count them: the sandbox's HubSpot and Salesforce, presets, both ways.

    python -m bench.calls COUNT CHANGES     prints one line of JSON

First, HubSpot holds COUNT people and Salesforce none: the run creates them all in Salesforce, and tells HubSpot every
score. Then CHANGES of them are edited in HubSpot. The clocks of all are moved on in between: what the first run wrote
would otherwise still lie within the overlap of the second one's reading.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

from bench.contacts import contacts
from bench.project import CRM, SYSTEM, both_ways
from connectors.base import Connector, RemoteField
from connectors.registry import connect
from mapping.mapper import Mapper
from sandbox import hubspot as portal
from sandbox.clock import Clock
from sandbox.gate import Vendor
from sandbox.salesforce.server import Salesforce as Org
from sandbox.serve import serve
from state.database import open_database
from state.store import Store
from sync.run import Options, sync

WRITES = r"/batch/(create|update|upsert)$|/composite/sobjects"
OURS = "smarketing_"
ASKED = ("email", "firstname", "lastname", "phone", "company", "jobtitle", "website", "city", "zip", "country")
PAUSE = 900.0
"""Seconds between two runs."""


async def run(count: int, changes: int) -> dict[str, Any]:
    clock = Clock()
    vendors: dict[str, Any] = {SYSTEM: portal.HubSpot(portal.FAST, clock=clock), CRM: Org(clock=clock)}
    people = [person(contact) for contact in contacts(count)]
    hub = vendors[SYSTEM]
    with serve({name: vendor.app for name, vendor in vendors.items()}) as urls, tempfile.TemporaryDirectory() as folder:
        connectors: dict[str, Connector] = {
            name: connect(name, name, chosen, clock=clock.now) for name, chosen in settings(urls).items()
        }
        rules = both_ways()
        for name, connector in connectors.items():
            await provision(connector, rules.mappers[name])
        hub.seed(people)
        store = Store(open_database(f"sqlite:///{Path(folder) / 'calls.sqlite'}"))

        async def counted() -> dict[str, Any]:
            for vendor in vendors.values():
                vendor.requests.clear()
            report = await sync(rules, connectors, store, options=Options(confirmed=True), clock=clock.now)
            assert report.outcome == "done", report
            return {name: {**counts(vendor), **wrote(report.as_dict(), name)} for name, vendor in vendors.items()}

        first = await counted()
        clock.advance(PAUSE)
        await counted()
        clock.advance(PAUSE)
        for one in people[:changes]:
            hub.edit({"do": "set", "email": one["email"].lower(), "fields": {"jobtitle": "Chief of Change"}})
        incremental = await counted()
        quiet = await counted()
        store.close()
    return {"first": first, "incremental": incremental, "quiet": quiet}


def settings(urls: Mapping[str, str]) -> dict[str, dict[str, str]]:
    secret = {"client_id": "sandbox-consumer-key", "client_secret": "sandbox-consumer-secret"}
    return {
        SYSTEM: {"access_token": portal.FAST.token, "base_url": urls[SYSTEM]},
        CRM: {"login_url": urls[CRM], **secret},
    }


async def provision(connector: Connector, mapper: Mapper) -> None:
    """The custom fields that the preset names and the sandbox does not have yet."""
    there = {field.name for field in await connector.schema()}
    named = {m.remote for m in mapper.maps.values()} | {str(mapper.id_field)}
    missing = sorted(name for name in named - there if name.lower().startswith(OURS))
    if missing:
        await connector.provision([RemoteField(n, n, "string", unique=n == mapper.id_field) for n in missing])


def person(contact: Mapping[str, Any]) -> dict[str, str]:
    """A contact as the sandbox is filled with; every one a lead, so that Salesforce gets them all."""
    held = {name: value for name, value in contact["properties"].items() if value and name in ASKED}
    return {**held, "lifecyclestage": "lead"}


def counts(vendor: Vendor) -> dict[str, Any]:
    writes = vendor.requests.count(WRITES)
    return {
        "reads": vendor.requests.count() - writes,
        "writes": writes,
        "endpoints": vendor.requests.to_json()["by_endpoint"],
    }


def wrote(report: Mapping[str, Any], system: str) -> dict[str, int]:
    done = report["systems"][system]
    return {"created": done["created"], "updated": done["updated"], "read": done["read"]}


if __name__ == "__main__":
    print(orjson.dumps(asyncio.run(run(*map(int, sys.argv[1:3])))).decode())
