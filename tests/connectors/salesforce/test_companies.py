"""Accounts, and what refers to them: the code that does people, with another shape."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Key, RemoteField, Write
from connectors.errors import Duplicate, Gone, Misconfigured, Reject
from connectors.salesforce import Salesforce
from tests.connectors.salesforce.conftest import World, pages_of, records_in

COMPANY = ["Name", "Website", "OwnerId", "ParentId"]


def companies(world: World, **settings: Any) -> Salesforce:
    return world.connector(**settings).of("company")


async def test_the_kinds_share_sign_in_describes_and_count_of_calls(world: World) -> None:
    sf = world.connector()
    company = sf.of("company")
    assert (company.kind, company.kinds, company.of("lead")) == ("company", sf.kinds, sf)
    assert sf.of("company") is company
    assert sf.of("lead") is sf
    await company.check()
    assert sf.budget() == company.budget()
    assert sf.budget().calls > 0
    assert world.calls("oauth2/token") == 1
    with pytest.raises(Misconfigured, match="no records of kind"):
        sf.of("campaign")  # type: ignore[arg-type]


async def test_an_account_keeps_its_own_names(world: World) -> None:
    parent = world.create("Account", Name="Holding")
    account = world.create("Account", Name="Acme", Website="https://acme.example", ParentId=parent)
    found = {record.id: record for record in records_in(await pages_of(companies(world), fields=COMPANY))}
    assert found.keys() == {parent, account}
    assert found[account].fields == {
        "Name": "Acme", "Website": "https://acme.example", "OwnerId": world.org.user_id, "ParentId": parent,
    }  # fmt: skip


async def test_schema_tells_which_kind_a_reference_refers_to(world: World) -> None:
    sf = world.connector()
    leads, accounts, deals = [
        {field.name: field for field in await sf.of(kind).schema()} for kind in ("lead", "company", "deal")
    ]
    assert (leads["AccountId"].type, leads["AccountId"].refers, leads["AccountId"].many) == (
        "reference",
        "company",
        False,
    )
    assert "Contact only" in leads["AccountId"].label
    assert (leads["OwnerId"].refers, accounts["OwnerId"].refers, deals["OwnerId"].refers) == ("owner",) * 3
    assert leads["ConvertedOpportunityId"].refers == "deal"
    assert (accounts["ParentId"].refers, deals["AccountId"].refers) == ("company", "company")
    roles = deals["OpportunityContactRoles"]
    assert (roles.type, roles.refers, roles.many, roles.writable) == ("reference", "lead", True, True)
    assert accounts["Smarketing_Id__c"].unique
    assert ("Closed Won", "Closed Won") in deals["StageName"].options


async def test_an_account_merge_says_what_became_and_moves_its_contacts(world: World) -> None:
    master, loser = world.create("Account", Name="Acme"), world.create("Account", Name="ACME Inc")
    contact = world.create("Contact", AccountId=loser)
    sf = world.connector()
    company_cursor = (await pages_of(sf.of("company"), fields=COMPANY))[-1].cursor
    lead_cursor = (await pages_of(sf, fields=["AccountId", "LastName"]))[-1].cursor
    world.later(2)
    world.merge(master, loser)
    changed = {record.id: record for record in records_in(await pages_of(sf.of("company"), company_cursor, COMPANY))}
    assert (changed[loser].became, changed[loser].deleted) == (master, True)
    [moved] = records_in(await pages_of(sf, lead_cursor, ["AccountId", "LastName"]))
    assert (moved.id, moved.fields) == (contact, {"AccountId": master, "LastName": "Roe"})


async def test_a_deleted_account_is_a_tombstone_and_so_are_its_contacts_and_both_come_back(world: World) -> None:
    account = world.create("Account", Name="Acme")
    contact = world.create("Contact", AccountId=account)
    sf = world.connector()
    cursor, people = [(await pages_of(sf.of(k), fields=["OwnerId"]))[-1].cursor for k in ("company", "lead")]
    world.later(2)
    world.delete(account)
    assert [(r.id, r.deleted) for r in records_in(await pages_of(sf.of("company"), cursor, COMPANY))] == [
        (account, True)
    ]
    assert [(r.id, r.deleted) for r in records_in(await pages_of(sf, people, ["Email"]))] == [(contact, True)]
    world.later(2)
    with world.org.lock:
        world.org.undelete(world.org.tables["Account"], account)
    assert [(r.id, r.deleted) for r in records_in(await pages_of(sf.of("company"), cursor, COMPANY))] == [
        (account, False)
    ]
    assert world.row(contact)["IsDeleted"] is False


async def test_what_left_the_recycle_bin_after_15_days_is_told_by_the_delete_log_or_a_scan(world: World) -> None:
    account, kept = world.create("Account", Name="Acme"), world.create("Account", Name="Kept")
    sf = companies(world)
    cursor = (await pages_of(sf, fields=COMPANY))[-1].cursor
    world.delete(account)
    world.later(16 * 86_400)
    world.org.settle()
    pages = await pages_of(sf, cursor, COMPANY)
    assert pages[-1].complete
    assert [record.id for record in records_in(pages)] == [kept]


async def test_accounts_above_the_threshold_are_scanned_and_written_by_bulk(world: World) -> None:
    ids = [world.create("Account", Name=f"Acme {n}") for n in range(30)]
    sf = companies(world, bulk_above=10)
    found = {record.id: record.fields["Name"] for record in records_in(await pages_of(sf, fields=COMPANY))}
    assert found == {id_: f"Acme {n}" for n, id_ in enumerate(ids)}
    assert world.calls("POST .*/jobs/query$") == 1
    results = await sf.write([Write(id_, "update", {"Phone": "1"}, id=id_) for id_ in ids])
    assert {result.outcome for result in results} == {"done"}
    assert world.calls("POST .*/jobs/ingest$") == 1
    assert {world.row(id_)["Phone"] for id_ in ids} == {"1"}


async def test_a_create_by_our_id_is_repeatable_and_a_second_holder_is_named(world: World) -> None:
    sf = companies(world)
    write = Write("a", "create", {"Name": "Acme"}, key=Key("Smarketing_Id__c", "smk-1"))
    [first], [again] = await sf.write([write]), await sf.write([write])
    assert first.id is not None
    assert (first.id, first.outcome) == (again.id, "done")
    assert first.id.startswith("001")
    [twice] = await sf.write([Write("b", "create", {"Name": "Other", "Smarketing_Id__c": "smk-1"})])
    assert isinstance(twice.error, Duplicate)
    assert twice.error.existing == first.id


async def test_a_cursor_of_another_kind_reads_everything(world: World) -> None:
    world.org.switches.page_size = 2
    account = world.create("Account", Name="Acme")
    for _ in range(5):
        world.create("Contact")
    pages = [page async for page in world.connector().read(["Email"])]
    for page in pages[:-1]:
        found = await pages_of(companies(world), page.cursor, COMPANY)
        assert [record.id for record in records_in(found)] == [account]


async def test_find_by_name_website_and_id_in_order(world: World) -> None:
    one = world.create("Account", Name="Acme", Website="acme.example")
    two = world.create("Account", Name="acme")
    keys = [Key("Name", "ACME"), Key("Website", "acme.example"), Key("id", two), Key("id", world.create())]
    found = await companies(world).find(keys, COMPANY)
    assert [sorted(record.id for record in each) for each in found] == [sorted([one, two]), [one], [two], []]


async def test_the_id_of_another_kind_is_rejected_before_it_is_sent(world: World) -> None:
    [result] = await companies(world).write([Write("x", "update", {"Name": "New"}, id=world.create())])
    assert isinstance(result.error, Reject)
    assert "Account" in result.error.message
    assert world.calls("PATCH") == 0


async def test_an_update_of_a_merged_account_is_gone(world: World) -> None:
    master, loser = world.create("Account", Name="Acme"), world.create("Account", Name="ACME")
    world.merge(master, loser)
    [result] = await companies(world).write([Write("x", "update", {"Phone": "1"}, id=loser)])
    assert isinstance(result.error, Gone)


async def test_provision_creates_fields_on_account_alone_and_makes_them_visible(world: World) -> None:
    sf = companies(world)
    wanted = [RemoteField("Fresh_Id__c", "Our id", "string", unique=True, max_length=36)]
    assert await sf.provision(wanted) == ["Fresh_Id__c"]
    assert next(field for field in await sf.schema() if field.name == "Fresh_Id__c").unique
    assert "Fresh_Id__c" not in world.org.tables["Lead"].fields
    assert await sf.of("deal").provision(wanted) == ["Fresh_Id__c"]


# What refers to an account, and to an owner


async def test_accountid_of_a_contact_refers_and_a_lead_has_none(world: World) -> None:
    account = world.create("Account", Name="Acme")
    contact, lone, lead = world.create("Contact", AccountId=account), world.create("Contact"), world.create()
    found = {r.id: r.fields for r in records_in(await pages_of(world.connector(), fields=["AccountId"]))}
    assert found == {contact: {"AccountId": account}, lone: {"AccountId": None}, lead: {}}


async def test_accountid_written_to_a_lead_is_left_out_and_the_answer_says_so(world: World) -> None:
    account = world.create("Account", Name="Acme")
    contact, lead = world.create("Contact"), world.create()
    results = await world.connector().write(
        [
            Write("c", "update", {"AccountId": account}, id=contact),
            Write("l", "update", {"AccountId": account, "Title": "CEO"}, id=lead),
            Write("n", "create", {"LastName": "New", "Company": "Acme", "AccountId": account}),
        ]
    )
    assert [(result.outcome, result.fields) for result in results] == [
        ("done", None),
        ("done", {"AccountId": None}),
        ("done", {"AccountId": None}),
    ]
    assert world.row(contact)["AccountId"] == account
    assert world.row(lead)["Title"] == "CEO"


async def test_an_owner_that_is_a_queue_is_nobody(world: World) -> None:
    queue = world.create("Group", Name="Inbound leads")
    waiting, taken = world.create(OwnerId=queue), world.create()
    found = {r.id: r.fields for r in records_in(await pages_of(world.connector(), fields=["OwnerId"]))}
    assert found == {waiting: {"OwnerId": None}, taken: {"OwnerId": world.org.user_id}}
    [[record]] = await world.connector().find([Key("id", waiting)], ["OwnerId"])
    assert record.fields == {"OwnerId": None}


# Owners


OWNER = ["Email", "Name", "FirstName", "LastName", "IsActive"]


async def test_owners_are_the_standard_users_and_each_read_is_a_complete_scan(world: World) -> None:
    sf = world.connector().of("owner")
    user = {"LastName": "Keller", "Username": "n@acme.example", "Email": "n@acme.example"}
    nadia = world.create("User", **user, FirstName="Nadia", IsActive=True)
    gone = world.create("User", **user | {"Username": "x"}, IsActive=False)
    portal = world.create("User", **user | {"Username": "p"}, UserType="PowerCustomerSuccess")
    pages = await pages_of(sf, fields=OWNER)
    found = {record.id: record for record in records_in(pages)}
    assert found.keys() == {world.org.user_id, nadia, gone}
    assert found[nadia].fields == {
        "Email": "n@acme.example", "Name": "Nadia Keller", "FirstName": "Nadia", "LastName": "Keller", "IsActive": True,
    }  # fmt: skip
    assert (found[gone].fields["IsActive"], found[gone].deleted) == (False, False)
    again = await pages_of(sf, pages[-1].cursor, OWNER)
    assert (again[-1].complete, {record.id for record in records_in(again)}) == (True, found.keys())
    keys = [Key("Email", "N@acme.example"), Key("id", nadia), Key("id", portal)]
    hits = await sf.find(keys, OWNER)
    assert [sorted(record.id for record in each) for each in hits] == [sorted([nadia, gone]), [nadia], []]


async def test_owners_are_only_read(world: World) -> None:
    sf = world.connector().of("owner")
    able = (sf.can.create, sf.can.update, sf.can.provision, sf.can.archive, sf.can.erase, sf.can.tombstones)
    assert not any(able)
    [result] = await sf.write([Write("x", "update", {"IsActive": False}, id=world.org.user_id)])
    assert result.outcome == "rejected"
    assert world.row(world.org.user_id)["IsActive"] is True
    assert not any(field.writable for field in await sf.schema())
    with pytest.raises(Misconfigured):
        await sf.provision([RemoteField("A__c", "A", "string")])
