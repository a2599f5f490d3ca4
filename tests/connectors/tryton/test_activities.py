"""What Tryton keeps of what happened: notes, e-mails, sales."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from connectors.base import ACTIVITY_FIELDS, Connector, Cursor, Key, Record
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import Wire
from tests.real.post import post_office
from tests.real.tryton import Tryton as Server
from tests.real.tryton import started

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


@pytest.fixture
def activities(connector: Tryton) -> Connector:
    return connector.of("activity")


async def happened(activities: Connector, since: Cursor | None = None) -> dict[str, Record]:
    return {r.id: r async for page in activities.read(ACTIVITY_FIELDS, since) for r in page.records}


async def end(activities: Connector, since: Cursor | None = None) -> Cursor:
    pages = [page async for page in activities.read(ACTIVITY_FIELDS, since)]
    assert not any(page.complete for page in pages)
    return pages[-1].cursor


def note(server: Server, resource: str, message: str) -> str:
    (made,) = server.model("ir.note.create", [{"resource": resource, "message": message}])
    return f"note:{made}"


async def test_a_note_is_told_with_the_lead_the_deal_and_who_wrote_it(activities: Connector, tryton: Server) -> None:
    cursor = await end(activities)
    lead, party = tryton.lead("Ada", "ada@example.com")
    first = note(tryton, f"sale.opportunity,{lead}", "\nCalled her.\nShe will think about it.")
    second = note(tryton, f"party.party,{party}", "Prefers mail.")
    other = note(tryton, "company.company,1", "Our own affairs.")

    found = await happened(activities, cursor)

    assert other not in found
    told = dict(found[first].fields)
    at = datetime.fromisoformat(told.pop("at"))
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    employee = str(tryton.one("sale.opportunity", lead, "employee")["employee"])
    assert told == {
        **dict.fromkeys(ACTIVITY_FIELDS[2:]),
        "type": "note", "leads": [str(lead)], "owner": employee, "subject": "Called her.",
    }  # fmt: skip
    assert (found[second].fields["leads"], found[second].fields["deal"]) == ([str(lead)], None)

    tryton.model("sale.opportunity.opportunity", [lead])
    ((again,), (), ()) = await activities.find([Key("id", first), Key("id", other), Key("id", "call:1")], ["deal"])
    assert again.fields == {"deal": str(lead)}


async def test_a_note_on_somebody_who_is_no_lead_has_the_address(activities: Connector, tryton: Server) -> None:
    cursor = await end(activities)
    contact = {"contact_mechanisms": [["create", [{"type": "email", "value": "bob@example.com"}]]]}
    (party,) = tryton.model("party.party.create", [{"name": "Bob", **contact}])
    written = note(tryton, f"party.party,{party}", "Met at the fair.")

    found = await happened(activities, cursor)

    assert (found[written].fields["leads"], found[written].fields["email"]) == ([], "bob@example.com")


async def test_a_note_on_the_first_of_two_opportunities_is_the_one_lead_s(
    activities: Connector, tryton: Server
) -> None:
    cursor = await end(activities)
    old, party = tryton.lead("Ada")
    written = note(tryton, f"sale.opportunity,{old}", "First time.")
    (new,) = tryton.model("sale.opportunity.create", [{"party": party}])

    assert (await happened(activities, cursor))[written].fields["leads"] == [str(new)]


async def test_a_sale_counts_once_it_is_confirmed_with_its_total(activities: Connector, tryton: Server) -> None:
    deal, _ = tryton.lead("Ada", description="Licences")
    tryton.model("sale.opportunity.opportunity", [deal])
    tryton.model("sale.opportunity.convert", [deal])
    cursor = await end(activities)
    assert not {id for id in await happened(activities, cursor) if id.startswith("sale:")} & {f"sale:{deal}"}

    sale = tryton.sell(deal, "200.00")

    told = (await happened(activities, cursor))[f"sale:{sale}"].fields
    wanted = {"type": "sale", "leads": [str(deal)], "deal": str(deal), "value": 200.0, "status": "confirmed"}
    assert told.items() >= {**wanted, "subject": "Licences"}.items()
    day = tryton.one("sale.sale", sale, "sale_date")["sale_date"]
    assert told["at"] == f"{day['year']}-{day['month']:02}-{day['day']:02}T00:00:00+00:00"


async def test_an_email_that_was_sent_from_tryton_is_told(connect: Callable[..., Tryton]) -> None:
    with post_office() as office, started(mail=office.port) as server:
        lead, _ = server.lead("Ada", "ada@example.com")
        mail = ["ada@example.com", "", "", "Your offer", "<p>Hello</p>", None, ["sale.opportunity", lead]]
        server.model("ir.email.send", *mail)
        assert "Subject: Your offer" in office.taken[0]

        (told,) = (await happened(connect(server).of("activity"))).values()

    assert told.id.startswith("email:")
    wanted = {"type": "email_sent", "direction": "out", "subject": "Your offer", "leads": [str(lead)], "owner": "1"}
    assert told.fields.items() >= wanted.items()


async def test_pages_and_a_cursor_made_for_a_time_lose_nothing(connect: Callable[..., Tryton], tryton: Server) -> None:
    activities = connect(page_size=2, overlap_seconds=60).of("activity")
    begin = datetime.now(UTC) - timedelta(seconds=1)
    lead, _ = tryton.lead("Ada")
    resource = f"sale.opportunity,{lead}"
    many = tryton.model("ir.note.create", [{"resource": resource, "message": str(n)} for n in range(7)])  # one time
    wanted = {f"note:{id}" for id in many}

    pages = [page async for page in activities.read(["leads"], activities.cursor_at(begin))]

    assert {r.id for page in pages for r in page.records} >= wanted
    first = next(page for page in pages if {r.id for r in page.records} & wanted)
    resumed = await happened(activities, first.cursor)
    assert resumed.keys() >= wanted - {r.id for r in first.records}
    late = note(tryton, resource, "late")
    again = await happened(activities, pages[-1].cursor)
    assert again.keys() >= {late, *wanted}  # the overlap is read again, and the store knows them by their ids


async def test_a_stream_that_the_user_may_not_read_is_left_out_and_told(
    connect: Callable[..., Tryton], tryton: Server, wire: Wire
) -> None:
    (group,) = tryton.model("res.group.search", [["name", "=", "Sale Opportunity User"]]) or tryton.model(
        "res.group.search", [["name", "ilike", "%opportunity%"]], 0, 1
    )
    login: dict[str, Any] = {
        "login": f"sync-{uuid4().hex[:8]}",
        "password": "another-password-1",
        "groups": [["add", [group]]],
    }
    me = tryton.model("res.user.search_read", [["login", "=", "admin"]], 0, 1, None, ["company", "employee"])[0]
    ours = {"companies": [["add", [me["company"]]]], "employees": [["add", [me["employee"]]]]}
    tryton.model("res.user.create", [{"name": "Sync", **login, **ours, "company": me["company"]}])
    activities = connect(signs_in=True, user=login["login"], password=login["password"]).of("activity")
    lead, _ = tryton.lead("Ada")
    written = note(tryton, f"sale.opportunity,{lead}", "Hello")

    detail = (await activities.check()).detail
    found = await happened(activities)

    assert "may not read sale" in detail
    assert written in found
    assert {id.partition(":")[0] for id in found} <= {"note", "email"}
