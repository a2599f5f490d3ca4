"""Organisations among Tryton's parties, and who belongs to them (module party_relationship)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from pydantic import ValidationError

from connectors.base import Key, Write
from connectors.errors import Duplicate, Gone, Invalid, Misconfigured
from connectors.tryton import Settings, Tryton
from tests.connectors.tryton.conftest import changes, now, start, update
from tests.real.tryton import Tryton as Server

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


class World:
    """A category with one below it, a relation type, and companies in it; on the shared server, under their own names."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.name = f"Organisations {uuid4().hex[:8]}"
        self.relation = f"Employee of {uuid4().hex[:8]}"
        (self.category,) = server.model("party.category.create", [{"name": self.name}])
        (self.below,) = server.model("party.category.create", [{"name": "Schools", "parent": self.category}])
        (self.type,) = server.model("party.relation.type.create", [{"name": self.relation}])

    @property
    def settings(self) -> dict[str, Any]:
        return {"company_category": self.name, "company_relation": self.relation}

    def company(self, name: str, category: int | None = None) -> int:
        values = {"name": name, "categories": [["add", [category or self.category]]]}
        (party,) = self.server.model("party.party.create", [values])
        return int(party)

    def relate(self, person: int, company: int, type: int | None = None, **more: Any) -> None:
        row = {"type": type or self.type, "to": company, **more}
        self.server.model("party.party.write", [person], {"relations": [["create", [row]]]})


@pytest.fixture
def world(tryton: Server) -> World:
    return World(tryton)


@pytest.fixture
def leads(connect: Callable[..., Tryton], world: World) -> Tryton:
    return connect(**world.settings)


async def company_of(leads: Tryton, lead: int | str) -> Any:
    return (await now(leads, lead, "organisation"))["organisation"]


async def test_without_a_category_nobody_can_tell_companies_so_there_are_none(connector: Tryton) -> None:
    assert connector.kinds == {"lead", "deal", "owner", "activity"}
    with pytest.raises(Misconfigured, match="company_category"):
        connector.of("company")
    assert "organisation" not in {field.name for field in await connector.schema()}


async def test_a_category_or_relation_that_is_not_there_is_told_by_check(
    connect: Callable[..., Tryton], world: World
) -> None:
    with pytest.raises(Misconfigured, match="no party category 'Nobodies'"):
        await connect(company_category="Nobodies").check()
    with pytest.raises(Misconfigured, match="no relation type 'Cousin of'"):
        await connect(company_category=world.name, company_relation="Cousin of").check()
    assert (await connect(**world.settings).check()).detail.endswith("as Sally Sales")
    with pytest.raises(ValidationError, match="company_relation needs company_category"):
        Settings.model_validate(
            {"base_url": "http://x", "database": "x", "user": "x", "password": "x", "company_relation": "Employee of"}
        )


async def test_companies_are_the_parties_of_the_category_and_of_those_below(leads: Tryton, world: World) -> None:
    acme, school = world.company("Acme"), world.company("School", world.below)
    world.server.lead("Ada", "ada@acme.example")

    pages = [page async for page in leads.of("company").read(["name"])]

    assert {r.id: r.fields["name"] for page in pages for r in page.records} == {
        str(acme): "Acme",
        str(school): "School",
    }
    assert pages[-1].complete


async def test_a_person_belongs_to_the_company_that_the_relation_leads_to(leads: Tryton, world: World) -> None:
    lead, person = world.server.lead("Ada")
    acme, (friend,) = world.company("Acme"), world.server.model("party.party.create", [{"name": "Friend"}])
    (other,) = world.server.model("party.relation.type.create", [{"name": "Sells to"}])
    cursor = await start(leads)
    world.relate(person, friend)  # the right relation, but to nobody who is a company
    world.relate(person, acme, other)  # another relation
    assert await company_of(leads, lead) is None

    world.relate(person, acme)

    assert await company_of(leads, lead) == str(acme)
    assert (await changes(leads, cursor, ["organisation"]))[str(lead)].fields["organisation"] == str(acme)


async def test_a_relation_that_has_ended_counts_no_more(leads: Tryton, world: World) -> None:
    lead, person = world.server.lead("Ada")
    before = {"__class__": "date", "year": 2020, "month": 1, "day": 31}
    world.relate(person, world.company("Once"), end_date=before)
    world.relate(person, acme := world.company("Acme"))

    assert await company_of(leads, lead) == str(acme)


async def test_a_relation_that_is_taken_away_shows_where_the_party_was_saved_with_it(
    leads: Tryton, world: World
) -> None:
    lead, person = world.server.lead("Ada")
    world.relate(person, world.company("Acme"))
    (relation,) = world.server.model("party.relation.all.search", [["from_", "=", person]])
    cursor = await start(leads)

    world.server.model("party.party.write", [person], {"relations": [["delete", [relation]]]})

    assert (await changes(leads, cursor, ["organisation"]))[str(lead)].fields == {"organisation": None}


async def test_an_opportunity_of_an_organisation_belongs_to_itself(leads: Tryton, world: World) -> None:
    acme, other = world.company("Acme"), world.company("Other")
    (lead,) = world.server.model("sale.opportunity.create", [{"party": acme}])

    assert await company_of(leads, lead) == str(acme)
    assert (await update(leads, lead, organisation=str(acme))).outcome == "done"
    assert isinstance((await update(leads, lead, organisation=str(other))).error, Invalid)
    assert await company_of(leads, lead) == str(acme)


