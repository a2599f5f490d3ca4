"""Erasing and archiving (module party, the wizard Erase)."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing

import pytest

from connectors.base import Key
from connectors.errors import Invalid, Retry
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import Wire, lose_the_answer, parties, start
from tests.connectors.tryton.test_companies import World
from tests.real.post import post_office
from tests.real.tryton import Tryton as Server
from tests.real.tryton import started

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


def mentions(server: Server, text: str) -> set[str]:
    """Tables of the database that hold this text, in any column."""
    found = set()
    with closing(sqlite3.connect(f"file:{server.log.with_name(server.database)}.sqlite?mode=ro", uri=True)) as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            columns = [row[1] for row in database.execute(f'PRAGMA table_info("{table}")')]
            where = " OR ".join(f'CAST("{column}" AS TEXT) LIKE ?' for column in columns)
            if database.execute(f'SELECT 1 FROM "{table}" WHERE {where}', [f"%{text}%"] * len(columns)).fetchone():
                found.add(str(table))
    return found


async def test_a_person_who_is_erased_is_nowhere_in_the_database(connector: Tryton, tryton: Server, email: str) -> None:
    lead, party = tryton.lead("Zebulon Quickfoot", email)
    (second,) = tryton.model("sale.opportunity.create", [{"party": party}])
    tryton.model("sale.opportunity.lost", [second])
    address = {"party": party, "street_unstructured": "1 Quickfoot Lane", "city": "Berlin"}
    tryton.model("party.address.create", [address])
    tryton.model("ir.note.create", [{"resource": f"party.party,{party}", "message": "Quickfoot called"}])
    tryton.model("ir.note.create", [{"resource": f"sale.opportunity,{lead}", "message": "Quickfoot called"}])
    assert {"party_party", "party_address", "ir_note"} <= mentions(tryton, "Quickfoot")

    (result,) = await connector.erase([str(second)])

    assert result.outcome == "done", result
    assert mentions(tryton, "Quickfoot") | mentions(tryton, email) == set()
    assert (
        await connector.find([Key("id", str(lead)), Key("id", str(second)), Key("email", email)], ["name"]) == [[]] * 3
    )
    assert tryton.model("party.party.search", [["id", "=", party]], active_test=False) == []


async def test_the_person_of_a_lead_that_was_deleted_by_hand_is_found_by_its_history(
    connector: Tryton, tryton: Server, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    tryton.model("sale.opportunity.cancel", [lead])
    tryton.model("sale.opportunity.delete", [lead])
    assert parties(tryton, email) == [party]

    (result,) = await connector.erase([str(lead)])

    assert result.outcome == "done"
    assert mentions(tryton, email) == set()


async def test_while_a_sale_is_pending_nothing_is_erased_and_the_words_are_tryton_s(
    connector: Tryton, tryton: Server, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    (other,) = tryton.model("sale.opportunity.create", [{"party": party}])
    tryton.model("sale.opportunity.opportunity", [lead])
    tryton.model("sale.opportunity.convert", [lead])

    (result,) = await connector.erase([str(lead)])

    assert isinstance(result.error, Invalid)
    assert "pending sales" in result.error.message
    assert tryton.one("party.party", party, "name", "active") == {"id": party, "name": "Ada", "active": True}
    assert tryton.model("sale.opportunity.search_count", [["id", "in", [lead, other]]]) == 2


async def test_what_must_stay_of_a_customer_is_a_deal_without_a_person(
    connector: Tryton, tryton: Server, email: str
) -> None:
    deal, party = tryton.lead("Ada", email)
    (other,) = tryton.model("sale.opportunity.create", [{"party": party}])
    tryton.model("sale.opportunity.opportunity", [deal])
    tryton.model("sale.opportunity.convert", [deal])
    (sale,) = tryton.model("sale.sale.search", [["origin", "=", f"sale.opportunity,{deal}"]])
    (payer,) = tryton.model("party.party.create", [{"name": "Who paid"}])
    tryton.model("sale.sale.write", [sale], {"party": payer, "shipment_party": None})  # so it pends for somebody else
    cursor = await start(connector)

    (result,) = await connector.erase([str(deal)])

    assert result.outcome == "done"
    assert mentions(tryton, email) == set()
    assert await connector.find([Key("id", str(deal)), Key("id", str(other))], ["name"]) == [[], []]
    told = {r.id async for page in connector.read(["name"], cursor) for r in page.records}
    told |= {r.id async for page in connector.read(["name"]) for r in page.records}
    assert not told & {str(deal), str(other)}
    ((left,),) = await connector.of("deal").find([Key("id", str(deal))], ["lead", "state"])
    assert left.fields["lead"] is None
    assert (await connector.erase([str(deal)]))[0].outcome == "done"  # once more


async def test_a_party_that_a_sale_hangs_on_stays_without_a_name_or_a_copy_of_its_address(
    connector: Tryton, tryton: Server, email: str
) -> None:
    """Tryton's wizard leaves `value_compact` and `code_compact` as they were."""
    deal, party = tryton.lead("Ada", email)
    tryton.model("party.identifier.create", [{"party": party, "type": "eu_vat", "code": "BE0897290877"}])
    tryton.model("sale.opportunity.opportunity", [deal])
    tryton.model("sale.opportunity.convert", [deal])
    (sale,) = tryton.model("sale.sale.search", [["origin", "=", f"sale.opportunity,{deal}"]])
    tryton.model("sale.sale.cancel", [sale])

    (result,) = await connector.erase([str(deal)])

    assert result.outcome == "done"
    assert tryton.one("party.party", party, "name", "active") == {"id": party, "name": None, "active": False}
    assert mentions(tryton, email) | mentions(tryton, "BE0897290877") == set()


