"""What people do to records in Salesforce's own pages, and what a connector then meets: conversion, merge.

Neither has a REST resource (`convertLead` and `merge` are SOAP and Apex calls), so they are methods for tests and the
demo. https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_convertlead.htm
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple

from sandbox.salesforce import behaviour
from sandbox.salesforce.errors import Problem, Refused, entity_is_deleted
from sandbox.salesforce.org import Draft, Org
from sandbox.salesforce.table import Row, Table

CONVERTED = "Closed - Converted"
TO_CONTACT = {
    **{
        n: n
        for n in ("LastName", "FirstName", "Salutation", "Title", "Email", "Phone", "MobilePhone", "Fax", "Description")
    },
    **{n: n for n in ("LeadSource", "OwnerId", "HasOptedOutOfEmail", "HasOptedOutOfFax", "DoNotCall")},
    **{n: "Mailing" + n for n in ("Street", "City", "State", "PostalCode", "Country")},
}
TO_ACCOUNT = {
    "Company": "Name",
    **{n: n for n in ("Phone", "Fax", "Website", "Industry", "AnnualRevenue", "NumberOfEmployees", "OwnerId")},
    **{n: "Billing" + n for n in ("Street", "City", "State", "PostalCode", "Country")},
}


class Converted(NamedTuple):
    lead_id: str
    account_id: str
    contact_id: str
    opportunity_id: str | None


def convert_lead(
    org: Org,
    lead_id: str,
    *,
    account_id: str | None = None,
    contact_id: str | None = None,
    opportunity: str | None = None,
) -> Converted:
    """The lead becomes a contact of an account, new or given, and where `opportunity` names one, a deal in which the
    contact has the primary role (convertLead's `opportunityName`, or else its `doNotCreateOpportunity`).

    Custom fields are carried to those of the same name, as an administrator would have mapped them. The lead stays,
    readable and never again writable. Raises Refused.
    """
    with org.lock:
        leads, contacts = org.tables["Lead"], org.tables["Contact"]
        lead = org.live_row(leads, lead_id)
        if lead.get("IsConverted"):
            raise Refused(Problem("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", ()))
        account_id = account_id or org.create(org.tables["Account"], Draft(_carried(lead, TO_ACCOUNT), []))
        shared = {f: f for f in leads.fields if f.endswith("__c") and f in contacts.fields}
        person = _carried(lead, TO_CONTACT | shared)
        if contact_id is None:
            contact_id = org.create(contacts, Draft({**person, "AccountId": account_id}, []), allow_duplicates=True)
        else:
            # Only what is empty in an existing contact is filled from the lead.
            contact = org.live_row(contacts, contact_id)
            org.write(contacts, contact, {k: v for k, v in person.items() if contact.get(k) in (None, False)})
        deal_id = _open_deal(org, lead, opportunity, account_id, contact_id) if opportunity else None
        _hand_over(org, lead["Id"], contact_id, deal_id or account_id)
        done: dict[str, Any] = {
            "IsConverted": True, "Status": CONVERTED, "ConvertedDate": org.clock.now().date().isoformat(),
            "ConvertedAccountId": account_id, "ConvertedContactId": contact_id, "ConvertedOpportunityId": deal_id,
        }  # fmt: skip
        org.write(leads, lead, done)
        return Converted(lead["Id"], account_id, contact_id, deal_id)


def _open_deal(org: Org, lead: Row, name: str, account_id: str, contact_id: str) -> str:
    deal = {
        "Name": name, "StageName": "Qualification", "AccountId": account_id, "ContactId": contact_id,
        "CloseDate": (org.clock.now() + timedelta(days=90)).date().isoformat(), "OwnerId": lead["OwnerId"],
    }  # fmt: skip
    return org.create(org.tables["Opportunity"], Draft(deal, []))


def _hand_over(org: Org, lead_id: str, contact_id: str, what_id: str) -> None:
    """The lead's activities are the contact's from now on, and its campaigns know it under both names."""
    for name in ("Task", "Event"):
        table = org.tables[name]
        for row in list(table.find("WhoId", lead_id)):
            org.write(table, row, {"WhoId": contact_id, "WhatId": what_id})
    members = org.tables["CampaignMember"]
    for row in list(members.find("LeadId", lead_id)):
        org.write(members, row, {"ContactId": contact_id})


def _carried(lead: Row, names: Mapping[str, str]) -> dict[str, Any]:
    return {there: lead[here] for here, there in names.items() if here in lead}


def merge(org: Org, name: str, master_id: str, losers: Sequence[str], fields: Mapping[str, Any] | None = None) -> str:
    """One or two records are merged into the master, which takes `fields` as the person chose them. The losers are
    deleted and point to the master, which takes over whatever belonged to them. Only records of one object, of Lead,
    Contact or Account. Raises Refused."""
    with org.lock:
        table = org.table(name)
        if not 1 <= len(losers) <= 2 or master_id in losers:
            raise Refused(
                Problem("INVALID_NUM_MERGE_RECORDS", "a merge takes a master and one or two other records", ())
            )
        master = org.live_row(table, master_id)
        rows = [_mergeable(org, table, loser) for loser in losers]
        chosen = org.read(table, fields or {})
        if chosen.problems:
            raise Refused(chosen.problems)
        for row in rows:
            behaviour.move_children(org, table, row["Id"], master["Id"])
            org.write(table, row, {"IsDeleted": True, "MasterRecordId": master["Id"]})
        org.write(table, master, chosen.values)
        return str(master["Id"])


def _mergeable(org: Org, table: Table, record_id: str) -> Row:
    row = table.get(record_id)
    if row is None or "MasterRecordId" not in table.fields:
        raise Refused(Problem("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ()))
    if row["IsDeleted"]:
        raise entity_is_deleted()
    return row
