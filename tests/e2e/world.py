"""A project folder and the two systems that it connects, in this process: the real engine and the real connectors
against the sandboxes, over HTTP on loopback ports.

Runs are made as any door makes them (`sync.project`), the command line as a person types it (in this process, or as a
process of its own). Only the connectors' waits are shortened, by `quick_connectors`.
"""

from __future__ import annotations

import asyncio
import io
import json
import re
import sqlite3
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from connectors.base import Clock, Connector, utc_now
from connectors.http import Patience
from connectors.hubspot import HubSpot
from connectors.registry import settings_of
from connectors.salesforce import Salesforce
from console import playground
from console.cli import main
from console.folders import make
from mapping.folder import Files
from mapping.loader import Project, load_project
from sandbox.both import Both
from sandbox.gate import App
from sandbox.hubspot.records import Record as Contact
from sandbox.people import World as People
from sandbox.serve import serve
from state.database import open_database
from state.records import Hub, Review
from state.store import Store
from sync.context import Report
from sync.project import run_sync

QUICK = Patience(attempts=3, total=5.0, first=0.005, longest=0.02)
SYSTEMS = ("hubspot", "salesforce")
BATCHES = {"hubspot": 100, "salesforce": 200}
"""Records that one write request of each takes at most."""

STAMPS = ("smarketing_id", "hs_merged_object_ids", "hs_object_id")
ROW_STAMPS = ("Id", "Smarketing_Id__c", "SystemModstamp", "LastModifiedDate", "CreatedDate", "AccountId")


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str = ""

    @property
    def json(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.out)
        return answer


@dataclass
class World:
    """`settings`: what the connectors are told besides their credentials, by system."""

    both: Both
    folder: Path
    urls: Mapping[str, str]
    clock: Clock = utc_now
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def people(self) -> People:
        return self.both.world

    # Runs

    def sync(self, systems: Sequence[str] | None = None, **how: Any) -> Report:
        """One run with everything confirmed, unless said otherwise."""
        how.setdefault("confirmed", True)
        with quick_connectors(self.settings, self.clock):
            return asyncio.run(run_sync(self.folder, systems=systems, clock=self.clock, **how))

    def settled(self, runs: int = 2) -> list[Report]:
        """Quiet runs, each of which must find the systems well."""
        reports = [self.sync() for _ in range(runs)]
        for report in reports:
            assert report.outcome == "done", (report.errors, report.stops)
        return reports

    def cli(self, *arguments: str, code: int | None = 0) -> Said:
        """A command in this process. The project is named by itself. `code`: the exit code that is expected."""
        out, err = io.StringIO(), io.StringIO()
        with quick_connectors(self.settings), redirect_stdout(out), redirect_stderr(err):
            status = main([*arguments, "--project", str(self.folder)])
        said = Said(status, out.getvalue(), err.getvalue())
        assert code is None or status == code, said
        return said

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Said:
        """A command as a process of its own, with the patience that everybody gets."""
        done = subprocess.run(
            [sys.executable, "-m", "console.cli", *arguments, "--project", str(self.folder)],
            capture_output=True,
            timeout=90,
            env=dict(env) if env is not None else None,
        )
        return Said(done.returncode, done.stdout.decode(), done.stderr.decode())

    # What is there

    def hubspot(self) -> Counter[str]:
        """Every live contact with all its values, but for ids and times."""
        with self.both.hubspot.contacts.lock:
            return Counter(_told(_shown(c)) for c in self.both.hubspot.contacts.live.values())

    def salesforce(self) -> Counter[str]:
        """Every live lead and contact with all its values, but for ids and times."""
        return Counter(_told({n: v for n, v in row.items() if n not in ROW_STAMPS}) for row in self.rows())

    def hub(self) -> Counter[str]:
        return Counter(_told(lead.fields) for lead in self.leads())

    def picture(self) -> dict[str, Counter[str]]:
        """All that a run may change: two stories that end well end in the same picture."""
        return {"hubspot": self.hubspot(), "salesforce": self.salesforce(), "hub": self.hub()}

    def rows(self) -> list[dict[str, Any]]:
        """Live leads and contacts; a converted lead is none any more."""
        org = self.both.salesforce.org
        with org.lock:
            return [
                {"object": name, **row}
                for name in ("Lead", "Contact")
                for row in org.tables[name].live()
                if not row.get("IsConverted")
            ]

    def row(self, email: str) -> dict[str, Any]:
        """The one person in Salesforce with this address."""
        [found] = [row for row in self.rows() if (row.get("Email") or "").strip().lower() == email]
        return found

    def contact(self, email: str) -> Contact:
        return self.both.hubspot.by_email(email)

    def leads(self) -> list[Hub]:
        with self.store() as store:
            return list(store.hubs(self.ask("SELECT id FROM hub WHERE kind = 'lead' ORDER BY id")).values())

    def lead(self, email: str) -> Hub:
        """The one lead with this address."""
        [found] = [lead for lead in self.leads() if lead.fields.get("email") == email]
        return found

    @contextmanager
    def store(self) -> Iterator[Store]:
        engine = open_database(f"sqlite:///{self.folder / 'state.sqlite'}")
        store = Store(engine)
        try:
            yield store
        finally:
            store.close()
            engine.dispose()

    def ask(self, query: str) -> list[Any]:
        """The first column of a query of the database file, past the engine."""
        with closing(sqlite3.connect(self.folder / "state.sqlite")) as connection:
            return [row[0] for row in connection.execute(query)]

    def reviews(self, *kinds: str) -> list[Review]:
        """Open questions."""
        with self.store() as store:
            return store.reviews(*kinds)

    # People at work

    def edit(self, system: str, do: str, email: str, **more: Any) -> dict[str, Any]:
        """What a person does in one of the tools, in its own words (`fields` and the like in `more`)."""
        vendor = self.both.hubspot if system == "hubspot" else self.both.salesforce
        return vendor.edit({"do": do, "email": email, **more})

    def set(self, system: str, email: str, **fields: Any) -> None:
        self.edit(system, "set", email, fields=fields)

    def later(self, seconds: float) -> None:
        """Time goes by for everybody. The world must have been made with `clock=True`."""
        for vendor in (self.both.hubspot, self.both.salesforce):
            vendor.clock.advance(seconds)

    # Calls

    def forget_calls(self) -> None:
        for vendor in (self.both.hubspot, self.both.salesforce):
            vendor.requests.clear()

    def calls(self, system: str, pattern: str = "") -> int:
        vendor = self.both.hubspot if system == "hubspot" else self.both.salesforce
        return vendor.requests.count(pattern)

    def refused(self) -> int:
        """429s that the vendor's limits (not a fault) gave."""
        return sum(sum(v.requests.refused.values()) for v in (self.both.hubspot, self.both.salesforce))

    def heal(self) -> None:
        for vendor in (self.both.hubspot, self.both.salesforce):
            vendor.faults.clear()


