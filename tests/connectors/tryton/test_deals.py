"""Opportunities as deals (module sale_opportunity)."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.base import Key, Write
from connectors.errors import Gone, Invalid
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import changes, start
from tests.real.tryton import Tryton as Server

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]

ALL = ["lead", "state", "amount", "currency", "employee", "end_date", "lost_reason", "conversion_probability"]


def opportunity(server: Server, name: str = "Ada", **values: Any) -> int:
    lead, _ = server.lead(name, **values)
    server.model("sale.opportunity.opportunity", [lead])
    return lead


async def write(deals: Any, id: int, **fields: Any) -> Any:
    (result,) = await deals.write([Write("r", "update", fields, id=str(id))])
    return result


async def deal_now(connector: Tryton, id: int) -> dict[str, Any]:
    ((record,),) = await connector.of("deal").find([Key("id", str(id))], ALL)
    return dict(record.fields)


async def test_a_lead_becomes_a_deal_under_its_own_id(connector: Tryton, tryton: Server) -> None:
    deals = connector.of("deal")
    cursor = await start(deals)
    lead, _ = tryton.lead("Ada", amount={"__class__": "Decimal", "decimal": "1200.50"})
    assert (await changes(deals, cursor, ALL))[str(lead)].deleted  # no deal yet

    tryton.model("sale.opportunity.opportunity", [lead])

    deal = (await changes(deals, cursor, ALL))[str(lead)]
    assert not deal.deleted
    told = {name: deal.fields[name] for name in ("lead", "state", "amount", "currency")}
    assert told == {"lead": str(lead), "state": "opportunity", "amount": "1200.50", "currency": "EUR"}
    ((owner,),) = await connector.of("owner").find([Key("id", deal.fields["employee"])], ["name"])
    assert owner.fields == {"name": "Sally Sales"}


async def test_the_second_deal_of_a_customer_is_one_of_its_own_and_both_are_of_the_one_lead(
    connector: Tryton, tryton: Server
) -> None:
    first = opportunity(tryton)
    party = tryton.one("sale.opportunity", first, "party")["party"]
    (second,) = tryton.model("sale.opportunity.create", [{"party": party}])

    found = await connector.of("deal").find([Key("id", str(first)), Key("id", str(second))], ["lead"])
    assert [[(r.id, r.fields["lead"], r.became) for r in one] for one in found] == [
        [(str(first), str(second), None)],
        [],
    ]

    tryton.model("sale.opportunity.opportunity", [second])
    ((again,),) = await connector.of("deal").find([Key("id", str(second))], ["lead"])
    assert again.fields == {"lead": str(second)}


async def test_a_deal_that_goes_back_to_lead_or_is_cancelled_is_deleted(connector: Tryton, tryton: Server) -> None:
    deals = connector.of("deal")
    back, cancelled, kept = (opportunity(tryton) for _ in range(3))
    cursor = await start(deals)
    tryton.model("sale.opportunity.lead", [back])
    tryton.model("sale.opportunity.cancel", [cancelled])
    tryton.model("sale.opportunity.write", [kept], {"comment": "still on"})

    found = await changes(deals, cursor, ["state"])

    assert {id: record.deleted for id, record in found.items()} == {
        str(back): True, str(cancelled): True, str(kept): False,
    }  # fmt: skip
    scanned = {r.id async for page in deals.read(["state"]) for r in page.records}
    assert not scanned & {str(back), str(cancelled)}
    assert str(kept) in scanned
    assert isinstance((await write(deals, back, comment="x")).error, Gone)


async def test_the_state_of_a_deal_is_reached_by_buttons_and_by_no_other_way(connector: Tryton, tryton: Server) -> None:
    deals = connector.of("deal")
    deal = opportunity(tryton)
    assert (await write(deals, deal, state="lost", lost_reason="too dear")).outcome == "done"
    assert (await deal_now(connector, deal))["state"] == "lost"
    assert (await write(deals, deal, state="opportunity")).outcome == "done"  # by way of lead
    assert (await deal_now(connector, deal))["state"] == "opportunity"
    for state, said in (("won", "no button that leads from opportunity to won"), ("lead", "not 'lead'")):
        result = await write(deals, deal, state=state)
        assert isinstance(result.error, Invalid)
        assert said in result.error.message
    assert (await deal_now(connector, deal))["state"] == "opportunity"


async def test_a_deal_that_is_converted_has_a_sale_and_is_won_by_it(connector: Tryton, tryton: Server) -> None:
    deals = connector.of("deal")
    deal = opportunity(tryton)
    assert (await write(deals, deal, state="converted")).outcome == "done"
    cursor = await start(deals)
    tryton.sell(deal, "200.00")

    told = (await changes(deals, cursor, ALL))[str(deal)].fields

    assert (told["state"], told["amount"]) == ("won", "200.00")
    assert isinstance((await write(deals, deal, state="lost")).error, Invalid)


async def test_amount_owner_and_close_date_of_a_deal_are_written(connector: Tryton, tryton: Server) -> None:
    deal = opportunity(tryton)
    colleague = str(tryton.employee("Carl Colleague"))
    fields = {"amount": "99.90", "end_date": "2027-03-31", "conversion_probability": 0.25, "employee": colleague}
    assert (await write(connector.of("deal"), deal, **fields)).outcome == "done"
    assert isinstance((await write(connector.of("deal"), deal, employee=None)).error, Invalid)  # Tryton wants one

    assert (await deal_now(connector, deal)).items() >= fields.items()


async def test_a_deal_is_not_created_since_that_would_make_a_second_lead(connector: Tryton, tryton: Server) -> None:
    before = tryton.model("sale.opportunity.search_count", [])
    (result,) = await connector.of("deal").write([Write("r", "create", {"description": "Deal"})])

    assert isinstance(result.error, Invalid)
    assert "second lead" in result.error.message
    assert tryton.model("sale.opportunity.search_count", []) == before


async def test_what_a_deal_refers_to_is_tryton_s_to_change(connector: Tryton, tryton: Server) -> None:
    deals = connector.of("deal")
    schema = {field.name: field for field in await deals.schema()}
    assert (schema["lead"].refers, schema["employee"].refers) == ("lead", "owner")
    assert [value for value, _ in schema["state"].options] == ["opportunity", "converted", "won", "lost"]
    for name in ("lead", "currency"):
        assert isinstance((await write(deals, opportunity(tryton), **{name: "1"})).error, Invalid)
