"""Companies, deals, activities, owners and associations of the HubSpot sandbox: the rules beyond those of contacts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.hubspot import FAST, HubSpot
from sandbox.hubspot.seeding import tell_story
from sandbox.people import make_world, to_hubspot

from .hubspot_calls import CONTACTS, create

COMPANIES, DEALS = "/crm/v3/objects/companies", "/crm/v3/objects/deals"


def made(http: httpx.Client, path: str, **values: str) -> str:
    answer = http.post(path, json={"properties": values})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def batch(http: httpx.Client, start: str, end: str, verb: str, *inputs: Any) -> httpx.Response:
    return http.post(f"/crm/v4/associations/{start}/{end}/batch/{verb}", json={"inputs": list(inputs)})


def pair(one: str, two: str, *types: int) -> dict[str, Any]:
    specs = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": id_} for id_ in types]
    return {"from": {"id": one}, "to": {"id": two}, "types": specs}


def labels(http: httpx.Client, id_: str) -> dict[int, set[int]]:
    answer = http.get(f"/crm/v4/objects/contact/{id_}/associations/company").json()
    return {one["toObjectId"]: {t["typeId"] for t in one["associationTypes"]} for one in answer["results"]}


def test_a_domain_is_not_unique_and_companies_are_not_contacts(http: httpx.Client) -> None:
    a = made(http, COMPANIES, name="A", domain="a.example")
    b = made(http, COMPANIES, name="A again", domain="a.example")
    assert a != b
    assert http.get(f"{CONTACTS}/{a}").status_code == 404
    assert http.get(f"{COMPANIES}/{a}").json()["properties"]["hs_lastmodifieddate"]
    assert http.post(COMPANIES, json={"properties": {"city": "Pau"}}).status_code == 400
    read = http.post(f"{COMPANIES}/batch/read", json={"inputs": [{"id": "a.example"}], "idProperty": "domain"})
    assert read.status_code == 400


def test_the_first_company_is_primary_and_another_takes_the_label_from_it(http: httpx.Client) -> None:
    person = create(http, email="a@b.example")["id"]
    a, b = (made(http, COMPANIES, name=name) for name in "AB")
    assert batch(http, "contacts", "companies", "create", pair(person, a, 279)).status_code == 201
    assert labels(http, person) == {int(a): {1, 279}}
    assert batch(http, "contacts", "companies", "create", pair(person, b, 279)).status_code == 201
    assert labels(http, person) == {int(a): {1, 279}, int(b): {279}}
    assert batch(http, "contacts", "companies", "create", pair(person, b, 1)).status_code == 201
    assert labels(http, person) == {int(a): {279}, int(b): {1, 279}}
    assert (
        http.get(f"{CONTACTS}/{person}?properties=associatedcompanyid").json()["properties"]["associatedcompanyid"] == b
    )
    assert batch(http, "contacts", "companies", "archive", pair(person, b)).status_code == 400
    gone = {"from": {"id": person}, "to": [{"id": b}]}
    assert batch(http, "contacts", "companies", "archive", gone).status_code == 204
    assert labels(http, person) == {int(a): {279}}


def test_whoever_has_no_association_is_an_error_in_a_207(http: httpx.Client) -> None:
    one, two = create(http, email="a@b.example")["id"], create(http, email="c@b.example")["id"]
    company = made(http, COMPANIES, name="A")
    batch(http, "contact", "company", "associate/default", {"from": {"id": one}, "to": {"id": company}})
    answer = batch(http, "contacts", "companies", "read", {"id": one}, {"id": two})
    assert answer.status_code == 207
    assert [r["from"]["id"] for r in answer.json()["results"]] == [one]
    assert answer.json()["errors"][0]["subCategory"] == "crm.associations.NO_ASSOCIATIONS_FOUND"


def test_associations_have_limits_and_directions(http: httpx.Client) -> None:
    person, company = create(http, email="a@b.example")["id"], made(http, COMPANIES, name="A")
    many = [{"id": str(n)} for n in range(1001)]
    assert batch(http, "contacts", "companies", "read", *many).status_code == 400
    assert batch(http, "contacts", "companies", "create", *[pair(person, company, 1)] * 2001).status_code == 400
    assert batch(http, "contacts", "companies", "create", pair(person, company, 2)).status_code == 400
    half = batch(http, "contacts", "companies", "create", pair(person, company, 1), pair(person, "9", 1))
    assert half.status_code == 207
    assert half.json()["errors"][0]["context"]["toObjectId"] == ["9"]
    assert len(half.json()["results"]) == 1


def test_a_deals_stage_is_of_one_pipeline(http: httpx.Client) -> None:
    pipelines = http.get("/crm/v3/pipelines/deals").json()["results"]
    assert [p["label"] for p in pipelines] == ["Sales Pipeline", "Renewals"]
    deal = made(http, DEALS, dealname="D", dealstage="qualifiedtobuy")
    renewed = {"properties": {"dealstage": "184610357"}}
    assert http.patch(f"{DEALS}/{deal}", json=renewed).status_code == 400
    renewed["properties"]["pipeline"] = "75512890"
    assert http.patch(f"{DEALS}/{deal}", json=renewed).status_code == 200
    held = http.get(f"{DEALS}/{deal}?properties=hs_is_closed_won,closedate,pipeline").json()["properties"]
    assert (held["hs_is_closed_won"], held["pipeline"]) == ("true", "75512890")
    assert held["closedate"], "closing sets the date"
    assert http.post(DEALS, json={"properties": {"dealname": "No stage"}}).status_code == 400
    prop = http.get("/crm/v3/properties/deals/dealstage").json()
    assert (prop["options"], prop["externalOptions"]) == ([], True)


def test_a_merge_moves_associations_and_an_end_cuts_them(http: httpx.Client, portal: HubSpot) -> None:
    one, two = create(http, email="a@b.example")["id"], create(http, email="c@b.example")["id"]
    a, b = (made(http, COMPANIES, name=name) for name in "AB")
    for person, company in ((one, a), (two, b)):
        batch(http, "contacts", "companies", "create", pair(person, company, 1))
    merge = {"primaryObjectId": a, "objectIdToMerge": b}
    merged = http.post(f"{COMPANIES}/merge", json=merge).json()
    assert merged["properties"]["hs_merged_object_ids"] == f"{a};{b}"
    assert labels(http, one) == labels(http, two) == {int(merged["id"]): {1, 279}}
    assert portal.companies.live[int(merged["id"])].values["num_associated_contacts"] == "2"
    http.delete(f"{CONTACTS}/{one}")
    assert portal.companies.live[int(merged["id"])].values["num_associated_contacts"] == "1"


def test_an_address_that_was_erased_can_not_come_back(http: httpx.Client, portal: HubSpot) -> None:
    person = create(http, email="a@b.example")["id"]
    form = portal.marketing.form("F", created=0)
    portal.marketing.submit(form, 1, {"email": "a@b.example"}, "https://example.com")
    assert http.post(f"{CONTACTS}/gdpr-delete", json={"objectId": person}).status_code == 204
    again = http.post(CONTACTS, json={"properties": {"email": "A@b.example"}})
    assert again.status_code == 400
    assert "permanently deleted" in again.json()["message"]
    assert http.get(f"{CONTACTS}?archived=true").json()["results"] == []
    assert form.submissions == []
    unknown = {"objectId": "new@b.example", "idProperty": "email"}
    assert http.post(f"{CONTACTS}/gdpr-delete", json=unknown).status_code == 204
    assert http.post(CONTACTS, json={"properties": {"email": "new@b.example"}}).status_code == 400
    assert http.post(f"{COMPANIES}/gdpr-delete", json={"objectId": "1"}).status_code == 405


@pytest.mark.parametrize("name", ["calls", "emails", "meetings", "notes", "tasks"])
def test_an_activity_needs_its_time(http: httpx.Client, name: str) -> None:
    path = f"/crm/v3/objects/{name}"
    assert http.post(path, json={"properties": {}}).status_code == 400
    id_ = made(http, path, hs_timestamp="2026-03-01T10:00:00Z")
    held = http.get(f"{path}/{id_}?properties=hs_timestamp").json()
    assert held["properties"]["hs_timestamp"] == "2026-03-01T10:00:00.000Z"
    assert held["properties"]["hs_createdate"] == held["createdAt"]


def test_owners_who_left_are_listed_apart(http: httpx.Client, portal: HubSpot) -> None:
    here = portal.owners.add("a@b.example", "A", "B", created=0)
    gone = portal.owners.add("c@b.example", "C", "D", created=0, archived=True)
    assert [o["id"] for o in http.get("/crm/v3/owners").json()["results"]] == [str(here.id)]
    left = http.get("/crm/v3/owners?archived=true").json()["results"]
    assert [(o["id"], "userId" in o) for o in left] == [(str(gone.id), False)]
    wrong = http.post(COMPANIES, json={"properties": {"name": "A", "hubspot_owner_id": "1"}})
    assert wrong.status_code == 400
    assert "INVALID_OWNER_ID" in wrong.json()["message"]


def test_submissions_and_events_come_newest_first(http: httpx.Client, portal: HubSpot) -> None:
    form = portal.marketing.form("F", created=0)
    campaign = portal.marketing.campaign("C", "S")
    for at in range(1, 71):
        portal.marketing.submit(form, at, {"email": f"{at}@b.example"}, "https://example.com")
        portal.marketing.happened("OPEN" if at % 2 else "CLICK", at, f"{at}@b.example", campaign)
    path = f"/form-integrations/v1/submissions/forms/{form.id}"
    first = http.get(f"{path}?limit=50").json()
    assert [s["submittedAt"] for s in first["results"]] == list(range(70, 20, -1))
    rest = http.get(f"{path}?limit=50&after={first['paging']['next']['after']}").json()
    assert len(rest["results"]) == 20
    assert http.get(f"{path}?limit=51").status_code == 400
    query = "eventType=OPEN&startTimestamp=11&endTimestamp=21&limit=3"
    events = http.get(f"/email/public/v1/events?{query}").json()
    assert [e["created"] for e in events["events"]] == [19, 17, 15]
    assert events["hasMore"]
    more = http.get(f"/email/public/v1/events?{query}&offset={events['offset']}").json()
    assert [e["created"] for e in more["events"]] == [13, 11]


def test_a_scope_opens_one_type_of_record() -> None:
    from dataclasses import replace

    from .hubspot_calls import serving

    portal = HubSpot(replace(FAST, scopes=("crm.objects.contacts.read", "crm.objects.companies.read", "oauth")))
    with serving(portal) as http:
        assert http.get(COMPANIES).status_code == 200
        refused = http.get(DEALS)
        assert refused.status_code == 403
        assert refused.json()["errors"][0]["context"]["requiredGranularScopes"] == ["crm.objects.deals.read"]
        assert batch(http, "contacts", "deals", "read", {"id": "1"}).status_code == 403
        assert batch(http, "contacts", "companies", "read", {"id": "1"}).status_code == 207
        assert batch(http, "contacts", "companies", "create", pair("1", "2", 1)).status_code == 403


def test_the_story_changes_no_contact_and_is_the_same_again(tmp_path: Path) -> None:
    world, now = make_world(3, marketing=200, crm=150, shared=90), datetime(2026, 11, 1, tzinfo=UTC)
    portals = [HubSpot(FAST) for _ in range(3)]
    for portal in portals:
        portal.seed(to_hubspot(person, now) for person in world.marketing)
    plain = portals.pop()
    for portal in portals:
        tell_story(portal, world, now)
    for before, after in zip(plain.contacts.live.values(), portals[0].contacts.live.values(), strict=True):
        told = {name: value for name, value in after.values.items() if name != "associatedcompanyid"}
        assert (before.id, before.values, before.created, before.modified) == (
            after.id, told, after.created, after.modified,
        )  # fmt: skip
    assert portals[0].summary() == portals[1].summary()
    assert portals[0].marketing.events == portals[1].marketing.events
    for name in ("companies", "deals", "calls"):
        assert len(portals[0].objects[name].live) > 5
        assert all(r.created <= r.modified for r in portals[0].objects[name].live.values())
    portals[0].save(tmp_path / "hubspot.json")
    loaded = HubSpot(FAST)
    loaded.load(tmp_path / "hubspot.json")
    assert loaded.summary() == portals[0].summary()
    assert loaded.associations.links == portals[0].associations.links
    assert loaded.marketing.events == portals[0].marketing.events
    assert loaded.marketing.forms == portals[0].marketing.forms
    assert loaded.owners.all == portals[0].owners.all


def test_a_salesperson_edits_deals_and_companies_too(portal: HubSpot) -> None:
    portal.edit({"do": "create", "object": "companies", "fields": {"name": "A", "domain": "a.example"}})
    deal = portal.edit({"do": "create", "object": "deals", "fields": {"dealname": "D", "dealstage": "qualifiedtobuy"}})[
        "id"
    ]
    by_name = {"object": "deals", "where": {"dealname": "D"}}
    portal.edit({"do": "set", **by_name, "fields": {"dealstage": "closedwon"}})
    to = {"object": "companies", "where": {"domain": "a.example"}}
    portal.edit({"do": "associate", **by_name, "to": to})
    held = portal.deals.live[int(deal)].values
    assert held["hs_is_closed_won"] == "true"
    assert held["hs_primary_associated_company"] == str(portal.one("companies", {"name": "A"}).id)
    portal.edit({"do": "delete", **by_name})
    for wrong in ({"do": "set", **by_name}, {"do": "dance", **to}):
        with pytest.raises(ValueError, match=r"none of the deals|no edit of companies"):
            portal.edit(wrong)
