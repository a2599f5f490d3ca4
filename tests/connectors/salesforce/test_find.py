"""Looking people up in an org."""

from __future__ import annotations

import pytest

from connectors.base import Key
from connectors.errors import Misconfigured
from tests.connectors.salesforce.conftest import World

FIELDS = ["Email", "LastName", "Company"]


async def found(world: World, *keys: Key, fields: list[str] = FIELDS) -> list[list[str]]:
    return [[record.id for record in one] for one in await world.connector().find(keys, fields)]


async def test_leads_and_contacts_are_looked_up_at_once(world: World) -> None:
    lead = world.create(Email="same@acme.example")
    contact = world.create("Contact", Email="same@acme.example")
    assert await found(world, Key("Email", "same@acme.example")) == [[lead, contact]]
    assert await found(world, Key("id", contact), Key("id", lead)) == [[contact], [lead]]


async def test_soql_compares_text_without_case(world: World) -> None:
    lead = world.create(Email="roe@acme.example", LastName="O'Brien")
    assert await found(world, Key("Email", "ROE@Acme.Example"), Key("LastName", "o'brien")) == [[lead], [lead]]


@pytest.mark.parametrize("value", ["x' OR LastName != '", "\\", "') OR (LastName = 'Roe", "", "nul \0", "half \ud800"])
async def test_injection_finds_nobody(world: World, value: str) -> None:
    world.create(Email="roe@acme.example")
    assert await found(world, Key("Email", value), Key("LastName", value), Key("id", value)) == [[], [], []]


async def test_a_converted_lead_gives_its_contact_once(world: World) -> None:
    lead = world.create(Email="roe@acme.example", Smarketing_Id__c="smk-1")
    contact = world.convert(lead).contact_id
    keys = (Key("Email", "roe@acme.example"), Key("Smarketing_Id__c", "smk-1"), Key("id", lead))
    assert await found(world, *keys) == [[contact], [contact], [contact]]


async def test_a_converted_lead_gives_its_contact_even_under_another_address(world: World) -> None:
    lead = world.create(Email="old@acme.example")
    contact = world.convert(lead).contact_id
    world.edit(contact, Email="new@acme.example")
    [[record]] = await world.connector().find([Key("Email", "old@acme.example")], FIELDS)
    assert (record.id, record.fields["Email"]) == (contact, "new@acme.example")


async def test_the_id_of_a_merged_record_gives_the_winner_and_so_does_a_chain(world: World) -> None:
    first, second, third = world.leads(3)
    world.merge(second, first)
    world.merge(third, second)
    contact = world.convert(third).contact_id
    assert await found(world, Key("id", first), Key("id", second)) == [[contact], [contact]]


async def test_a_short_id_finds_the_record(world: World) -> None:
    lead = world.create()
    assert await found(world, Key("id", lead[:15])) == [[lead]]


async def test_a_contact_is_found_by_leads_names(world: World) -> None:
    account = world.create("Account", Name="Acme")
    contact = world.create("Contact", AccountId=account, MailingCity="Paris")
    assert await found(world, Key("City", "paris"), Key("Company", "ACME")) == [[contact], [contact]]


async def test_a_field_that_only_leads_have_is_asked_of_leads(world: World) -> None:
    lead = world.create(Website="acme.example")
    world.create("Contact")
    assert await found(world, Key("Website", "acme.example")) == [[lead]]


async def test_a_custom_field_that_contacts_lack_finds_leads(world: World) -> None:
    from sandbox.salesforce.schema import text

    world.org.add_field(world.org.tables["Lead"], text("Badge__c", 20))
    lead = world.create(Badge__c="B7")
    assert await found(world, Key("Badge__c", "b7"), fields=["Badge__c", "Email"]) == [[lead]]


async def test_a_field_that_nobody_has_is_a_setting_to_correct(world: World) -> None:
    with pytest.raises(Misconfigured, match="Nonsense__c"):
        await found(world, Key("Nonsense__c", "1"))


async def test_url_length_many_keys_are_asked_in_several_queries_and_answered_in_order(world: World) -> None:
    ids = [world.create(Email=f"a.rather.long.address.{n}@some-company-name.example") for n in range(600)]
    keys = [Key("Email", f"a.rather.long.address.{n}@some-company-name.example") for n in reversed(range(600))]
    assert await found(world, *keys) == [[id_] for id_ in reversed(ids)]
    assert world.calls("/query$") < 12


async def test_two_people_with_one_address_are_two(world: World) -> None:
    ids = [world.create(Email="info@acme.example") for _ in range(2)]
    assert await found(world, Key("Email", "info@acme.example")) == [ids]


async def test_an_id_that_is_damaged_finds_nobody_and_costs_no_other(world: World) -> None:
    lead = world.create()
    damaged = lead[:15] + ("ZZZ" if lead[15:] != "ZZZ" else "AAA")
    assert await found(world, Key("id", damaged), Key("id", lead), Key("id", lead[:15])) == [[], [lead], [lead]]
