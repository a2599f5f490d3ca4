"""Creating leads, against a real Tryton: two records that must come to be as one, and once."""

from __future__ import annotations

from uuid import uuid4

import pytest

from connectors.base import Key, Write
from connectors.errors import Duplicate, Invalid
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import (
    FIELDS,
    Wire,
    create,
    leads,
    lose_the_answer,
    new_email,
    now,
    parties,
)
from tests.real.tryton import Tryton as Server

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


async def test_a_lead_is_an_opportunity_and_a_party(tryton: Server, connector: Tryton, email: str) -> None:
    ours = uuid4().hex
    more = {"phone": "+4930123456", "street": "Hauptstr. 1\n2. OG", "city": "Berlin", "postal_code": "10115"}
    more |= {"country": "de", "company_name": "Analytical Engines", "website": "https://ada.example.com"}
    more |= {"conversion_probability": 0.75, "description": "asked for a demo", "comment": "two\nlines"}
    (result,) = await connector.write([create(email, ours=ours, **more)])

    assert result.outcome == "done"
    assert result.id is not None
    held = await now(connector, result.id, "smarketing_id", "name", "email", *more)
    assert held == {
        **more,
        "name": "Ada",
        "email": email,
        "smarketing_id": ours,
        "phone": "+49 30 123456",
        "country": "DE",
    }
    company = tryton.model("res.user.get_preferences", True)["company"]
    assert tryton.one("sale.opportunity", int(result.id), "company")["company"] == company
    (party,) = parties(tryton, email)
    (address,) = tryton.model("party.address.search", [["party", "=", party]])
    letter = tryton.model("party.address.read", [address], ["full_address"], address_with_party=True)
    assert letter[0]["full_address"].startswith("Analytical Engines\n")


async def test_a_create_that_died_between_party_and_opportunity_makes_no_second_party(
    tryton: Server, connector: Tryton, wire: Wire, email: str
) -> None:
    write = create(email, ours=uuid4().hex, description="first try")
    wire.after("party.party.create", lose_the_answer)
    (lost,) = await connector.write([write])
    assert lost.outcome == "unknown"
    assert (len(parties(tryton, email)), leads(tryton, email)) == (1, [])
    assert await connector.find([Key("smarketing_id", str(write.key and write.key.value))], FIELDS) == [[]]

    (again,) = await connector.write([write])
    assert again.outcome == "done"
    assert (len(parties(tryton, email)), leads(tryton, email)) == (1, [int(str(again.id))])


async def test_a_create_that_died_after_the_opportunity_is_found_by_our_id(
    tryton: Server, connector: Tryton, wire: Wire, email: str
) -> None:
    write = create(email, ours=uuid4().hex)
    wire.after("sale.opportunity.create", lose_the_answer)
    (lost,) = await connector.write([write])
    assert lost.outcome == "unknown"

    ((found,),) = await connector.find([Key("smarketing_id", str(write.key and write.key.value))], FIELDS)
    (again,) = await connector.write([write])
    assert again.id == found.id
    assert leads(tryton, email) == [int(found.id)]


async def test_without_our_id_the_email_finds_the_party_that_a_dead_run_left(
    tryton: Server, connector: Tryton, wire: Wire, email: str
) -> None:
    wire.after("party.party.create", lose_the_answer)
    await connector.write([create(email)])
    (again,) = await connector.write([create(email, city="Berlin")])

    assert again.outcome == "done"
    assert len(parties(tryton, email)) == 1
    assert (await now(connector, str(again.id), "city")) == {"city": "Berlin"}


async def test_a_customer_without_a_lead_gets_one_and_keeps_what_tryton_knows(
    tryton: Server, connector: Tryton, email: str
) -> None:
    mechanisms = [{"type": "email", "value": email.upper()}, {"type": "phone", "value": "+49 30 1234567"}]
    (party,) = tryton.model(
        "party.party.create",
        [
            {
                "name": "Countess of Lovelace",
                "contact_mechanisms": [["create", mechanisms]],
                "addresses": [["create", [{"city": "London"}]]],
            }
        ],
    )
    ours = uuid4().hex
    more = {"phone": "+49 30 7654321", "mobile": "+49 170 1234567", "city": "Berlin", "street": "Hauptstr. 1"}
    (result,) = await connector.write([create(email, ours=ours, **more)])

    assert result.outcome == "done"
    assert parties(tryton, email) == [party]
    held = await now(connector, str(result.id), "name", "phone", "mobile", "city", "street", "smarketing_id")
    assert held == {
        "name": "Countess of Lovelace",
        "phone": "+49 30 1234567",
        "mobile": "+49 170 1234567",
        "city": "London",
        "street": None,
        "smarketing_id": ours,
    }


async def test_a_lead_that_somebody_made_meanwhile_is_a_duplicate(
    tryton: Server, connector: Tryton, email: str
) -> None:
    lead, _ = tryton.lead("Ada", email)
    (result,) = await connector.write([create(email.upper(), ours=uuid4().hex)])

    assert isinstance(result.error, Duplicate)
    assert result.error.existing == str(lead)
    assert leads(tryton, email) == [lead]


async def test_two_parties_with_the_email_are_a_question_for_a_person(
    tryton: Server, connector: Tryton, email: str
) -> None:
    tryton.lead("Ada", email)
    tryton.lead("Ada once more", email)
    (result,) = await connector.write([create(email)])

    assert isinstance(result.error, Duplicate)
    assert result.error.existing is None
    assert "Replace" in result.error.hint
    assert len(leads(tryton, email)) == 2


async def test_the_email_as_key_updates_the_lead_that_is_there(tryton: Server, connector: Tryton, email: str) -> None:
    lead, _ = tryton.lead("Ada", email)
    (result,) = await connector.write(
        [Write("r", "create", {"email": email, "description": "known"}, key=Key("email", email))]
    )

    assert (result.outcome, result.id) == ("done", str(lead))
    assert await now(connector, lead, "description", "email") == {"description": "known", "email": email}


async def test_a_refused_opportunity_leaves_no_party_behind(tryton: Server, connector: Tryton, email: str) -> None:
    (result,) = await connector.write([create(email, ours=uuid4().hex, conversion_probability=7)])

    assert isinstance(result.error, Invalid)
    assert result.error.field == "conversion_probability"
    assert parties(tryton, email) == []


async def test_a_transaction_that_fails_as_a_whole_is_split_until_the_one_at_fault_is_alone(
    tryton: Server, connector: Tryton, wire: Wire
) -> None:
    people = [tryton.lead(f"Ada {n}", new_email())[0] for n in range(8)]
    wire.calls.clear()
    numbers = ["+49 30 123456"] * 8
    numbers[5] = "12"
    results = await connector.write(
        [
            Write(str(n), "update", {"phone": numbers[n], "city": f"City {n}"}, id=str(lead))
            for n, lead in enumerate(people)
        ]
    )

    assert [result.outcome for result in results] == ["done"] * 5 + ["rejected"] + ["done"] * 2
    assert isinstance(results[5].error, Invalid)
    assert "12" in results[5].error.message
    assert [(await now(connector, lead, "city"))["city"] for lead in people] == [
        f"City {n}" if n != 5 else None for n in range(8)
    ]
    assert wire.calls.count("party.party.write") == 7  # 8, 4, 4, 2, 1, 1, 2
