"""Opportunities and the people in them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from connectors.base import Key, Members, Record, Write
from connectors.errors import Gone, Misconfigured
from connectors.salesforce import Salesforce
from tests.connectors.salesforce.conftest import World, overruled, pages_of, records_in

ROLES = "OpportunityContactRoles"
DEAL = ["Name", "StageName", "IsClosed", "IsWon", "Amount", "CloseDate", "Probability", "AccountId", ROLES]
ROLE_PATH = "OpportunityContactRole"


def deal(world: World, **fields: Any) -> str:
    return world.create(
        "Opportunity", **{"Name": "Engines", "StageName": "Prospecting", "CloseDate": "2026-12-31", **fields}
    )


def role(world: World, opportunity: str, contact: str, **more: Any) -> str:
    return world.create("OpportunityContactRole", OpportunityId=opportunity, ContactId=contact, **more)


def roles_of(world: World, opportunity: str) -> list[str]:
    rows = world.org.tables["OpportunityContactRole"].live()
    return sorted(row["ContactId"] for row in rows if row["OpportunityId"] == opportunity)


async def read(sf: Salesforce, since: Any = None, fields: list[str] = DEAL) -> dict[str, Record]:
    return {record.id: record for record in records_in(await pages_of(sf, since, fields))}


async def cursor_of(world: World, sf: Salesforce) -> Any:
    """After a scan and until nothing is read a second time."""
    cursor = (await pages_of(sf, None, DEAL))[-1].cursor
    for _ in range(2):
        world.later(400)
        cursor = (await pages_of(sf, cursor, DEAL))[-1].cursor
    return cursor


async def test_a_deal_has_its_stage_its_worth_and_its_people(world: World) -> None:
    account = world.create("Account", Name="Acme")
    ada, bob = world.create("Contact", LastName="Ada"), world.create("Contact", LastName="Bob")
    won = deal(world, StageName="Closed Won", Amount=1200.5, AccountId=account)
    open_ = deal(world)
    role(world, won, bob)
    role(world, won, ada)
    role(world, won, ada, Role="Decision Maker")
    found = await read(world.connector().of("deal"))
    assert found[won].fields == {
        "Name": "Engines", "StageName": "Closed Won", "IsClosed": True, "IsWon": True, "Amount": 1200.5,
        "CloseDate": "2026-12-31", "Probability": 100, "AccountId": account, ROLES: sorted([ada, bob]),
    }  # fmt: skip
    assert (found[open_].fields[ROLES], found[open_].fields["AccountId"], found[open_].fields["IsClosed"]) == (
        [],
        None,
        False,
    )
    [[same]] = await world.connector().of("deal").find([Key("id", won)], ["Name", ROLES])
    assert same.fields == {"Name": "Engines", ROLES: sorted([ada, bob])}


async def test_roles_cost_no_call_where_nobody_asks_for_them(world: World) -> None:
    deal(world)
    [record] = (await read(world.connector().of("deal"), fields=["Name"])).values()
    assert record.fields == {"Name": "Engines"}
    before = world.calls("/query")
    await read(world.connector().of("deal"), fields=["Name", ROLES])
    assert world.calls("/query") - before == 4, "count, deals, their roles, the newest role"


async def test_the_currency_is_read_where_there_are_several_and_absent_elsewhere(world: World) -> None:
    id_ = deal(world)
    sf = world.connector().of("deal")
    assert (await read(sf, fields=["Name", "CurrencyIsoCode"]))[id_].fields == {"Name": "Engines"}
    world.org.use_currencies()
    other = deal(world, CurrencyIsoCode="USD")
    assert (await read(world.connector().of("deal"), fields=["CurrencyIsoCode"]))[other].fields == {
        "CurrencyIsoCode": "USD"
    }
    with pytest.raises(Misconfigured, match="Nonsense__c"):
        await read(world.connector().of("deal"), fields=["Name", "Nonsense__c", ROLES])


async def test_a_role_leaves_the_opportunitys_time_alone_and_is_found_all_the_same(world: World) -> None:
    contact, deals = world.create("Contact"), [deal(world) for _ in range(3)]
    sf = world.connector().of("deal")
    cursor = await cursor_of(world, sf)
    stamp = world.row(deals[1])["SystemModstamp"]
    role(world, deals[1], contact)
    assert world.row(deals[1])["SystemModstamp"] == stamp
    pages = await pages_of(sf, cursor, DEAL)
    [record] = records_in(pages)
    assert (record.id, record.fields[ROLES]) == (deals[1], [contact])
    assert not pages[-1].complete
    world.later(400)
    again = await pages_of(sf, pages[-1].cursor, DEAL)
    world.later(400)
    assert not records_in(await pages_of(sf, again[-1].cursor, DEAL)), "it settles"


async def test_roles_that_a_scan_has_read_are_not_read_again_by_the_next_run(world: World) -> None:
    old = deal(world)
    role(world, old, world.create("Contact"))
    world.later(3_600)
    new, contact = deal(world), world.create("Contact")
    role(world, new, contact)
    sf = world.connector().of("deal")
    cursor = (await pages_of(sf, None, DEAL))[-1].cursor
    assert (await read(sf, cursor)).keys() == {new}, "only the overlap"


async def test_a_role_that_goes_to_another_contact_is_found(world: World) -> None:
    ada, bob, one = world.create("Contact"), world.create("Contact"), deal(world)
    id_ = role(world, one, ada)
    sf = world.connector().of("deal")
    cursor = await cursor_of(world, sf)
    world.edit(id_, ContactId=bob)
    assert (await read(sf, cursor))[one].fields[ROLES] == [bob]


async def test_a_role_given_during_a_scan_is_read_by_the_next_run(world: World) -> None:
    world.org.switches.page_size = 200
    deals = [deal(world) for _ in range(203)]
    contact = world.create("Contact")
    sf = world.connector().of("deal")
    pages, cursor = [], None
    async for page in sf.read(DEAL):
        if not pages:
            world.later(2)
            role(world, deals[0], contact)
        pages.append(page)
        cursor = page.cursor
    assert (await read(sf, cursor))[deals[0]].fields[ROLES] == [contact]


async def test_a_role_that_was_taken_away_leaves_no_row_so_every_deal_is_read_again(world: World) -> None:
    contact, deals = world.create("Contact"), [deal(world) for _ in range(3)]
    id_ = role(world, deals[1], contact)
    sf = world.connector(deletes_every=60).of("deal")
    cursor = await cursor_of(world, sf)
    world.later(120)
    world.delete(id_)
    assert not world.org.tables["OpportunityContactRole"].rows, "not even in the recycle bin"
    world.later(120)
    pages = await pages_of(sf, cursor, DEAL)
    assert {r.id: r.fields[ROLES] for r in records_in(pages)} == {id_: [] for id_ in deals}
    assert pages[-1].complete
    world.later(120)
    assert not any(page.complete for page in await pages_of(sf, pages[-1].cursor, DEAL)), "only once"


async def test_a_contacts_roles_go_with_it_into_the_bin_without_a_scan(world: World) -> None:
    contact, one = world.create("Contact"), deal(world)
    role(world, one, contact)
    sf = world.connector(deletes_every=60).of("deal")
    cursor = await cursor_of(world, sf)
    world.later(120)
    world.delete(contact)
    world.later(120)
    pages = await pages_of(sf, cursor, DEAL)
    assert [(r.id, r.fields[ROLES]) for r in records_in(pages)] == [(one, [])]
    assert not pages[-1].complete


async def test_a_merge_of_contacts_moves_their_roles(world: World) -> None:
    master, loser, both, one = world.create("Contact"), world.create("Contact"), deal(world), deal(world)
    role(world, both, master)
    role(world, both, loser)
    role(world, one, loser)
    sf = world.connector().of("deal")
    cursor = await cursor_of(world, sf)
    world.merge(master, loser)
    assert (await read(sf, cursor))[one].fields[ROLES] == [master]
    assert roles_of(world, both) == [master]


async def test_a_deleted_deal_is_a_tombstone_without_people(world: World) -> None:
    one = deal(world)
    role(world, one, world.create("Contact"))
    sf = world.connector().of("deal")
    cursor = await cursor_of(world, sf)
    world.delete(one)
    [record] = (await read(sf, cursor)).values()
    assert record.deleted
    assert ROLES not in record.fields


async def test_bulk_scans_have_people_too(world: World) -> None:
    deals = [deal(world) for _ in range(12)]
    contact = world.create("Contact")
    role(world, deals[5], contact)
    found = await read(world.connector(bulk_above=10).of("deal"))
    assert {id_ for id_, record in found.items() if record.fields[ROLES] == [contact]} == {deals[5]}
    assert len(found) == 12
    assert world.calls("POST .*/jobs/query$") == 1


# Writing who is in it


async def test_members_join_and_leave_and_everybody_else_stays(world: World) -> None:
    ada, bob, eve, zoe = (world.create("Contact", LastName=name) for name in ("Ada", "Bob", "Eve", "Zoe"))
    one = deal(world)
    for contact in (ada, bob, eve):
        role(world, one, contact)
    role(world, one, bob, Role="Evaluator")
    members = Members(add=(zoe, ada), remove=(bob,))
    [result] = await world.connector().of("deal").write([Write("w", "update", {ROLES: members, "Amount": 5}, id=one)])
    assert (result.outcome, result.fields) == ("done", {ROLES: sorted([ada, eve, zoe])})
    assert roles_of(world, one) == sorted([ada, eve, zoe])
    assert world.row(one)["Amount"] == 5


async def test_an_unconverted_lead_can_have_no_role_and_the_answer_says_who_has_one(world: World) -> None:
    lead, contact, one = world.create(), world.create("Contact"), deal(world)
    [result] = (
        await world.connector().of("deal").write([Write("w", "update", {ROLES: Members(add=(lead, contact))}, id=one)])
    )
    assert (result.outcome, result.fields) == ("done", {ROLES: [contact]})
    [result] = await world.connector().of("deal").write([Write("w", "update", {ROLES: Members(add=(lead,))}, id=one)])
    assert (result.outcome, result.fields) == ("done", {ROLES: [contact]})
    assert roles_of(world, one) == [contact]


async def test_a_new_deal_gets_its_people_once_it_is_there(world: World) -> None:
    contact = world.create("Contact")
    fields = {"Name": "New", "StageName": "Prospecting", "CloseDate": "2026-12-31", ROLES: Members(add=(contact,))}
    write = Write("w", "create", fields, key=Key("Smarketing_Id__c", "smk-1"))
    sf = world.connector().of("deal")
    [result], [again] = await sf.write([write]), await sf.write([write])
    assert (result.outcome, result.fields) == ("done", {ROLES: [contact]})
    assert (again.id, again.fields) == (result.id, result.fields)
    assert len(list(world.org.tables["OpportunityContactRole"].live())) == 1


async def test_people_of_many_deals_are_written_in_collections_of_200(world: World) -> None:
    contact, deals = world.create("Contact"), [deal(world) for _ in range(201)]
    world.forget_calls()
    results = (
        await world.connector()
        .of("deal")
        .write([Write(id_, "update", {ROLES: Members(add=(contact,))}, id=id_) for id_ in deals])
    )
    assert {result.outcome for result in results} == {"done"}
    assert all(result.fields == {ROLES: [contact]} for result in results)
    assert world.calls("POST .*/composite/sobjects") == 2


async def test_a_contact_that_is_gone_costs_only_what_has_nothing_else_to_write(world: World) -> None:
    gone, deals = world.create("Contact"), [deal(world), deal(world)]
    world.delete(gone)
    alone, beside = (
        await world.connector()
        .of("deal")
        .write(
            [
                Write("a", "update", {ROLES: Members(add=(gone,))}, id=deals[0]),
                Write("b", "update", {ROLES: Members(add=(gone,)), "Amount": 7}, id=deals[1]),
            ]
        )
    )
    assert (alone.outcome, alone.fields) == ("rejected", {ROLES: []})
    assert alone.error is not None
    assert (beside.outcome, beside.fields) == ("done", {ROLES: []})
    assert world.row(deals[1])["Amount"] == 7


async def test_people_for_a_deal_that_is_gone_are_rejected_as_gone(world: World) -> None:
    contact, one = world.create("Contact"), deal(world)
    world.delete(one)
    [result] = (
        await world.connector().of("deal").write([Write("w", "update", {ROLES: Members(add=(contact,))}, id=one)])
    )
    assert isinstance(result.error, Gone)


async def test_roles_whose_answer_is_lost_are_unknown(world: World) -> None:
    contact, one = world.create("Contact"), deal(world)

    def lost(request: httpx.Request) -> httpx.Response | None:
        if request.method == "POST" and request.url.path.endswith("/composite/sobjects"):
            raise httpx.ReadError("the connection was dropped", request=request)
        return None

    sf = overruled(world, lost).of("deal")
    [result] = await sf.write([Write("w", "update", {ROLES: Members(add=(contact,))}, id=one)])
    assert (result.outcome, result.id) == ("unknown", one)


async def test_a_list_where_members_belong_is_rejected(world: World) -> None:
    one = deal(world)
    [result] = await world.connector().of("deal").write([Write("w", "update", {ROLES: ["003"]}, id=one)])
    assert result.outcome == "rejected"


# Conversion


async def test_a_conversion_gives_a_contact_an_account_and_a_deal_with_the_contact_in_it(world: World) -> None:
    sf = world.connector()
    lead = world.create(Company="Acme", Email="roe@acme.example")
    people = (await pages_of(sf))[-1].cursor
    deals, accounts = (await read_cursor(sf.of("deal"), DEAL)), (await read_cursor(sf.of("company"), ["Name"]))
    world.later(2)
    became = world.convert(lead, opportunity="Ten engines")
    assert became.opportunity_id is not None
    changes = {r.id: r for r in records_in(await pages_of(sf, people, ["AccountId", "Email"]))}
    assert changes[lead].became == became.contact_id
    assert changes[became.contact_id].fields == {"AccountId": became.account_id, "Email": "roe@acme.example"}
    [company] = records_in(await pages_of(sf.of("company"), accounts, ["Name"]))
    assert (company.id, company.fields) == (became.account_id, {"Name": "Acme"})
    [record] = records_in(await pages_of(sf.of("deal"), deals, DEAL))
    assert (record.id, record.fields["AccountId"], record.fields[ROLES]) == (
        became.opportunity_id,
        became.account_id,
        [became.contact_id],
    )


async def read_cursor(sf: Salesforce, fields: list[str]) -> Any:
    return (await pages_of(sf, None, fields))[-1].cursor