@contextmanager
def world(
    folder: Path,
    *,
    seed: int = 7,
    marketing: int = 120,
    crm: int = 90,
    shared: int = 60,
    both: Both | None = None,
    own_clock: bool = False,
    apps: Mapping[str, App] | None = None,
    settings: dict[str, dict[str, Any]] | None = None,
    rewrite: Sequence[tuple[str, str, str]] = (),
    provision: bool = True,
    business: bool = False,
) -> Iterator[World]:
    """`business`: with companies, deals and users, as the presets have them; else leads alone. `own_clock`: the engine goes by the vendors' clock, which can be moved on. `apps`: what is served in a system's
    place. `rewrite`: (file, old, new), as an admin edits the project's files."""
    both = both or Both.make(seed, marketing=marketing, crm=crm, shared=shared)
    with serve({**both.apps, **(apps or {})}) as urls:
        addresses = {f"{name.upper()}_URL": url for name, url in urls.items()}
        make(folder, playground.SYSTEMS, {**playground.CREDENTIALS, **addresses})
        if not business:
            leads_alone(folder)
        for name, old, new in rewrite:
            file = folder / name
            assert old in file.read_text(), f"{name} has no {old!r}"
            file.write_text(file.read_text().replace(old, new))
        made = World(both, folder, urls, both.hubspot.clock.now if own_clock else utc_now, settings or {})
        if provision:
            made.cli("provision")
        made.forget_calls()
        yield made


def leads_alone(folder: Path) -> None:
    """Take out of the presets what is said of other kinds, as an admin does who does not want them."""
    main = folder / "smarketing.yaml"
    text = re.sub(r"(?ms)^  # Who this person works for.*?(?=^# Texts that mean)", "\n", main.read_text())
    text = re.sub(r"(?m)^    \w+: \{\w+_deals: .*\n", "", text)
    text = text.replace(
        "{any: [{company: {present: true}}, {employer: {present: true}}]}", "{any: [{company: {present: true}}]}"
    )
    text = re.sub(r"(?ms)^# What both teams want to reach.*?(?=^# What each team promises)", "", text)
    main.write_text(re.sub(r"(?ms)^  # Who was an opportunity.*?(?=^\S|^$)", "", text))
    for file in sorted((folder / "mappings").glob("*.yaml")):
        text = re.sub(r"(?ms)^# (Companies|Accounts), by the domain.*", "", file.read_text())
        file.write_text(re.sub(r"(?m)^  (employer|owner): .*\n|^activities: true\n", "", text))


@contextmanager
def quick_connectors(settings: Mapping[str, Mapping[str, Any]], clock: Clock | None = None) -> Iterator[None]:
    """The connectors that a project asks for, with short waits."""

    async def brief(seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.01))

    def connect(name: str, connector: str, given: Mapping[str, Any], *, clock: Clock = clock or utc_now) -> Connector:
        chosen: Any = settings_of(connector).model_validate({**given, **settings.get(name, {})})
        if connector == "hubspot":
            return HubSpot(name, chosen, clock=clock, patience=QUICK)
        return Salesforce(name, chosen, clock=clock, patience=QUICK, sleep=brief)

    with (
        patch("sync.project.connect", connect),
        patch("sync.project.load_project", _loaded),
        patch("ssl.create_default_context", _certificates),
    ):
        yield


@cache
def _certificates(**_: Any) -> ssl.SSLContext:
    """Every client loads them, which takes longer than a small run; on a loopback port they are of no use."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _loaded(folder: Path | str, files: Files | None = None) -> Project:
    """The folder's configuration, read anew only where a file has changed: reading it takes longer than a small run."""
    if files is not None:
        return load_project(folder, files)
    found = sorted(Path(folder).glob("**/*.yaml"))
    return _parsed(Path(folder), tuple((file, file.read_bytes()) for file in found))


@cache
def _parsed(folder: Path, files: tuple[tuple[Path, bytes], ...]) -> Project:
    return load_project(folder)


def _shown(contact: Contact) -> dict[str, Any]:
    return {n: v for n, v in contact.values.items() if n not in STAMPS and not n.startswith("hs_lifecyclestage_")}


def _told(values: Mapping[str, Any]) -> str:
    return json.dumps({n: v for n, v in sorted(values.items()) if v is not None}, ensure_ascii=False, default=str)
