"""CRM search: late, capped, and particular about what it is asked."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from sandbox.hubspot import HubSpot, Settings

from .hubspot_calls import CONTACTS, create, find, serving


def test_search_shows_a_write_only_after_a_while() -> None:
    portal = HubSpot(Settings(index_delay=20))
    with serving(portal) as http:
        made = create(http, email="late@b.example", city="Pau")
        email = {"propertyName": "email", "operator": "EQ", "value": "late@b.example"}
        assert find(http, email)["total"] == 0
        assert http.get(f"{CONTACTS}/{made['id']}").status_code == 200
        portal.clock.advance(20)
        assert find(http, email)["total"] == 1
        http.patch(f"{CONTACTS}/{made['id']}", json={"properties": {"city": "Dax"}})
        (old,) = find(http, email, properties=["city"])["results"]
        assert (old["properties"]["city"], old["updatedAt"]) == ("Pau", made["updatedAt"])
        http.delete(f"{CONTACTS}/{made['id']}")
        assert find(http, email)["total"] == 0, "archived records never appear"
        portal.clock.advance(20)
        assert find(http, email)["total"] == 0


def test_search_ends_at_ten_thousand(http: httpx.Client, portal: HubSpot) -> None:
    portal.seed({"email": f"e{n}@b.example"} for n in range(10_050))
    last = find(http, limit=200, after="9800")
    assert last["total"] == 10_050
    assert last["paging"]["next"]["after"] == "10000"
    answer = http.post(f"{CONTACTS}/search", json={"limit": 200, "after": "10000"})
    assert answer.status_code == 400


def test_thousands_with_one_timestamp_can_be_read_by_id(http: httpx.Client, portal: HubSpot) -> None:
    portal.clock.freeze()
    portal.seed({"email": f"e{n}@b.example"} for n in range(1200))
    stamp = str(portal.contacts.now())
    seen: list[str] = []
    while True:
        page = find(
            http,
            {"propertyName": "lastmodifieddate", "operator": "EQ", "value": stamp},
            {"propertyName": "hs_object_id", "operator": "GT", "value": seen[-1] if seen else "0"},
            sorts=[{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            limit=200,
        )
        seen += [c["id"] for c in page["results"]]
        if len(page["results"]) < 200:
            break
    assert len(set(seen)) == len(seen) == 1200
    by_time = find(http, sorts=[{"propertyName": "lastmodifieddate", "direction": "ASCENDING"}], limit=200)
    ids = [int(c["id"]) for c in by_time["results"]]
    assert ids != sorted(ids), "records that sort alike come in no order that means anything"


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"operator": "EQ", "propertyName": "city", "value": "PAU"}, {"a"}),
        ({"operator": "NEQ", "propertyName": "city", "value": "Pau"}, {"b", "c"}),
        ({"operator": "IN", "propertyName": "city", "values": ["pau", "dax"]}, {"a", "b"}),
        ({"operator": "IN", "propertyName": "city", "values": ["Pau"]}, set()),
        ({"operator": "NOT_IN", "propertyName": "city", "values": ["pau"]}, {"b", "c"}),
        ({"operator": "HAS_PROPERTY", "propertyName": "city"}, {"a", "b"}),
        ({"operator": "NOT_HAS_PROPERTY", "propertyName": "city"}, {"c"}),
        ({"operator": "CONTAINS_TOKEN", "propertyName": "email", "value": "*@b.example"}, {"a", "b", "c"}),
        ({"operator": "CONTAINS_TOKEN", "propertyName": "company", "value": "sol*"}, {"b"}),
        ({"operator": "NOT_CONTAINS_TOKEN", "propertyName": "company", "value": "solar"}, {"a", "c"}),
        ({"operator": "EQ", "propertyName": "lifecyclestage", "value": "lead"}, {"a"}),
        ({"operator": "EQ", "propertyName": "closedate", "value": "1767225600000"}, {"a"}),
        ({"operator": "GT", "propertyName": "closedate", "value": "2026-01-01T00:00:00Z"}, {"b"}),
        (
            {
                "operator": "BETWEEN",
                "propertyName": "closedate",
                "value": "1767225600000",
                "highValue": "1767312000000",
            },
            {"a", "b"},
        ),
        ({"operator": "LTE", "propertyName": "closedate", "value": "1767225600000"}, {"a"}),
    ],
)
def test_search_operators(http: httpx.Client, portal: HubSpot, asked: dict[str, Any], found: set[str]) -> None:
    portal.contacts.create(
        {"email": "a@b.example", "city": "Pau", "lifecyclestage": "lead", "closedate": "2026-01-01T00:00:00Z"}
    )
    portal.contacts.create(
        {"email": "b@b.example", "city": "Dax", "company": "Big Solar", "closedate": "2026-01-02T00:00:00Z"}
    )
    portal.contacts.create({"email": "c@b.example"})
    assert {c["properties"]["email"][0] for c in find(http, asked)["results"]} == found


def test_search_by_words_and_in_groups(http: httpx.Client, portal: HubSpot) -> None:
    portal.seed({"email": f"{n}@b.example", "firstname": n, "city": c} for n, c in (("Ann", "Pau"), ("Anna", "Dax")))
    assert http.post(f"{CONTACTS}/search", json={"query": "ann pau"}).json()["total"] == 0, "city is not searched"
    assert http.post(f"{CONTACTS}/search", json={"query": "ann"}).json()["total"] == 2
    either = [{"filters": [{"propertyName": "city", "operator": "EQ", "value": v}]} for v in ("pau", "dax")]
    assert http.post(f"{CONTACTS}/search", json={"filterGroups": either}).json()["total"] == 2


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 7}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "HAS_PROPERTY"}] * 5}] * 4},
        {"sorts": ["city", "email"]},
        {"query": "x" * 3000},
        {"filterGroups": [{"filters": [{"propertyName": "nonsense", "operator": "HAS_PROPERTY"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "city", "operator": "LIKE", "value": "x"}]}]},
        {"filterGroups": [{"filters": [{"propertyName": "closedate", "operator": "GT", "value": "soon"}]}]},
        {"after": "abc"},
    ],
)
def test_search_refuses_what_hubspot_refuses(http: httpx.Client, body: dict[str, Any]) -> None:
    answer = http.post(f"{CONTACTS}/search", json=body)
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")
