"""HubSpot's users, and what happened, from eight lists."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import respx

from connectors.base import ACTIVITY_FIELDS, Connector, Key, Page, Write
from connectors.errors import ProtocolChanged, Unauthorized
from connectors.hubspot import HubSpot, Settings
from connectors.hubspot import marketing_events as theirs
from tests.connectors.hubspot.conftest import Portal, read

ALL = list(ACTIVITY_FIELDS)


def now(hubspot: Portal) -> int:
    return int(hubspot.clock.now().timestamp() * 1000)


def told(pages: list[Page]) -> dict[str, dict[str, Any]]:
    return {record.id: dict(record.fields) for page in pages for record in page.records}


async def everything(connector: Connector, since: Any = None, fields: list[str] = ALL) -> list[Page]:
    return [page async for page in connector.read(fields, since)]


@pytest.fixture
def activities(connector: HubSpot) -> Connector:
    return connector.of("activity")


# Owners


async def test_an_owner_who_left_is_a_record_that_is_not_active(hubspot: Portal, connector: HubSpot) -> None:
    owners = hubspot.server.owners
    ada = owners.add("ada@example.com", "Ada", "Lovelace", created=now(hubspot))
    bob = owners.add("bob@example.com", "Bob", "Gone", created=now(hubspot), archived=True)
    connected = connector.of("owner")
    (page,) = await read(connected, None, ["email", "active", "userId"])
    assert page.complete
    assert told([page]) == {
        str(ada.id): {"email": "ada@example.com", "active": True, "userId": str(ada.user_id)},
        str(bob.id): {"email": "bob@example.com", "active": False, "userId": str(bob.user_id)},
    }
    (again,) = await read(connected, page.cursor, ["email"])
    assert len(again.records) == 2
    found = await connected.find([Key("email", "BOB@example.com"), Key("id", str(ada.id)), Key("id", "1")], ["email"])
    assert [[r.id for r in one] for one in found] == [[str(bob.id)], [str(ada.id)], []]
    (refused,) = await connected.write([Write("r", "create", {"email": "x@example.com"})])
    assert refused.outcome == "rejected"
    assert not connected.can.create


async def test_owners_come_in_pages(hubspot: Portal, connector: HubSpot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.hubspot.owners.PAGE", 2)
    for n in range(5):
        hubspot.server.owners.add(f"o{n}@example.com", "O", str(n), created=now(hubspot))
    (page,) = await read(connector.of("owner"), None, ["email"])
    assert sorted(r.fields["email"] for r in page.records) == [f"o{n}@example.com" for n in range(5)]
    assert hubspot.calls("owners") == 4


async def test_a_record_can_only_be_given_to_somebody_who_is_there(hubspot: Portal, connector: HubSpot) -> None:
    ada = hubspot.server.owners.add("ada@example.com", "Ada", "L", created=now(hubspot))
    (id,) = hubspot.add(1)
    (good,) = await connector.write([Write("r", "update", {"hubspot_owner_id": str(ada.id)}, id=id)])
    (bad,) = await connector.write([Write("r", "update", {"hubspot_owner_id": "77"}, id=id)])
    assert (good.outcome, bad.outcome) == ("done", "rejected")
    assert bad.error is not None
    assert bad.error.field == "hubspot_owner_id"


# Activities


async def test_what_salespeople_log_is_told_with_whom_and_what_it_is_about(
    hubspot: Portal, activities: Connector
) -> None:
    ada = str(hubspot.server.owners.add("ada@example.com", "Ada", "L", created=now(hubspot)).id)
    (lead,), company = hubspot.add(1), hubspot.make("companies", name="A")
    deal = hubspot.make("deals", dealname="D", dealstage="qualifiedtobuy")
    at = "2026-03-01T10:00:00.000Z"
    more = {"hs_timestamp": at, "hubspot_owner_id": ada}
    call = hubspot.make("calls", hs_call_title="Hello", hs_call_direction="INBOUND", hs_call_status="COMPLETED", **more)
    mail = hubspot.make("emails", hs_email_subject="Re: price", hs_email_direction="INCOMING_EMAIL", **more)
    sent = hubspot.make("emails", hs_email_subject="Price", hs_email_direction="EMAIL", hs_email_status="SENT", **more)
    meeting = hubspot.make("meetings", hs_meeting_title="Demo", hs_meeting_outcome="COMPLETED", **more)
    note = hubspot.make("notes", hs_note_body="<p>They &amp; we<br>agree</p>", **more)
    task = hubspot.make(
        "tasks", hs_task_subject="Call back", hs_task_status="NOT_STARTED", hs_timestamp="4102444800000"
    )
    for other in (("contacts", lead), ("companies", company), ("deals", deal)):
        hubspot.link("calls", call, *other)
    found = told(await everything(activities))
    assert found[f"call:{call}"] == {
        "type": "call", "at": "2026-03-01T10:00:00+00:00", "leads": [lead], "company": company, "deal": deal,
        "owner": ada, "email": None, "subject": "Hello", "direction": "in", "campaign": None, "status": "COMPLETED",
        "url": None, "value": None,
    }  # fmt: skip
    kinds = {id: (one["type"], one["direction"], one["subject"]) for id, one in found.items()}
    assert kinds == {
        f"call:{call}": ("call", "in", "Hello"),
        f"email:{mail}": ("email_reply", "in", "Re: price"),
        f"email:{sent}": ("email_sent", "out", "Price"),
        f"meeting:{meeting}": ("meeting", None, "Demo"),
        f"note:{note}": ("note", None, "They & we agree"),
        f"task:{task}": ("task", None, "Call back"),
    }
    assert found[f"task:{task}"]["at"].startswith(f"{hubspot.clock.now():%Y-%m-%d}"), "when it was made, not when due"
    assert found[f"note:{note}"]["leads"] == []


async def test_forms_opens_and_clicks_are_told_with_an_address(hubspot: Portal, activities: Connector) -> None:
    marketing, at = hubspot.server.marketing, now(hubspot)
    form = marketing.form("Price list", created=at)
    marketing.submit(form, at, {"email": "p0@example.com", "firstname": "P"}, "https://example.com/price")
    campaign = marketing.campaign("Spring", "Our new prices")
    marketing.happened("OPEN", at, "p0@example.com", campaign)
    marketing.happened("OPEN", at + 1, "p0@example.com", campaign, filtered=True)
    marketing.happened("CLICK", at + 2, "p0@example.com", campaign, "https://example.com/offer")
    marketing.happened("SENT", at, "p0@example.com", campaign)
    hubspot.clock.advance(5)
    found = {one["type"]: one for one in told(await everything(activities)).values()}
    assert found.keys() == {"form", "email_open", "email_click"}
    assert found["form"]["subject"] == "Price list"
    assert found["form"]["url"] == "https://example.com/price"
    assert found["email_click"]["url"] == "https://example.com/offer"
    assert {one["email"] for one in found.values()} == {"p0@example.com"}
    assert found["email_open"]["campaign"] == "Spring"
    assert found["email_open"]["subject"] == "Our new prices"
    assert hubspot.calls("campaigns") <= 2, "a campaign is asked for once"


async def test_a_cursor_covers_every_stream_and_a_later_read_brings_what_is_new(
    hubspot: Portal, activities: Connector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(theirs, "SUBMISSIONS_PAGE", 10)
    monkeypatch.setattr(theirs, "EVENTS_PAGE", 10)
    marketing = hubspot.server.marketing
    forms = [marketing.form(name, created=now(hubspot)) for name in ("A", "B")]
    campaign = marketing.campaign("Spring", "Prices")

    def happen(count: int) -> None:
        for n in range(count):
            at = now(hubspot)
            marketing.submit(forms[n % 2], at, {"email": f"p{n}@example.com"}, "https://example.com")
            marketing.happened("OPEN", at, f"p{n}@example.com", campaign)
            hubspot.make("notes", hs_note_body=f"Note {n}", hs_timestamp=str(at))
            hubspot.clock.advance(60)

    happen(35)
    hubspot.clock.advance(7200)
    pages = await everything(activities)
    before = told(pages)
    assert len(before) == 3 * 35
    assert not any(page.complete for page in pages)
    for page in pages:
        assert json.loads(json.dumps(page.cursor)) == page.cursor
    for stop, page in enumerate(pages):
        rest = told(await everything(activities, page.cursor))
        assert {*told(pages[: stop + 1]), *rest} == set(before), "resumed after any page"
    hubspot.clock.advance(7200)
    happen(4)
    later = told(await everything(activities, pages[-1].cursor))
    assert len(later.keys() - before.keys()) == 3 * 4
    assert len(later) < 40, "and not everything again"


async def test_calls_that_were_archived_are_told_a_few_pages_a_run_until_all_are_known(
    hubspot: Portal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("connectors.hubspot.engagements.LIST_PAGE", 2)
    activities = hubspot.connector(archived_pages=2).of("activity")
    calls = [hubspot.make("calls", hs_call_title="Hello", hs_timestamp=str(now(hubspot))) for _ in range(9)]
    kept = hubspot.make("calls", hs_call_title="Stays", hs_timestamp=str(now(hubspot)))
    cursor = (await everything(activities))[-1].cursor
    hubspot.clock.advance(60)
    with hubspot.server.lock:
        for id in calls:
            hubspot.server.objects["calls"].archive(id)
    hubspot.clock.advance(60)
    runs: list[set[str]] = []
    for _ in range(4):
        pages = await everything(activities, json.loads(json.dumps(cursor)))
        cursor = pages[-1].cursor
        runs.append({record.id for page in pages for record in page.records if record.deleted})
        hubspot.clock.advance(7200)
    assert [len(gone) for gone in runs] == [4, 4, 1, 0]
    assert set.union(*runs) == {f"call:{id}" for id in calls}
    assert told(await everything(activities)).keys() == {f"call:{kept}"}
    await activities.aclose()


async def test_an_open_that_is_listed_late_is_found_by_the_overlap(hubspot: Portal, activities: Connector) -> None:
    marketing = hubspot.server.marketing
    campaign = marketing.campaign("Spring", "Prices")
    marketing.happened("OPEN", now(hubspot) - 1000, "p0@example.com", campaign)
    cursor = (await everything(activities))[-1].cursor
    hubspot.clock.advance(600)
    marketing.happened("OPEN", now(hubspot) - 900_000, "late@example.com", campaign)
    assert "late@example.com" in {one["email"] for one in told(await everything(activities, cursor)).values()}


async def test_a_stream_that_the_app_may_not_read_is_left_out_and_told(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(scopes=("crm.objects.contacts.read", "crm.objects.contacts.write", "oauth", "forms"))
    activities = hubspot.connector().of("activity")
    note = hubspot.make("notes", hs_note_body="Hello", hs_timestamp=str(now(hubspot)))
    hubspot.make("emails", hs_email_subject="Secret", hs_timestamp=str(now(hubspot)))
    (lead,), company = hubspot.add(1), hubspot.make("companies", name="A")
    hubspot.link("notes", note, "contacts", lead)
    hubspot.link("notes", note, "companies", company)
    found = told(pages := await everything(activities))
    assert found.keys() == {f"note:{note}"}
    assert (found[f"note:{note}"]["leads"], found[f"note:{note}"]["company"]) == ([lead], None)
    assert "emails" not in pages[-1].cursor["streams"], "should it be allowed, it begins at its beginning"
    detail = (await activities.check()).detail
    assert "reads calls, meetings, notes, tasks, forms" in detail
    assert "may not read emails (needs sales-email-read), opens (needs content)" in detail
    await activities.aclose()


async def test_where_no_stream_can_be_read_check_fails(open_portal: Callable[..., Portal]) -> None:
    activities = open_portal(scopes=("oauth",)).connector().of("activity")
    with pytest.raises(Unauthorized, match="Give the app"):
        await activities.check()
    await activities.aclose()


async def test_find_gives_what_salespeople_log_by_its_id(hubspot: Portal, activities: Connector) -> None:
    note = hubspot.make("notes", hs_note_body="Hello", hs_timestamp=str(now(hubspot)))
    keys = [Key("id", f"note:{note}"), Key("id", f"call:{note}"), Key("id", "form:x"), Key("email", "a@b.example")]
    found = await activities.find(keys, ["subject"])
    assert [[(r.id, r.fields) for r in one] for one in found] == [[(f"note:{note}", {"subject": "Hello"})], [], [], []]
    assert {field.name for field in await activities.schema()} == set(ACTIVITY_FIELDS)


@respx.mock(base_url="https://api.hubapi.test")
async def test_events_of_a_list_that_leads_in_circles_end(respx_mock: respx.MockRouter) -> None:
    page = {"hasMore": True, "offset": "1", "events": [{"id": "x", "created": 1, "recipient": "a@b.example"}]}
    nothing = httpx.Response(200, json={"results": []})
    respx_mock.post(path__regex="/search$").mock(return_value=nothing)
    respx_mock.get("/marketing/v3/forms").mock(return_value=nothing)
    respx_mock.get("/email/public/v1/events").mock(return_value=httpx.Response(200, json=page))
    connector = HubSpot("hubspot", Settings(access_token="t", base_url="https://api.hubapi.test"))
    with pytest.raises(ProtocolChanged, match="leads back"):
        await everything(connector.of("activity"))
