"""An owner who has left is one question, answered once; against both sandboxes, by the presets as they are."""

from __future__ import annotations

from typing import Any

import pytest

from state.records import Hub, Review
from tests.e2e.conftest import MakeWorld
from tests.e2e.test_business import business, hubs, rows_of
from tests.e2e.world import World

__all__ = ["business"]


def owner(world: World, name: str) -> Hub:
    """An owner as they were when everybody was there: by first name."""
    with world.store() as store:
        found = store.of("owner").hubs(store.of("owner").ids()).values()
    [one] = [hub for hub in found if hub.fields.get("first_name") == name]
    return one


def leaves(world: World, name: str, active: bool = False) -> Hub:
    """The account is deactivated in both systems, as an administrator does who offboards somebody."""
    hub = owner(world, name)
    org = world.both.salesforce.org
    users = org.tables["User"]
    org.update(users, hub.links["salesforce"].remote_id, org.read(users, {"IsActive": active}))
    world.both.hubspot.owners.all[int(hub.links["hubspot"].remote_id)].archived = not active
    return hub


def question(world: World, of: Hub) -> Review:
    [review] = [r for r in world.reviews("owner") if r.hub_id == of.id]
    return review


def owned_by_sql(world: World, of: Hub) -> dict[str, int]:
    """Live records of each kind that are this owner's, counted past the engine; of deals the open ones."""
    query = f"""SELECT hub.kind FROM hub WHERE json_extract(hub.fields, '$.owner') = '{of.id}'
        AND merged_into IS NULL AND EXISTS (SELECT 1 FROM link WHERE link.hub_id = hub.id AND link.state = 'live')
        AND NOT (kind = 'deal' AND json_extract(hub.fields, '$.stage') IN ('won', 'lost'))"""
    kinds = world.ask(query)
    return {kind: kinds.count(kind) for kind in sorted(set(kinds))}


def test_one_question_for_an_owner_who_left_with_all_that_is_theirs(business: World) -> None:
    meera = leaves(business, "Meera")
    assert sum(owned_by_sql(business, meera).values()) > 5
    business.settled()
    review = question(business, meera)
    assert review.detail["left"] == {"hubspot": "inactive", "salesforce": "inactive"}
    assert review.detail["counts"] == owned_by_sql(business, meera)
    shown = business.cli("review", "list", "--kind", "owner").out
    assert "Meera" in shown
    assert f"{review.detail['counts']['company']} companies" in " ".join(shown.split())
    assert "--to EMAIL" in business.cli("review", "show", str(review.id)).out
    for report in business.settled():
        assert report.writes == 0
    assert question(business, meera).id == review.id, "the same question, not another"


def test_what_is_handed_over_is_told_to_both_systems_and_says_who_decided(business: World) -> None:
    meera, nadia = leaves(business, "Meera"), owner(business, "Nadia")
    business.settled()
    review, counts = question(business, meera), owned_by_sql(business, meera)
    closed = [d for d in hubs(business, "deal").values()
              if d.fields.get("owner") == meera.id and d.fields["stage"] != "open"]  # fmt: skip
    before = {row["Id"] for name in ("Account", "Opportunity", "Lead", "Contact") for row in rows_of(business, name)
              if row.get("OwnerId") == meera.links["salesforce"].remote_id}  # fmt: skip
    business.cli("review", "resolve", str(review.id), "--to", str(nadia.fields["email"]), "--by", "ana")
    planned = business.cli("plan", "--json", code=None).out
    assert "Nadia Keller" in planned
    assert "Meera Iyer" in planned
    assert owned_by_sql(business, meera) == counts, "a plan hands nothing over"
    for report in business.settled():
        assert sum(c.rejected for c in report.systems.values()) == 0
    assert owned_by_sql(business, meera) == {}
    assert business.reviews("owner") == [r for r in business.reviews("owner") if r.hub_id != meera.id]
    left = {row["Id"] for name in ("Account", "Opportunity", "Lead", "Contact") for row in rows_of(business, name)
            if row.get("OwnerId") == meera.links["salesforce"].remote_id}  # fmt: skip
    there = {d.links["salesforce"].remote_id for d in closed if "salesforce" in d.links}
    there |= {str(r.remote_id) for r in business.reviews("match", "duplicate")}
    assert before
    assert left <= there, "only closed deals keep who closed them, and what nobody has placed is nobody's yet"
    portal = business.both.hubspot
    mine = [r for r in portal.contacts.live.values()
            if r.values.get("hubspot_owner_id") == meera.links["hubspot"].remote_id]  # fmt: skip
    assert mine == []
    query = "SELECT detail FROM change WHERE kind = 'resolved' AND detail LIKE '%ana%'"
    assert len(business.ask(query)) == sum(counts.values())
    assert business.sync().writes == 0


