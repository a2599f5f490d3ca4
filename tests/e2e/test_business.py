"""Companies, deals and users of both systems, by the presets as they are, against both sandboxes."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from sandbox.both import Both
from state.records import Hub
from tests.e2e.conftest import MakeWorld
from tests.e2e.world import World


@pytest.fixture
def business(make_world: MakeWorld) -> World:
    """A world that two runs have brought in line."""
    made = make_world(business=True)
    made.settled()
    return made


def hubs(world: World, kind: str) -> dict[str, Hub]:
    with world.store() as store:
        ids = world.ask(f"SELECT id FROM hub WHERE kind = '{kind}' ORDER BY id")
        return {hub.id: hub for hub in store.hubs(ids).values() if not hub.merged_into and hub.alive}


def deals_of_hubspot(world: World) -> list[dict[str, str]]:
    portal = world.both.hubspot
    return [dict(record.values) for record in portal.objects["deals"].live.values()]


def rows_of(world: World, name: str) -> list[dict[str, Any]]:
    org = world.both.salesforce.org
    with org.lock:
        return [dict(row) for row in org.tables[name].live()]


def test_check_finds_nothing_wrong_with_any_kind(make_world: MakeWorld) -> None:
    made = make_world(business=True)
    found = made.cli("check", "--json").json
    assert found["ok"]
    assert all(f["level"] != "error" for system in found["systems"].values() for f in system["findings"])
    told = made.cli("provision", "--json").json
    assert all(system["created"] == [] for system in told["systems"].values()), "all is there since the first time"


def test_a_second_sync_writes_nothing_of_any_kind(make_world: MakeWorld) -> None:
    made = make_world(business=True)
    first = made.sync()
    assert first.outcome == "done", first.errors
    wrote = {place: counts.created + counts.updated for place, counts in first.systems.items()}
    assert wrote["hubspot/company"] > 0
    assert wrote["hubspot/deal"] > 0
    assert wrote["hubspot/owner"] == wrote["salesforce/owner"] == 0
    for report in made.settled():
        assert report.writes == 0, {place: vars(c) for place, c in report.systems.items() if c.created + c.updated}


def test_nobody_is_there_twice(make_world: MakeWorld) -> None:
    made = make_world(business=True)
    before = {name: len(rows_of(made, name)) for name in ("Account", "Opportunity")}
    names = Counter(deal["dealname"] for deal in deals_of_hubspot(made))
    made.settled()
    after = Counter(deal["dealname"] for deal in deals_of_hubspot(made))
    assert {name for name, count in after.items() if count > max(names[name], 1)} == set()
    assert {name: len(rows_of(made, name)) for name in before} == before, "sales has all of them already"
    assert all(count == 1 for count in Counter(str(h.fields.get("domain")) for h in hubs(made, "company").values()
                                               if h.fields.get("domain")).values())  # fmt: skip


def test_a_lead_knows_its_company_its_owner_and_what_its_deals_add_up_to(business: World) -> None:
    companies, owners, deals = (hubs(business, kind) for kind in ("company", "owner", "deal"))
    assert len(owners) == 7, "six users with an address in both systems, and the integration's own"
    leads = {lead.id: lead for lead in business.leads()}
    employed = [lead for lead in leads.values() if lead.fields.get("employer")]
    assert employed
    for lead in employed:
        assert str(lead.fields["employer"]) in companies
    won: Counter[str] = Counter()
    for deal in deals.values():
        for contact in deal.fields.get("contacts") or ():  # type: ignore[union-attr]
            won[str(contact)] += deal.fields.get("stage") == "won"
    assert sum(won.values()) > 0
    for id_, count in won.items():
        assert leads[id_].fields["won_deals"] == count
        if count:
            assert leads[id_].fields["stage"] in ("customer", "evangelist")


def test_sales_loses_a_deal_and_marketing_sees_the_lead_as_lost_once(business: World) -> None:
    deals = hubs(business, "deal")
    leads = {lead.id: lead for lead in business.leads()}
    deal, lead = next(
        (deal, lead)
        for deal in deals.values()
        for lead in (leads.get(str(c)) for c in deal.fields.get("contacts") or ())  # type: ignore[union-attr]
        if lead and lead.fields.get("stage") == "opportunity" and lead.fields["open_deals"] == 1 and not lead.fields["won_deals"]
        and "salesforce" in deal.links and "hubspot" in lead.links
    )  # fmt: skip
    org = business.both.salesforce.org
    table = org.tables["Opportunity"]
    org.update(table, str(deal.links["salesforce"].remote_id), org.read(table, {"StageName": "Closed Lost"}))
    business.settled()
    email = str(lead.fields["email"])
    assert business.lead(email).fields["stage"] == "lost"
    assert business.contact(email).values["lifecyclestage"] == "other"
    assert business.contact(email).values["smarketing_stage"] == "lost"
    business.both.hubspot.edit({"do": "set", "email": email, "fields": {"lifecyclestage": "opportunity"}})
    business.settled()
    assert business.lead(email).fields["stage"] == "opportunity", "somebody has taken it back up"


def test_a_company_of_the_same_name_and_no_domain_is_a_question(business: World) -> None:
    known = next(
        h for h in hubs(business, "company").values() if "salesforce" not in h.links and h.fields.get("domain")
    )
    org = business.both.salesforce.org
    table = org.tables["Account"]
    org.create(table, org.read(table, {"Name": f"{known.fields['name']} GmbH"}))
    before = len(hubs(business, "company"))
    business.settled()
    asked = [r for r in business.reviews("match") if r.record_kind == "company" and r.detail["by"] == "name"]
    assert [[c["hub"] for c in r.detail["candidates"]] for r in asked] == [[known.id]]
    assert len(hubs(business, "company")) == before


def test_a_user_with_another_address_in_each_system_is_one_by_the_table(make_world: MakeWorld) -> None:
    both = Both.make(7, marketing=120, crm=90, shared=60)
    owner = next(o for o in both.hubspot.owners.all.values() if o.email.startswith("nadia"))
    org = both.salesforce.org
    users = org.tables["User"]
    [user] = [row for row in users.live() if row["Email"] == owner.email]
    org.update(users, user["Id"], org.read(users, {"Email": "nk@elsewhere.example"}))
    row = f'  table:\n    - {{salesforce: {user["Id"]}, hubspot: "{owner.id}"}}\n'
    example = '  # table:\n  #   - {salesforce: 005000000000001AAA, hubspot: "123456"}\n'
    made = make_world(business=True, both=both, rewrite=[("smarketing.yaml", example, row)])
    made.settled()
    [one] = [
        o
        for o in hubs(made, "owner").values()
        if str(owner.id) == (o.links.get("hubspot") and o.links["hubspot"].remote_id)
    ]
    assert one.links["salesforce"].remote_id == user["Id"]
    assert len(hubs(made, "owner")) == 7


def test_a_deal_waits_for_its_company_rather_than_be_taken_for_another(make_world: MakeWorld) -> None:
    """Its account is a duplicate that nobody has placed: without its company, the deal would be a second one."""
    made = make_world(business=True)
    made.settled()
    known = next(d for d in hubs(made, "deal").values() if {"salesforce", "hubspot"} <= d.links.keys())
    domain = hubs(made, "company")[str(known.fields["company"])].fields["domain"]
    org = made.both.salesforce.org
    accounts, deals = org.tables["Account"], org.tables["Opportunity"]
    double = org.create(accounts, org.read(accounts, {"Name": "Twice", "Website": f"https://{domain}"}))
    values = {"Name": known.fields["name"], "StageName": "Prospecting", "CloseDate": "2027-01-31", "AccountId": double}
    made_here = org.create(deals, org.read(deals, values))
    before = len(hubs(made, "deal"))
    for report in made.settled():
        assert report.systems["hubspot/deal"].created == 0
    assert len(hubs(made, "deal")) == before
    assert not any(made_here in (link.remote_id for link in d.links.values()) for d in hubs(made, "deal").values())
