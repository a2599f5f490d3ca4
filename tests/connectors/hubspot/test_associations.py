"""HubSpot's quirks of associations, one test each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.base import Key, Members, Write
from connectors.errors import Gone, Invalid
from connectors.hubspot import HubSpot
from connectors.hubspot import associations as ours
from sandbox.hubspot import associations_api
from tests.connectors.hubspot.conftest import Portal, live, read

COMPANY, PEOPLE = "associations.company", "associations.contacts"
FIELDS = ["email", COMPANY]
READ = "v4/associations/.*/batch/read"
PRIMARY, PLAIN = 1, 279


def companies(hubspot: Portal, count: int) -> list[str]:
    return [hubspot.make("companies", name=f"C{n}", domain=f"c{n}.example") for n in range(count)]


def deal(hubspot: Portal, name: str = "D") -> str:
    return hubspot.make("deals", dealname=name, dealstage="qualifiedtobuy")


def update(id: str, **fields: object) -> Write:
    return Write(f"u{id}", "update", {f"associations.{name}": value for name, value in fields.items()}, id=id)


# Reading


async def test_associations_are_read_only_where_they_are_asked_for(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    await read(connector, None, ["email"])
    assert hubspot.calls(READ) == 0
    (page,) = await read(connector, None, FIELDS)
    assert page.records[0].fields == {"email": "p0@example.com", COMPANY: None}
    assert hubspot.calls(READ) == 1
    assert id


async def test_of_many_companies_the_primary_one_is_meant(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    a, b, c = companies(hubspot, 3)
    hubspot.link("contacts", id, "companies", a)
    hubspot.link("contacts", id, "companies", b)
    hubspot.link("contacts", id, "companies", c, primary=True)
    (found,) = await connector.find([Key("id", id)], [COMPANY])
    assert found[0].fields == {COMPANY: c}
    assert hubspot.linked("contacts", id, "companies") == {a: {PLAIN}, b: {PLAIN}, c: {PRIMARY, PLAIN}}


async def test_a_scan_asks_once_for_a_thousand(hubspot: Portal, connector: HubSpot) -> None:
    """A record without any is an error in a 207, and nothing to be afraid of."""
    ids = hubspot.add(1_150)
    a, b = companies(hubspot, 2)
    hubspot.link("contacts", ids[0], "companies", a)
    hubspot.link("contacts", ids[-1], "companies", b)
    pages = await read(connector, None, FIELDS)
    told = {r.id: r.fields[COMPANY] for page in pages for r in page.records}
    assert told == dict.fromkeys(ids) | {ids[0]: a, ids[-1]: b}
    assert hubspot.calls(READ) == 2
    assert [page.complete for page in pages] == [False, True]
    rest = await read(connector, pages[0].cursor, FIELDS)
    assert live(pages[:1]) + live(rest) == ids


async def test_a_record_with_very_many_comes_in_pages(
    hubspot: Portal, connector: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(associations_api, "TO_PAGE", 3)
    people, id = hubspot.add(8), deal(hubspot)
    for one in people:
        hubspot.link("deals", id, "contacts", one)
    (page,) = await read(connector.of("deal"), None, [PEOPLE])
    assert page.records[0].fields[PEOPLE] == sorted(people)
    assert hubspot.calls(READ) == 3


async def test_a_new_primary_company_is_a_change_of_the_contact(hubspot: Portal, connector: HubSpot) -> None:
    ids, (a,) = hubspot.add(2), companies(hubspot, 1)
    hubspot.clock.advance(10)
    cursor = (await read(connector, None, FIELDS))[-1].cursor
    hubspot.clock.advance(10)
    hubspot.link("contacts", ids[1], "companies", a)
    pages = await read(connector, cursor, FIELDS)
    assert [(r.id, r.fields[COMPANY]) for page in pages for r in page.records] == [(ids[1], a)]


async def test_an_exchange_of_one_contact_for_another_moves_no_time_and_waits_for_a_scan(
    hubspot: Portal, connector: HubSpot
) -> None:
    """HubSpot notes on a deal how many contacts it has, not which."""
    deals, id, people = connector.of("deal"), deal(hubspot), hubspot.add(3)
    hubspot.link("deals", id, "contacts", people[0])
    hubspot.clock.advance(10)
    cursor = (await read(deals, None, [PEOPLE]))[-1].cursor
    hubspot.clock.advance(10)
    hubspot.server.planting = True  # both changes at once, as the pages of HubSpot make them
    hubspot.server.associations.cut("deals", "contacts", int(id), int(people[0]))
    hubspot.link("deals", id, "contacts", people[1])
    hubspot.server.planting = False
    assert live(await read(deals, cursor, [PEOPLE])) == []
    (page,) = await read(deals, None, [PEOPLE])
    assert page.records[0].fields[PEOPLE] == [people[1]]
    hubspot.link("deals", id, "contacts", people[2])
    pages = await read(deals, cursor, [PEOPLE])
    assert pages[0].records[0].fields[PEOPLE] == sorted(people[1:])


# Writing


async def test_a_new_record_and_its_associations_are_one_result(hubspot: Portal, connector: HubSpot) -> None:
    (a,), people = companies(hubspot, 1), hubspot.add(2)
    fields = {"dealname": "D", "dealstage": "qualifiedtobuy", COMPANY: a, PEOPLE: Members(add=tuple(people))}
    (result,) = await connector.of("deal").write([Write("r", "create", fields)])
    assert result.outcome == "done"
    assert result.fields is not None
    assert result.fields[COMPANY] == a
    assert result.fields[PEOPLE] == sorted(people)
    assert hubspot.linked("deals", str(result.id), "companies") == {a: {5, 341}}
    assert set(hubspot.linked("deals", str(result.id), "contacts")) == set(people)


async def test_another_primary_company_leaves_the_one_before_associated(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    a, b = companies(hubspot, 2)
    hubspot.link("contacts", id, "companies", a)
    (result,) = await connector.write([update(id, company=b)])
    assert (result.outcome, result.fields) == ("done", {COMPANY: b})
    assert hubspot.linked("contacts", id, "companies") == {a: {PLAIN}, b: {PRIMARY, PLAIN}}
    assert hubspot.calls("contacts/batch/update") == 0, "there was no property to write"


async def test_none_ends_the_association_with_the_primary_company_alone(hubspot: Portal, connector: HubSpot) -> None:
    one, two = hubspot.add(2)
    a, b = companies(hubspot, 2)
    hubspot.link("contacts", one, "companies", a)
    hubspot.link("contacts", one, "companies", b)
    results = await connector.write([update(one, company=None), update(two, company=None)])
    assert [(r.outcome, r.fields) for r in results] == [("done", {COMPANY: None})] * 2
    assert hubspot.linked("contacts", one, "companies") == {b: {PLAIN}}


async def test_members_change_only_who_joins_and_who_leaves(hubspot: Portal, connector: HubSpot) -> None:
    people, id = hubspot.add(4), deal(hubspot)
    for one in people[:3]:
        hubspot.link("deals", id, "contacts", one)
    (result,) = await connector.of("deal").write(
        [update(id, contacts=Members(add=(people[3],), remove=(people[0], "999999")))]
    )
    assert result.outcome == "done"
    assert result.fields == {PEOPLE: sorted(people[1:])}
    assert set(hubspot.linked("deals", id, "contacts")) == set(people[1:])


async def test_a_company_that_is_gone_costs_only_its_record_and_the_message_says_what_is_written(
    hubspot: Portal, connector: HubSpot
) -> None:
    ids, (a, b) = hubspot.add(3), companies(hubspot, 2)
    hubspot.server.companies.archive(b)
    batch = [
        Write(id, "update", {"firstname": "New", COMPANY: company}, id=id)
        for id, company in zip(ids, (a, b, a), strict=True)
    ]
    results = await connector.write(batch)
    assert [r.outcome for r in results] == ["done", "rejected", "done"]
    error = results[1].error
    assert isinstance(error, Gone)
    assert error.field == COMPANY
    assert "The contact itself is written." in error.message
    assert results[1].id == ids[1]
    assert hubspot.values(ids[1])["firstname"] == "New"
    assert hubspot.calls("companies/batch/create") == 1


async def test_a_refusal_of_the_whole_request_is_halved_until_the_record_at_fault_stands_alone(
    hubspot: Portal, connector: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, (a,) = hubspot.add(8), companies(hubspot, 1)
    real = associations_api._existing

    def refuse(call: object, kind: object, given: dict[str, str]) -> object:
        if given.get("id") == ids[5]:
            raise associations_api.invalid("There is a limit on associations of this record")
        return real(call, kind, given)  # type: ignore[arg-type]

    monkeypatch.setattr(associations_api, "_existing", refuse)
    results = await connector.write([update(id, company=a) for id in ids])
    assert [n for n, r in enumerate(results) if r.outcome == "rejected"] == [5]
    assert isinstance(results[5].error, Invalid)
    assert "limit on associations" in results[5].error.message


async def test_an_answer_that_is_lost_makes_the_record_unknown_and_a_second_try_does_no_harm(
    hubspot: Portal, connector: HubSpot
) -> None:
    (id,), (a,) = hubspot.add(1), companies(hubspot, 1)
    hubspot.faults.add("hangup_after", path="companies/batch/create$")
    (result,) = await connector.write([Write("r", "update", {"firstname": "New", COMPANY: a}, id=id)])
    assert (result.outcome, result.id) == ("unknown", id)
    hubspot.faults.clear()
    (again,) = await connector.write([Write("r", "update", {"firstname": "New", COMPANY: a}, id=id)])
    assert again.outcome == "done"
    assert hubspot.linked("contacts", id, "companies") == {a: {PRIMARY, PLAIN}}


async def test_a_record_that_was_refused_is_not_associated(hubspot: Portal, connector: HubSpot) -> None:
    (a,) = companies(hubspot, 1)
    (result,) = await connector.write([Write("r", "create", {"email": "no address", COMPANY: a})])
    assert result.outcome == "rejected"
    assert hubspot.calls("v4/associations") == 0


async def test_the_two_ways_to_say_it_are_not_mixed_up(hubspot: Portal, connector: HubSpot) -> None:
    (id,), (a,) = hubspot.add(1), companies(hubspot, 1)
    (result,) = await connector.write([update(id, company=Members(add=(a,)))])
    assert isinstance(result.error, Invalid)
    (result,) = await connector.of("deal").write([update(deal(hubspot), contacts=id)])
    assert isinstance(result.error, Invalid)


async def test_a_batch_of_associations_has_a_limit_of_its_own(
    hubspot: Portal, connector: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ours, "WRITE_INPUTS", 50)
    monkeypatch.setattr(associations_api, "WRITES", 50)
    people, id = hubspot.add(120), deal(hubspot)
    (result,) = await connector.of("deal").write([update(id, contacts=Members(add=tuple(people)))])
    assert result.outcome == "done"
    assert len(hubspot.linked("deals", id, "contacts")) == 120
    assert replace(result, fields=None).error is None


async def test_a_record_that_was_merged_away_is_not_called_associated(hubspot: Portal, connector: HubSpot) -> None:
    one, two = hubspot.add(2)
    (a,) = companies(hubspot, 1)
    hubspot.contacts.merge(one, two)
    (result,) = await connector.write([update(one, company=a)])
    assert isinstance(result.error, Gone)
    assert "is written" not in result.error.message


async def test_of_two_primary_companies_in_one_batch_the_last_holds(hubspot: Portal, connector: HubSpot) -> None:
    (id,) = hubspot.add(1)
    a, b = companies(hubspot, 2)
    results = await connector.write([update(id, company=a), update(id, company=b)])
    assert [r.outcome for r in results] == ["done"] * 2
    assert hubspot.linked("contacts", id, "companies") == {b: {PRIMARY, PLAIN}}
    await connector.write([update(id, company=a), update(id, company=None)])
    assert hubspot.linked("contacts", id, "companies") == {}


async def test_find_asks_for_the_associations_of_all_at_once(hubspot: Portal, connector: HubSpot) -> None:
    ids, (a,) = hubspot.add(30), companies(hubspot, 1)
    hubspot.link("contacts", ids[4], "companies", a)
    found = await connector.find([Key("id", id) for id in ids], FIELDS)
    assert [one[0].fields[COMPANY] for one in found] == [a if n == 4 else None for n in range(30)]
    assert hubspot.calls(READ) == 1
