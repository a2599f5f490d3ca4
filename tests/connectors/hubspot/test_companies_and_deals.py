"""HubSpot's quirks of companies and deals, one test each."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from connectors.base import Key, Write
from connectors.errors import Duplicate, Gone, Invalid, Misconfigured, Unauthorized
from connectors.hubspot import HubSpot
from tests.connectors.hubspot.conftest import Portal, became, deleted, live, read

NAME = ["name", "domain"]


async def test_the_kinds_share_the_sign_in_and_the_count_of_calls(hubspot: Portal, connector: HubSpot) -> None:
    companies, deals = connector.of("company"), connector.of("deal")
    assert connector.of("lead") is connector
    assert companies.of("company") is companies is connector.of("company")
    assert companies.of("lead") is connector
    assert companies.kinds == deals.kinds == connector.kinds == {"lead", "company", "deal", "owner", "activity"}
    await companies.check()
    await deals.check()
    assert companies.budget().calls == deals.budget().calls == connector.budget().calls == hubspot.calls() == 4


async def test_companies_change_by_another_property_than_contacts(hubspot: Portal, connector: HubSpot) -> None:
    companies = connector.of("company")
    a, b = hubspot.make("companies", name="A"), hubspot.make("companies", name="B")
    hubspot.clock.advance(10)
    cursor = (await read(companies, None, NAME))[-1].cursor
    hubspot.clock.advance(10)
    hubspot.change("companies", b, name="Bee")
    pages = await read(companies, cursor, NAME)
    assert live(pages) == [b]
    assert pages[0].records[0].fields == {"name": "Bee", "domain": None}
    assert a not in live(pages)


async def test_two_companies_may_have_one_domain_and_find_gives_both_by_search(
    hubspot: Portal, connector: HubSpot
) -> None:
    companies = connector.of("company")
    schema = {field.name: field for field in await companies.schema()}
    assert not schema["domain"].unique
    a = hubspot.make("companies", name="Acme", domain="acme.example")
    b = hubspot.make("companies", name="Acme Ltd", domain="acme.example")
    hubspot.forget_calls()
    (found, none) = await companies.find([Key("domain", "ACME.example"), Key("domain", "other.example")], NAME)
    assert {record.id for record in found} == {a, b}
    assert none == []
    assert (hubspot.calls("companies/search"), hubspot.calls("batch/read")) == (1, 0)


async def test_a_merge_of_companies_makes_a_third_that_takes_their_people(hubspot: Portal, connector: HubSpot) -> None:
    companies = connector.of("company")
    a, b = hubspot.make("companies", name="A"), hubspot.make("companies", name="B")
    (one, two) = hubspot.add(2)
    hubspot.link("contacts", one, "companies", a)
    hubspot.link("contacts", two, "companies", b)
    hubspot.clock.advance(10)
    cursor = (await read(companies, None, NAME))[-1].cursor
    hubspot.clock.advance(10)
    survivor = str(hubspot.server.companies.merge(a, b).id)
    pages = await read(companies, cursor, NAME)
    assert became(pages) == {a: survivor, b: survivor}
    assert deleted(pages) == []
    (page,) = await read(connector, None, ["email", "associations.company"])
    assert {r.fields["associations.company"] for r in page.records} == {survivor}


async def test_stages_of_deals_come_from_the_pipelines_and_are_told_apart_by_them(
    hubspot: Portal, connector: HubSpot
) -> None:
    schema = {field.name: field for field in await connector.of("deal").schema()}
    stages = dict(schema["dealstage"].options)
    assert schema["dealstage"].type == schema["pipeline"].type == "picklist"
    assert stages["contractsent"] == "Sales Pipeline: Contract Sent"
    assert stages["184610355"] == "Renewals: Due"
    assert dict(schema["pipeline"].options) == {"default": "Sales Pipeline", "75512890": "Renewals"}
    assert (schema["hubspot_owner_id"].type, schema["hubspot_owner_id"].refers) == ("reference", "owner")
    assert schema["associations.contacts"].many
    assert schema["associations.contacts"].refers == "lead"


async def test_a_stage_brings_the_pipeline_that_it_is_of(hubspot: Portal, connector: HubSpot) -> None:
    """HubSpot puts a deal without a pipeline into the default one, and takes no stage of another there."""
    deals = connector.of("deal")
    batch = [
        Write("a", "create", {"dealname": "New", "dealstage": "qualifiedtobuy"}),
        Write("b", "create", {"dealname": "Old", "dealstage": "184610356"}),
        Write("c", "create", {"dealname": "Odd", "dealstage": "no-such-stage"}),
    ]
    a, b, c = await deals.write(batch)
    assert hubspot.held("deals", str(a.id))["pipeline"] == "default"
    assert hubspot.held("deals", str(b.id))["pipeline"] == "75512890"
    assert isinstance(c.error, Invalid)
    assert c.error.field == "dealstage"
    assert hubspot.calls("pipelines") == 1
    (moved,) = await deals.write([Write("m", "update", {"dealstage": "184610357"}, id=a.id)])
    assert moved.fields is not None
    assert moved.fields["dealstage"] == "184610357"
    assert hubspot.held("deals", str(a.id))["pipeline"] == "75512890"
    assert hubspot.held("deals", str(a.id))["hs_is_closed_won"] == "true"


async def test_a_property_that_we_make_is_made_on_the_type_that_it_is_for(hubspot: Portal, connector: HubSpot) -> None:
    from connectors.base import RemoteField

    ours = RemoteField("smarketing_id", "ID", "string", unique=True)
    assert await connector.of("company").provision([ours]) == ["smarketing_id"]
    assert "smarketing_id" in hubspot.server.companies.properties.all
    assert "smarketing_id" not in hubspot.contacts.properties.all
    new = Write("r", "create", {"name": "A", "smarketing_id": "x"}, key=Key("smarketing_id", "x"))
    (first,), (again,) = await connector.of("company").write([new]), await connector.of("company").write([new])
    assert first.id == again.id


async def test_a_scope_that_is_missing_is_named(open_portal: Callable[..., Portal]) -> None:
    hubspot = open_portal(scopes=("crm.objects.contacts.read", "oauth"))
    connector = hubspot.connector()
    with pytest.raises(Unauthorized, match="Give the app in HubSpot") as refused:
        await connector.of("company").check()
    assert "crm.objects.companies.read" in refused.value.hint
    with pytest.raises(Misconfigured, match="no records of kind"):
        connector.of("invoice")  # type: ignore[arg-type]
    await connector.aclose()


# Taking out


async def test_a_contact_that_was_erased_leaves_no_trace_and_its_address_is_blocked(
    hubspot: Portal, connector: HubSpot
) -> None:
    a, b, c = hubspot.add(3)
    hubspot.contacts.archive(b)
    hubspot.clock.advance(10)
    cursor = (await read(connector))[-1].cursor
    hubspot.clock.advance(10)
    results = await connector.erase([a, b, "999999"])
    assert [r.outcome for r in results] == ["done"] * 3
    assert not hubspot.contacts.archived
    pages = await read(connector, cursor)
    assert (live(pages), deleted(pages)) == ([], []), "no tombstone: only a scan shows it"
    assert live(await read(connector)) == [c]
    (back,) = await connector.write(
        [Write("r", "create", {"email": "p0@example.com"}, key=Key("email", "p0@example.com"))]
    )
    assert isinstance(back.error, Invalid)
    assert not isinstance(back.error, Duplicate)
    assert len(hubspot.contacts.live) == 1


async def test_only_contacts_can_be_erased_so_a_company_goes_to_the_bin(hubspot: Portal, connector: HubSpot) -> None:
    id = hubspot.make("companies", name="A")
    (result,) = await connector.of("company").erase([id])
    assert result.outcome == "done"
    assert [record.id for record in hubspot.server.companies.archived.values()] == [int(id)]
    assert hubspot.calls("gdpr") == 0


async def test_archiving_takes_one_hundred_a_call_and_minds_nobody_who_is_gone(
    hubspot: Portal, connector: HubSpot
) -> None:
    ids = hubspot.add(150)
    hubspot.contacts.archive(ids[3])
    results = await connector.archive([*ids, "424242"])
    assert {r.outcome for r in results} == {"done"}
    assert hubspot.calls("batch/archive") == 2
    assert not hubspot.contacts.live
    (late,) = await connector.write([Write("u", "update", {"firstname": "X"}, id=ids[0])])
    assert isinstance(late.error, Gone)


@pytest.mark.parametrize("verb", ["archive", "erase"])
async def test_what_is_not_known_to_be_gone_is_unknown(hubspot: Portal, connector: HubSpot, verb: str) -> None:
    ids = hubspot.add(3)
    hubspot.faults.add("hangup_after", path="archive$|gdpr-delete$")
    results = await getattr(connector, verb)(ids)
    assert {r.outcome for r in results} == {"unknown"}
