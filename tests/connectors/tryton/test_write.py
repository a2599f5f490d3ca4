"""Writing, against a real Tryton. Each test is named after what is peculiar about it."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from connectors.base import Write
from connectors.errors import Gone, Invalid, Misconfigured, Retry, Stale
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import (
    Wire,
    create,
    lose_the_answer,
    new_email,
    now,
    update,
)
from tests.real.tryton import Tryton as Server

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


# Changing


async def test_an_email_is_edited_in_place(tryton: Server, connector: Tryton, email: str) -> None:
    lead, party = tryton.lead("Ada", email)
    (before,) = tryton.model("party.contact_mechanism.search", [["party", "=", party]])
    corrected = new_email()
    assert (await update(connector, lead, email=corrected)).outcome == "done"

    (after,) = tryton.model("party.contact_mechanism.search_read", [["party", "=", party]], 0, 9, None, ["value"])
    assert (after["id"], after["value"]) == (before, corrected)


async def test_a_cleared_email_is_switched_off_and_the_next_one_shows(
    tryton: Server, connector: Tryton, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    second = new_email()
    tryton.model("party.contact_mechanism.create", [{"party": party, "type": "email", "value": second}])

    await update(connector, lead, email=None)
    assert (await now(connector, lead, "email"))["email"] == second
    await update(connector, lead, email=None)
    assert (await now(connector, lead, "email"))["email"] is None
    assert tryton.model("party.contact_mechanism.search_count", [["party", "=", party]], active_test=False) == 2


async def test_a_clear_of_what_is_blank_does_nothing(tryton: Server, connector: Tryton, wire: Wire) -> None:
    lead, party = tryton.lead("Ada")
    wire.calls.clear()
    assert (await update(connector, lead, email=None, city=None, smarketing_id=None)).outcome == "done"
    assert not any(call.endswith((".write", ".create")) for call in wire.calls)
    assert tryton.model("party.address.search_count", [["party", "=", party]]) == 0


async def test_text_address_and_our_id_are_cleared(connector: Tryton, email: str) -> None:
    (made,) = await connector.write([create(email, ours=uuid4().hex, description="x", city="Berlin", country="FR")])
    assert (
        await update(connector, str(made.id), description=None, city=None, country=None, smarketing_id=None, name=None)
    ).outcome == "done"

    held = await now(connector, str(made.id), "description", "city", "country", "smarketing_id", "name", "email")
    assert held == dict.fromkeys(held, None) | {"email": email}


async def test_a_lead_without_a_party_gets_one_when_there_is_something_to_say(
    tryton: Server, connector: Tryton, email: str
) -> None:
    (lead,) = tryton.model("sale.opportunity.create", [{"description": "phoned, left no name"}])
    assert (await update(connector, lead, email=email, name="Ada", description="rang back")).outcome == "done"
    assert await now(connector, lead, "email", "name", "description") == {
        "email": email,
        "name": "Ada",
        "description": "rang back",
    }


async def test_a_lead_that_is_gone_costs_only_its_record(tryton: Server, connector: Tryton, email: str) -> None:
    lead, _ = tryton.lead("Ada", email)
    results = await connector.write(
        [
            Write("a", "update", {"description": "x"}, id="99999999"),
            Write("b", "update", {"description": "x"}, id="no id"),
            Write("c", "update", {"description": "x"}, id=str(lead)),
        ]
    )
    assert [type(result.error) for result in results] == [Gone, Gone, type(None)]


@pytest.mark.parametrize("what", ["lead", "party", "mechanism"])
async def test_a_person_who_edits_at_the_same_moment_is_not_overwritten(
    tryton: Server, connector: Tryton, wire: Wire, email: str, what: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    (mechanism,) = tryton.model("party.contact_mechanism.search", [["party", "=", party]])
    hers = new_email()
    edits: dict[str, tuple[str, int, dict[str, Any], str]] = {
        "lead": ("sale.opportunity", lead, {"description": "hers"}, "sale.opportunity.write"),
        "party": ("party.party", party, {"name": "Hers"}, "party.party.write"),
        "mechanism": ("party.contact_mechanism", mechanism, {"value": hers}, "party.party.write"),
    }
    model, id_, values, call = edits[what]
    wire.before(call, lambda: tryton.model(f"{model}.write", [id_], values))
    sent = {"description": "ours"} if what == "lead" else {"email": new_email(), "name": "Ours"}
    result = await update(connector, lead, **sent)

    assert isinstance(result.error, Stale)
    assert tryton.one(model, id_, *values) == {"id": id_, **values}


# States: buttons, not a field


@pytest.mark.parametrize(
    ("way", "state"),
    [
        (["opportunity"], "opportunity"),
        (["lost"], "lost"),
        (["cancelled"], "cancelled"),
        (["lost", "opportunity"], "opportunity"),
        (["opportunity", "lead"], "lead"),
        (["cancelled", "lost"], "lost"),
        (["lost", "lost"], "lost"),
    ],
)
async def test_the_state_is_reached_by_buttons(
    tryton: Server, connector: Tryton, email: str, way: list[str], state: str
) -> None:
    lead, _ = tryton.lead("Ada", email)
    for step in way:
        assert (await update(connector, lead, state=step)).outcome == "done"
    assert (await now(connector, lead, "state"))["state"] == state


async def test_the_workflow_hangs_on_the_buttons(tryton: Server, connector: Tryton, email: str) -> None:
    """Converting makes a quotation and notes who did it; losing closes the opportunity with today's date."""
    lead, _ = tryton.lead("Ada", email)
    lost, _ = tryton.lead("Bob", new_email())
    assert (await update(connector, lead, state="converted")).outcome == "done"
    assert (await update(connector, lost, state="lost")).outcome == "done"

    converted = tryton.one("sale.opportunity", lead, "sales", "converted_by")
    assert len(converted["sales"]) == 1
    assert converted["converted_by"]
    assert tryton.one("sale.opportunity", lost, "end_date")["end_date"]


