"""Writing to an org: every quirk of Salesforce's by name."""

from __future__ import annotations

import httpx
import pytest

from connectors.base import Key, Write, WriteResult
from connectors.errors import Duplicate, Gone, Invalid, Misconfigured, Retry
from connectors.salesforce import Salesforce
from tests.connectors.salesforce.conftest import World, overruled, pages_of, records_in

WRITES = r"(POST|PATCH) .*/composite/sobjects"


def update(id_: str, **fields: object) -> Write:
    return Write(id_, "update", fields, id=id_)


def create(n: int, *, keyed: bool = True, **fields: object) -> Write:
    key = Key("Smarketing_Id__c", f"smk-{n}") if keyed else None
    values = {"LastName": f"Roe{n}", "Company": "Acme", "Email": f"roe{n}@acme.example"}
    return Write(f"w{n}", "create", {**values, **fields}, key=key)


def outcomes(results: list[WriteResult]) -> list[str]:
    return [result.outcome for result in results]


async def test_collections_of_200_and_no_call_more(world: World) -> None:
    sf = world.connector()
    results = await sf.write([create(n) for n in range(401)])
    assert outcomes(results) == ["done"] * 401
    assert world.calls(WRITES) == 3
    assert [world.row(result.id or "")["LastName"] for result in results] == [f"Roe{n}" for n in range(401)]
    world.forget_calls()
    await sf.write([update(result.id or "", Title="CEO") for result in results])
    assert world.calls(WRITES) == 3


async def test_partial_failure_is_told_per_record_in_order_leads_and_contacts_mixed(world: World) -> None:
    leads = world.leads(3)
    contacts = [world.create("Contact", LastName=f"Doe{n}") for n in range(3)]
    world.delete(leads[1])
    world.delete(contacts[1])
    batch = [update(id_, Title="CEO") for pair in zip(leads, contacts, strict=True) for id_ in pair]
    results = await world.connector().write(batch)
    assert outcomes(results) == ["done", "done", "rejected", "rejected", "done", "done"]
    assert [result.id for result in results] == [write.id for write in batch]
    assert all(isinstance(results[n].error, Gone) for n in (2, 3))
    assert world.calls(WRITES) == 1


async def test_an_upsert_by_external_id_finds_what_the_first_try_made(world: World) -> None:
    first = await world.connector().write([create(1)])
    again = await world.connector().write([create(1, Title="CEO")])
    assert again[0].id == first[0].id
    assert world.row(first[0].id or "")["Title"] == "CEO"


async def test_an_external_id_on_two_records_is_a_duplicate(world: World) -> None:
    ids = world.leads(2)
    table = world.org.tables["Lead"]
    table.put({**table.rows[ids[1]], "Smarketing_Id__c": "smk-0"})
    [result] = await world.connector().write([create(0)])
    assert isinstance(result.error, Duplicate)


async def test_duplicate_value_names_the_existing_record(world: World) -> None:
    ids = world.leads(2)
    [result] = await world.connector().write([update(ids[0], Smarketing_Id__c="smk-1")])
    assert isinstance(result.error, Duplicate)
    assert (result.error.existing, result.error.field) == (ids[1], "Smarketing_Id__c")


async def test_duplicates_detected_by_a_rule_finds_the_existing_record(world: World) -> None:
    world.org.switches.duplicate_rule = True
    contact = world.create("Contact", Email="roe1@acme.example")
    results = await world.connector().write([create(1, keyed=False), create(2, keyed=False)])
    assert outcomes(results) == ["rejected", "done"]
    assert isinstance(results[0].error, Duplicate)
    assert results[0].error.existing == contact


async def test_creating_a_lead_that_was_converted_since_names_its_contact(world: World) -> None:
    """An upsert meets the converted lead, which nobody can write to."""
    [made] = await world.connector().write([create(1)])
    contact = world.convert(made.id or "").contact_id
    [result] = await world.connector().write([create(1)])
    assert isinstance(result.error, Duplicate)
    assert result.error.existing == contact


async def test_a_converted_lead_is_read_only(world: World) -> None:
    lead = world.create()
    world.convert(lead)
    [result] = await world.connector().write([update(lead, Title="CEO")])
    assert isinstance(result.error, Gone)
    assert "contact" in result.error.hint


