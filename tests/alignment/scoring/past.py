"""A project whose leads have a past: written into the database as runs would have written it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alignment.scoring.outcomes import Decisions, decisions
from mapping.fields import Fields
from mapping.loader import Project
from state import tables as t
from state.database import open_database
from state.facts import Facts
from state.outcomes import Outcomes
from state.records import Activity, Hub
from state.store import Store
from tests.mapping.projects import HUBSPOT, MAIN, SALESFORCE, load

START = datetime(2025, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CONFIG = (
    MAIN
    + """  contract: {type: text}
deals:
  fields:
    name: {type: text}
    stage: {type: picklist, options: [open, won, lost]}
    close_date: {type: date}
    contacts: {type: reference, to: lead, many: true}
scoring:
  fit: {rules: [{name: Strong, points: 60, when: {company: Strong}}]}
  engagement: {rules: [{name: Form, points: 30, on: [form], cap: 60}]}
  predictive: {leads: 300, won: 50}
"""
)


@dataclass
class Past:
    engine: sa.Engine
    project: Project
    number: int = 0
    hubs: list[Hub] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    activities: list[Activity] = field(default_factory=list)
    references: list[dict[str, str]] = field(default_factory=list)

    def lead(self, created: datetime, **fields: Any) -> Hub:
        self.number += 1
        hub = Hub(f"{self.number:032x}", {"email": f"p{self.number}@x", **fields}, {"": "crm"})
        self.hubs.append(hub)
        self._log(hub, created, "created", None)
        return hub

    def _log(self, hub: Hub, at: datetime, kind: str, detail: Mapping[str, Any] | None) -> None:
        row = {"hub_id": hub.id, "run_id": "r", "at": at, "kind": kind, "system": "crm", "detail": detail}
        self.changes.append(row)

    def set(self, hub: Hub, at: datetime, **fields: Any) -> None:
        """As a run would have noted it."""
        detail = {
            n: {"old": hub.fields.get(n), "new": v, "from": "crm", "rule": "only change"} for n, v in fields.items()
        }
        hub.fields.update(fields)
        self._log(hub, at, "merged", detail)

    def stage(self, hub: Hub, at: datetime, new: str) -> None:
        old = hub.fields.get("stage")
        self.set(hub, at, stage=new)
        row = {"hub_id": hub.id, "run_id": "r", "at": at, "old": old, "new": new, "system": "crm", "reason": None}
        self.stages.append({**row, "evidence": ""})

    def happen(self, hub: Hub, type_: str, at: datetime) -> None:
        self.activities.append(Activity(f"a{len(self.activities)}", type_, at, None, (hub.id,), None, None, None, "{}"))

    def deal(self, created: datetime, stage: str, *leads: Hub, **fields: Any) -> Hub:
        self.number += 1
        named: Fields = {"name": "Deal", "stage": stage, "contacts": [lead.id for lead in leads], **fields}
        deal = Hub(f"{self.number:032x}", named, {"": "crm"}, kind="deal")
        self.hubs.append(deal)
        self._log(deal, created, "created", None)
        self.references += [{"hub_id": deal.id, "field": "contacts", "target_id": lead.id} for lead in leads]
        return deal

    def store(self) -> None:
        store = Store(self.engine)
        store.insert_hubs(self.hubs)
        store.log_changes(sorted(self.changes, key=lambda row: row["at"]))
        store.log_stages(sorted(self.stages, key=lambda row: row["at"]))
        store.keep_activities("crm", self.activities, "r", START)
        store.commit()
        store.close()
        if self.references:
            with self.engine.begin() as connection:
                connection.execute(t.reference.insert(), self.references)

    def decisions(self) -> Decisions:
        self.store()
        store = Store(self.engine, dry=True)
        try:
            with Facts(self.engine) as facts:
                return decisions(self.project.config, facts, Outcomes(store))
        finally:
            store.close()


def begin(folder: Path) -> Past:
    deals = (
        "deals: {match: [name], fields: {name: {remote: Name}, stage: {remote: Stage}, contacts: {remote: Contacts}}}\n"
    )
    project = load(folder, main=CONFIG, hubspot=HUBSPOT, salesforce=SALESFORCE + deals)
    return Past(open_database(f"sqlite:///{folder / 'past.sqlite'}"), project)
