"""What distinguishes the kinds of records of a portal: data, no behaviour. Everything else is the same for all.

Type ids: https://developers.hubspot.com/docs/guides/api/crm/understanding-the-crm#object-type-ids. Scopes of
activities: https://developers.hubspot.com/docs/api-reference/crm-calls-v3/guide and the like.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ObjectType:
    """`name` is its part of a path; `one` and `id` are accepted there too. `created` and `modified` are the names of the two
    times that every record has. A new record must have one of `needs`. `shown`: what is answered where nobody asks for
    properties; `searched`: where the `query` of a search looks."""

    name: str
    one: str
    id: str
    needs: tuple[str, ...]
    shown: tuple[str, ...]
    searched: tuple[str, ...]
    created: str = "createdate"
    modified: str = "hs_lastmodifieddate"
    read: str = ""
    write: str = ""
    schema_read: str = ""
    schema_write: str = ""


def _main(name: str, one: str, id: str, needs: str, shown: str, searched: str, modified: str) -> ObjectType:
    system = ("createdate", "hs_object_id", modified)
    return ObjectType(
        name, one, id, tuple(needs.split()), tuple(sorted((*shown.split(), *system))), tuple(searched.split()),
        modified=modified, read=f"crm.objects.{name}.read", write=f"crm.objects.{name}.write",
        schema_read=f"crm.schemas.{name}.read", schema_write=f"crm.schemas.{name}.write",
    )  # fmt: skip


def _activity(name: str, one: str, id: str, searched: str, scope: str = "crm.objects.contacts") -> ObjectType:
    shown = ("hs_createdate", "hs_lastmodifieddate", "hs_object_id")
    read, write = (scope, scope) if "email" in scope else (f"{scope}.read", f"{scope}.write")
    return ObjectType(
        name, one, id, ("hs_timestamp",), shown, tuple(searched.split()), created="hs_createdate",
        read=read, write=write, schema_read=read, schema_write=write,
    )  # fmt: skip


CONTACTS = _main(
    "contacts", "contact", "0-1", "email firstname lastname", "email firstname lastname",
    "firstname lastname email phone hs_additional_emails company mobilephone", "lastmodifieddate",
)  # fmt: skip
COMPANIES = _main(
    "companies", "company", "0-2", "name domain", "domain name", "website phone name domain", "hs_lastmodifieddate"
)
DEALS = _main(
    "deals", "deal", "0-3", "dealname", "amount closedate dealname dealstage pipeline",
    "dealname pipeline dealstage description dealtype", "hs_lastmodifieddate",
)  # fmt: skip
NOTES = _activity("notes", "note", "0-46", "hs_note_body")
MEETINGS = _activity("meetings", "meeting", "0-47", "hs_meeting_title hs_meeting_body")
CALLS = _activity("calls", "call", "0-48", "hs_call_title hs_body_preview")
EMAILS = _activity("emails", "email", "0-49", "hs_email_subject", "sales-email-read")
TASKS = _activity("tasks", "task", "0-27", "hs_task_body hs_task_subject")

ACTIVITIES = (CALLS, EMAILS, MEETINGS, NOTES, TASKS)
ALL = (CONTACTS, COMPANIES, DEALS, *ACTIVITIES)
BY_NAME = {alias: kind for kind in ALL for alias in (kind.name, kind.one, kind.id)}
"""By each of the names that a path may give."""
