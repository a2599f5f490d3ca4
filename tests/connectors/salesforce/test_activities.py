"""What happened: Tasks, Events, campaigns' members."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from connectors.base import ACTIVITY_FIELDS, Key, Record, Write
from connectors.errors import Misconfigured
from connectors.salesforce import Salesforce
from sandbox.salesforce.values import stamp
from tests.connectors.salesforce.conftest import World, pages_of, records_in

ALL = list(ACTIVITY_FIELDS)


def happened(world: World, **settings: Any) -> Salesforce:
    return world.connector(**settings).of("activity")


async def read(sf: Salesforce, since: Any = None, fields: list[str] = ALL) -> dict[str, Record]:
    return {record.id: record for record in records_in(await pages_of(sf, since, fields))}


def iso(world: World, days: float = 0) -> str:
    return (world.org.clock.now() + timedelta(days=days)).replace(microsecond=0).isoformat()


async def test_a_call_an_email_a_task_and_a_meeting(world: World) -> None:
    world.org.clock.freeze()
    account = world.create("Account", Name="Acme")
    contact, lead = world.create("Contact", AccountId=account), world.create()
    deal = world.create("Opportunity", Name="E", StageName="Prospecting", CloseDate="2026-12-31")
    done = {"Status": "Completed", "Subject": "Hello"}
    call = world.create("Task", **done, TaskSubtype="Call", CallType="Inbound", WhoId=lead)
    mail = world.create("Task", **done, TaskSubtype="Email", WhoId=contact, WhatId=account)
    task = world.create("Task", **done, WhatId=deal)
    later = stamp(world.org.clock.now() + timedelta(days=3))
    meeting = world.create(
        "Event", Subject="Demo", WhoId=contact, WhatId=deal, StartDateTime=later, DurationInMinutes=30
    )
    found = await read(happened(world))
    now, me = iso(world), world.org.user_id
    blank = dict.fromkeys(ACTIVITY_FIELDS)
    told = {"at": now, "owner": me, "subject": "Hello", "status": "Completed", "leads": []}
    assert {id_: record.fields for id_, record in found.items()} == {
        f"call:{call}": blank | told | {"type": "call", "leads": [lead], "direction": "in"},
        f"email_sent:{mail}": blank
        | told
        | {"type": "email_sent", "leads": [contact], "company": account, "direction": "out"},
        f"task:{task}": blank | told | {"type": "task", "deal": deal},
        f"meeting:{meeting}": blank
        | {
            "type": "meeting",
            "at": iso(world, 3),
            "owner": me,
            "subject": "Demo",
            "leads": [contact],
            "deal": deal,
        },
    }


async def test_copies_for_the_invited_and_patterns_of_series_are_no_events(world: World) -> None:
    when = {"StartDateTime": stamp(world.org.clock.now()), "DurationInMinutes": 30}
    real, copy, series = (world.create("Event", **when) for _ in range(3))
    call, pattern = (world.create("Task", TaskSubtype="Call", Status="Completed") for _ in range(2))
    for id_, mark in ((copy, "IsChild"), (series, "IsRecurrence"), (pattern, "IsRecurrence")):
        table = world.org.table_of(id_)
        assert table is not None
        world.org.write(table, table.rows[id_], {mark: True})
    assert (await read(happened(world))).keys() == {f"meeting:{real}", f"call:{call}"}


async def test_a_task_happens_when_it_is_completed(world: World) -> None:
    world.org.clock.freeze()
    task = world.create("Task", TaskSubtype="Call", Subject="Ring back")
    sf = happened(world)
    pages = await pages_of(sf, None, ALL)
    assert not records_in(pages)
    world.later(3_600)
    world.edit(task, Status="Completed")
    found = await read(sf, pages[-1].cursor)
    assert found.keys() == {f"call:{task}"}
    assert found[f"call:{task}"].fields["at"] == iso(world)


async def test_a_campaigns_member_is_one_activity_and_a_second_once_it_responds(world: World) -> None:
    world.org.clock.freeze()
    campaign = world.create("Campaign", Name="Spring fair")
    lead = world.create()
    member = world.create("CampaignMember", CampaignId=campaign, LeadId=lead)
    sf = happened(world)
    pages = await pages_of(sf, None, ALL)
    [joined] = records_in(pages)
    assert (joined.id, joined.fields["leads"], joined.fields["campaign"], joined.fields["status"]) == (
        f"campaign_member:{member}",
        [lead],
        "Spring fair",
        "Sent",
    )
    began = iso(world)
    world.later(2 * 86_400)
    world.edit(member, Status="Responded")
    found = await read(sf, pages[-1].cursor)
    assert found.keys() == {f"campaign_member:{member}", f"campaign_response:{member}"}
    assert found[f"campaign_member:{member}"].fields["at"] == began
    response = found[f"campaign_response:{member}"].fields
    assert (response["type"], response["at"]) == ("campaign_response", f"{iso(world)[:10]}T00:00:00+00:00")


async def test_what_was_a_leads_is_its_contacts_after_a_conversion(world: World) -> None:
    campaign, lead = world.create("Campaign", Name="Fair"), world.create()
    member = world.create("CampaignMember", CampaignId=campaign, LeadId=lead)
    call = world.create("Task", TaskSubtype="Call", Status="Completed", WhoId=lead)
    became = world.convert(lead)
    found = await read(happened(world))
    assert found[f"campaign_member:{member}"].fields["leads"] == [became.contact_id]
    assert found[f"call:{call}"].fields["leads"] == [became.contact_id]
    assert found[f"call:{call}"].fields["company"] == became.account_id


@pytest.mark.parametrize(
    ("hidden", "left"),
    [
        ({"CampaignMember"}, {"call", "meeting"}),
        ({"Campaign"}, {"call", "meeting"}),
        ({"Task", "Event"}, {"campaign_member"}),
    ],
)
async def test_a_stream_that_the_user_may_not_read_is_left_out_and_check_says_so(
    world: World, hidden: set[str], left: set[str]
) -> None:
    campaign, lead = world.create("Campaign", Name="Fair"), world.create()
    world.create("CampaignMember", CampaignId=campaign, LeadId=lead)
    world.create("Task", TaskSubtype="Call", Status="Completed", WhoId=lead)
    world.create("Event", WhoId=lead, StartDateTime=stamp(world.org.clock.now()), DurationInMinutes=5)
    whole = await happened(world).check()
    assert "leaves out" not in whole.detail
    world.org.switches.hidden = hidden
    sf = happened(world)
    pages = await pages_of(sf, None, ALL)
    assert {record.fields["type"] for record in records_in(pages)} == left
    detail = (await sf.check()).detail
    assert all(name in detail for name in hidden if name != "Campaign"), detail
    assert "leaves out" in detail
    world.org.switches.hidden = set()
    world.later(601)
    found = await read(sf, pages[-1].cursor)
    assert {record.fields["type"] for record in found.values()} >= {"call", "meeting", "campaign_member"} - left


async def test_an_org_in_which_nothing_may_be_read_is_told(world: World) -> None:
    world.org.switches.hidden = {"Task", "Event", "CampaignMember"}
    with pytest.raises(Misconfigured, match="may read no"):
        await happened(world).check()
    with pytest.raises(Misconfigured, match="may read no"):
        await pages_of(happened(world), None, ALL)


async def test_pages_of_three_streams_come_in_one_order_and_a_run_resumes(world: World) -> None:
    world.org.switches.page_size = 200
    campaign = world.create("Campaign", Name="Fair")
    sf = happened(world)
    cursor = (await pages_of(sf, None, ALL))[-1].cursor
    expected = set()
    for n in range(250):
        world.later(1)
        expected.add(f"call:{world.create('Task', TaskSubtype='Call', Status='Completed')}")
        if n % 2:
            lead = world.create()
            member = world.create("CampaignMember", CampaignId=campaign, LeadId=lead, Status="Responded")
            expected |= {f"campaign_member:{member}", f"campaign_response:{member}"}
    first = await anext(aiter(sf.read(ALL, cursor)))
    rest = await pages_of(happened(world), first.cursor, ALL)
    ids = [record.id for record in records_in([first, *rest])]
    assert len(ids) == len(set(ids))
    assert set(ids) == expected
    times = [record.changed_at for record in records_in([first, *rest])]
    assert times == sorted(times, key=lambda at: at or world.org.clock.now())


async def test_many_tasks_are_read_by_bulk_and_say_the_same(world: World) -> None:
    contact = world.create("Contact")
    campaign = world.create("Campaign", Name="Fair, in spring")
    for n in range(12):
        world.create("Task", TaskSubtype="Call", Status="Completed", WhoId=contact, Subject=f"Call {n}")
        world.create("CampaignMember", CampaignId=campaign, LeadId=world.create(), Status="Responded")
    by_queries, by_bulk = await read(happened(world)), await read(happened(world, bulk_above=5))
    assert world.calls("POST .*/jobs/query$") == 2
    assert {id_: r.fields for id_, r in by_bulk.items()} == {id_: r.fields for id_, r in by_queries.items()}
    assert len(by_bulk) == 36


async def test_the_fields_asked_for_and_no_others(world: World) -> None:
    call = world.create("Task", TaskSubtype="Call", Status="Completed")
    [record] = (await read(happened(world), fields=["type", "leads"])).values()
    assert record.fields == {"type": "call", "leads": []}
    with pytest.raises(Misconfigured, match="Subject"):
        await read(happened(world), fields=["Subject"])
    schema = {field.name: field for field in await happened(world).schema()}
    assert list(schema) == ALL
    assert (schema["leads"].refers, schema["leads"].many, schema["deal"].refers) == ("lead", True, "deal")
    found = await happened(world).find([Key("id", f"call:{call}"), Key("id", f"task:{call}")], ["type"])
    assert [[record.id for record in each] for each in found] == [[f"call:{call}"], []]


async def test_an_activity_whose_last_run_was_weeks_ago_is_read_on_from_there(world: World) -> None:
    world.create("Task", TaskSubtype="Call", Status="Completed")
    sf = happened(world)
    cursor = (await pages_of(sf, None, ALL))[-1].cursor
    world.later(40 * 86_400)
    new = world.create("Task", TaskSubtype="Call", Status="Completed")
    cursor = (await pages_of(sf, cursor, ALL))[-1].cursor
    world.later(400)
    cursor = (await pages_of(sf, cursor, ALL))[-1].cursor
    world.later(40 * 86_400)
    assert not await read(sf, cursor), "deletions are not looked for, so nothing is forgotten"
    assert world.row(new)["IsClosed"]


async def test_activities_are_only_read(world: World) -> None:
    call = world.create("Task", TaskSubtype="Call", Status="Completed", Subject="Hello")
    sf = happened(world)
    assert not any((sf.can.create, sf.can.update, sf.can.tombstones, sf.can.archive, sf.can.erase, sf.can.provision))
    [result] = await sf.write([Write("x", "update", {"subject": "New"}, id=f"call:{call}")])
    assert result.outcome == "rejected"
    assert world.row(call)["Subject"] == "Hello"


async def test_a_deleted_activity_is_told_as_gone_also_a_members_two(world: World) -> None:
    campaign, lead = world.create("Campaign", Name="Fair"), world.create()
    member = world.create("CampaignMember", CampaignId=campaign, LeadId=lead)
    call = world.create("Task", Status="Completed", Subject="Hello", TaskSubtype="Call", WhoId=lead)
    meeting = world.create("Event", Subject="Demo", StartDateTime=stamp(world.org.clock.now()), DurationInMinutes=30)
    sf = happened(world)
    cursor = (await pages_of(sf, None, ALL))[-1].cursor
    world.later(2)
    for id_ in (member, call, meeting):
        world.delete(id_)
    found = await read(sf, cursor)
    gone = {f"campaign_member:{member}", f"campaign_response:{member}", f"call:{call}", f"meeting:{meeting}"}
    assert {id_ for id_, record in found.items() if record.deleted} == gone
    assert found.keys() == gone
