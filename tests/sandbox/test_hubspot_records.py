"""What HubSpot does to values and records, each rule that hurts connectors by its name."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from sandbox.hubspot import HubSpot

from .hubspot_calls import CONTACTS, create, set_stage


def test_lifecycle_stage_goes_forward_only_and_says_nothing(http: httpx.Client) -> None:
    made = create(http, email="a@b.example", lifecyclestage="opportunity")
    assert set_stage(http, made["id"], "lead")["properties"]["lifecyclestage"] == "opportunity"
    assert set_stage(http, made["id"], "customer")["properties"]["lifecyclestage"] == "customer"
    assert set_stage(http, made["id"], "")["properties"]["lifecyclestage"] is None
    assert set_stage(http, made["id"], "lead")["properties"]["lifecyclestage"] == "lead"


def test_a_silently_ignored_stage_does_not_move_the_timestamp(http: httpx.Client) -> None:
    made = create(http, email="a@b.example", lifecyclestage="opportunity")
    assert set_stage(http, made["id"], "lead")["updatedAt"] == made["updatedAt"]


def test_custom_stages_take_part_in_the_order(http: httpx.Client) -> None:
    prop = http.get("/crm/v3/properties/contacts/lifecyclestage").json()
    options = [{"label": o["label"], "value": o["value"]} for o in prop["options"]]
    options.insert(3, {"label": "Sales accepted", "value": "1234567"})
    http.patch("/crm/v3/properties/contacts/lifecyclestage", json={"options": options})
    made = create(http, email="a@b.example", lifecyclestage="1234567")
    assert set_stage(http, made["id"], "marketingqualifiedlead")["properties"]["lifecyclestage"] == "1234567"
    assert set_stage(http, made["id"], "salesqualifiedlead")["properties"]["lifecyclestage"] == "salesqualifiedlead"


def test_every_value_is_text(http: httpx.Client, portal: HubSpot) -> None:
    for name, kind, field in (("n", "number", "number"), ("b", "bool", "booleancheckbox"), ("d", "date", "date")):
        portal.properties.create(
            {"name": name, "label": name, "type": kind, "fieldType": field, "groupName": "contactinformation"}
        )
    values: dict[str, Any] = {"n": 17, "b": True, "d": "2026-02-03", "closedate": 1767323045678}
    made = http.post(CONTACTS, json={"properties": {"email": "t@b.example", **values}}).json()["properties"]
    shown = {name: made[name] for name in values}
    assert shown == {"n": "17", "b": "true", "d": "2026-02-03", "closedate": "2026-01-02T03:04:05.678Z"}


def test_empty_string_clears_and_null_is_refused(http: httpx.Client) -> None:
    made = create(http, email="a@b.example", city="Pau")
    assert http.patch(f"{CONTACTS}/{made['id']}", json={"properties": {"city": None}}).status_code == 400
    cleared = http.patch(f"{CONTACTS}/{made['id']}", json={"properties": {"city": ""}}).json()
    assert cleared["properties"]["city"] is None


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"favourite_colour": "red"}, "PROPERTY_DOESNT_EXIST"),
        ({"hs_lead_status": "Open deal"}, "INVALID_OPTION"),
        ({"lifecyclestage": "Lead"}, "INVALID_OPTION"),
        ({"email": "not-an-email"}, "INVALID_EMAIL"),
        ({"hs_object_id": "5"}, "READ_ONLY_VALUE"),
        ({"hs_email_optout": "true"}, "READ_ONLY_VALUE"),
        ({"closedate": "tomorrow"}, "INVALID_LONG"),
        ({"city": "x" * 70_000}, "VALUE_TOO_LONG"),
    ],
)
def test_a_wrong_value_is_named_in_json_inside_the_message(
    http: httpx.Client, values: dict[str, str], code: str
) -> None:
    answer = http.post(CONTACTS, json={"properties": {"firstname": "A", **values}})
    assert answer.status_code == 400
    body = answer.json()
    assert (body["status"], body["category"]) == ("error", "VALIDATION_ERROR")
    prefix = "Property values were not valid: "
    assert body["message"].startswith(prefix)
    (problem,) = json.loads(body["message"].removeprefix(prefix))
    assert (problem["error"], problem["name"]) == (code, next(iter(values)))


def test_an_update_without_properties_is_refused(http: httpx.Client) -> None:
    made = create(http, email="a@b.example")
    answer = http.patch(f"{CONTACTS}/{made['id']}", json={"properties": {}})
    assert answer.status_code == 400
    assert answer.json()["message"] == "No properties found to update, please provide at least one."


def test_writing_the_same_value_moves_nothing(http: httpx.Client) -> None:
    made = create(http, email="a@b.example", city="Pau")
    again = http.patch(f"{CONTACTS}/{made['id']}", json={"properties": {"city": "Pau"}}).json()
    assert again["updatedAt"] == made["updatedAt"]


def test_opt_out_is_a_matter_of_the_address_and_has_no_way_back(http: httpx.Client, portal: HubSpot) -> None:
    url = "/communication-preferences/v4/statuses/later%40b.example/unsubscribe-all"
    assert http.post(url, params={"channel": "EMAIL"}).status_code == 200
    made = create(http, email="Later@b.example")
    read = http.get(f"{CONTACTS}/{made['id']}", params={"properties": "hs_email_optout"}).json()
    assert read["properties"]["hs_email_optout"] == "true"
    assert http.patch(f"{CONTACTS}/{made['id']}", json={"properties": {"hs_email_optout": "false"}}).status_code == 400


def test_archiving_does_not_move_the_timestamp_and_a_missing_id_is_no_error(http: httpx.Client) -> None:
    made = create(http, email="a@b.example")
    assert http.delete(f"{CONTACTS}/{made['id']}").status_code == 204
    assert http.delete(f"{CONTACTS}/999999").status_code == 204
    (archived,) = http.get(CONTACTS, params={"archived": "true"}).json()["results"]
    assert archived["updatedAt"] == made["updatedAt"]
    assert archived["archivedAt"] >= made["updatedAt"]
    assert create(http, email="a@b.example")["id"] != made["id"]


def test_archived_contacts_are_purged_after_ninety_days(http: httpx.Client, portal: HubSpot) -> None:
    http.delete(f"{CONTACTS}/{create(http, email='a@b.example')['id']}")
    portal.clock.advance(91 * 86_400)
    assert http.get(CONTACTS, params={"archived": "true"}).json()["results"] == []


def test_a_merged_id_disappears_without_being_archived(http: httpx.Client) -> None:
    ids = [create(http, email=f"m{n}@b.example", lifecyclestage=s)["id"] for n, s in enumerate(("customer", "lead"))]
    merged = http.post(f"{CONTACTS}/merge", json={"primaryObjectId": ids[1], "objectIdToMerge": ids[0]}).json()
    listed = [c["id"] for c in http.get(CONTACTS).json()["results"]]
    assert listed == [merged["id"]]
    assert merged["id"] not in ids
    assert http.get(CONTACTS, params={"archived": "true"}).json()["results"] == []
    for old in ids:
        assert http.get(f"{CONTACTS}/{old}").json()["id"] == merged["id"]
    assert merged["properties"]["lifecyclestage"] == "customer"
    assert merged["properties"]["hs_additional_emails"] == "m0@b.example"
    answer = http.post(CONTACTS, json={"properties": {"email": "m0@b.example"}})
    assert answer.status_code == 409, "an additional address is taken too"
    batch = http.post(f"{CONTACTS}/batch/update", json={"inputs": [{"id": ids[0], "properties": {"city": "X"}}]})
    assert [c["id"] for c in batch.json()["results"]] == [merged["id"]]


def test_merging_a_merged_contact_keeps_every_ancestor(http: httpx.Client) -> None:
    a, b, c = (create(http, email=f"m{n}@b.example")["id"] for n in range(3))
    ab = http.post(f"{CONTACTS}/merge", json={"primaryObjectId": a, "objectIdToMerge": b}).json()["id"]
    abc = http.post(f"{CONTACTS}/merge", json={"primaryObjectId": ab, "objectIdToMerge": c}).json()
    assert abc["properties"]["hs_merged_object_ids"].split(";") == [a, b, ab, c]
    assert http.get(f"{CONTACTS}/{a}").json()["id"] == abc["id"]