@pytest.mark.parametrize(("start", "goal"), [("lead", "won"), ("converted", "lead"), ("converted", "lost")])
async def test_no_button_leads_there(tryton: Server, connector: Tryton, email: str, start: str, goal: str) -> None:
    lead, _ = tryton.lead("Ada", email)
    await update(connector, lead, state=start)
    result = await update(connector, lead, state=goal)

    assert isinstance(result.error, Invalid)
    assert result.error.field == "state"
    assert f"from {start} to {goal}" in result.error.message
    assert (await now(connector, lead, "state"))["state"] == start


async def test_one_lead_that_cannot_move_keeps_no_other_back(tryton: Server, connector: Tryton) -> None:
    """Tryton wants a party on an opportunity; the call for all fails, and is split."""
    able = [tryton.lead(f"Ada {n}", new_email())[0] for n in range(3)]
    (unable,) = tryton.model("sale.opportunity.create", [{"description": "no party"}])
    moves = [Write(str(i), "update", {"state": "opportunity"}, id=str(i)) for i in (able[0], unable, *able[1:])]
    results = await connector.write(moves)

    assert [result.outcome for result in results] == ["done", "rejected", "done", "done"]
    assert "Party" in str(results[1].error)


async def test_a_new_lead_is_created_and_then_moved(connector: Tryton, email: str) -> None:
    (made,) = await connector.write([create(email, state="opportunity")])
    assert made.outcome == "done"
    assert (await now(connector, str(made.id), "state"))["state"] == "opportunity"


async def test_a_new_lead_that_cannot_be_moved_says_which_it_is(connector: Tryton, email: str) -> None:
    (made,) = await connector.write([create(email, state="won")])
    assert made.outcome == "rejected"
    assert (await now(connector, str(made.id), "state"))["state"] == "lead"


# Values


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("conversion_probability", "often", "a number"),
        ("conversion_probability", float("nan"), "a number"),
        ("end_date", "24.12.2026", "a date"),
        ("amount", "a lot", "a number"),
        ("description", "NUL \x00", "control characters"),
        ("name", "half \ud83d", "control characters"),
        ("description", ["a", "list"], "text"),
        ("party.active", "perhaps", "true or false"),
        ("state", "hot", "lead, opportunity"),
        ("country", "XX", "trytond_import_countries"),
        ("number", "42", "cannot be written"),
        ("conversion_probability", None, "required"),
    ],
)
async def test_a_value_that_tryton_cannot_hold_is_refused_in_words(
    tryton: Server, connector: Tryton, email: str, field: str, value: Any, words: str
) -> None:
    """Tryton itself would answer some of them with the text of a Python exception."""
    lead, _ = tryton.lead("Ada", email)
    result = await update(connector, lead, **{field: value})

    assert isinstance(result.error, Invalid)
    assert words in str(result.error)


@pytest.mark.parametrize(
    ("field", "sent", "held"),
    [
        ("conversion_probability", "0.25", 0.25),
        ("amount", 1234.5, "1234.5"),
        ("end_date", "2026-12-24", "2026-12-24"),
        ("party.active", "false", False),
        ("description", "", None),
        ("description", "  Tryton trims  ", "Tryton trims"),
        ("name", "O'Brien — 日本 🎉", "O'Brien — 日本 🎉"),
        ("country", "us", "US"),
        ("email", "UPPER@example.com", "UPPER@example.com"),
    ],
)
async def test_values_come_back(tryton: Server, connector: Tryton, field: str, sent: Any, held: Any) -> None:
    lead, _ = tryton.lead("Ada", new_email())
    assert (await update(connector, lead, **{field: sent})).outcome == "done"
    assert (await now(connector, lead, field))[field] == held


async def test_an_unknown_field_stops_the_run(tryton: Server, connector: Tryton, email: str) -> None:
    lead, _ = tryton.lead("Ada", email)
    with pytest.raises(Misconfigured, match="lead_score"):
        await update(connector, lead, lead_score=1)


async def test_a_write_that_never_reached_tryton_is_raised(
    tryton: Server, connector: Tryton, wire: Wire, email: str
) -> None:
    lead, _ = tryton.lead("Ada", email)
    await connector.schema()
    wire.before("sale.opportunity.search_read", lose_the_answer)
    wire.before("sale.opportunity.write", lose_the_answer)
    (result,) = await connector.write([Write("r", "update", {"description": "x"}, id=str(lead))])
    assert result.outcome == "unknown"  # the look was repeated; the write may have arrived

    wire.cut = True
    with pytest.raises(Retry):
        await connector.write([Write("r", "update", {"description": "x"}, id=str(lead))])