async def test_entity_is_deleted_after_a_merge(world: World) -> None:
    winner, loser = world.leads(2)
    world.merge(winner, loser)
    [result] = await world.connector().write([update(loser, Title="CEO")])
    assert isinstance(result.error, Gone)


async def test_an_id_that_never_was_is_gone(world: World) -> None:
    lead = world.create()
    world.org.tables["Lead"].remove(lead)
    [result] = await world.connector().write([update(lead, Title="CEO")])
    assert isinstance(result.error, Gone)


async def test_restricted_picklist_refuses_a_value_and_names_the_field(world: World) -> None:
    results = await world.connector().write([create(1, Status="Lukewarm"), create(2)])
    assert outcomes(results) == ["rejected", "done"]
    assert isinstance(results[0].error, Invalid)
    assert results[0].error.field == "Status"
    assert "Lukewarm" in str(results[0].error)


async def test_required_fields_are_named(world: World) -> None:
    [result] = await world.connector().write([Write("w", "create", {"FirstName": "Jo"}, key=None)])
    assert isinstance(result.error, Invalid)
    assert result.error.field in ("LastName", "Company")


async def test_unable_to_lock_row_is_tried_again_in_smaller_groups(world: World) -> None:
    ids = world.leads(120)
    world.org.switches.lock_next = 130
    results = await world.connector().write([update(id_, Title="CEO") for id_ in ids])
    assert outcomes(results) == ["done"] * 120
    # 120 in one request, then in fifties, then the ten that were still locked.
    assert world.calls(WRITES) == 1 + 3 + 1
    assert world.slept == [0.5, 2.0]


async def test_a_row_that_stays_locked_is_nobodys_fault_and_unknown(world: World) -> None:
    held, free = world.leads(2)
    world.org.switches.locked.add(held)
    results = await world.connector().write([update(held, Title="CEO"), update(free, Title="CEO")])
    assert outcomes(results) == ["unknown", "done"]
    assert results[0].error is None
    assert sum(world.slept) < 10


async def test_company_of_a_contact_is_readable_and_not_writable(world: World) -> None:
    account = world.create("Account", Name="Old & Co")
    contact = world.create("Contact", AccountId=account)
    lone = world.create("Contact")
    lead = world.create()
    sf = world.connector()
    results = await sf.write([update(id_, Company="New", Title="CEO") for id_ in (contact, lone, lead)])
    assert outcomes(results) == ["done"] * 3
    assert [result.fields for result in results] == [{"Company": "Old & Co"}, {"Company": None}, None]
    assert world.row(contact)["Title"] == "CEO"
    assert world.row(lead)["Company"] == "New"
    assert world.row(account)["Name"] == "Old & Co"
    records = {record.id: record for record in records_in(await pages_of(sf))}
    assert records[contact].fields["Company"] == "Old & Co"


async def test_an_update_of_which_nothing_is_left_is_done_without_a_call(world: World) -> None:
    contact = world.create("Contact")
    [result] = await world.connector().write([update(contact, Website="acme.example", Status="Open")])
    assert result.outcome == "done"
    assert world.calls(WRITES) == 0


async def test_a_custom_field_that_contacts_lack_is_dropped(world: World) -> None:
    from sandbox.salesforce.schema import number

    world.org.add_field(world.org.tables["Lead"], number("Fit__c", 5))
    contact, lead = world.create("Contact"), world.create()
    results = await world.connector().write([update(id_, Fit__c=3, Title="CEO") for id_ in (contact, lead)])
    assert outcomes(results) == ["done", "done"]
    assert world.row(lead)["Fit__c"] == 3
    assert world.row(contact)["Title"] == "CEO"


async def test_a_custom_field_that_leads_lack_is_dropped_after_the_vendor_refused(world: World) -> None:
    from sandbox.salesforce.schema import number

    world.org.add_field(world.org.tables["Contact"], number("Fit__c", 5))
    contact, lead = world.create("Contact"), world.create()
    results = await world.connector().write([update(id_, Fit__c=3, Title="CEO") for id_ in (contact, lead)])
    assert outcomes(results) == ["done", "done"]
    assert world.row(contact)["Fit__c"] == 3
    assert world.row(lead)["Title"] == "CEO"


