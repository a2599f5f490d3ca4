"""What Salesforce says against one record, sorted by the reaction it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.errors import Duplicate, Gone, Invalid, Reject
from connectors.salesforce.rejects import bulk_complaint, complaint, reject

SHORT, LONG = "001A0000006Vm9r", "001A0000006Vm9rIAC"


def said(code: str, message: str = "no", fields: list[str] | None = None, **more: Any) -> Reject:
    return reject(complaint([{"statusCode": code, "message": message, "fields": fields or [], **more}]))


def test_duplicate_value_names_the_record_in_its_message() -> None:
    error = said("DUPLICATE_VALUE", f"duplicate value found: Smk_Id__c duplicates value on record with id: {SHORT}")
    assert isinstance(error, Duplicate)
    assert (error.existing, error.field) == (LONG, "Smk_Id__c")


def test_duplicate_value_without_access_to_the_other_record_names_none() -> None:
    error = said("DUPLICATE_VALUE", "duplicate value found: <unknown> duplicates value on record with id: <unknown>")
    assert isinstance(error, Duplicate)
    assert error.existing is None


@pytest.mark.parametrize("key", ["duplicateResult", "duplicateResut"])
def test_duplicates_detected_under_the_vendors_own_misspelling(key: str) -> None:
    found = {"matchResults": [{"matchRecords": [{"record": {"Id": LONG}}]}]}
    error = said("DUPLICATES_DETECTED", "Use one of these records?", **{key: found})
    assert isinstance(error, Duplicate)
    assert error.existing == LONG


def test_duplicates_detected_with_two_matches_chooses_none() -> None:
    records = [{"record": {"Id": LONG}}, {"record": {"Id": "00Q000000000002AAA"}}]
    error = said("DUPLICATES_DETECTED", duplicateResult={"matchResults": [{"matchRecords": records}]})
    assert isinstance(error, Duplicate)
    assert error.existing is None


@pytest.mark.parametrize("code", ["ENTITY_IS_DELETED", "INVALID_CROSS_REFERENCE_KEY", "CANNOT_UPDATE_CONVERTED_LEAD"])
def test_a_record_that_went_away_is_gone(code: str) -> None:
    assert isinstance(said(code), Gone)


def test_a_reference_to_nothing_is_a_value_and_not_the_record() -> None:
    error = said("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", ["OwnerId"])
    assert isinstance(error, Invalid)
    assert error.field == "OwnerId"


def test_restricted_picklist_names_its_field() -> None:
    error = said(
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "Stage: bad value for restricted picklist field: Hot", ["Stage__c"]
    )
    assert isinstance(error, Invalid)
    assert error.field == "Stage__c"
    assert "picklist" in error.hint


def test_a_contacts_field_is_named_as_ours() -> None:
    assert said("STRING_TOO_LONG", fields=["MailingStreet"]).field == "Street"


def test_no_access_is_the_records_affair_and_says_what_to_do() -> None:
    error = said("INSUFFICIENT_ACCESS_OR_READONLY")
    assert type(error) is Reject
    assert "edit access" in error.hint


@pytest.mark.parametrize("code", ["UNABLE_TO_LOCK_ROW", "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"])
def test_a_row_lock_is_transient_even_inside_a_triggers_error(code: str) -> None:
    message = (
        "AccountTrigger: execution of BeforeUpdate caused by: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access"
    )
    assert complaint([{"statusCode": code, "message": message}]).transient


def test_no_reason_at_all_is_still_an_error_for_a_person() -> None:
    assert "gave no reason" in str(reject(complaint([])))


@pytest.mark.parametrize(
    ("text", "code", "message", "fields"),
    [
        ("REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --", "REQUIRED_FIELD_MISSING",
         "Required fields are missing: [LastName]", ("LastName",)),
        ("INVALID_EMAIL_ADDRESS:Email: invalid email address: a@b:Email, Other --", "INVALID_EMAIL_ADDRESS",
         "Email: invalid email address: a@b", ("Email", "Other")),
        ("ENTITY_IS_DELETED:entity is deleted:--", "ENTITY_IS_DELETED", "entity is deleted", ()),
        ("ENTITY_IS_DELETED:entity is deleted: --", "ENTITY_IS_DELETED", "entity is deleted", ()),
        (f"DUPLICATE_VALUE:duplicate value found: A__c duplicates value on record with id: {SHORT}:A__c --",
         "DUPLICATE_VALUE", f"duplicate value found: A__c duplicates value on record with id: {SHORT}", ("A__c",)),
        ("", "UNKNOWN_EXCEPTION", "", ()),
    ],
)  # fmt: skip
def test_bulk_words_an_error_as_one_line(text: str, code: str, message: str, fields: tuple[str, ...]) -> None:
    read = bulk_complaint(text)
    assert (read.code, read.message, read.fields) == (code, message, fields)
