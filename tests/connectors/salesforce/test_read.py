"""Reading an org: every quirk of Salesforce's by name."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any

import httpx
import pytest

from connectors.base import Record
from connectors.errors import Misconfigured, RateLimited
from connectors.salesforce import Salesforce
from sandbox.limits import Window
from tests.connectors.salesforce.conftest import FIELDS, World, overruled, pages_of, records_in

QUERIES = r"GET /services/data/v[\d.]+/query"


async def scanned(sf: Salesforce) -> Any:
    return (await pages_of(sf))[-1].cursor


async def changes(sf: Salesforce, since: Any) -> dict[str, Record]:
    return {record.id: record for record in records_in(await pages_of(sf, since))}


async def test_leads_and_contacts_are_one_kind_under_leads_names(world: World) -> None:
    account = world.create("Account", Name="Acme")
    lead = world.create(Street="Way 1", NumberOfEmployees=7, Email="A@B.example")
    contact = world.create("Contact", AccountId=account, MailingStreet="Way 2")
    found = {record.id: record.fields for record in records_in(await pages_of(world.connector()))}
    assert found[lead]["Street"] == "Way 1"
    assert found[lead]["NumberOfEmployees"] == 7
    assert found[contact]["Street"] == "Way 2"
    assert found[contact]["Company"] == "Acme"
    assert "Status" not in found[contact]


async def test_querymore_gives_pages_beyond_2000(world: World) -> None:
    world.org.switches.page_size = 200
    ids = world.leads(450)
    pages = await pages_of(world.connector())
    assert sorted(record.id for record in records_in(pages)) == sorted(ids)
    assert len([page for page in pages if page.records]) == 3
    assert pages[-1].complete


async def test_querymore_locator_that_is_lost_is_replaced_by_the_keyset(world: World) -> None:
    world.org.switches.page_size = 100
    world.org.clock.freeze()
    ids = world.leads(250)
    found: list[str] = []
    async for page in world.connector().read(FIELDS):
        found += [record.id for record in page.records]
        world.vendor.cursors._open.clear()
    assert sorted(found) == sorted(ids)


async def test_recycle_bin_deletions_are_tombstones_and_restored_records_live(world: World) -> None:
    sf = world.connector()
    lead, kept = world.leads(2)
    contact = world.create("Contact")
    cursor = await scanned(sf)
    world.later(400)
    for id_ in (lead, contact, kept):
        world.delete(id_)
    world.org.undelete(world.org.tables["Lead"], kept)
    found = await changes(sf, cursor)
    assert {id_ for id_, record in found.items() if record.deleted} == {lead, contact}
    assert not found[kept].deleted


async def test_masterrecordid_says_what_a_merged_record_became(world: World) -> None:
    sf = world.connector()
    winner, loser = world.leads(2)
    contacts = [world.create("Contact"), world.create("Contact")]
    cursor = await scanned(sf)
    world.merge(winner, loser)
    world.merge(*contacts)
    found = await changes(sf, cursor)
    assert (found[loser].became, found[loser].deleted) == (winner, True)
    assert found[contacts[1]].became == contacts[0]
    assert found[winner].became is None


async def test_converted_leads_become_their_contacts(world: World) -> None:
    sf = world.connector()
    lead = world.create(Email="a@b.example", Company="Acme")
    cursor = await scanned(sf)
    contact = world.convert(lead).contact_id
    found = await changes(sf, cursor)
    assert found[lead].became == contact
    assert not found[lead].deleted
    assert found[contact].fields["Email"] == "a@b.example"
    assert found[contact].fields["Company"] == "Acme"


async def test_systemmodstamp_may_become_visible_late(world: World) -> None:
    sf = world.connector()
    world.leads(2)
    cursor = await scanned(sf)
    world.later(60)
    world.org.switches.late_visibility = 120.0
    late = world.create(LastName="Late")
    world.org.switches.late_visibility = 0.0
    world.later(30)
    early = world.create(LastName="Early")
    pages = await pages_of(sf, cursor)
    assert early in {record.id for record in records_in(pages)}
    assert late not in {record.id for record in records_in(pages)}
    world.later(180)
    assert late in await changes(sf, pages[-1].cursor)


async def test_an_incremental_run_takes_two_queries_and_a_quiet_org_is_read_once(world: World) -> None:
    sf = world.connector()
    world.leads(30)
    cursor = await scanned(sf)
    counts = []
    for _ in range(3):
        world.later(900)
        world.forget_calls()
        pages = await pages_of(sf, cursor)
        cursor = pages[-1].cursor
        counts.append(len(records_in(pages)))
        assert world.calls() <= 2
    # Once for what may have been late, then never again.
    assert counts == [30, 0, 0]


async def test_same_timestamp_thousands_are_neither_lost_nor_repeated(world: World) -> None:
    world.org.switches.page_size = 200
    world.org.clock.freeze()
    ids = world.leads(700)
    cursor: Any = None
    found: list[str] = []
    while True:
        # Stopped after every page, and begun again from its checkpoint.
        page = await anext(aiter(world.connector().read(FIELDS, cursor)))
        cursor = json.loads(json.dumps(page.cursor))
        found += [record.id for record in page.records]
        if cursor["phase"] == "changes":
            break
    assert sorted(found) == sorted(ids)


async def test_changes_of_both_objects_come_oldest_first(world: World) -> None:
    """A backfill ends at the first batch behind its window: everything before must have come by then."""
    sf = world.connector()
    world.org.switches.page_size = 10
    cursor = await scanned(sf)
    dice = random.Random(5)
    for _ in range(120):
        world.create(dice.choice(["Lead", "Lead", "Lead", "Contact"]))
        world.later(dice.choice([0, 1, 30]))
    pages = await pages_of(sf, cursor)
    times = [record.changed_at for record in records_in(pages)]
    assert len(times) == 120
    assert times == sorted(time for time in times if time)
    resumed = await pages_of(world.connector(), json.loads(json.dumps(pages[2].cursor)))
    told = [record.id for page in pages[:3] for record in page.records] + [r.id for r in records_in(resumed)]
    assert sorted(told) == sorted(world.live())


async def test_a_backfill_begins_at_any_time_however_long_ago(world: World) -> None:
    old = world.create(LastName="Old")
    world.later(timedelta(days=40).total_seconds())
    at = world.org.clock.now().replace(microsecond=0)
    world.org.clock.set(at)
    lead, contact = world.create(), world.create("Contact")
    world.later(timedelta(days=40).total_seconds())
    sf = world.connector()
    pages = await pages_of(sf, json.loads(json.dumps(sf.cursor_at(at))))
    assert {record.id for record in records_in(pages)} == {lead, contact}
    assert old not in {record.id for record in records_in(pages)}
    assert not any(page.complete for page in pages)


async def test_getdeleted_tells_what_left_the_recycle_bin(world: World) -> None:
    sf = world.connector()
    gone, merged, winner, restored = world.leads(4)
    cursor = await scanned(sf)
    world.later(3_600)
    world.delete(gone)
    table = world.org.tables["Lead"]
    when = world.row(gone)["SystemModstamp"]
    table.remove(gone)
    world.merge(winner, merged)
    world.delete(restored)
    world.org.undelete(table, restored)
    # The delete log remembers all of them; the recycle bin only one.
    table.bin.update(dict.fromkeys((gone, restored), when))
    world.later(60)
    pages = await pages_of(sf, cursor)
    found = {record.id: record for record in records_in(pages)}
    assert (found[gone].deleted, found[gone].became, dict(found[gone].fields)) == (True, None, {})
    assert found[merged].became == winner
    assert not found[restored].deleted
    assert world.calls("/deleted") == 2
    told = [record.id for record in records_in(pages)]
    assert (told.count(merged), told.count(restored)) == (1, 1)


async def test_getdeleted_is_asked_once_an_hour_from_latestdatecovered(world: World) -> None:
    starts: list[str] = []

    def note(request: httpx.Request) -> None:
        if "/Lead/deleted" in request.url.path:
            starts.append(httpx.URL(request.extensions["target"].decode()).params["start"])

    sf = overruled(world, note)
    world.leads(1)
    cursor = await scanned(sf)
    for _ in range(6):
        world.later(1_500)
        asked = world.org.clock.now()
        cursor = (await pages_of(sf, cursor))[-1].cursor
        if len(starts) == 1:
            covered = asked.replace(second=0, microsecond=0).isoformat()
    assert len(starts) == 2
    assert starts[1] <= covered
    assert starts[1].endswith(":00+00:00"), "the sandbox covers whole minutes"


async def test_a_cursor_older_than_15_days_becomes_a_full_scan(world: World) -> None:
    sf = world.connector()
    ids = world.leads(3)
    cursor = await scanned(sf)
    world.delete(ids[0])
    world.later(timedelta(days=16).total_seconds())
    pages = await pages_of(sf, cursor)
    assert pages[-1].complete
    assert {record.id for record in records_in(pages)} == set(ids[1:])
    assert not (await pages_of(sf, pages[-1].cursor))[-1].complete


@pytest.mark.parametrize("code", ["INVALID_REPLICATION_DATE", "EXCEEDED_ID_LIMIT"])
async def test_a_delete_log_that_cannot_answer_becomes_a_full_scan(world: World, code: str) -> None:
    def refuse(request: httpx.Request) -> httpx.Response | None:
        refusal = [{"errorCode": code, "message": "no"}]
        return httpx.Response(400, json=refusal) if "/deleted" in request.url.path else None

    sf = overruled(world, refuse)
    ids = world.leads(3)
    cursor = await scanned(sf)
    world.later(2 * 3_600)
    pages = await pages_of(sf, cursor)
    assert pages[-1].complete
    assert {record.id for record in records_in(pages)} == set(ids)


async def test_earliestdateavailable_after_the_cursor_becomes_a_full_scan(world: World) -> None:
    def purged(request: httpx.Request) -> httpx.Response | None:
        at = (world.org.clock.now() - timedelta(minutes=10)).isoformat()
        answer = {"deletedRecords": [], "earliestDateAvailable": at, "latestDateCovered": at}
        return httpx.Response(200, json=answer) if "/deleted" in request.url.path else None

    sf = overruled(world, purged)
    world.leads(3)
    cursor = await scanned(sf)
    world.later(2 * 3_600)
    assert (await pages_of(sf, cursor))[-1].complete


async def test_url_length_many_fields_are_read_in_several_queries(world: World) -> None:
    from sandbox.salesforce.schema import text

    names = [f"A_rather_long_name_of_a_custom_field_{n}__c" for n in range(600)]
    for name in names:
        world.org.add_field(world.org.tables["Lead"], text(name, 50))
    ids = [world.create(**{names[-1]: f"last{n}", names[0]: f"first{n}"}) for n in range(600)]
    pages = await pages_of(world.connector(), fields=[*FIELDS, *names])
    found = {record.id: record.fields for record in records_in(pages)}
    assert len(found) == 600
    assert found[ids[5]][names[-1]] == "last5"
    assert found[ids[5]][names[0]] == "first5"
    assert set(found[ids[5]]) == {*FIELDS, *names}


async def test_bulk_scan_above_the_threshold_gives_what_rest_gives(world: World) -> None:
    account = world.create("Account", Name='Acme, "the" best\nof all')
    world.leads(30, Description="two\nlines", NumberOfEmployees=12, EmailBouncedDate="2026-01-31T08:00:00.000+0000")
    for n in range(30):
        world.create(
            "Contact", LastName=f"Doe{n}", AccountId=account, HasOptedOutOfEmail=bool(n % 2), Birthdate="1970-01-01"
        )
    world.merge(*world.leads_named("Roe1", "Roe2"))
    world.delete(world.leads_named("Roe3")[0])
    world.convert(world.leads_named("Roe4")[0])
    fields = [*FIELDS, "Description", "EmailBouncedDate", "Birthdate", "AnnualRevenue", "Smarketing_Score__c"]
    by_rest = {record.id: record for record in records_in(await pages_of(world.connector(), fields=fields))}
    world.forget_calls()
    pages = await pages_of(world.connector(bulk_above=10), fields=fields)
    by_bulk = {record.id: record for record in records_in(pages)}
    assert world.calls("POST /services/data/v62.0/jobs/query") == 2
    assert pages[-1].complete
    assert by_bulk.keys() == by_rest.keys()
    for id_, record in by_rest.items():
        assert by_bulk[id_] == record._replace(version=by_bulk[id_].version)
        assert by_bulk[id_].version == record.version


async def test_bulk_scan_at_the_threshold_stays_with_queries(world: World) -> None:
    world.leads(10)
    await pages_of(world.connector(bulk_above=10))
    assert not world.calls("/jobs/")


async def test_bulk_scan_resumes_its_job_after_a_crash(world: World) -> None:
    ids = world.leads(30)
    sf = world.connector(bulk_above=10)
    first = await anext(aiter(sf.read(FIELDS)))
    assert not first.records
    rest = await pages_of(world.connector(bulk_above=10), json.loads(json.dumps(first.cursor)))
    assert {record.id for record in records_in(rest)} == set(ids)
    assert world.calls("POST .*/jobs/query") == 1
    assert not any(page.complete for page in rest)


async def test_bulk_results_that_are_not_kept_any_more_are_read_by_queries(world: World) -> None:
    ids = world.leads(30)
    first = await anext(aiter(world.connector(bulk_above=10).read(FIELDS)))
    world.vendor.jobs.clear()
    rest = await pages_of(world.connector(bulk_above=10), first.cursor)
    assert {record.id for record in records_in(rest)} == set(ids)


async def test_bulk_job_may_see_a_new_row_and_miss_an_older_change(world: World) -> None:
    """Its parts run one after the other: how new its newest row is says nothing of the others."""
    from sandbox.salesforce import query

    ids = world.leads(30)
    cursor: Any = None
    async for page in world.connector(bulk_above=10).read(FIELDS):
        if cursor is None:
            [job] = world.vendor.jobs.values()
            found = query.run(world.org, job.soql, deleted=True)
            world.later(100)
            world.edit(ids[3], LastName="Meanwhile")
            world.later(3_000)
            found.rows.append(dict(world.row(world.create(LastName="New"))))
            job.found, job.state = found, "JobComplete"
        cursor = page.cursor
    found_next = await changes(world.connector(), cursor)
    assert found_next[ids[3]].fields["LastName"] == "Meanwhile"


async def test_a_field_that_only_leads_have_is_absent_from_contacts(world: World) -> None:
    from sandbox.salesforce.schema import number

    world.org.add_field(world.org.tables["Lead"], number("Fit__c", 5))
    lead, contact = world.create(Fit__c=3), world.create("Contact")
    found = {record.id: record for record in records_in(await pages_of(world.connector(), fields=["Email", "Fit__c"]))}
    assert found[lead].fields == {"Email": None, "Fit__c": 3}
    assert found[contact].fields == {"Email": None}


async def test_a_field_that_nobody_has_stops_the_run_and_is_named(world: World) -> None:
    world.leads(1)
    with pytest.raises(Misconfigured, match="Nonsense__c") as caught:
        await pages_of(world.connector(), fields=["Email", "Nonsense__c"])
    assert "Email," not in str(caught.value)
    assert "field-level security" in caught.value.hint


async def test_request_limit_exceeded_says_whose_calls_they_are(world: World) -> None:
    world.vendor.quota.window = Window("DailyApiRequests", 0, 86_400.0)
    with pytest.raises(RateLimited) as caught:
        await pages_of(world.connector())
    assert world.calls("/query") <= 2, "it is no use to ask again soon"
    assert "last 24 hours" in caught.value.hint
    assert "REQUEST_LIMIT_EXCEEDED" in str(caught.value)


async def test_sforce_limit_info_is_the_budget(world: World) -> None:
    sf = world.connector()
    assert sf.budget().used is None
    await pages_of(sf)
    assert sf.budget().used == world.vendor.quota.used()
    assert sf.budget().limit == 100_000
    assert sf.budget().calls > 0


@pytest.mark.parametrize("seed", range(6))
async def test_a_mirror_kept_by_reads_equals_the_org_whatever_people_do(world: World, seed: int) -> None:
    print("seed", seed)
    dice = random.Random(seed)
    world.org.switches.page_size = 7
    settings = {"bulk_above": dice.choice([5, 2_000]), "deletes_every": 1_800.0}
    mirror: dict[str, str] = {}
    cursor: Any = None

    def act() -> None:
        people = sorted(world.live())
        leads = [id_ for id_ in people if id_.startswith("00Q")]
        match dice.choice(["create", "create", "contact", "edit", "edit", "delete", "merge", "convert", "wait"]):
            case "create":
                world.create(LastName=f"L{dice.random()}")
            case "contact":
                world.create("Contact", LastName=f"C{dice.random()}")
            case "edit" if people:
                world.edit(dice.choice(people), LastName=f"E{dice.random()}")
            case "delete" if people:
                world.delete(dice.choice(people))
            case "merge" if len(leads) > 1:
                world.merge(*dice.sample(leads, 2))
            case "convert" if leads:
                world.convert(dice.choice(leads))
            case "wait":
                world.later(dice.choice([0, 1, 90, 400]))

    for _ in range(12):
        for _ in range(dice.randrange(12)):
            act()
        stop_after = dice.choice([None, 1, 3])
        seen = 0
        async for page in world.connector(**settings).read(["LastName"], cursor):
            for record in page.records:
                if record.deleted or record.became:
                    mirror.pop(record.id, None)
                else:
                    mirror[record.id] = record.fields["LastName"]
            cursor = json.loads(json.dumps(page.cursor))
            seen += 1
            if dice.random() < 0.3:
                act()
            if seen == stop_after:
                break
        world.later(dice.choice([0, 60, 900, 5_000]))
    async for page in world.connector(**settings).read(["LastName"], cursor):
        cursor = page.cursor
        for record in page.records:
            if record.deleted or record.became:
                mirror.pop(record.id, None)
            else:
                mirror[record.id] = record.fields["LastName"]
    for record in records_in(await pages_of(world.connector(**settings), cursor, ["LastName"])):
        if record.deleted or record.became:
            mirror.pop(record.id, None)
        else:
            mirror[record.id] = record.fields["LastName"]
    assert mirror == {id_: world.row(id_)["LastName"] for id_ in world.live()}
