"""HubSpot's quirks of reading, one test each."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import respx

from connectors.base import Key
from connectors.errors import ProtocolChanged
from connectors.http import Patience
from connectors.hubspot import HubSpot, Settings
from sandbox.hubspot import search
from tests.connectors.hubspot.conftest import FIELDS, Portal, became, deleted, live, read

SEARCH = "/search$"
ARCHIVE_PAGE = 100


async def since_now(hubspot: Portal, connector: HubSpot) -> Any:
    """The cursor of a scan whose overlap holds none of the contacts there are by now."""
    hubspot.clock.advance(10)
    cursor = (await read(connector))[-1].cursor
    hubspot.clock.advance(10)
    hubspot.forget_calls()
    return cursor


# Search


async def test_search_stops_at_10_000_results_and_thousands_share_a_time(
    hubspot: Portal, connector: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2,500 contacts changed in the same millisecond, an import, where the sandbox stops at 1,000 results already:
    every query stays on its first page."""
    monkeypatch.setattr(search, "CAP", 1_000)
    cursor = await since_now(hubspot, connector)
    hubspot.clock.freeze()
    ids = hubspot.add(2_500)
    hubspot.clock.unfreeze()
    pages = await read(connector, cursor)
    assert live(pages) == ids
    assert hubspot.calls(SEARCH) == math.ceil(2_500 / 200)


async def test_an_incremental_run_takes_the_fewest_calls(hubspot: Portal, connector: HubSpot) -> None:
    ids = hubspot.add(450)
    cursor = await since_now(hubspot, connector)
    for changed in (0, 1, 200, 201, 400):
        for id in ids[:changed]:
            hubspot.edit(id, firstname=f"New {changed}")
        pages = await read(connector, cursor)
        assert sorted(live(pages)) == sorted(ids[:changed])
        assert hubspot.calls() <= math.ceil(changed / 200) + 2
        cursor = pages[-1].cursor
        hubspot.clock.advance(20)
        cursor = (await read(connector, cursor))[-1].cursor
        hubspot.clock.advance(20)
        hubspot.forget_calls()


async def test_a_contact_edited_between_two_pages_shifts_no_other_past_us(hubspot: Portal, connector: HubSpot) -> None:
    ids = hubspot.add(600)
    cursor = await since_now(hubspot, connector)
    for id in ids:
        hubspot.edit(id, firstname="Edited")
    found: set[str] = set()
    async for page in connector.read(FIELDS, cursor):
        found.update(live([page]))
        hubspot.clock.advance(1)
        for id in ids[:50]:  # on the first page: by offset, 50 others would slip past
            hubspot.edit(id, firstname=f"Again {hubspot.clock.elapsed()}")
    assert found == set(ids)


