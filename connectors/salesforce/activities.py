"""What happened: completed Tasks (calls, e-mails), Events, and what became of campaigns' members. Pure but for `readable`.

An activity is told once it has happened: a Task when it is completed, whatever it was planned
for; an Event as soon as it stands in the calendar, since nothing in Salesforce changes when its hour comes. One
CampaignMember is two activities, the second once the person has responded. An id begins with its stream, "call:00T…".
An Event's copies for those who were invited (IsChild), and the pattern of a series (IsRecurrence), are no events.

Of several people in one activity Salesforce names the first in it (WhoId); the others are in objects that only a
setting of the org gives.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_task.htm
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_event.htm
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_campaignmember.htm
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from connectors.base import ACTIVITY_FIELDS, ActivityType, FieldType, Key, Kind, Record, RemoteField
from connectors.errors import Misconfigured, ProtocolChanged
from connectors.salesforce.kinds import ACTIVITY, Entity, entity_of
from connectors.salesforce.objects import Column, long_id
from connectors.salesforce.org import Org, Row
from connectors.salesforce.soql import stamp_time

log = logging.getLogger(__name__)

CAMPAIGN_NAME: Final = "Campaign.Name"
_COMMON: Final = ("Id", "SystemModstamp", "IsDeleted", "CreatedDate")
_WHO: Final = ("WhoId", "WhatId", "AccountId", "OwnerId", "Subject")
_FIELDS: Final[Mapping[Entity, tuple[str, ...]]] = {
    "Task": (*_COMMON, *_WHO, "TaskSubtype", "Status", "IsClosed", "CompletedDateTime", "CallType", "IsRecurrence"),
    "Event": (*_COMMON, *_WHO, "StartDateTime", "IsChild", "IsRecurrence"),
    "CampaignMember": (
        *_COMMON, "LeadId", "ContactId", "Status", "HasResponded", "FirstRespondedDate", CAMPAIGN_NAME,
    ),
}  # fmt: skip
_NEEDS: Final[Mapping[Entity, tuple[Entity, ...]]] = {"CampaignMember": ("CampaignMember", "Campaign")}
_SUBTYPES: Final[Mapping[str | None, ActivityType]] = {"Call": "call", "Email": "email_sent", "ListEmail": "email_sent"}
_DIRECTIONS: Final = {"Inbound": "in", "Outbound": "out"}
_TYPES: Final[Mapping[str, FieldType]] = {"type": "picklist", "at": "datetime", "value": "number"}
_REFERENCES: Final[Mapping[str, Kind]] = {"leads": "lead", "company": "company", "deal": "deal", "owner": "owner"}


def activity_schema() -> list[RemoteField]:
    fields = []
    for name in ACTIVITY_FIELDS:
        refers = _REFERENCES.get(name)
        fields.append(
            RemoteField(
                name,
                name.capitalize(),
                "reference" if refers else _TYPES.get(name, "string"),
                writable=False,
                refers=refers,
                many=name == "leads",
            )
        )
    return fields


async def readable(org: Org, *, fresh: bool = False) -> tuple[Entity, ...]:
    """The streams that the integration user may read. Raises Misconfigured where there is none."""
    seen = []
    for entity in ACTIVITY.entities:
        try:
            for needed in _NEEDS.get(entity, (entity,)):
                await org.describe(needed, fresh=fresh)
        except Misconfigured as error:
            log.info("Salesforce's %ss are left out: %s", entity, error)
        else:
            seen.append(entity)
    if not seen:
        raise Misconfigured(
            f"The integration user may read no {ACTIVITY.said}.",
            hint="Give it access to the activities and campaigns of the org, or take activities out of the mapping.",
        )
    return tuple(seen)


class Happenings:
    """What to select of one stream, and which activities its rows tell."""

    def __init__(self, entity: Entity, fields: Iterable[str], known: Mapping[str, Column] | None = None) -> None:
        self.entity = entity
        self.fields = tuple(dict.fromkeys(fields))
        unknown = [field for field in self.fields if field not in ACTIVITY_FIELDS]
        if unknown:
            raise Misconfigured(
                f"An activity has no {', '.join(unknown)}.", hint=f"It has {', '.join(ACTIVITY_FIELDS)}."
            )
        self.selected = tuple(
            field for field in _FIELDS[entity] if known is None or field == CAMPAIGN_NAME or field in known
        )

    def records(self, row: Row) -> list[Record]:
        """None of what has not happened yet; of a deleted row, that everything it may have told is gone. Raises
        ProtocolChanged."""
        try:
            if row["IsDeleted"]:
                return [self._tombstone(row, type_) for type_ in _told_by(self.entity, row)]
            return [self._record(row, type_, at, told) for type_, at, told in _STREAMS[self.entity](row)]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProtocolChanged(f"Salesforce sent an activity in a shape that we do not know ({error!r}).") from None

    def _tombstone(self, row: Row, type_: ActivityType) -> Record:
        stamp = row["SystemModstamp"]
        return Record(f"{type_}:{row['Id']}", {}, stamp_time(stamp), stamp, deleted=True)

    def _record(self, row: Row, type_: ActivityType, at: str, told: Mapping[str, Any]) -> Record:
        whole = {**dict.fromkeys(ACTIVITY_FIELDS), "type": type_, "at": at, **told}
        return Record(
            id=f"{type_}:{row['Id']}",
            fields={name: whole[name] for name in self.fields},
            changed_at=stamp_time(row["SystemModstamp"]),
            version=row["SystemModstamp"],
        )


Told = tuple[ActivityType, str, dict[str, Any]]


def _tasks(row: Row) -> Iterator[Told]:
    if row.get("IsClosed") and not row.get("IsRecurrence"):
        type_ = _SUBTYPES.get(row.get("TaskSubtype"), "task")
        direction = "out" if type_ == "email_sent" else _DIRECTIONS.get(row.get("CallType") or "")
        at = row.get("CompletedDateTime") or row["CreatedDate"]
        yield type_, _time(at), {**_about(row), "direction": direction, "status": row.get("Status")}


def _events(row: Row) -> Iterator[Told]:
    if not row.get("IsChild") and not row.get("IsRecurrence"):
        yield "meeting", _time(row.get("StartDateTime") or row["CreatedDate"]), _about(row)


def _members(row: Row) -> Iterator[Told]:
    campaign = row[CAMPAIGN_NAME] if CAMPAIGN_NAME in row else (row.get("Campaign") or {}).get("Name")
    # A Lead that was converted is named beside its Contact.
    person = row.get("ContactId") or row.get("LeadId")
    told = {"leads": [person] if person else [], "campaign": campaign, "status": row.get("Status")}
    yield "campaign_member", _time(row["CreatedDate"]), told
    if row.get("HasResponded"):
        yield "campaign_response", _day(row.get("FirstRespondedDate"), row["CreatedDate"]), told


_STREAMS: Final = {"Task": _tasks, "Event": _events, "CampaignMember": _members}


def _told_by(entity: Entity, row: Row) -> tuple[ActivityType, ...]:
    """Whatever this row may have told while it was there, also where it says less by now."""
    match entity:
        case "Task":
            return (_SUBTYPES.get(row.get("TaskSubtype"), "task"),)
        case "Event":
            return ("meeting",)
        case _:
            return ("campaign_member", "campaign_response")


def _about(row: Row) -> dict[str, Any]:
    who, what = row.get("WhoId"), row.get("WhatId") or ""
    owner = row.get("OwnerId") or ""
    return {
        "leads": [who] if who and entity_of(who) else [],
        "company": what if entity_of(what, ("Account",)) else row.get("AccountId"),
        "deal": what if entity_of(what, ("Opportunity",)) else None,
        "owner": owner if entity_of(owner, ("User",)) else None,
        "subject": row.get("Subject"),
    }


def _time(stamp: str) -> str:
    return stamp_time(stamp).astimezone(UTC).isoformat()


def _day(day: str | None, earliest: str) -> str:
    """A day of which no hour is told: its beginning, but not before the record was there."""
    there = stamp_time(earliest).astimezone(UTC)
    at = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else there
    return max(at, there).isoformat()


async def find_activities(org: Org, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
    """By id alone. Raises Misconfigured for another key."""
    if other := {key.field for key in keys if key.field.lower() != "id"}:
        raise Misconfigured(f"Activities are looked up by id, not by {', '.join(sorted(other))}.")
    wanted = {key.value: long_id(key.value.rpartition(":")[2]) for key in keys}
    found: dict[str, Record] = {}
    for entity in await readable(org):
        ids = [id_ for id_ in dict.fromkeys(wanted.values()) if entity_of(id_, (entity,))]
        if ids:
            columns = Happenings(entity, fields, await org.describe(entity))
            rows = await org.rows_with(entity, columns.selected, "Id", ids)
            found |= {record.id: record for row in rows for record in columns.records(row)}
    return [
        [found[id_]] if (id_ := f"{key.value.rpartition(':')[0]}:{wanted[key.value]}") in found else [] for key in keys
    ]
