"""Lead and Contact under one set of names, and values that come and go."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.salesforce.kinds import entity_of
from connectors.salesforce.objects import (
    CONTACT_NAMES,
    Columns,
    described,
    from_bulk,
    long_id,
    merged_schema,
    outgoing,
    payload,
)

STAMP = "2026-07-01T10:30:00.000+0000"
LEAD, CONTACT = "00QAa000000AbCdEFG", "003Aa000000AbCdEFG"


def row(**fields: Any) -> dict[str, Any]:
    return {"Id": LEAD, "SystemModstamp": STAMP, "IsDeleted": False, "MasterRecordId": None, **fields}


def field(name: str, type_: str = "string", **more: Any) -> dict[str, Any]:
    return {"name": name, "label": name, "type": type_, "createable": True, "updateable": True, "nillable": True} | more


@pytest.mark.parametrize(
    ("record_id", "entity"),
    [
        (LEAD, "Lead"),
        (CONTACT, "Contact"),
        (LEAD[:15], "Lead"),
        ("001Aa000000AbCdEFG", None),
        ("00Q", None),
        ("", None),
    ],
)
def test_the_object_of_an_id_is_told_by_its_prefix(record_id: str, entity: str | None) -> None:
    assert entity_of(record_id) == entity


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("001A0000006Vm9r", "001A0000006Vm9rIAC"),
        ("003D000000QV9n2", "003D000000QV9n2IAD"),
        ("00Qaaaaaaaaaaaa", "00QaaaaaaaaaaaaEAA"),
    ],
)
def test_a_short_id_from_an_error_message_becomes_the_long_one(short: str, long: str) -> None:
    assert long_id(short) == long
    assert long_id(long) == long


def test_a_contact_speaks_leads_names() -> None:
    columns = Columns("Contact", ["LastName", "Street", "Company", "Status"])
    assert "MailingStreet" in columns.selected
    assert "Account.Name" in columns.selected
    assert "Status" not in columns.selected
    record = columns.record(
        row(Id=CONTACT, LastName="Roe", MailingStreet="Way 1", Account={"attributes": {}, "Name": "Acme"})
    )
    assert record.fields == {"LastName": "Roe", "Street": "Way 1", "Company": "Acme"}


def test_a_contact_without_account_has_a_blank_company() -> None:
    columns = Columns("Contact", ["Company"])
    assert columns.record(row(Id=CONTACT, Account=None)).fields == {"Company": None}


def test_whose_account_is_asked_for_has_no_company_of_its_own() -> None:
    columns = Columns("Contact", ["AccountId", "Company"])
    assert "Account.Name" not in columns.selected
    assert columns.record(row(Id=CONTACT, AccountId=None)).fields == {"AccountId": None}
    assert "Company" in Columns("Lead", ["AccountId", "Company"]).selected


def test_a_field_that_the_object_lacks_is_absent_and_not_blank() -> None:
    record = Columns("Contact", ["Website", "Industry", "Status", "Email"]).record(row(Id=CONTACT, Email=None))
    assert record.fields == {"Email": None}


def test_a_field_of_one_object_alone_is_left_out_of_the_others_query() -> None:
    known = described({"fields": [field("LastName")]})
    assert "Score__c" not in Columns("Contact", ["LastName", "Score__c"], known).selected


def test_a_merged_record_became_its_master_and_that_counts_before_its_deletion() -> None:
    record = Columns("Lead", []).record(row(IsDeleted=True, MasterRecordId="00Q000000000009AAA"))
    assert (record.deleted, record.became) == (True, "00Q000000000009AAA")


def test_a_converted_lead_became_its_contact() -> None:
    record = Columns("Lead", []).record(row(IsConverted=True, ConvertedContactId=CONTACT))
    assert (record.deleted, record.became) == (False, CONTACT)


def test_a_converted_lead_whose_contact_is_out_of_sight_is_gone() -> None:
    record = Columns("Lead", []).record(row(IsConverted=True, ConvertedContactId=None))
    assert (record.deleted, record.became) == (True, None)


def test_version_and_time_are_those_of_systemmodstamp() -> None:
    record = Columns("Lead", []).record(row())
    assert record.version == STAMP
    assert record.changed_at == datetime(2026, 7, 1, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("type_", "cell", "value"),
    [
        ("boolean", "true", True),
        ("boolean", "false", False),
        ("int", "12", 12),
        ("double", "12.5", 12.5),
        ("currency", "", None),
        ("string", "", None),
        ("string", "true", "true"),
        ("datetime", "2026-07-01T10:30:00.000Z", STAMP),
        ("date", "2026-07-01", "2026-07-01"),
        ("int", "many", "many"),
    ],
)
def test_bulk_csv_cells_become_the_values_that_rest_gives(type_: str, cell: str, value: Any) -> None:
    assert from_bulk(type_, cell) == value


def test_a_company_written_to_a_contact_is_dropped() -> None:
    sent, dropped = payload("Contact", {"Company": "Acme", "Street": "Way 1", "Status": "Open", "Title": None})
    assert sent == {"MailingStreet": "Way 1", "Title": None}
    assert dropped == ["Company", "Status"]
    assert payload("Lead", {"Company": "Acme"}) == ({"Company": "Acme"}, [])


def test_a_custom_field_that_the_object_lacks_is_dropped() -> None:
    known = described({"fields": [field("Title")]})
    assert payload("Contact", {"Score__c": 5, "Title": "CEO"}, known) == ({"Title": "CEO"}, ["Score__c"])


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (date(2026, 2, 28), "2026-02-28"),
        (datetime(2026, 2, 28, 1, 2, 3, tzinfo=UTC), "2026-02-28T01:02:03.000Z"),
        (["b", "a"], "b;a"),
        ({"b", "a"}, "a;b"),
        (None, None),
        (False, False),
        (0, 0),
    ],
)
def test_values_go_out_as_json_carries_them(value: Any, sent: Any) -> None:
    assert outgoing(value) == sent


@pytest.mark.parametrize(
    "value", ["x" * 131_073, "nul \0 byte", "half \udcff a character", float("nan"), float("inf"), b"bytes", object()]
)
def test_what_salesforce_can_never_hold_is_refused_in_words(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^it (has|holds|is) "):
        outgoing(value)


@given(st.dictionaries(st.sampled_from(sorted(CONTACT_NAMES)), st.text("ab", max_size=3)))
def test_what_is_written_to_a_contact_is_read_back_under_the_same_names(fields: dict[str, str]) -> None:
    sent, dropped = payload("Contact", fields)
    columns = Columns("Contact", fields)
    record = columns.record(row(Id=CONTACT, **sent))
    assert dict(record.fields) == {name: value for name, value in fields.items() if name not in dropped}


def test_schema_merges_both_objects_under_leads_names() -> None:
    lead = described(
        {
            "fields": [
                field("LastName", nillable=False),
                field("Company", nillable=False),
                field("Street", "textarea"),
                field("Status", "picklist", picklistValues=[{"value": "Open", "label": "Open", "active": True}]),
                field("Name", createable=False, updateable=False),
                field("Smk_Id__c", externalId=True),
                field("Address", "address"),
                field(
                    "LeadSource",
                    "picklist",
                    picklistValues=[
                        {"value": "Web", "label": "The web", "active": True},
                        {"value": "Fax", "label": "Fax", "active": False},
                    ],
                ),
            ]
        }
    )
    contact = described(
        {
            "fields": [
                field("LastName", nillable=False),
                field("MailingStreet", "textarea"),
                field("Department"),
                field("LeadSource", "picklist", picklistValues=[{"value": "Call", "label": None, "active": True}]),
            ]
        }
    )
    fields = {each.name: each for each in merged_schema(lead, contact)}
    assert set(fields) == {
        "LastName", "Company", "Street", "Status", "Name", "Smk_Id__c", "LeadSource", "Department",
    }  # fmt: skip
    assert fields["LastName"].required
    assert not fields["Name"].writable
    assert fields["Smk_Id__c"].unique
    assert fields["LeadSource"].options == (("Web", "The web"), ("Call", "Call"))
    assert fields["Status"].label == "Status (Lead only)"
    assert fields["Department"].label == "Department (Contact only)"
    assert fields["Street"].label == "Street"
    assert fields["Company"].label == "Company"
    assert fields["Street"].type == "text"