async def test_whom_a_person_belongs_to_is_written_as_that_one_relation(leads: Tryton, world: World) -> None:
    lead, person = world.server.lead("Ada", "ada@example.com")
    acme, other = world.company("Acme"), world.company("Other")
    (type,) = world.server.model("party.relation.type.create", [{"name": "Sells to"}])
    world.relate(person, acme, type)
    for company in (acme, other, None):
        result = await update(leads, lead, organisation=str(company) if company else None, name="Ada L.")
        assert result.outcome == "done", result
        assert await company_of(leads, lead) == (str(company) if company else None)
    left = world.server.model("party.relation.all.search_read", [["from_", "=", person]], 0, None, None, ["to", "type"])
    assert [(row["to"], row["type"]) for row in left] == [(acme, type)]


async def test_a_new_lead_is_related_at_once_and_only_to_a_company(leads: Tryton, world: World) -> None:
    acme, (person,) = world.company("Acme"), world.server.model("party.party.create", [{"name": "Nobody's company"}])
    batch = [
        Write("a", "create", {"name": "Ada", "organisation": str(acme)}),
        Write("b", "create", {"name": "Bob", "organisation": str(person)}),
        Write("c", "create", {"name": "Cy", "organisation": "999999"}),
    ]
    results = await leads.write(batch)

    assert [result.outcome for result in results] == ["done", "rejected", "rejected"]
    assert await company_of(leads, str(results[0].id)) == str(acme)
    assert {str(result.error) for result in results[1:]} == {
        f"Tryton has no company {person}.",
        "Tryton has no company 999999.",
    }


async def test_without_a_relation_only_organisations_are_told_and_nothing_is_written(
    connect: Callable[..., Tryton], world: World
) -> None:
    leads = connect(company_category=world.name)
    lead, person = world.server.lead("Ada")
    world.relate(person, acme := world.company("Acme"))

    assert await company_of(leads, lead) is None
    assert not {field.name: field for field in await leads.schema()}["organisation"].writable
    assert isinstance((await update(leads, lead, organisation=str(acme))).error, Invalid)


async def test_a_company_made_by_us_is_one_and_has_its_mechanisms_and_address(leads: Tryton, world: World) -> None:
    fields = {
        "name": "Acme",
        "website": "https://acme.example",
        "city": "Berlin",
        "country": "DE",
        "smarketing_id": "c-1",
    }
    companies = leads.of("company")
    write = Write("r", "create", fields, key=Key("smarketing_id", "c-1"))
    (made,) = await companies.write([write])
    (again,) = await companies.write([write])

    assert (made.outcome, made.id) == (again.outcome, again.id)
    ((found,),) = await companies.find([Key("smarketing_id", "c-1")], list(fields))
    assert found.fields == fields
    assert world.server.one("party.party", int(made.id or 0), "categories")["categories"] == [world.category]


async def test_a_company_with_the_same_email_is_for_the_engine_to_match(leads: Tryton, world: World) -> None:
    email = f"{uuid4().hex[:8]}@example.com"
    world.server.lead("A person with that address", email)
    companies = leads.of("company")
    (first,) = await companies.write([Write("r", "create", {"name": "Acme", "email": email})])
    (second,) = await companies.write([Write("r", "create", {"name": "Acme", "email": email.upper()})])

    assert first.outcome == "done"  # the person is none
    assert isinstance(second.error, Duplicate)
    assert second.error.existing == first.id


async def test_a_person_is_not_written_as_a_company(leads: Tryton, world: World) -> None:
    _, person = world.server.lead("Ada")
    (result,) = await leads.of("company").write([Write("r", "update", {"name": "Acme"}, id=str(person))])

    assert isinstance(result.error, Gone)
    assert world.server.one("party.party", person, "name")["name"] == "Ada"


async def test_a_company_that_is_not_in_use_any_more_is_deleted_until_it_is_again(leads: Tryton, world: World) -> None:
    companies = leads.of("company")
    acme = world.company("Acme")
    cursor = await start(companies, field="name")
    (result,) = await companies.archive([str(acme)])
    assert result.outcome == "done"
    assert not world.server.one("party.party", acme, "active")["active"]
    assert (await changes(companies, cursor, ["name"]))[str(acme)].deleted
    assert await companies.find([Key("id", str(acme))], ["name"]) == [[]]

    world.server.model("party.party.write", [acme], {"active": True})

    assert (await changes(companies, cursor, ["name"]))[str(acme)].fields == {"name": "Acme"}


async def test_a_company_that_was_replaced_is_found_as_the_other(leads: Tryton, world: World) -> None:
    first, second, third = world.company("Acme"), world.company("Acme Ltd"), world.company("Acme Inc")
    world.server.replace_party(first, second)
    world.server.replace_party(second, third)

    ((found,), (same,)) = await leads.of("company").find([Key("id", str(first)), Key("id", str(third))], ["name"])

    assert (found.id, found.fields["name"]) == (same.id, "Acme Inc") == (str(third), "Acme Inc")
