"""What happens to leads in the simulated world, and what must be true of it at rest.

Activities come late, twice, in a newer version, before the lead they are about, by id or by address alone; leads are
merged and forgotten meanwhile. What is kept of them is held against what the systems show, one by one.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from mapping.rules import count_activities, latest_activity
from state import tables as t
from state.records import Hub

SYSTEMS = ("crm", "mkt")
TYPES = ("email_click", "meeting", "form")
ROLLUPS = (
    count_activities("happenings"),
    count_activities("met_lately", ("meeting",), 30),
    latest_activity("last_form", ("form",)),
)


def agitate(world: Any) -> None:
    """Something happens to a lead; or a system shows again, or otherwise, what has happened before."""
    r: random.Random = world.random
    system = r.choice(SYSTEMS)
    happened, leads = world.of(system, "activity"), sorted(world.vendors[system].live())
    past = sorted(happened.rows)
    if past and r.random() < 0.3:
        id_ = r.choice(past)
        row = happened.rows[id_]
        if r.random() < 0.5 and row.fields["type"] == "meeting":
            row.fields["at"] = (world.clock() - timedelta(days=r.randrange(60))).isoformat()
        happened._touch(row)
        world.log.append(f"{system}: {id_} is shown again")
        return
    at = world.clock() - timedelta(days=r.choice((0, 0, 1, 29, 30, 31, 70)), hours=r.randrange(24))
    email = f"u{r.randrange(6)}@x"
    if leads and r.random() < 0.7:
        named = r.sample(leads, min(len(leads), r.choice((1, 1, 2))))
        id_ = happened.happen(r.choice(TYPES), at, named)
        world.log.append(f"{system}: {id_} happens to {named}")
    elif email not in world.erased:  # who it is may become known later
        id_ = happened.happen(r.choice(TYPES), at, email=email)
        world.log.append(f"{system}: {id_} happens to {email}")


def repoint(world: Any, system: str, old: str, new: str | None) -> None:
    """A lead goes on under another id: what happened to it happened to that one. Of one that is erased nothing is told."""
    happened = world.of(system, "activity")
    for row in happened.rows.values():
        if old in row.fields["leads"]:
            others = [i for i in row.fields["leads"] if i not in (old, new)]
            row.fields["leads"] = [*others, *([new] if new else [])]
            happened._touch(row)


def problems(world: Any, hubs: Sequence[Hub]) -> list[str]:
    """At rest: every activity is kept once, of whom the system says; and what is summed up is what is kept."""
    found: list[str] = []
    leads = [hub for hub in hubs if hub.kind == "lead" and not hub.merged_into]
    by_email = {str(lead.fields.get("email")): lead.id for lead in leads}
    with world.engine.connect() as c:
        kept = c.execute(sa.select(t.activity)).all()
        placed = c.execute(
            sa.select(t.activity_lead.c.hub_id, t.activity_lead.c.remote_id, t.activity_lead.c.system)
        ).all()
    once = Counter((row.system, row.remote_id) for row in kept)
    found += [f"17: {one} is kept {count} times" for one, count in once.items() if count > 1]
    for row in kept:
        told = world.of(row.system, "activity").rows[row.remote_id]
        at = row.at.replace(tzinfo=None).isoformat() if hasattr(row.at, "isoformat") else str(row.at)
        if told.fields["at"].removesuffix("+00:00") != at.removesuffix("+00:00").replace(" ", "T"):
            found.append(f"17: {row.system} {row.remote_id} is of {told.fields['at']}, and kept as of {at}")
    mine = {(row.system, row.remote_id): set(row.leads.split()) for row in kept}
    for system in SYSTEMS:
        for id_, row in world.of(system, "activity").rows.items():
            must, may = _about(world, system, row.fields, by_email)
            has = mine.get((system, id_), set())
            if not must <= has or not has <= must | may:
                found.append(
                    f"17: {system} {id_} happened to {sorted(must)} ({sorted(may)}), and is kept as of {sorted(has)}"
                )
    if Counter((lead, row.system, row.remote_id) for row in kept for lead in row.leads.split()) != Counter(
        (row.hub_id, row.system, row.remote_id) for row in placed
    ):
        found.append("17: by lead there are other activities than by what they name")
    return found + _sums(world, leads, mine)


def _about(world: Any, system: str, told: Any, by_email: dict[str, str]) -> tuple[set[str], set[str]]:
    """The leads that it must be kept of; and those that it may be, as their record is gone there by now."""
    vendor = world.vendors[system]
    live = vendor.live()
    must: set[str] = set()
    may: set[str] = set()
    for remote in told["leads"]:
        email = str(vendor.rows[remote].fields.get("email"))
        if email in by_email:
            (must if remote in live else may).add(by_email[email])
    if told["email"] in by_email:
        must.add(by_email[told["email"]])
    return must, may


def _sums(world: Any, leads: Sequence[Hub], mine: dict[tuple[str, str], set[str]]) -> list[str]:
    found: list[str] = []
    day = world.clock().replace(hour=0, minute=0, second=0, microsecond=0)
    for lead in leads:
        told = [world.of(s, "activity").rows[i].fields for (s, i), ids in mine.items() if lead.id in ids]
        meetings = [
            one for one in told if one["type"] == "meeting" and one["at"] >= (day - timedelta(days=30)).isoformat()
        ]
        forms = sorted(one["at"] for one in told if one["type"] == "form")
        expected = {"happenings": len(told), "met_lately": len(meetings), "last_form": forms[-1] if forms else None}
        for name, value in expected.items():
            if (lead.fields.get(name) or 0) != (value or 0):
                found.append(f"15: {name} of {lead.fields.get('email')} is {lead.fields.get(name)!r}, not {value!r}")
    return found
