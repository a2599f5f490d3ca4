"""Reading, against a real Tryton. Each test is named after what is peculiar about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from connectors.base import Key
from connectors.errors import Misconfigured
from connectors.tryton import Tryton
from tests.connectors.tryton.conftest import FIELDS, Wire, changes, looked_at, new_email, start
from tests.real.tryton import Tryton as Server
from tests.real.tryton import TrytonError

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("tryton")]


async def test_write_date_is_null_until_the_first_edit_and_a_new_lead_is_found_all_the_same(
    tryton: Server, connector: Tryton, email: str
) -> None:
    since = await start(connector)
    lead, _ = tryton.lead("Ada", email)

    assert tryton.one("sale.opportunity", lead, "write_date")["write_date"] is None
    assert (await changes(connector, since))[str(lead)].fields["email"] == email


async def test_an_email_edit_touches_neither_the_lead_nor_the_party(
    tryton: Server, connector: Tryton, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    since = await start(connector)
    before = tryton.one("sale.opportunity", lead, "last_modified_at", "party.last_modified_at")
    (mechanism,) = tryton.model("party.contact_mechanism.search", [["party", "=", party]])
    corrected = new_email()
    tryton.model("party.contact_mechanism.write", [mechanism], {"value": corrected})

    assert tryton.one("sale.opportunity", lead, "last_modified_at", "party.last_modified_at") == before
    record = (await changes(connector, since))[str(lead)]
    assert record.fields["email"] == corrected
    assert record.changed_at is not None
    assert datetime.now(UTC) - record.changed_at < timedelta(seconds=20)


async def test_an_email_that_sales_switches_off_is_hidden_from_searches_but_its_change_is_seen(
    tryton: Server, connector: Tryton, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    since = await start(connector)
    (mechanism,) = tryton.model("party.contact_mechanism.search", [["party", "=", party]])
    tryton.model("party.contact_mechanism.write", [mechanism], {"active": False})

    assert tryton.model("party.contact_mechanism.search", [["party", "=", party]]) == []
    assert (await changes(connector, since))[str(lead)].fields["email"] is None


async def test_an_address_edit_does_not_touch_the_lead(tryton: Server, connector: Tryton, email: str) -> None:
    lead, party = tryton.lead("Ada", email)
    (address,) = tryton.model("party.address.create", [{"party": party, "city": "Bonn"}])
    since = await start(connector)
    tryton.model("party.address.write", [address], {"city": "Berlin"})

    assert (await changes(connector, since))[str(lead)].fields["city"] == "Berlin"


async def test_a_bulk_edit_gives_more_leads_the_same_time_than_a_page_holds(
    tryton: Server, connect: Callable[..., Tryton]
) -> None:
    connector = connect(page_size=3)
    leads = [tryton.lead(f"Ada {n}", new_email())[0] for n in range(8)]
    since = await start(connector)
    tryton.model("sale.opportunity.write", leads, {"description": "all at once"})

    times = {str(tryton.one("sale.opportunity", lead, "last_modified_at")["last_modified_at"]) for lead in leads}
    assert len(times) == 1
    found = await changes(connector, since)
    assert [found[str(lead)].fields["description"] for lead in leads] == ["all at once"] * 8


async def test_reading_resumes_within_a_source_where_the_last_page_ended(
    tryton: Server, connect: Callable[..., Tryton]
) -> None:
    connector = connect(page_size=3)
    since = await start(connector)
    leads = [tryton.lead(f"Ada {n}", new_email())[0] for n in range(8)]
    seen = set()
    async for page in connector.read(FIELDS, since):
        seen |= {record.id for record in page.records}
        since = page.cursor
        break

    assert not {str(lead) for lead in leads} <= seen
    seen |= (await changes(connect(page_size=3), since)).keys()
    assert {str(lead) for lead in leads} <= seen


async def test_times_are_utc_to_the_microsecond(tryton: Server, connector: Tryton, email: str) -> None:
    before = datetime.now(UTC)
    lead, _ = tryton.lead("Ada", email)
    ((record,),) = await connector.find([Key("id", str(lead))], ["create_date"])

    assert record.changed_at is not None
    assert before <= record.changed_at <= datetime.now(UTC)
    assert record.changed_at.microsecond
    assert datetime.fromisoformat(record.fields["create_date"]) <= record.changed_at


async def test_a_quiet_run_reads_nothing_again(fresh_tryton: Server, connect: Callable[..., Tryton]) -> None:
    """However many records share the last change time; once that is older than the overlap."""
    connector = connect(fresh_tryton)
    for n in range(5):
        fresh_tryton.lead(f"Ada {n}", new_email())
    await asyncio.sleep(1.1)  # Tryton tells its clock in whole seconds
    since = await start(connector, overlapping=True)
    pages = [page async for page in connector.read(FIELDS, since)]

    assert [page.records for page in pages] == [[]]
    assert [page.records async for page in connector.read(FIELDS, pages[-1].cursor)] == [[]]


@pytest.mark.parametrize(("overlap", "again"), [(60, True), (10, False)])
async def test_a_change_dated_back_to_the_beginning_of_its_transaction_is_read_again(
    fresh_tryton: Server, connect: Callable[..., Tryton], email: str, overlap: int, again: bool
) -> None:
    """What is younger than a transaction may last is not yet known to be all."""
    connector = connect(fresh_tryton, overlap_seconds=overlap)
    lead, _ = fresh_tryton.lead("Ada", email)
    since = await start(connector)
    half_a_minute_later = (datetime.now(UTC) + timedelta(seconds=30)).isoformat()

    assert (str(lead) in await changes(connector, looked_at(since, half_a_minute_later))) == again


async def test_a_new_lead_changes_four_tables_and_is_told_once(
    tryton: Server, connect: Callable[..., Tryton], email: str
) -> None:
    connector = connect(page_size=1)
    since = await start(connector)
    lead, party = tryton.lead("Ada", email)
    tryton.model("party.address.create", [{"party": party, "city": "Berlin"}])
    records = [record.id async for page in connector.read(FIELDS, since) for record in page.records]

    assert records == [str(lead)] * 2  # by the opportunity; and by the address, which came after it


async def test_an_email_edited_after_its_lead_was_read_is_told_by_the_same_run(
    tryton: Server, connector: Tryton, email: str
) -> None:
    since = await start(connector)
    lead, party = tryton.lead("Ada", email)
    (mechanism,) = tryton.model("party.contact_mechanism.search", [["party", "=", party]])
    corrected, told = new_email(), []
    async for page in connector.read(FIELDS, since):
        told += [record.fields["email"] for record in page.records if record.id == str(lead)]
        if len(told) == 1:
            tryton.model("party.contact_mechanism.write", [mechanism], {"value": corrected})

    assert told == [email, corrected]


async def test_a_lead_that_comes_to_be_while_a_scan_runs_is_in_the_next_read(
    tryton: Server, connect: Callable[..., Tryton]
) -> None:
    connector = connect(page_size=2)
    old = [tryton.lead(f"Ada {n}", new_email())[1] for n in range(4)]
    since = None
    async for page in connector.read(FIELDS):
        if since is None:
            tryton.model("party.party.write", [old[0]], {"name": "Renamed meanwhile"})
        since = page.cursor

    assert since is not None
    names = {record.fields["name"] for record in (await changes(connector, since)).values()}
    assert "Renamed meanwhile" in names


async def test_the_email_is_the_first_active_one_in_the_order_that_people_gave(
    tryton: Server, connector: Tryton, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    preferred = new_email()
    (first,) = tryton.model("party.contact_mechanism.search", [["party", "=", party]])
    tryton.model(
        "party.contact_mechanism.create", [{"party": party, "type": "email", "value": preferred, "sequence": 1}]
    )
    tryton.model("party.contact_mechanism.write", [first], {"sequence": 2})

    ((record,),) = await connector.find([Key("id", str(lead))], ["email"])
    assert record.fields["email"] == preferred == tryton.one("party.party", party, "email")["email"]


async def test_a_customer_who_comes_back_has_two_opportunities_and_is_one_lead(
    tryton: Server, connector: Tryton, email: str
) -> None:
    old, party = tryton.lead("Ada", email)
    since = await start(connector)
    (new,) = tryton.model("sale.opportunity.create", [{"party": party, "description": "again"}])

    found = await changes(connector, since)
    assert (found[str(old)].became, found[str(new)].became) == (str(new), None)
    (by_email,) = await connector.find([Key("email", email)], FIELDS)
    assert [record.id for record in by_email] == [str(new)]


async def test_a_duplicate_that_sales_cancels_is_not_the_lead(tryton: Server, connector: Tryton, email: str) -> None:
    """Tryton deletes an opportunity only once it is cancelled, so a slip of the hand ends as cancelled first."""
    lead, party = tryton.lead("Ada", email)
    (slip,) = tryton.model("sale.opportunity.create", [{"party": party}])
    with pytest.raises(TrytonError, match="cancel"):
        tryton.model("sale.opportunity.delete", [slip])
    since = await start(connector)
    tryton.model("sale.opportunity.cancel", [slip])

    found = await changes(connector, since)
    assert (found[str(lead)].became, found[str(slip)].became) == (None, str(lead))
    assert found[str(lead)].fields["state"] == "lead"


async def test_a_party_that_replaces_another_takes_over_its_lead_without_a_trace_on_it(
    tryton: Server, connector: Tryton
) -> None:
    gone, source = tryton.lead("Ada, typed twice")
    kept, destination = tryton.lead("Ada")
    since = await start(connector)
    before = tryton.one("sale.opportunity", gone, "last_modified_at")
    tryton.replace_party(source, destination)

    assert tryton.one("sale.opportunity", gone, "last_modified_at") == before
    found = await changes(connector, since)
    assert (found[str(gone)].became, found[str(gone)].fields["name"]) == (str(kept), "Ada")


async def test_a_lead_may_have_no_party(tryton: Server, connector: Tryton) -> None:
    since = await start(connector)
    (lead,) = tryton.model("sale.opportunity.create", [{"description": "phoned, left no name"}])

    record = (await changes(connector, since))[str(lead)]
    assert record.fields["description"] == "phoned, left no name"
    assert [record.fields[name] for name in ("name", "email", "city", "smarketing_id")] == [None] * 4


async def test_the_database_has_numbers_for_booleans_and_objects_for_dates_and_decimals(
    tryton: Server, connector: Tryton, email: str
) -> None:
    amount = {"__class__": "Decimal", "decimal": "1234.50"}
    end = {"__class__": "date", "year": 2026, "month": 12, "day": 24}
    lead, party = tryton.lead("Ada", email, amount=amount, end_date=end)
    fields = ["amount", "end_date", "party.active", "employee", "number", "currency"]

    assert tryton.one("party.party", party, "active")["active"] == 1
    ((record,),) = await connector.find([Key("id", str(lead))], fields)
    assert record.fields["amount"] == "1234.50"
    assert record.fields["end_date"] == "2026-12-24"
    assert record.fields["party.active"] is True
    assert record.fields["employee"] == record.fields["currency"] == "1"


async def test_a_field_that_tryton_lacks_is_named(connector: Tryton) -> None:
    with pytest.raises(Misconfigured, match="lead_score"):
        _ = [page async for page in connector.read(["email", "lead_score"])]


async def test_a_page_of_leads_is_one_call_and_one_to_see_who_leads(
    tryton: Server, connect: Callable[..., Tryton], wire: Wire
) -> None:
    connector = connect(page_size=2000)
    tryton.lead("Ada", new_email())
    await connector.schema()
    wire.calls.clear()
    _ = [page async for page in connector.read(FIELDS)]

    assert wire.calls.count("sale.opportunity.search_read") == 3  # where the source stands, the page, the leaders
    assert len(wire.calls) == 6


async def test_email_is_found_in_any_case_and_its_underscore_is_no_wildcard(tryton: Server, connector: Tryton) -> None:
    tag = new_email()
    lead, _ = tryton.lead("Ada", f"Ada_L.{tag}")
    tryton.lead("Eve", f"adaxl.{tag}")
    keys = [Key("email", f"ada_l.{tag.upper()}"), Key("email", f"%{tag}"), Key("email", f"ada\\_l.{tag}")]

    assert [[r.id for r in found] for found in await connector.find(keys, ["email"])] == [[str(lead)], [], []]


async def test_a_second_email_address_finds_the_lead_too(tryton: Server, connector: Tryton, email: str) -> None:
    lead, party = tryton.lead("Ada", email)
    second = new_email()
    tryton.model("party.contact_mechanism.create", [{"party": party, "type": "email", "value": second}])

    found = await connector.find([Key("email", second), Key("email", email)], ["email"])
    assert [[(r.id, r.fields["email"]) for r in one] for one in found] == [[(str(lead), email)]] * 2


async def test_tryton_spells_phone_numbers_its_own_way_and_any_spelling_finds_them(
    tryton: Server, connector: Tryton, email: str
) -> None:
    lead, party = tryton.lead("Ada", email)
    number = f"+49301{party:06d}"
    tryton.model("party.contact_mechanism.create", [{"party": party, "type": "phone", "value": number}])
    keys = [Key("phone", number), Key("phone", f"+49 30 1{party:06d}"), Key("mobile", number)]

    found = await connector.find(keys, ["phone"])
    assert [[r.id for r in one] for one in found] == [[str(lead)], [str(lead)], []]
    assert found[0][0].fields["phone"] != number
    assert found[0][0].fields["phone"].replace(" ", "") == number


async def test_find_by_id_shows_the_opportunity_that_stands_for_it_now(
    tryton: Server, connector: Tryton, email: str
) -> None:
    old, party = tryton.lead("Ada", email)
    (new,) = tryton.model("sale.opportunity.create", [{"party": party}])
    keys = [Key("id", str(old)), Key("id", "123456789"), Key("id", "not a number"), Key("id", "9" * 40)]

    found = await connector.find(keys, ["state"])
    assert [[(r.id, r.became) for r in one] for one in found] == [[(str(new), None)], [], [], []]


async def test_a_lead_cannot_be_looked_up_by_just_any_field(connector: Tryton) -> None:
    with pytest.raises(Misconfigured, match="city"):
        await connector.find([Key("city", "Berlin")], ["city"])


async def test_a_backfill_begins_at_a_time(tryton: Server, connector: Tryton, email: str) -> None:
    old, _ = tryton.lead("Old", new_email())
    at = datetime.now(UTC)
    await asyncio.sleep(0.01)
    new, _ = tryton.lead("New", email)

    found = await changes(connector, connector.cursor_at(at))
    assert str(new) in found
    assert str(old) not in found
