"""What must be true in the two systems after the demo's third sync, asked of the systems themselves.

Not here: what people did (`sandbox`). Invariant: nothing is taken from the hub but which record to ask for; what counts
is what a system answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.base import Key
from console import telling
from console.explaining import Story
from mapping.fields import Kind
from state.history import History
from sync.project import Opened, open_project, run_preview


@dataclass(frozen=True)
class Promise:
    """`field`: the system's own name; `value`: what it must show. `record`: its id there, empty where it has none."""

    said: str
    system: str
    kind: Kind
    record: str
    field: str
    value: Any


async def kept(folder: Path, edits: Sequence[Mapping[str, Any]]) -> list[tuple[str, bool]]:
    """Every promise in words, and whether it was kept."""
    async with open_project(folder) as opened:
        told = [(one.said, await _holds(opened, one)) for one in _promised(opened, edits)]
        with History(opened.engine) as history:
            asked = {
                str(r.detail.get("record", {}).get("domain"))
                for r in history.reviews("duplicate")
                if r.system == "salesforce"
            }
    merged = [change["key"] for change in edits if change["do"] == "merge" and "of" in change]
    told += [(f"the merged accounts of {domain} are no question any more", domain not in asked) for domain in merged]
    more = await run_preview(
        folder, lambda opened, store, report, rows: sum(1 for _ in rows) + len(report.errors), full=True
    )
    return [*told, ("a fourth sync would write nothing", more == 0)]


async def _holds(opened: Opened, promise: Promise) -> bool:
    if not promise.record:
        return False
    connector = opened.connectors[promise.system].of(promise.kind)
    [found] = await connector.find([Key("id", promise.record)], [promise.field])
    return [record.fields.get(promise.field) for record in found] == [promise.value]


def _promised(opened: Opened, edits: Sequence[Mapping[str, Any]]) -> list[Promise]:
    found: list[Promise] = []
    for change in edits:
        told = telling.tell(opened, change["key"] if "of" in change else change["email"])
        found += _business(opened, change, told) if "of" in change else _personal(change, told)
    return found


def _personal(change: Mapping[str, Any], told: Story) -> list[Promise]:
    """Of what was done to a person, what the other system has to show."""
    here = "hubspot" if change["system"] == "crm" else "salesforce"
    words = {
        "hubspot": {"phone": ("phone", "+442079460999"), "title": ("jobtitle", "Chief Revenue Officer")},
        "salesforce": {"title": ("Title", change["fields"].get("title"))},
    }
    shown = [words[here][name] for name in change["fields"] if change["do"] == "set" and name in words[here]]
    if change["do"] == "opt_out":
        shown = [("HasOptedOutOfEmail", True)]
    elif change["do"] == "create":
        shown = [("email" if here == "hubspot" else "Email", change["email"])]
    if change["why"].startswith("... and"):
        shown = []  # the other word for it lost
    return [_of(f"{here} knows: {change['why']}", here, told, field, value) for field, value in shown]


def _business(opened: Opened, change: Mapping[str, Any], told: Story) -> list[Promise]:
    fields, why = change["fields"], str(change["why"]).rstrip(".")
    if change["of"] == "deal":
        others = [telling.tell(opened, hub_id) for hub_id in told.value("contacts") or ()]
        if fields["stage"] == "won":
            company = telling.tell(opened, told.value("company"))
            return [
                _of(f"{why}: won in hubspot", "hubspot", told, "dealstage", "closedwon"),
                _of(f"{why}: its company has one more", "hubspot", company, "smarketing_won_deals", "1"),
                *(
                    _of(f"{why}: {one.who} is a customer", "hubspot", one, "lifecyclestage", "customer")
                    for one in others
                ),
            ]
        return [
            _of(f"{why}: lost in salesforce", "salesforce", told, "StageName", "Closed Lost"),
            *(_of(f"{why}: {one.who} is lost", "hubspot", one, "smarketing_stage", "lost") for one in others),
        ]
    if change["do"] == "move":
        target = telling.tell(opened, change["to"]).records["hubspot"]["id"]
        return [_of(f"hubspot knows: {why}", "hubspot", told, "associations.company", target)]
    if "employees" in fields:
        return [_of(f"salesforce knows: {why}", "salesforce", told, "NumberOfEmployees", int(fields["employees"]))]
    if change["of"] == "owner":
        return [_of(f"{why}, and stays an owner in hubspot", "hubspot", told, "email", change["key"])]
    return [_of(f"{why}: one is left", "salesforce", told, "Website", f"https://www.{change['key']}")]


def _of(said: str, system: str, told: Story, field: str, value: Any) -> Promise:
    record = told.records.get(system, {})
    return Promise(said, system, told.kind, record["id"] if record.get("state") == "live" else "", field, value)
