"""A world to begin with: people as the generator describes them, as leads and contacts of this org."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.salesforce.org import Org
from sandbox.salesforce.table import Table
from sandbox.salesforce.values import moment, stamp

ACCOUNT_NAME = "Account.Name"


def add(org: Org, person: Mapping[str, Any]) -> str:
    """One lead or contact, written when its `CreatedDate` says. Returns its id. Raises Refused."""
    table = org.table(person["attributes"]["type"])
    written = person.get("CreatedDate")
    fields = {k: v for k, v in person.items() if k not in ("CreatedDate", ACCOUNT_NAME)}
    company = person.get(ACCOUNT_NAME)
    if company:
        fields["AccountId"] = _account(org, company)
    record_id = org.create(table, org.read(table, fields), allow_duplicates=True)
    if written:
        _backdate(table, record_id, stamp(moment(written)))
    return record_id


def _account(org: Org, name: str) -> str:
    accounts = org.tables["Account"]
    known = next((row for row in accounts.live() if row["Name"] == name), None)
    return known["Id"] if known else org.create(accounts, org.read(accounts, {"Name": name}))


def _backdate(table: Table, record_id: str, when: str) -> None:
    row = table.rows[record_id]
    table.put({**row, "CreatedDate": when, "LastModifiedDate": when, "SystemModstamp": when})