async def test_a_change_that_search_shows_late_is_found_by_the_overlap(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(index_delay=30.0)
    late, soon = hubspot.add(2)
    hubspot.clock.advance(300)
    connector = hubspot.connector(overlap_seconds=60.0)
    cursor = (await read(connector))[-1].cursor
    hubspot.clock.advance(100)
    hubspot.edit(soon, firstname="Soon")
    hubspot.clock.advance(25)
    hubspot.edit(late, firstname="Late")
    hubspot.clock.advance(10)
    first = await read(connector, cursor)
    assert live(first) == [soon]
    hubspot.clock.advance(30)
    second = await read(connector, first[-1].cursor)
    assert late in live(second)
    await connector.aclose()


async def test_a_question_of_more_than_3000_characters_is_refused(hubspot: Portal, connector: HubSpot) -> None:
    """So many properties are mapped that search does not take their names: it brings the ids, batch read the rest."""
    many = [f"property_with_quite_a_long_name_{n:03}" for n in range(120)]
    cursor = await since_now(hubspot, connector)
    ids = hubspot.add(250)
    pages = await read(connector, cursor, [*FIELDS, *many])
    assert live(pages) == ids
    assert pages[0].records[0].fields["email"] == "p0@example.com"
    assert hubspot.calls("batch/read") == 3


async def test_an_incremental_read_resumes_after_any_page(hubspot: Portal, connector: HubSpot) -> None:
    cursor = await since_now(hubspot, connector)
    ids = hubspot.add(450)
    hubspot.contacts.archive(hubspot.add(1, start=900)[0])
    pages = await read(connector, cursor)
    for stop in range(1, len(pages)):
        rest = await read(connector, pages[stop - 1].cursor)
        assert live(pages[:stop]) + live(rest) == ids
        assert len(deleted(pages[:stop]) + deleted(rest)) == 1
        assert rest[-1].cursor["phase"] == "changes"
        assert "at" not in rest[-1].cursor


# Merges


async def test_a_merge_makes_a_third_contact_that_names_the_two(hubspot: Portal, connector: HubSpot) -> None:
    a, b, c = hubspot.add(3)
    cursor = await since_now(hubspot, connector)
    survivor = str(hubspot.contacts.merge(a, b).id)
    pages = await read(connector, cursor)
    assert survivor not in (a, b)
    assert became(pages) == {a: survivor, b: survivor}
    assert live(pages) == [survivor]
    assert c not in live(pages)


async def test_a_chain_of_merges_leads_to_the_last_survivor(hubspot: Portal, connector: HubSpot) -> None:
    a, b, c = hubspot.add(3)
    cursor = await since_now(hubspot, connector)
    second = str(hubspot.contacts.merge(a, b).id)
    survivor = str(hubspot.contacts.merge(second, c).id)
    assert became(await read(connector, cursor)) == {a: survivor, b: survivor, c: survivor, second: survivor}


async def test_merge_before_delete_a_merged_contact_is_never_reported_deleted(
    hubspot: Portal, connector: HubSpot
) -> None:
    a, b, c = hubspot.add(3)
    cursor = await since_now(hubspot, connector)
    hubspot.contacts.merge(a, b)
    hubspot.contacts.archive(c)
    pages = await read(connector, cursor)
    assert deleted(pages) == [c]
    order = [("became" if r.became else "deleted") for page in pages for r in page.records if r.became or r.deleted]
    assert order == ["became", "became", "deleted"]


async def test_hs_merged_object_ids_is_no_field_unless_it_is_asked_for(hubspot: Portal, connector: HubSpot) -> None:
    a, b = hubspot.add(2)
    hubspot.contacts.merge(a, b)
    (page,) = await read(connector)
    assert set(page.records[0].fields) == set(FIELDS)
    (page,) = await read(connector, fields=["hs_merged_object_ids", "lastmodifieddate"])
    assert page.records[0].fields["hs_merged_object_ids"] == f"{a};{b}"
    assert set(page.records[0].fields) == {"hs_merged_object_ids", "lastmodifieddate"}


async def test_find_by_the_id_of_a_merged_contact_gives_its_survivor(hubspot: Portal, connector: HubSpot) -> None:
    a, b, c = hubspot.add(3)
    survivor = str(hubspot.contacts.merge(a, b).id)
    keys = [Key("id", a), Key("id", c), Key("id", b), Key("id", survivor), Key("id", "999999"), Key("id", "no-id")]
    found = await connector.find(keys, FIELDS)
    assert [[r.id for r in one] for one in found] == [[survivor], [c], [survivor], [survivor], [], []]
    assert set(found[0][0].fields) == set(FIELDS)


# Deletions


async def test_the_archive_has_no_time_filter_but_a_deletion_is_reported_once(
    hubspot: Portal, connector: HubSpot
) -> None:
    ids = hubspot.add(5)
    hubspot.contacts.archive(ids[0])
    cursor = await since_now(hubspot, connector)
    assert deleted(await read(connector, cursor)) == []
    hubspot.contacts.archive(ids[1])
    pages = await read(connector, cursor)
    assert deleted(pages) == [ids[1]]
    hubspot.clock.advance(20)
    pages = await read(connector, pages[-1].cursor)
    hubspot.clock.advance(20)
    assert deleted(await read(connector, pages[-1].cursor)) == []


async def test_a_long_archive_is_swept_over_several_runs(hubspot: Portal) -> None:
    connector = hubspot.connector(archived_pages=2)
    ids = hubspot.add(ARCHIVE_PAGE * 5)
    cursor = await since_now(hubspot, connector)
    for id in ids:
        hubspot.contacts.archive(id)
    found: list[str] = []
    for _ in range(3):
        hubspot.forget_calls()
        pages = await read(connector, cursor)
        found += deleted(pages)
        cursor = pages[-1].cursor
        assert hubspot.calls("GET .*contacts$") <= 2
        hubspot.clock.advance(60)
    assert sorted(found) == sorted(ids)
    await connector.aclose()


async def test_a_contact_archived_while_the_sweep_has_passed_it_is_in_the_next(hubspot: Portal) -> None:
    connector = hubspot.connector(archived_pages=1)
    ids = hubspot.add(ARCHIVE_PAGE + 10)
    cursor = await since_now(hubspot, connector)
    for id in ids[1:]:
        hubspot.contacts.archive(id)
    pages = await read(connector, cursor)
    hubspot.contacts.archive(ids[0])
    found = deleted(pages)
    for _ in range(3):
        hubspot.clock.advance(60)
        pages = await read(connector, pages[-1].cursor)
        found += deleted(pages)
    assert ids[0] in found
    await connector.aclose()


async def test_a_scan_that_was_resumed_reads_the_whole_archive_next(hubspot: Portal, connector: HubSpot) -> None:
    """It cannot prove absence, so what was deleted before it began must come as tombstones."""
    gone, *_ = hubspot.add(150)
    hubspot.contacts.archive(gone)
    hubspot.clock.advance(1000)
    first = await anext(aiter(connector.read(FIELDS)))
    rest = await read(connector, first.cursor)
    assert not rest[-1].complete
    assert deleted(await read(connector, rest[-1].cursor)) == [gone]


async def test_the_archive_forgets_after_90_days_so_an_older_cursor_starts_a_scan(
    hubspot: Portal, connector: HubSpot
) -> None:
    hubspot.add(3)
    cursor = await since_now(hubspot, connector)
    hubspot.clock.advance(86 * 86_400)
    pages = await read(connector, cursor)
    assert pages[-1].complete
    assert len(live(pages)) == 3


async def test_a_backfill_from_long_ago_is_no_scan(hubspot: Portal, connector: HubSpot) -> None:
    (old,) = hubspot.add(1)
    hubspot.clock.advance(200 * 86_400)
    between = hubspot.clock.now()
    hubspot.clock.advance(100 * 86_400)
    (new,) = hubspot.add(1, start=5)
    pages = await read(connector, connector.cursor_at(between))
    assert live(pages) == [new]
    assert old not in live(pages)
    assert not pages[-1].complete


async def test_without_archived_pages_nothing_is_promised(hubspot: Portal) -> None:
    connector = hubspot.connector(archived_pages=0)
    ids = hubspot.add(2)
    cursor = await since_now(hubspot, connector)
    hubspot.contacts.archive(ids[0])
    pages = await read(connector, cursor)
    assert not connector.can.tombstones
    assert deleted(pages) == []
    assert hubspot.calls("GET") == 0
    await connector.aclose()


async def test_archiving_does_not_touch_lastmodifieddate(hubspot: Portal, connector: HubSpot) -> None:
    """Why the archive must be read at all: search has nothing to show."""
    (id,) = hubspot.add(1)
    cursor = await since_now(hubspot, connector)
    hubspot.contacts.archive(id)
    pages = await read(connector, cursor)
    assert live(pages) == []
    assert deleted(pages) == [id]


# Clocks


@pytest.mark.parametrize("skew", [-300, 300])
async def test_a_clock_that_differs_from_hubspots_loses_no_edit(hubspot: Portal, skew: int) -> None:
    """The cursor goes by min(our start, newest seen); ours is wrong by five minutes."""
    hubspot.clock.skew = timedelta(seconds=skew)
    start = datetime.now(UTC)
    settings = Settings(access_token=hubspot.server.settings.token, base_url=hubspot.url, overlap_seconds=5.0)
    connector = HubSpot("hubspot", settings, clock=lambda: start + timedelta(seconds=hubspot.clock.elapsed()))
    ids, cursor, found = hubspot.add(300), None, {}
    for round in range(4):
        async for page in connector.read(FIELDS, cursor):
            found |= {r.id: r.fields["firstname"] for r in page.records if not r.deleted}
            cursor = page.cursor
            hubspot.clock.advance(1)
            for id in (ids[0], ids[-1]):
                hubspot.edit(id, firstname=f"Round {round}")
        hubspot.clock.advance(30)
    async for page in connector.read(FIELDS, cursor):
        found |= {r.id: r.fields["firstname"] for r in page.records}
    assert {found[ids[0]], found[ids[-1]]} == {"Round 3"}
    await connector.aclose()


# Finding


async def test_find_folds_the_case_of_emails_and_knows_the_further_ones(hubspot: Portal, connector: HubSpot) -> None:
    a, b = hubspot.add(2)
    survivor = str(hubspot.contacts.merge(a, b).id)
    keys = [Key("email", " P0@EXAMPLE.com"), Key("email", "p1@example.com"), Key("email", "nobody@example.com")]
    found = await connector.find(keys, ["firstname"])
    assert [[r.id for r in one] for one in found] == [[survivor], [survivor], []]
    assert set(found[0][0].fields) == {"firstname"}


async def test_find_by_a_property_that_is_not_unique_goes_by_search_and_gives_all(
    hubspot: Portal, connector: HubSpot
) -> None:
    ids = hubspot.add(60, lastname="Müller")
    for n, id in enumerate(ids):
        hubspot.edit(id, phone=f"+49 30 {n // 2}")
    keys = [Key("phone", f"+49 30 {n}") for n in (3, 99, 0)] + [Key("lifecyclestage", "lead")]
    found = await connector.find(keys, FIELDS)
    assert [[r.id for r in one] for one in found] == [ids[6:8], [], ids[0:2], []]


async def test_find_by_value_gives_all_however_many_pages_they_fill(hubspot: Portal, connector: HubSpot) -> None:
    ids = hubspot.add(450, company="Acme")
    (found,) = await connector.find([Key("company", "acme")], FIELDS)
    assert [record.id for record in found] == ids


async def test_contacts_that_vanish_between_search_and_batch_read_end_nothing(
    hubspot: Portal, connector: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [f"property_with_quite_a_long_name_{n:03}" for n in range(120)]
    cursor = await since_now(hubspot, connector)
    ids = hubspot.add(450)
    wait = hubspot.contacts.find

    def deleted_meanwhile(key: str, *args: Any, **more: Any) -> Any:
        return None if key in ids[:200] else wait(key, *args, **more)

    monkeypatch.setattr(hubspot.contacts, "find", deleted_meanwhile)
    assert live(await read(connector, cursor, many)) == ids[200:]


async def test_find_takes_more_keys_than_a_batch(hubspot: Portal, connector: HubSpot) -> None:
    ids = hubspot.add(230)
    found = await connector.find([Key("email", f"p{n}@example.com") for n in range(230)], FIELDS)
    assert [one[0].id for one in found] == ids
    assert hubspot.calls("batch/read") == 3


# A vendor that misbehaves

URL = "https://api.hubapi.test"


def mocked() -> HubSpot:
    settings = Settings(access_token="t", base_url=URL, archived_pages=0)
    return HubSpot("hubspot", settings, patience=Patience(attempts=2, first=0.0, longest=0.0))


def contact(id: int, **properties: str) -> dict[str, Any]:
    stamp = "2026-01-01T00:00:00.000Z"
    return {"id": str(id), "properties": properties, "createdAt": stamp, "updatedAt": stamp, "archived": False}


@respx.mock(base_url=URL)
async def test_a_list_that_leads_in_circles_ends(respx_mock: respx.MockRouter) -> None:
    page = {"results": [contact(1)], "paging": {"next": {"after": "7"}}}
    respx_mock.get("/crm/v3/objects/contacts").mock(return_value=httpx.Response(200, json=page))
    with pytest.raises(ProtocolChanged, match="leads back"):
        await read(mocked())


@respx.mock(base_url=URL)
async def test_a_search_that_shows_the_same_page_again_ends(respx_mock: respx.MockRouter) -> None:
    page = {"total": 9, "results": [contact(1)], "paging": {"next": {"after": "1"}}}
    respx_mock.post("/crm/v3/objects/contacts/search").mock(return_value=httpx.Response(200, json=page))
    cursor = {"phase": "changes", "since": datetime.now(UTC).isoformat()}
    with pytest.raises(ProtocolChanged, match="led back"):
        await read(mocked(), cursor)


@respx.mock(base_url=URL)
async def test_merge_before_delete_even_where_the_archive_lists_a_merged_contact(respx_mock: respx.MockRouter) -> None:
    found = {"results": [contact(9, hs_merged_object_ids="7;8")]}
    archived = {"results": [{**contact(7), "archived": True, "archivedAt": "2026-01-02T00:00:00Z"}]}
    respx_mock.post("/crm/v3/objects/contacts/search").mock(return_value=httpx.Response(200, json=found))
    respx_mock.get("/crm/v3/objects/contacts").mock(return_value=httpx.Response(200, json=archived))
    connector = HubSpot("hubspot", Settings(access_token="t", base_url=URL))
    pages = await read(connector, connector.cursor_at(datetime.now(UTC)))
    assert became(pages) == {"7": "9", "8": "9"}
    assert deleted(pages) == []


@pytest.mark.parametrize(
    "broken",
    [
        {"id": "1"},
        {**contact(1), "updatedAt": "yesterday"},
        {**contact(1), "properties": None},
        {**contact(1), "updatedAt": None},
        "no object at all",
    ],
)
@respx.mock(base_url=URL)
async def test_a_contact_in_another_shape_stops_the_run(respx_mock: respx.MockRouter, broken: Any) -> None:
    respx_mock.get("/crm/v3/objects/contacts").mock(return_value=httpx.Response(200, json={"results": [broken]}))
    with pytest.raises(ProtocolChanged):
        await read(mocked())


@pytest.mark.parametrize("fault", ["duplicate_page", "shift_page"])
async def test_pages_that_overlap_lose_nothing(hubspot: Portal, connector: HubSpot, fault: Any) -> None:
    ids = hubspot.add(450)
    hubspot.faults.add(fault, path="contacts$", nth=(3,))
    pages = await read(connector)
    assert set(live(pages)) == set(ids)
