"""A world to begin with: people as `sandbox.people` describes them, as leads and contacts of an org.

The vendor-neutral words become Salesforce's here, and a salesperson's habits with them: what must be filled in and is
not known gets a placeholder, as the CRM's forms teach people to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from zlib import crc32

from sandbox.companies import domain_of
from sandbox.names import PLACEHOLDERS
from sandbox.people import World
from sandbox.salesforce.org import Org
from sandbox.salesforce.people_work import TO_CONTACT
from sandbox.salesforce.table import Table
from sandbox.salesforce.values import moment, stamp

CARELESS = 8
"""One in so many names is an account of its own, though its company has one already."""
NOT_PROVIDED = "[not provided]"
ACCOUNT = "Account"
_FIELDS = {
    "email": "Email",
    "first_name": "FirstName",
    "last_name": "LastName",
    "phone": "Phone",
    "company": "Company",
    "title": "Title",
    "industry": "Industry",
    "website": "Website",
    "country": "Country",
    "city": "City",
    "postal_code": "PostalCode",
    "source": "LeadSource",
    "opted_out": "HasOptedOutOfEmail",
}
_STATUSES = {
    "subscriber": "Open - Not Contacted",
    "lead": "Open - Not Contacted",
    "mql": "Open - Not Contacted",
    "sal": "Working - Contacted",
    "sql": "Working - Contacted",
    "disqualified": "Closed - Not Converted",
}
_OF_ACCOUNT = {
    "Company": "Name",
    "Industry": "Industry",
    "Website": "Website",
    "NumberOfEmployees": "NumberOfEmployees",
}


def to_salesforce(person: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """A lead's fields for what the person has; parts of a person (an edit's fields) work as well.

    A whole person has a `kind`: then the record is complete, with its type under `attributes` as in a collection, and
    a contact has its own names for fields and its company under `Account`. With `now`, also when it was last changed.
    """
    record = {_FIELDS[name]: value for name, value in person.items() if name in _FIELDS}
    if person.get("stage") in _STATUSES:
        record["Status"] = _STATUSES[person["stage"]]
    if digits := re.match(r"\d+", str(person.get("employees", ""))):
        record["NumberOfEmployees"] = int(digits[0])
    if now is not None and "changed_days_ago" in person:
        record["SystemModstamp"] = stamp(now - timedelta(days=person["changed_days_ago"]))
        record["CreatedDate"] = stamp(now - timedelta(days=person["created_days_ago"]))
    kind = person.get("kind")
    if kind is None:
        return record
    record["LastName"] = record.get("LastName") or NOT_PROVIDED
    if kind == "lead":
        record["Company"] = record.get("Company") or NOT_PROVIDED
        return {"attributes": {"type": "Lead"}, **record}
    account = {theirs: record[ours] for ours, theirs in _OF_ACCOUNT.items() if record.get(ours)}
    account["Type"] = "Customer - Direct" if person.get("stage") == "customer" else "Prospect"
    return {"attributes": {"type": "Contact"}, **for_contact(record), ACCOUNT: account}


def for_contact(lead: Mapping[str, Any]) -> dict[str, Any]:
    """A lead's fields under a contact's names; what a contact does not have is left out."""
    own = {name for name in lead if name.endswith("__c")} | {"SystemModstamp", "CreatedDate", "MobilePhone"}
    return {TO_CONTACT.get(name, name): value for name, value in lead.items() if name in TO_CONTACT or name in own}


def add(org: Org, record: Mapping[str, Any]) -> str:
    """One lead or contact, written when its `CreatedDate` and `SystemModstamp` say. Returns its id. Raises Refused."""
    table = org.table(record["attributes"]["type"])
    apart = ("CreatedDate", "SystemModstamp", ACCOUNT)
    fields = {name: value for name, value in record.items() if name not in apart}
    account = record.get(ACCOUNT)
    if account and account.get("Name"):
        fields["AccountId"] = _account(org, account, domain_of({"email": record.get("Email", "")}))
    record_id = org.create(table, org.read(table, fields), allow_duplicates=True)
    if "SystemModstamp" in record:
        _backdate(table, record_id, record["CreatedDate"], record["SystemModstamp"])
    return record_id


def _account(org: Org, account: Mapping[str, Any], domain: str) -> str:
    """The account of that name; or of that domain, whatever the contact calls it, unless somebody was careless and made
    another one."""
    accounts = org.tables["Account"]
    name, site = account["Name"].strip(), f"https://www.{domain}" if domain else account.get("Website")
    nobody = name in PLACEHOLDERS and site
    careless = _careless(name)
    called = None if nobody else next((row for row in accounts.live() if row["Name"] == name), None)
    there = None if careless or not site else next((row for row in accounts.live() if row.get("Website") == site), None)
    if known := called or there:
        return str(known["Id"])
    own = {"Name": domain.removesuffix(".example").replace("-", " ").title()} if nobody and domain else {}
    return org.create(accounts, org.read(accounts, {**account, **own, **({"Website": site} if site else {})}))


def doubled(world: World) -> list[str]:
    """The domains of the companies that have two accounts for their contacts."""
    accounts: dict[str, list[str]] = {}
    for person in world.crm:
        name, domain = person["company"].strip(), domain_of(person)
        if person["kind"] != "contact" or not domain or not name or name in PLACEHOLDERS:
            continue
        known = accounts.setdefault(domain, [])
        if name not in known and (not known or _careless(name)):
            known.append(name)
    return sorted(domain for domain, known in accounts.items() if len(known) == 2)


def _careless(name: str) -> bool:
    return crc32(name.encode()) % CARELESS == 0


def _backdate(table: Table, record_id: str, created: str, changed: str) -> None:
    row, when = table.rows[record_id], stamp(moment(changed))
    table.put({**row, "CreatedDate": stamp(moment(created)), "LastModifiedDate": when, "SystemModstamp": when})
