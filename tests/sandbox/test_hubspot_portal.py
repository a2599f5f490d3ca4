"""Limits, tokens, the clock, pages that shift, and what the portal keeps."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from sandbox.hubspot import FAST, HubSpot, Settings

from .hubspot_calls import CONTACTS, create, make_unique, serving


def test_search_has_five_calls_a_second_and_no_headers() -> None:
    portal = HubSpot()
    with serving(portal) as http:
        answers = [http.post(f"{CONTACTS}/search", json={}) for _ in range(6)]
        assert [a.status_code for a in answers] == [200] * 5 + [429]
        assert answers[5].json()["policyName"] == "SECONDLY"
        assert "x-hubspot-ratelimit-max" not in answers[0].headers
        assert http.get(CONTACTS).status_code == 200, "search does not use up the burst"
        portal.clock.advance(1)
        assert http.post(f"{CONTACTS}/search", json={}).status_code == 200


def test_the_burst_is_counted_in_ten_rolling_seconds_and_told_in_headers() -> None:
    portal = HubSpot(Settings(burst=3))
    with serving(portal) as http:
        answers = [http.get(CONTACTS) for _ in range(4)]
        assert [a.status_code for a in answers] == [200, 200, 200, 429]
        assert [a.headers["x-hubspot-ratelimit-remaining"] for a in answers] == ["2", "1", "0", "0"]
        assert answers[0].headers["x-hubspot-ratelimit-max"] == "3"
        assert answers[0].headers["x-hubspot-ratelimit-interval-milliseconds"] == "10000"
        assert answers[3].json()["policyName"] == "TEN_SECONDLY_ROLLING"
        assert portal.requests.refused == {f"GET {CONTACTS}": 1}
        portal.clock.advance(10)
        assert http.get(CONTACTS).status_code == 200


def test_the_day_has_its_own_limit() -> None:
    portal = HubSpot(Settings(daily=2))
    with serving(portal) as http:
        assert [http.get(CONTACTS).status_code for _ in range(3)] == [200, 200, 429]
        assert http.get(CONTACTS).json()["policyName"] == "DAILY"


def test_bad_and_narrow_tokens_are_told_apart() -> None:
    portal = HubSpot(Settings(scopes=("crm.objects.contacts.read", "oauth")))
    with serving(portal, token="nobody") as http:
        answer = http.get(CONTACTS)
        assert (answer.status_code, answer.json()["category"]) == (401, "INVALID_AUTHENTICATION")
    with serving(portal) as http:
        assert http.get(CONTACTS).status_code == 200
        answer = http.post(CONTACTS, json={"properties": {"email": "a@b.example"}})
        assert (answer.status_code, answer.json()["category"]) == (403, "MISSING_SCOPES")
        assert http.get("/account-info/v3/details").json()["portalId"] == 62515


@pytest.mark.parametrize("path", ["/oauth/v1/token", "/oauth/v3/token", "/oauth/2026-03/token"])
def test_refreshing_a_token(path: str) -> None:
    form = {
        "grant_type": "refresh_token",
        "client_id": "sandbox-client",
        "client_secret": "sandbox-secret",
        "refresh_token": "sandbox-refresh",
    }
    with serving(HubSpot()) as http:
        assert http.post(path, data=form).json()["token_type"] == "bearer"
        bad = http.post(path, data={**form, "refresh_token": "stolen"})
        assert bad.status_code == 400
        assert (bad.json()["status"], bad.json()["error"]) == ("BAD_REFRESH_TOKEN", "invalid_grant")


def test_the_clock_may_be_wrong(http: httpx.Client) -> None:
    http.post("/__sandbox__/clock", json={"frozen": True, "now": "2020-01-01T00:00:00+00:00"})
    assert create(http, email="a@b.example")["createdAt"] == "2020-01-01T00:00:00.000Z"


def test_a_page_shown_twice_goes_on_where_it_should(http: httpx.Client, portal: HubSpot) -> None:
    portal.seed({"email": f"e{n}@b.example"} for n in range(30))
    portal.faults.add("duplicate_page", nth=(2,))
    after, pages = "", []
    while after is not None:
        body = http.get(CONTACTS, params={"limit": 10, "after": after}).json()
        pages.append([c["id"] for c in body["results"]])
        after = body.get("paging", {}).get("next", {}).get("after")
    assert pages[0] == pages[1]
    assert len(pages) == 3
    assert pages[2] == [str(id_) for id_ in portal.contacts.ids[20:]]


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"properties": []}', b'{"properties": {"email": {}}}', b"\xff\x00"])
def test_what_is_not_json_is_a_400(http: httpx.Client, body: bytes) -> None:
    answer = http.post(CONTACTS, content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["category"]) == (400, "VALIDATION_ERROR")


def test_other_objects_are_not_here(http: httpx.Client) -> None:
    answer = http.get("/crm/v3/objects/tickets")
    assert answer.json()["message"] == "Unable to infer object type from: tickets"
    assert http.get("/nonsense").status_code == 404


def test_a_portal_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    portal = HubSpot(FAST)
    make_unique(portal)
    one, two, three = (portal.contacts.create({"email": f"s{n}@b.example", "smarketing_id": f"{n}"}) for n in range(3))
    portal.contacts.archive(str(one.id))
    merged = portal.contacts.merge(str(two.id), str(three.id))
    portal.contacts.opt_out("never@b.example")
    portal.save(tmp_path / "portal.json")
    back = HubSpot(FAST)
    back.load(tmp_path / "portal.json")
    assert back.summary() == portal.summary()
    assert back.contacts.get(str(two.id)).values == merged.values
    assert back.contacts.get("s2@b.example", "email").id == merged.id
    assert back.contacts.get(str(one.id), archived=True).archived == one.archived
    assert back.contacts.create({"email": "never@b.example"}).id > merged.id
    assert back.by_email("never@b.example").values["hs_email_optout"] == "true"
    with pytest.raises(ValueError, match="no contact"):
        back.by_email("nobody@b.example")


def test_edits_of_a_marketer(http: httpx.Client, portal: HubSpot) -> None:
    create(http, email="a@b.example", lifecyclestage="customer")
    edit = {"do": "set", "email": "a@b.example", "fields": {"lifecyclestage": "lead"}}
    assert http.post("/__sandbox__/state", json=edit).status_code == 200
    assert portal.by_email("a@b.example").values["lifecyclestage"] == "lead", "people may set it back"
    assert http.post("/__sandbox__/state", json={"do": "delete", "email": "a@b.example"}).status_code == 200
    assert http.post("/__sandbox__/state", json={"do": "delete", "email": "a@b.example"}).status_code == 400
    assert http.get("/__sandbox__/state").json()["archived"] == 1
