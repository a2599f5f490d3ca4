"""What the org makes of a record that is written, and what it refuses: the rules, each in Salesforce's own words."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.clock import Clock
from sandbox.salesforce import ids

from .conftest import Org

LEAD = {"LastName": "Hopper", "Company": "Navy"}


def problem(answer: httpx.Response) -> tuple[int, str, str, list[str] | None]:
    [found] = answer.json()
    return answer.status_code, found["errorCode"], found["message"], found.get("fields")


def test_text_is_trimmed_an_empty_string_is_null_and_an_email_is_lower_case(sf: Org) -> None:
    sent = {**LEAD, "FirstName": "  Grace ", "City": "", "Title": "   ", "Email": " Grace@NAVY.example "}
    made = sf.http.post("/sobjects/Lead", json=sent).json()
    row = sf.row(made["id"])
    assert (row["FirstName"], row["Email"], row["Name"]) == ("Grace", "grace@navy.example", "Grace Hopper")
    assert "City" not in row
    assert "Title" not in row


@pytest.mark.parametrize(
    ("fields", "code", "message", "named"),
    [
        ({"LastName": None}, "REQUIRED_FIELD_MISSING", "Required fields are missing: [LastName]", ["LastName"]),
        (
            {"LastName": "", "Company": None},
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName, Company]",
            ["LastName", "Company"],
        ),
        ({"Email": "nobody"}, "INVALID_EMAIL_ADDRESS", "Email: invalid email address: nobody", ["Email"]),
        (
            {"FirstName": "x" * 41},
            "STRING_TOO_LONG",
            f"First Name: data value too large: {'x' * 41} (max length=40)",
            ["FirstName"],
        ),
        (
            {"Status": "Hot"},
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Status: bad value for restricted picklist field: Hot",
            ["Status"],
        ),
        (
            {"Smarketing_Score__c": 1e9},
            "NUMBER_OUTSIDE_VALID_RANGE",
            "Smarketing Score: value outside of valid range on numeric field: 1000000000.0",
            ["Smarketing_Score__c"],
        ),
        ({"OwnerId": "me"}, "MALFORMED_ID", "Owner ID: id value of incorrect type: me", ["OwnerId"]),
        (
            {"OwnerId": ids.make_id("005", 99)},
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id",
            ["OwnerId"],
        ),
        (
            {"IsConverted": True},
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: IsConverted. Please check the security settings of this field and verify "
            "that it is read/write for your profile or permission set.",
            ["IsConverted"],
        ),
        ({"Nope__c": 1}, "INVALID_FIELD", "No such column 'Nope__c' on sobject of type Lead", None),
        ({"Id": "00Q"}, "INVALID_FIELD", "The Id field should not be specified in the sobject data.", None),
    ],
)
def test_a_bad_value_is_refused_in_salesforces_words(
    sf: Org, fields: dict[str, Any], code: str, message: str, named: list[str] | None
) -> None:
    answer = sf.http.post("/sobjects/Lead", json={**LEAD, **fields})
    assert problem(answer) == (400, code, message, named)
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("DoNotCall", "maybe", "instance of boolean from VALUE_STRING value maybe"),
        ("DoNotCall", None, "instance of boolean from VALUE_NULL value null"),
        ("Smarketing_Score__c", "many", "instance of double from VALUE_STRING value many"),
        ("FirstName", 5, "instance of string from VALUE_NUMBER_INT value 5"),
        ("FirstName", ["x"], "instance of string from START_ARRAY value ["),
        (
            "EmailBouncedDate",
            "2026-02-30T00:00:00Z",
            "instance of datetime from VALUE_STRING value 2026-02-30T00:00:00Z",
        ),
    ],
)
def test_json_of_the_wrong_type_is_a_parser_error(sf: Org, field: str, value: Any, words: str) -> None:
    status, code, message, _ = problem(sf.http.post("/sobjects/Lead", json={**LEAD, field: value}))
    assert (status, code) == (400, "JSON_PARSER_ERROR")
    assert words in message


def test_a_body_that_is_no_json(sf: Org) -> None:
    status, code, message, _ = problem(sf.http.post("/sobjects/Lead", content=b'{"LastName": '))
    assert (status, code) == (400, "JSON_PARSER_ERROR")
    assert "[line:1" in message


def test_values_come_back_in_the_rest_apis_forms(sf: Org) -> None:
    sent = {
        **LEAD,
        "Smarketing_Score__c": "75",
        "EmailBouncedDate": "2026-01-31T09:30:15.250+01:00",
        "status": "working - contacted",
    }
    made = sf.http.post("/sobjects/lead", json=sent).json()["id"]
    row = sf.http.get(f"/sobjects/Lead/{made}", params={"fields": "Smarketing_Score__c,EmailBouncedDate,Status,City"})
    shown = row.json()
    del shown["attributes"]
    assert shown == {
        "Smarketing_Score__c": 75.0,
        "EmailBouncedDate": "2026-01-31T08:30:15.000+0000",
        "Status": "Working - Contacted",
        "City": None,
    }


def test_duplicate_value_names_the_other_record_by_its_short_id(sf: Org) -> None:
    other = sf.lead(Smarketing_Id__c="One")
    answer = sf.http.post("/sobjects/Lead", json={**LEAD, "Smarketing_Id__c": "ONE"})
    message = f"duplicate value found: Smarketing_Id__c duplicates value on record with id: {other[:15]}"
    assert problem(answer) == (400, "DUPLICATE_VALUE", message, [])
    sf.server.edit({"do": "delete", "id": other})
    assert sf.http.post("/sobjects/Lead", json={**LEAD, "Smarketing_Id__c": "ONE"}).status_code == 201


def test_the_duplicate_rule_names_the_match_unless_the_client_insists(sf: Org) -> None:
    known = sf.lead(Email="grace@navy.example")
    sf.org.switches.duplicate_rule = True
    sent = {**LEAD, "Email": "Grace@navy.example"}
    answer = sf.http.post("/sobjects/Lead", json=sent)
    [found] = answer.json()
    assert (answer.status_code, found["errorCode"]) == (400, "DUPLICATES_DETECTED")
    assert found["duplicateResut"]["matchResults"][0]["matchRecords"][0]["record"]["Id"] == known
    insisting = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
    assert sf.http.post("/sobjects/Lead", json=sent, headers=insisting).status_code == 201


def test_a_locked_row_is_refused_until_it_is_free(sf: Org) -> None:
    lead = sf.lead()
    sf.org.switches.locked = {lead}
    answer = sf.http.patch(f"/sobjects/Lead/{lead}", json={"Title": "x"})
    words = f"unable to obtain exclusive access to this record or 1 records: {lead}"
    assert problem(answer) == (400, "UNABLE_TO_LOCK_ROW", words, [])
    sf.org.switches.locked.clear()
    assert sf.http.patch(f"/sobjects/Lead/{lead}", json={"Title": "x"}).status_code == 204
    sf.org.switches.lock_next = 1
    assert sf.http.patch(f"/sobjects/Lead/{lead}", json={"Title": "y"}).status_code == 400
    assert sf.http.patch(f"/sobjects/Lead/{lead}", json={"Title": "y"}).status_code == 204


def test_an_id_is_known_by_15_characters_and_by_18_in_any_case(sf: Org) -> None:
    lead = sf.lead()
    for spelling in (lead, lead[:15], lead.lower(), lead.upper()):
        assert sf.http.get(f"/sobjects/Lead/{spelling}").json()["Id"] == lead
    assert sf.http.get(f"/sobjects/Lead/{lead[:-1]}").status_code == 404


def test_case_safe_ids_are_salesforces() -> None:
    # From the object reference: https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta
    assert ids.case_safe("001D000000IqhSL") == "001D000000IqhSLIAZ"
    assert ids.case_safe("a00D0000008pQRA") == "a00D0000008pQRAIA2"
    assert ids.canonical("001d000000iqhsliaz") == "001D000000IqhSLIAZ"


def test_upsert_by_external_id_is_201_200_and_204_before_version_46(sf: Org) -> None:
    address = "/sobjects/Lead/Smarketing_Id__c/u-1"
    created = sf.http.patch(address, json=LEAD)
    assert (created.status_code, created.json()["created"]) == (201, True)
    again = sf.http.patch(address, json={"City": "Paris"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    old = sf.http.patch(sf.url + "/services/data/v45.0" + address, json={"City": "Lyon"})
    assert (old.status_code, old.content) == (204, b"")


def test_upsert_must_not_repeat_the_key_in_the_body(sf: Org) -> None:
    answer = sf.http.patch("/sobjects/Lead/Smarketing_Id__c/u-1", json={**LEAD, "Smarketing_Id__c": "u-1"})
    words = "The Smarketing_Id__c field should not be specified in the sobject data."
    assert problem(answer) == (400, "INVALID_FIELD", words, None)


def test_upsert_by_a_key_that_several_records_have_is_300(sf: Org) -> None:
    made = [sf.lead(Email="two@acme.example") for _ in range(2)]
    answer = sf.http.patch("/sobjects/Lead/Email/two@acme.example", json={"City": "Paris"})
    assert answer.status_code == 300
    assert answer.json() == [f"/services/data/v62.0/sobjects/Lead/{i}" for i in made]


def test_a_field_that_is_no_key_cannot_be_looked_up(sf: Org) -> None:
    answer = sf.http.get("/sobjects/Lead/City/Paris")
    words = "Provided external ID field does not exist or is not accessible: City"
    assert problem(answer) == (404, "NOT_FOUND", words, None)


def test_every_write_moves_the_stamp_even_one_that_changes_nothing(sf: Org, clock: Clock) -> None:
    lead = sf.lead(City="Paris")
    before = sf.row(lead)["SystemModstamp"]
    clock.advance(5)
    sf.http.patch(f"/sobjects/Lead/{lead}", json={"City": "Paris"})
    after = sf.row(lead)
    assert after["SystemModstamp"] > before
    assert after["CreatedDate"] == before


def test_unknown_resources_and_methods(sf: Org) -> None:
    assert problem(sf.http.get("/sobjects/Nope"))[:2] == (404, "NOT_FOUND")
    assert problem(sf.http.get("/nope"))[:2] == (404, "NOT_FOUND")
    assert problem(sf.http.put("/sobjects/Lead", json={}))[:2] == (405, "METHOD_NOT_ALLOWED")
