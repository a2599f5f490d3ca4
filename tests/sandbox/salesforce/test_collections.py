"""sObject Collections: 200 for the call, and for each record its own fate."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import Org

KEY = "Smarketing_Id__c"


def record(kind: str = "Lead", **fields: Any) -> dict[str, Any]:
    company = {"Company": "Navy"} if kind == "Lead" else {}
    return {"attributes": {"type": kind}, "LastName": "Hopper", **company, **fields}


def codes(results: list[dict[str, Any]]) -> list[str]:
    """Per record: ok, or the code of its error."""
    return ["ok" if r["success"] else r["errors"][0]["statusCode"] for r in results]


def test_results_keep_the_order_and_failures_have_no_id(sf: Org) -> None:
    sent = [
        record(),
        record(LastName=""),
        record("Contact"),
        record(Email="nobody"),
        record("Contact", Salutation="Dr."),
    ]
    answer = sf.http.post("/composite/sobjects", json={"allOrNone": False, "records": sent})
    results = answer.json()
    assert answer.status_code == 200
    assert codes(results) == ["ok", "REQUIRED_FIELD_MISSING", "ok", "INVALID_EMAIL_ADDRESS", "ok"]
    assert results[1] == {
        "success": False,
        "errors": [
            {
                "statusCode": "REQUIRED_FIELD_MISSING",
                "message": "Required fields are missing: [LastName]",
                "fields": ["LastName"],
            }
        ],
    }
    assert [results[n]["id"][:3] for n in (0, 2, 4)] == ["00Q", "003", "003"]


def test_all_or_none_rolls_back_what_was_good(sf: Org) -> None:
    before = sf.lead(**{KEY: "kept"})
    sent = [record(**{KEY: "a"}), record(LastName=""), record(**{KEY: "b"})]
    results = sf.http.post("/composite/sobjects", json={"allOrNone": True, "records": sent}).json()
    undone = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert codes(results) == [undone, "REQUIRED_FIELD_MISSING", undone]
    assert [r["Id"] for r in sf.query("SELECT Id FROM Lead")["records"]] == [before]
    changes = [{**record(), "id": before, "City": "Paris"}, {**record(), "id": before, "Email": "nobody"}]
    sf.http.patch("/composite/sobjects", json={"allOrNone": True, "records": changes})
    assert "City" not in sf.row(before)
    assert sf.http.post("/composite/sobjects", json={"records": [record(**{KEY: "a"})]}).json()[0]["success"]


def test_a_field_that_is_unknown_costs_the_whole_request(sf: Org) -> None:
    answer = sf.http.post("/composite/sobjects", json={"records": [record(), record(Nope__c=1)]})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


def test_json_of_the_wrong_type_costs_the_whole_request(sf: Org) -> None:
    answer = sf.http.post("/composite/sobjects", json={"records": [record(), record(DoNotCall="maybe")]})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    assert sf.query("SELECT COUNT() FROM Lead")["totalSize"] == 0


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_more_than_200_records_are_refused(sf: Org, method: str) -> None:
    answer = sf.http.request(method, "/composite/sobjects", json={"records": [record()] * 201})
    words = "record limit reached. cannot submit more than 200 records into this call"
    assert (answer.status_code, answer.json()) == (400, [{"errorCode": "EXCEEDED_ID_LIMIT", "message": words}])


def test_objects_may_alternate_ten_times(sf: Org) -> None:
    alternating = [record(kind) for _ in range(5) for kind in ("Lead", "Contact")]
    assert sf.http.post("/composite/sobjects", json={"records": alternating}).status_code == 200
    answer = sf.http.post("/composite/sobjects", json={"records": [*alternating, record()]})
    assert answer.status_code == 400
    assert "more than 10 chunks" in answer.json()[0]["message"]


def test_update_finds_each_record_its_reason(sf: Org) -> None:
    good, gone, locked = sf.lead(), sf.lead(), sf.lead()
    sf.server.edit({"do": "delete", "id": gone})
    sf.org.switches.locked = {locked}
    sent = [{"attributes": {"type": "Lead"}, "id": i, "City": "Paris"} for i in (good, gone, locked, "003")]
    sent.append({"attributes": {"type": "Lead"}, "City": "Paris"})
    results = sf.http.patch("/composite/sobjects", json={"records": sent}).json()
    assert codes(results) == ["ok", "ENTITY_IS_DELETED", "UNABLE_TO_LOCK_ROW", "MALFORMED_ID", "MISSING_ARGUMENT"]
    assert sf.row(good)["City"] == "Paris"


def test_an_update_of_a_record_that_never_was(sf: Org) -> None:
    never = sf.org.new_id("00Q")
    sent = [{"attributes": {"type": "Lead"}, "id": never, "City": "Paris"}]
    assert codes(sf.http.patch("/composite/sobjects", json={"records": sent}).json()) == ["INVALID_CROSS_REFERENCE_KEY"]


def test_upsert_tells_which_were_created(sf: Org) -> None:
    known = sf.lead(**{KEY: "one"})
    sent = [record(**{KEY: "ONE"}, City="Paris"), record(**{KEY: "two"}), record()]
    results = sf.http.patch(f"/composite/sobjects/Lead/{KEY}", json={"records": sent}).json()
    assert codes(results) == ["ok", "ok", "MISSING_ARGUMENT"]
    assert [r["created"] for r in results[:2]] == [False, True]
    assert (results[0]["id"], sf.row(known)["City"]) == (known, "Paris")


def test_upsert_refuses_every_record_that_shares_its_key_with_another(sf: Org) -> None:
    sent = [record(**{KEY: "same"}), record(**{KEY: "other"}), record(**{KEY: "SAME"})]
    results = sf.http.patch(f"/composite/sobjects/Lead/{KEY}", json={"records": sent}).json()
    assert codes(results) == ["DUPLICATE_VALUE", "ok", "DUPLICATE_VALUE"]
    assert results[0]["errors"][0]["message"] == "Duplicate external id specified: same"


def test_upsert_takes_external_ids_only_and_no_record_ids(sf: Org) -> None:
    by_email = sf.http.patch("/composite/sobjects/Lead/Email", json={"records": [record(Email="a@b.example")]})
    assert "does not match an External ID" in by_email.json()[0]["message"]
    with_id = sf.http.patch(
        f"/composite/sobjects/Lead/{KEY}", json={"records": [{**record(**{KEY: "x"}), "id": sf.lead()}]}
    )
    assert (by_email.status_code, with_id.status_code) == (400, 400)


def test_retrieve_gives_null_for_what_is_not_there(sf: Org) -> None:
    here, gone = sf.lead(City="Paris"), sf.lead()
    sf.server.edit({"do": "delete", "id": gone})
    asked = {"ids": [here, gone, "00Q000000000001"], "fields": ["City"]}
    by_post = sf.http.post("/composite/sobjects/Lead", json=asked).json()
    by_get = sf.http.get("/composite/sobjects/Lead", params={n: ",".join(v) for n, v in asked.items()}).json()
    assert by_post == by_get
    assert [found and found["City"] for found in by_post] == ["Paris", None, None]


def test_delete_takes_ids_of_several_objects(sf: Org) -> None:
    lead = sf.lead()
    contact = sf.http.post("/sobjects/Contact", json={"LastName": "C"}).json()["id"]
    results = sf.http.delete("/composite/sobjects", params={"ids": f"{lead},{contact},{lead},xyz"}).json()
    assert codes(results) == ["ok", "ok", "ENTITY_IS_DELETED", "MALFORMED_ID"]


def test_a_full_collection_is_one_call_of_the_allowance(sf: Org) -> None:
    sf.http.post("/composite/sobjects", json={"records": [record() for _ in range(200)]})
    assert sf.server.quota.used() == 1
