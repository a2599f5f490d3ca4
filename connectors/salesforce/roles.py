"""The people of an Opportunity: its contact roles, as one field that refers to many leads.

A role is a row of its own between an Opportunity and a Contact, so that four things differ from a field. Adding or
removing one leaves the Opportunity's SystemModstamp alone: changed roles are read by their own, and their
Opportunities once more. One that is deleted leaves no row behind, not even in the recycle bin, and the delete log
names the role alone: nobody can tell whose it was, so all Opportunities are read again. An unconverted Lead can have
no role. A person with two roles in one deal is one person in it.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/sforce_api_objects_opportunitycontactrole.htm
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

from connectors.base import Record
from connectors.salesforce.kinds import ROLES, Entity
from connectors.salesforce.org import Org, Row
from connectors.salesforce.soql import Place, select

log = logging.getLogger(__name__)

ROLE: Entity = "OpportunityContactRole"


async def with_roles(org: Org, answers: Sequence[Sequence[Record]]) -> list[list[Record]]:
    """The same records with their people in them."""
    people = await people_of(org, [record.id for one in answers for record in one if not record.deleted])
    return [[peopled(record, people) for record in one] for one in answers]


def peopled(record: Record, people: Mapping[str, Sequence[str]]) -> Record:
    """A live Opportunity with its people; of a deleted one nobody asks."""
    if record.deleted:
        return record
    return record._replace(fields={**record.fields, ROLES: list(people.get(record.id, ()))})


async def people_of(org: Org, opportunities: Sequence[str]) -> dict[str, list[str]]:
    """The ids of the Contacts of each Opportunity, sorted; one without any is left out."""
    rows = await org.rows_with(
        ROLE, ["OpportunityId", "ContactId"], "OpportunityId", list(dict.fromkeys(opportunities))
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["OpportunityId"], set()).add(row["ContactId"])
    return {opportunity: sorted(people) for opportunity, people in found.items()}


async def roles_of(org: Org, opportunities: Sequence[str]) -> dict[tuple[str, str], list[str]]:
    """Ids of the roles by (Opportunity, Contact)."""
    fields = ["Id", "OpportunityId", "ContactId"]
    found: dict[tuple[str, str], list[str]] = {}
    for row in await org.rows_with(ROLE, fields, "OpportunityId", list(dict.fromkeys(opportunities))):
        found.setdefault((row["OpportunityId"], row["ContactId"]), []).append(row["Id"])
    return found


async def newest(org: Org) -> Place | None:
    """The role that changed last, as a place to read on from."""
    found = await org.query(select(["Id", "SystemModstamp"], ROLE) + " ORDER BY SystemModstamp DESC,Id DESC LIMIT 1")
    return _place(found["records"][0]) if found["records"] else None


async def changed(org: Org, where: str) -> tuple[list[str], Place | None]:
    """The Opportunities of the roles that a condition leaves, and the last of these roles."""
    statement = select(["Id", "SystemModstamp", "OpportunityId"], ROLE, where, order=True)
    page: Row | None = await org.query(statement, deleted=True)
    opportunities: dict[str, None] = {}
    last = None
    while page is not None:
        for row in page["records"]:
            opportunities[row["OpportunityId"]] = None
            last = _place(row)
        page = await org.more(page)
    return list(opportunities), last


def _place(row: Mapping[str, str]) -> Place:
    return Place(row["SystemModstamp"], row["Id"])