async def test_a_field_that_nobody_has_stops_the_run(world: World) -> None:
    with pytest.raises(Misconfigured, match="Nonsense__c"):
        await world.connector().write([create(1, Nonsense__c=1)])
    assert not world.live()


async def test_json_of_a_wrong_type_costs_its_record_and_not_the_request(world: World) -> None:
    """Salesforce gives up on the whole request; halving it finds the one."""
    ids = world.leads(20)
    batch = [
        update(id_, Title="CEO", **({"HasOptedOutOfEmail": "perhaps"} if n == 13 else {})) for n, id_ in enumerate(ids)
    ]
    results = await world.connector().write(batch)
    assert [n for n, result in enumerate(results) if result.outcome != "done"] == [13]
    assert isinstance(results[13].error, Invalid)
    assert "perhaps" in results[13].error.message


async def test_null_clears_and_blank_text_does_too(world: World) -> None:
    lead = world.create(Title="CEO", Phone="1", NumberOfEmployees=3)
    await world.connector().write([update(lead, Title=None, Phone="", NumberOfEmployees=None)])
    row = world.row(lead)
    assert [row.get(name) for name in ("Title", "Phone", "NumberOfEmployees")] == [None, None, None]


async def test_a_request_whose_answer_is_lost_leaves_the_others_of_the_batch_alone(world: World) -> None:
    world.vendor.faults.add("hangup_after", path="/composite/sobjects", nth=(2,))
    results = await world.connector().write([create(n) for n in range(600)])
    assert outcomes(results) == ["done"] * 200 + ["unknown"] * 200 + ["done"] * 200
    assert len(world.live()) == 600
    assert world.calls(WRITES) == 3


async def test_a_vendor_that_stops_answering_is_not_asked_for_the_whole_batch(world: World) -> None:
    world.vendor.faults.add("hangup_after", path="/composite/sobjects")
    sf = world.connector()
    results = await sf.write([create(n) for n in range(1_000)])
    assert outcomes(results) == ["unknown"] * 1_000
    assert sf.budget().calls == 2


async def test_allowance_used_up_within_a_batch_keeps_what_was_done(world: World) -> None:
    sf = world.connector()
    await sf.check()
    world.vendor.faults.add("rate_limited", path="/composite/sobjects", nth=tuple(range(2, 20)))
    results = await sf.write([create(n) for n in range(600)])
    assert outcomes(results) == ["done"] * 200 + ["unknown"] * 400


async def test_allowance_used_up_before_a_batch_is_told(world: World) -> None:
    world.vendor.faults.add("rate_limited", path="/composite/sobjects")
    with pytest.raises(Retry):
        await world.connector().write([create(1)])


async def test_a_batch_over_the_limit_is_refused(world: World) -> None:
    with pytest.raises(ValueError, match="over the limit"):
        await world.connector(write_batch=2).write([create(n) for n in range(3)])


# Bulk API 2.0


def bulky(world: World) -> Salesforce:
    return world.connector(bulk_above=50)


async def test_bulk_writes_above_the_threshold_in_one_job_an_object(world: World) -> None:
    account = world.create("Account", Name="Acme")
    leads = world.leads(60, Title="CEO", Phone="1")
    contacts = [world.create("Contact", LastName=f"Doe{n}", AccountId=account, Title="CEO") for n in range(60)]
    batch = [update(id_, Title=None) for id_ in leads[:30]]
    batch += [update(id_, Phone='2, "two"\nlines', HasOptedOutOfEmail=True, Company="Acme 2") for id_ in leads[30:]]
    batch += [update(id_, Title=f"Boss{n}", Company="Other") for n, id_ in enumerate(contacts)]
    results = await bulky(world).write(batch)
    assert outcomes(results) == ["done"] * 120
    assert [result.id for result in results] == [write.id for write in batch]
    assert world.calls("POST .*/jobs/ingest$") == 2
    assert world.calls(WRITES) == 0
    # An empty cell leaves a field, #N/A clears it.
    assert (world.row(leads[0]).get("Title"), world.row(leads[0])["Phone"]) == (None, "1")
    last = world.row(leads[59])
    assert (last["Title"], last["Phone"], last["HasOptedOutOfEmail"]) == ("CEO", '2, "two"\nlines', True)
    assert world.row(contacts[7])["Title"] == "Boss7"
    assert results[-1].fields == {"Company": "Acme"}