def test_left_as_it_is_until_there_is_more(business: World) -> None:
    meera, paolo = leaves(business, "Meera"), owner(business, "Paolo")
    business.settled()
    business.cli("review", "resolve", str(question(business, meera).id), "--ignore")
    business.settled()
    assert [r for r in business.reviews("owner") if r.hub_id == meera.id] == []
    his = [c for c in hubs(business, "company").values()
           if c.fields.get("owner") == meera.id and {"hubspot", "salesforce"} <= c.links.keys()]  # fmt: skip
    give(business, his[0], paolo)  # one less, ...
    business.settled()
    assert [r for r in business.reviews("owner") if r.hub_id == meera.id] == []
    back(business, his[0], meera)  # ... and one more than that
    business.settled()
    assert question(business, meera).detail["counts"]["company"] == len(
        [c for c in hubs(business, "company").values() if c.fields.get("owner") == meera.id]
    )


def give(world: World, company: Hub, to: Hub) -> None:
    org = world.both.salesforce.org
    accounts = org.tables["Account"]
    values = org.read(accounts, {"OwnerId": to.links["salesforce"].remote_id})
    org.update(accounts, company.links["salesforce"].remote_id, values)


def back(world: World, company: Hub, to: Hub) -> None:
    """A salesperson whose account is turned on for a moment is given the company once more."""
    leaves(world, str(to.fields["first_name"]), active=True)
    give(world, company, to)
    leaves(world, str(to.fields["first_name"]))


def test_nobody_is_given_to_somebody_who_has_left_and_all_is_told_once_they_are_back(business: World) -> None:
    """Marketing's user is gone, sales' is still there, and gets a company: HubSpot is not told."""
    meera = owner(business, "Meera")
    users = business.both.hubspot.owners.all
    users[int(meera.links["hubspot"].remote_id)].archived = True
    company = next(c for c in hubs(business, "company").values()
                   if c.fields.get("owner") not in (None, meera.id) and {"hubspot", "salesforce"} <= c.links.keys())  # fmt: skip
    give(business, company, meera)
    business.settled()
    assert hubs(business, "company")[company.id].fields["owner"] == meera.id
    there = business.both.hubspot.companies.live[int(company.links["hubspot"].remote_id)].values
    assert there["hubspot_owner_id"] != meera.links["hubspot"].remote_id
    assert question(business, meera).detail["left"] == {"hubspot": "inactive"}
    assert business.reviews("dead_letter") == []
    explained = " ".join(business.cli("explain", str(company.fields["domain"])).out.split())
    assert "active in hubspot again" in explained
    users[int(meera.links["hubspot"].remote_id)].archived = False
    business.settled()
    there = business.both.hubspot.companies.live[int(company.links["hubspot"].remote_id)].values
    assert there["hubspot_owner_id"] == meera.links["hubspot"].remote_id
    assert [r for r in business.reviews("owner") if r.hub_id == meera.id] == []


def test_salesforce_is_never_asked_to_give_to_an_inactive_user(business: World) -> None:
    """Sales' user is gone; marketing still gives them contacts: no dead letters, one question."""
    meera = owner(business, "Meera")
    org = business.both.salesforce.org
    users = org.tables["User"]
    org.update(users, meera.links["salesforce"].remote_id, org.read(users, {"IsActive": False}))
    business.settled()
    others = [c for c in hubs(business, "company").values()
              if c.fields.get("owner") not in (None, meera.id) and {"hubspot", "salesforce"} <= c.links.keys()][:3]  # fmt: skip
    before = {row["Id"]: row["OwnerId"] for row in rows_of(business, "Account")}
    companies = business.both.hubspot.companies
    for company in others:
        record = companies.get(company.links["hubspot"].remote_id)
        companies.update(record, {"hubspot_owner_id": meera.links["hubspot"].remote_id})
    counted = question(business, meera).detail["counts"]["company"]
    reports = business.settled()
    assert sum(c.rejected for report in reports for c in report.systems.values()) == 0
    assert {row["Id"]: row["OwnerId"] for row in rows_of(business, "Account")} == before
    now = hubs(business, "company")
    moved = [c for c in others if now[c.id].fields["owner"] == meera.id]
    assert question(business, meera).detail["counts"]["company"] == counted + len(moved)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (("--to", "nobody@nowhere.example"), "There is no owner"),
        (("--to", "victor.lang@smarketing.example"), "has left"),
        (("--retry",), "--to or --ignore"),
    ],
)
def test_a_wrong_answer_is_told(make_world: MakeWorld, answer: tuple[str, ...], says: str) -> None:
    made: Any = make_world(business=True)
    made.settled()
    meera = leaves(made, "Meera")
    made.settled()
    said = made.cli("review", "resolve", str(question(made, meera).id), *answer, code=2)
    assert says in " ".join((said.out + said.err).split())
