"""Leads that are handed over, called, accepted, recycled and given up at random minutes of three weeks, written as a run
writes them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from mapping.config import ProjectFile
from state.ids import new_id
from state.records import Activity, Hub
from state.store import Store
from tests.alignment.sla.pacts import pact, project

FIRST = datetime(2026, 3, 16, tzinfo=UTC)  # of the three weeks, the second ends with a change of the clocks
LAST = FIRST + timedelta(days=21)
OWNERS = ("ana@sales.example", "bob@sales.example", "cem@sales.example", "mia@marketing.example")
ABSENCES = [{"owner": "ana@sales.example", "from": "2026-03-24", "to": "2026-03-26"}]
WAYS = (
    ("lead", "mql"),
    ("mql", "sal", "sql", "customer"),
    ("mql", "recycled", "mql", "sal"),
    ("mql", "disqualified"),
    ("mql", "sal", "lost", "sal"),
    ("sql",),
)  # fmt: skip


@dataclass
class World:
    """`news`: what happens, in the order of time, and yet to be written."""

    config: ProjectFile
    owners: dict[str, str] = field(default_factory=dict)
    leads: list[str] = field(default_factory=list)
    news: list[tuple[datetime, dict[str, Any] | Activity]] = field(default_factory=list)

    def write(self, store: Store, until: datetime) -> None:
        """What has happened by then, in one run."""
        run = new_id()
        store.begin_run(run, "sync", until, "")
        now = [one for at, one in self.news if at <= until]
        self.news = [one for one in self.news if one[0] > until]
        store.log_stages([one | {"run_id": run} for one in now if isinstance(one, dict)])
        store.keep_activities("crm", [one for one in now if isinstance(one, Activity)], run, until)
        store.end_run(run, until, "done", {})
        store.commit()


def make(store: Store, dice: random.Random, size: int) -> World:
    made = World(project(pact(agreed_on="2026-03-18", absences=ABSENCES)))
    for email in OWNERS:
        hub = Hub(new_id(), {"email": email}, {"": "crm"}, kind="owner")
        made.owners[email] = hub.id
        store.of("owner").insert_hubs([hub])
    numbers = iter(range(1_000_000))
    for _ in range(size):
        owner = dice.choice([*OWNERS[:3], None])
        fields = {"country": dice.choice(["ES", "AU", None]), "score": dice.choice([10, 80, None])}
        hub = Hub(new_id(), {**fields, "owner": made.owners[owner] if owner else None}, {"": "crm"})
        store.insert_hubs([hub])
        made.leads.append(hub.id)
        at, old = FIRST + timedelta(minutes=dice.randrange(14 * 1440)), None
        for new in dice.choice(WAYS):
            reason = dice.choice(["timing", None]) if new in ("recycled", "disqualified", "lost") else None
            event = {
                "hub_id": hub.id, "at": at, "old": old, "new": new, "system": "crm", "reason": reason, "evidence": "",
            }  # fmt: skip
            made.news.append((at, event))
            at, old = at + timedelta(minutes=dice.randrange(1, 4 * 1440)), new
        for _ in range(dice.randrange(6)):
            when = FIRST + timedelta(minutes=dice.randrange(21 * 1440))
            by = dice.choice([*made.owners.values(), None])
            type_ = dice.choice(["call", "email_sent", "meeting", "page_visit", "note"])
            one = Activity(f"a{next(numbers)}", type_, when, when, (hub.id,), None, None, by, "{}")
            made.news.append((when, one))
    made.news.sort(key=lambda one: one[0])
    store.commit()
    return made


def table(engine: sa.Engine, query: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]
