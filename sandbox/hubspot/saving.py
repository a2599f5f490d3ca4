"""A portal as JSON, and back: what `save` wrote, `load` reads, by one version of this program."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.hubspot.marketing import Event, Form, Submission
from sandbox.hubspot.owners import Owner
from sandbox.hubspot.records import Record, Records

if TYPE_CHECKING:
    from sandbox.hubspot.server import HubSpot


def state(portal: HubSpot) -> dict[str, Any]:
    contacts, marketing = portal.contacts, portal.marketing
    return {
        "objects": {name: _records(records) for name, records in portal.objects.items()},
        "associations": [
            [start, end, id_, other, sorted(types)]
            for (start, end), held in portal.associations.links.items()
            for id_, links in held.items()
            for other, types in links.items()
        ],
        "owners": [
            [o.id, o.email, o.first_name, o.last_name, o.user_id, o.archived, o.created]
            for o in portal.owners.all.values()
        ],
        "forms": [[f.id, f.name, f.created, [list(one) for one in f.submissions]] for f in marketing.forms.values()],
        "campaigns": list(marketing.campaigns.values()),
        "events": [list(event) for event in marketing.events],
        "opted_out": sorted(contacts.opted_out),
        "erased": sorted(contacts.erased),
    }


def restore(portal: HubSpot, state: Mapping[str, Any]) -> None:
    contacts, marketing = portal.contacts, portal.marketing
    portal.owners.all = {row[0]: Owner(*row) for row in state["owners"]}
    for start, end, id_, other, types in state["associations"]:
        portal.associations.links[start, end].setdefault(id_, {})[other] = set(types)
    for id_, name, created, submissions in state["forms"]:
        made = [Submission(at, key, page, tuple((n, v) for n, v in values)) for at, key, page, values in submissions]
        marketing.forms[id_] = Form(id_, name, created, made)
    marketing.campaigns = {campaign["id"]: campaign for campaign in state["campaigns"]}
    marketing.events = [Event(*event) for event in state["events"]]
    contacts.opted_out, contacts.erased = set(state["opted_out"]), set(state["erased"])
    for name, records in portal.objects.items():
        _restore(records, state["objects"][name])
        portal.indexes[name].catch_up(everything=True)


def _records(records: Records) -> dict[str, Any]:
    held = [*records.live.values(), *records.archived.values()]
    return {
        "records": [[r.id, r.values, r.created, r.modified, r.archived] for r in held],
        "became": list(records.became.items()),
        "last_id": records.last_id,
        "properties": [p for p in records.properties.all.values() if not p["hubspotDefined"]],
        "groups": list(records.properties.groups.values()),
    }


def _restore(records: Records, state: Mapping[str, Any]) -> None:
    records.properties.all |= {prop["name"]: prop for prop in state["properties"]}
    records.properties.groups |= {group["name"]: group for group in state["groups"]}
    records.became = {int(old): int(new) for old, new in state["became"]}
    records.last_id = state["last_id"]
    for id_, values, created, modified, archived in sorted(state["records"], key=lambda one: one[0]):
        records.restore(Record(records.type, id_, values, created, modified, archived))