async def test_emails_about_a_person_are_erased_by_a_user_who_may_and_else_nothing_is(
    connect: Callable[..., Tryton], email: str
) -> None:
    """As Tryton comes, nobody may delete an e-mail that was sent, and its wizard leaves them."""
    with post_office() as office, started(mail=office.port) as server:
        connector = connect(server)
        lead, party = server.lead("Ada", email)
        for about in (["sale.opportunity", lead], ["party.party", party]):
            server.model("ir.email.send", email, "", "", "Your offer", "<p>Hello</p>", None, about)

        (refused,) = await connector.erase([str(lead)])

        assert isinstance(refused.error, Invalid)
        assert "2 e-mails" in refused.error.message
        assert server.one("party.party", party, "name", "active") == {"id": party, "name": "Ada", "active": True}

        (group,) = server.model("res.group.create", [{"name": "May delete e-mails"}])
        rights = {"model": "ir.email", "group": group, "perm_read": True, "perm_delete": True}
        server.model("ir.model.access.create", [rights])
        (me,) = server.model("res.user.search", [["login", "=", server.user]])
        server.model("res.user.write", [me], {"groups": [["add", [group]]]})
        (result,) = await connector.erase([str(lead)])

        assert result.outcome == "done", result
        assert mentions(server, email) == set()


async def test_who_works_here_and_who_is_a_company_is_not_erased_with_a_lead(
    connect: Callable[..., Tryton], tryton: Server
) -> None:
    world = World(tryton)
    leads = connect(**world.settings)
    acme = world.company("Acme")
    employee = tryton.employee("Carl Colleague")
    carl = tryton.one("company.employee", employee, "party")["party"]
    of_acme, of_carl = tryton.model("sale.opportunity.create", [{"party": acme}, {"party": carl}])

    results = await leads.erase([str(of_acme), str(of_carl)])

    assert [(r.outcome, isinstance(r.error, Invalid)) for r in results] == [("rejected", True)] * 2
    assert tryton.model("party.party.search_count", [["id", "in", [acme, carl]], ["name", "!=", None]]) == 2


async def test_a_company_is_erased_by_the_same_wizard_and_a_person_is_not(
    connect: Callable[..., Tryton], tryton: Server
) -> None:
    world = World(tryton)
    companies = connect(**world.settings).of("company")
    acme, (_, person) = world.company("Zanzibar Traders"), tryton.lead("Ada")

    results = await companies.erase([str(acme), str(person)])

    assert [result.outcome for result in results] == ["done", "done"]  # the person is no company of ours
    assert mentions(tryton, "Zanzibar Traders") == set()
    assert tryton.one("party.party", person, "name")["name"] == "Ada"


async def test_a_lead_that_has_become_a_sale_is_not_archived_and_another_is(connector: Tryton, tryton: Server) -> None:
    sold, party = tryton.lead("Ada")
    tryton.model("sale.opportunity.opportunity", [sold])
    tryton.model("sale.opportunity.convert", [sold])
    lost, _ = tryton.lead("Bob")
    tryton.model("sale.opportunity.lost", [lost])

    results = await connector.archive([str(sold), str(lost), "no id"])

    assert [result.outcome for result in results] == ["rejected", "done", "done"]
    assert tryton.model("sale.opportunity.search", [["id", "in", [sold, lost]]]) == [sold]
    assert tryton.one("party.party", party, "active")["active"]


async def test_an_erasure_whose_answer_is_lost_is_unknown_and_one_that_never_left_is_tried_again(
    connector: Tryton, tryton: Server, wire: Wire, email: str
) -> None:
    lead, _ = tryton.lead("Ada", email)
    other, _ = tryton.lead("Bob")
    wire.after("wizard.party.erase.execute", lose_the_answer)
    results = await connector.erase([str(lead), str(other)])
    assert [result.outcome for result in results] == ["unknown", "unknown"]
    assert (await connector.erase([str(lead)]))[0].outcome == "done"
    assert mentions(tryton, email) == set()

    wire.cut = True
    with pytest.raises(Retry):
        await connector.erase([str(other)])
