"""What Salesforce does by itself when a record of some object is written, deleted or brought back.

Stages that close a deal, one primary contact a deal, who may be a campaign's member, and what goes into the recycle
bin with whom. `org` calls these; none of them is called by a client.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from sandbox.salesforce.errors import Problem, Refused
from sandbox.salesforce.table import Row, Table

if TYPE_CHECKING:
    from sandbox.salesforce.org import Org

Values = dict[str, Any]
WITH = "_DeletedWith"
"""Key of a row: whose deletion took it along. No field, so that no client ever sees it."""

PROBABILITY = {
    "Prospecting": 10, "Qualification": 10, "Needs Analysis": 20, "Proposal/Price Quote": 75,
    "Negotiation/Review": 90, "Closed Won": 100, "Closed Lost": 0,
}  # fmt: skip
"""https://help.salesforce.com/s/articleView?id=sales.customize_oppstages.htm"""

CHILDREN: Mapping[str, tuple[tuple[str, str], ...]] = {
    "Account": (("Contact", "AccountId"), ("Opportunity", "AccountId"), ("Task", "WhatId"), ("Event", "WhatId")),
    "Opportunity": (("OpportunityContactRole", "OpportunityId"), ("Task", "WhatId"), ("Event", "WhatId")),
    "Contact": (
        ("OpportunityContactRole", "ContactId"),
        ("CampaignMember", "ContactId"),
        ("Task", "WhoId"),
        ("Event", "WhoId"),
    ),
    "Lead": (("CampaignMember", "LeadId"), ("Task", "WhoId"), ("Event", "WhoId")),
    "Campaign": (("CampaignMember", "CampaignId"),),
}
"""What is deleted with a record, and comes back with it."""


def check_new(org: Org, table: Table, values: Values) -> None:
    """What an object asks for beyond its fields. Raises Refused."""
    match table.name:
        case "CampaignMember":
            _check_member(org, table, values)
        case "Task" | "Event" if values.get("WhatId") and str(values.get("WhoId", "")).startswith("00Q"):
            words = "Related To ID: a lead's activity cannot be related to another record"
            raise Refused(Problem("FIELD_INTEGRITY_EXCEPTION", words, ("WhatId",)))
        case "Event" if "EndDateTime" not in values and "DurationInMinutes" not in values:
            raise Refused(
                Problem(
                    "REQUIRED_FIELD_MISSING",
                    "Required fields are missing: [DurationInMinutes]",
                    ("DurationInMinutes",),
                )
            )


def _check_member(org: Org, table: Table, values: Values) -> None:
    who = [values[name] for name in ("LeadId", "ContactId") if values.get(name)]
    if len(who) != 1:
        words = "Required fields are missing: [LeadId or ContactId]"
        raise Refused(Problem("REQUIRED_FIELD_MISSING", words, ("LeadId", "ContactId")))
    for name in ("LeadId", "ContactId"):
        for row in table.find(name, values[name]) if values.get(name) else ():
            if not row["IsDeleted"] and row["CampaignId"] == values["CampaignId"]:
                raise Refused(Problem("DUPLICATE_VALUE", "Already a campaign member.", ()))


def implied(org: Org, table: Table, old: Row | None, values: Values) -> Values:
    """What a write sets besides what was sent."""
    match table.name:
        case "Opportunity":
            stage = values.get("StageName")
            if stage in PROBABILITY and "Probability" not in values:
                return {"Probability": PROBABILITY[stage]}
        case "Task" if "Status" in values or old is None:
            closed = values.get("Status") == "Completed"
            return {"IsClosed": closed, "CompletedDateTime": org.now() if closed else None}
        case "CampaignMember" if values.get("Status"):
            responded = values["Status"] == "Responded"
            first = (old or {}).get("FirstRespondedDate") or (org.now()[:10] if responded else None)
            return {"HasResponded": responded, "FirstRespondedDate": first}
    return {}


def derive(table: Table, row: Row) -> None:
    """Fields that Salesforce computes from others of the same record."""
    if table.name in ("Lead", "Contact", "User"):
        row["Name"] = " ".join(part for part in (row.get("FirstName"), row.get("LastName")) if part)
    elif table.name == "Opportunity":
        row["IsWon"], row["IsClosed"] = row["StageName"] == "Closed Won", row["StageName"].startswith("Closed")


def after_write(org: Org, table: Table, row: Row) -> None:
    """What other records make of it."""
    if table.name == "OpportunityContactRole" and row["IsPrimary"]:
        for other in table.find("OpportunityId", row["OpportunityId"]):
            if other["IsPrimary"] and not other["IsDeleted"] and other["Id"] != row["Id"]:
                org.write(table, other, {"IsPrimary": False})


def after_create(org: Org, table: Table, row: Row) -> None:
    if table.name == "Opportunity" and row.get("ContactId"):
        roles = org.tables["OpportunityContactRole"]
        values = {"OpportunityId": row["Id"], "ContactId": row["ContactId"], "IsPrimary": True}
        org.create(roles, org.read(roles, values))
    after_write(org, table, row)


def check_delete(org: Org, table: Table, row: Row) -> None:
    """Raises Refused. https://help.salesforce.com/s/articleView?id=sales.accounts_del.htm"""
    if table.name != "Account":
        return
    deals = org.tables["Opportunity"]
    won = [d["Name"] for d in deals.find("AccountId", row["Id"]) if d["IsWon"] and not d["IsDeleted"]]
    if won:
        words = (
            f"Your attempt to delete {row['Name']} could not be completed because some opportunities in that account "
            f"were closed won.: {', '.join(won)}\n"
        )
        raise Refused(Problem("DELETE_FAILED", words, ()))


def children(org: Org, table: Table, row_id: str) -> Iterator[tuple[Table, Row]]:
    """Live records that are deleted with this one. An activity that is about two records stays with the other."""
    for name, field in CHILDREN.get(table.name, ()):
        theirs = org.tables[name]
        for row in list(theirs.find(field, row_id)):
            other = {"WhoId": "WhatId", "WhatId": "WhoId"}.get(field, "")
            if not row["IsDeleted"] and not row.get(other):
                yield theirs, row


def move_children(org: Org, table: Table, loser: str, master: str) -> None:
    """A merge hands over everything that referred to the loser. Nobody gets a second role in a deal, or is twice in a
    campaign, by it."""
    for theirs in org.tables.values():
        for field in theirs.references:
            if table.name not in field.targets:
                continue
            for row in list(theirs.find(field.name, loser)):
                if row["IsDeleted"]:
                    continue
                if _twice(theirs, row, field.name, master):
                    org.vanish(theirs, row)
                else:
                    org.write(theirs, row, {field.name: master})


def _twice(table: Table, row: Row, field: str, master: str) -> bool:
    whole = {"OpportunityContactRole": "OpportunityId", "CampaignMember": "CampaignId"}.get(table.name)
    return whole is not None and any(
        other[whole] == row[whole] and not other["IsDeleted"] for other in table.find(field, master)
    )
