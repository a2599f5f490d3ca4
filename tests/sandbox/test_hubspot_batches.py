"""Batches: when one wrong input refuses them all, and when it does not."""

from __future__ import annotations

import httpx

from sandbox.hubspot import HubSpot

from .hubspot_calls import CONTACTS, create, make_unique


def test_one_wrong_input_refuses_a_batch_without_trace_ids(http: httpx.Client, portal: HubSpot) -> None:
    inputs = [{"properties": {"email": "good@b.example"}}, {"properties": {"email": "bad"}}]
    assert http.post(f"{CONTACTS}/batch/create", json={"inputs": inputs}).status_code == 400
    assert portal.summary()["contacts"] == 0


def test_trace_ids_turn_a_half_failed_batch_into_207(http: httpx.Client, portal: HubSpot) -> None:
    taken = create(http, email="taken@b.example")["id"]
    emails = ("good@b.example", "bad", "taken@b.example", "good@b.example")
    inputs = [{"objectWriteTraceId": f"t{n}", "properties": {"email": e}} for n, e in enumerate(emails)]
    answer = http.post(f"{CONTACTS}/batch/create", json={"inputs": inputs})
    assert answer.status_code == 207
    body = answer.json()
    assert (body["status"], body["numErrors"]) == ("COMPLETE", 3)
    assert [c["objectWriteTraceId"] for c in body["results"]] == ["t0"]
    errors = {e["context"]["objectWriteTraceId"][0]: e for e in body["errors"]}
    assert errors["t1"]["category"] == "VALIDATION_ERROR"
    assert errors["t2"]["category"] == "CONFLICT"
    assert errors["t2"]["context"]["existingId"] == [taken]
    assert errors["t3"]["category"] == "CONFLICT", "the same address twice in one batch"


def test_a_missing_record_gives_207_even_without_trace_ids(http: httpx.Client) -> None:
    made = create(http, email="a@b.example")
    inputs = [{"id": made["id"], "properties": {"city": "Pau"}}, {"id": "404404", "properties": {"city": "Pau"}}]
    answer = http.post(f"{CONTACTS}/batch/update", json={"inputs": inputs})
    assert answer.status_code == 207
    assert [c["id"] for c in answer.json()["results"]] == [made["id"]]
    (error,) = answer.json()["errors"]
    assert (error["category"], error["context"]["ids"]) == ("OBJECT_NOT_FOUND", ["404404"])
    read = http.post(f"{CONTACTS}/batch/read", json={"inputs": [{"id": "404404"}], "properties": []})
    assert (read.status_code, read.json()["results"]) == (207, [])


def test_upsert_by_a_unique_property_is_repeatable(http: httpx.Client, portal: HubSpot) -> None:
    make_unique(portal)
    inputs = [
        {
            "id": f"s{n}",
            "idProperty": "smarketing_id",
            "objectWriteTraceId": str(n),
            "properties": {"email": f"u{n}@b.example"},
        }
        for n in range(5)
    ]
    first = http.post(f"{CONTACTS}/batch/upsert", json={"inputs": inputs}).json()["results"]
    again = http.post(f"{CONTACTS}/batch/upsert", json={"inputs": inputs}).json()["results"]
    assert {c["new"] for c in first} == {True}
    assert {c["new"] for c in again} == {False}
    assert {c["objectWriteTraceId"]: c["id"] for c in first} == {c["objectWriteTraceId"]: c["id"] for c in again}
    assert [c["objectWriteTraceId"] for c in first] != [str(n) for n in range(5)], "results come in another order"


def test_upsert_by_unique_property_meets_a_taken_address(http: httpx.Client, portal: HubSpot) -> None:
    make_unique(portal)
    create(http, email="taken@b.example")
    item = {"id": "s1", "idProperty": "smarketing_id", "properties": {"email": "taken@b.example"}}
    assert http.post(f"{CONTACTS}/batch/upsert", json={"inputs": [item]}).status_code == 409
    traced = http.post(f"{CONTACTS}/batch/upsert", json={"inputs": [{**item, "objectWriteTraceId": "x"}]})
    assert traced.status_code == 207


def test_partial_upsert_by_email_is_all_or_nothing(http: httpx.Client, portal: HubSpot) -> None:
    inputs = [
        {"id": email, "idProperty": "email", "objectWriteTraceId": email, "properties": {"lifecyclestage": stage}}
        for email, stage in (("a@b.example", "lead"), ("c@b.example", "nonsense"))
    ]
    assert http.post(f"{CONTACTS}/batch/upsert", json={"inputs": inputs}).status_code == 400
    assert portal.summary()["contacts"] == 0


def test_upsert_needs_a_unique_property(http: httpx.Client) -> None:
    item = {"id": "Pau", "idProperty": "city", "properties": {"firstname": "A"}}
    answer = http.post(f"{CONTACTS}/batch/upsert", json={"inputs": [item]})
    assert answer.status_code == 400
    assert "non-unique" in answer.json()["message"]


def test_duplicate_ids_refuse_the_batch_even_with_trace_ids(http: httpx.Client) -> None:
    inputs = [
        {"id": email, "idProperty": "email", "objectWriteTraceId": email, "properties": {}}
        for email in ("a@b.example", "A@b.example")
    ]
    answer = http.post(f"{CONTACTS}/batch/upsert", json={"inputs": inputs})
    assert answer.status_code == 400
    assert answer.json()["message"].startswith("Duplicate IDs found in batch input: [")


def test_a_batch_takes_one_hundred(http: httpx.Client) -> None:
    inputs = [{"properties": {"email": f"x{n}@b.example"}} for n in range(101)]
    assert http.post(f"{CONTACTS}/batch/create", json={"inputs": inputs}).status_code == 400
    assert http.post(f"{CONTACTS}/batch/create", json={"inputs": inputs[1:]}).status_code == 201