async def test_bulk_upserts_give_each_record_its_own_id(world: World) -> None:
    existing = world.leads(10)
    results = await bulky(world).write([create(n) for n in range(60)])
    assert outcomes(results) == ["done"] * 60
    assert [result.id for result in results[:10]] == existing
    assert [world.row(result.id or "")["LastName"] for result in results] == [f"Roe{n}" for n in range(60)]
    assert world.calls("POST .*/jobs/ingest$") == 1


async def test_bulk_failures_are_told_per_record(world: World) -> None:
    ids = world.leads(60)
    world.delete(ids[3])
    world.org.switches.locked.add(ids[9])
    batch = [update(id_, Status="Lukewarm" if n == 5 else "Working - Contacted") for n, id_ in enumerate(ids)]
    results = await bulky(world).write(batch)
    assert {n: result.outcome for n, result in enumerate(results) if result.outcome != "done"} == {
        3: "rejected",
        5: "rejected",
        9: "unknown",
    }
    assert isinstance(results[3].error, Gone)
    assert isinstance(results[5].error, Invalid)
    assert results[5].error.field == "Status"


async def test_bulk_leaves_creates_without_external_id_to_collections(world: World) -> None:
    results = await bulky(world).write([create(n, keyed=False) for n in range(60)])
    assert outcomes(results) == ["done"] * 60
    assert not world.calls("/jobs/")


async def test_bulk_text_that_csv_takes_for_null_goes_by_collections(world: World) -> None:
    ids = world.leads(60)
    batch = [update(id_, Title="#N/A" if n == 2 else "CEO") for n, id_ in enumerate(ids)]
    assert outcomes(await bulky(world).write(batch)) == ["done"] * 60
    assert world.row(ids[2])["Title"] == "#N/A"


async def test_bulk_job_that_takes_too_long_is_aborted_and_not_left_to_write_later(world: World) -> None:
    ids = world.leads(60)
    world.org.switches.bulk_polls = 1_000_000

    async def sleep(seconds: float) -> None:
        world.later(seconds)

    sf = world.connector(bulk_above=50, bulk_wait=60)
    sf._bulk._sleep = sleep
    results = await sf.write([update(id_, Title="CEO") for id_ in ids])
    assert outcomes(results) == ["unknown"] * 60
    assert [job.state for job in world.vendor.jobs.values()] == ["Aborted"]


async def test_bulk_job_whose_start_was_lost_is_looked_after(world: World) -> None:
    ids = world.leads(60)
    world.vendor.faults.add("hangup_after", method="PATCH", path="/jobs/ingest/")
    results = await bulky(world).write([update(id_, Title="CEO") for id_ in ids])
    assert outcomes(results) == ["done"] * 60


async def test_bulk_job_that_never_started_wrote_nothing_and_says_so(world: World) -> None:
    ids = world.leads(60)
    world.vendor.faults.add("hangup_before", method="PATCH", path="/jobs/ingest/")
    with pytest.raises(Retry):
        await bulky(world).write([update(id_, Title="CEO") for id_ in ids])
    assert world.row(ids[0]).get("Title") is None


async def test_bulk_results_that_are_lost_leave_the_rows_unknown(world: World) -> None:
    ids = world.leads(60)
    world.vendor.faults.add("hangup_before", path="successfulResults")
    results = await bulky(world).write([update(id_, Title="CEO") for id_ in ids])
    assert outcomes(results) == ["unknown"] * 60
    assert world.row(ids[0])["Title"] == "CEO"


async def test_a_missing_row_among_the_results_is_unknown(world: World) -> None:
    ids = world.leads(3)

    def short(request: httpx.Request) -> httpx.Response | None:
        if request.method == "PATCH" and request.url.path.endswith("/composite/sobjects"):
            return httpx.Response(200, json=[{"id": ids[0], "success": True, "errors": []}])
        return None

    results = await overruled(world, short).write([update(id_, Title="CEO") for id_ in ids])
    assert outcomes(results) == ["unknown"] * 3
