"""The demo's companies, deals and owners: derived from the people, the same again, and never at their cost."""

from __future__ import annotations

from sandbox.companies import DEAL_STAGES, OWNERS, domain_of, make_companies, make_deals
from sandbox.people import make_world


def test_the_same_world_has_the_same_companies_and_deals() -> None:
    one, two = make_world(7), make_world(7)
    assert make_companies(one) == make_companies(two)
    assert make_deals(one, make_companies(one)) == make_deals(two, make_companies(two))
    assert one == make_world(7), "making companies changes no person"


def test_everybody_with_a_company_address_works_somewhere() -> None:
    world = make_world(7)
    companies = make_companies(world)
    for person in world.marketing + world.crm:
        if domain := domain_of(person):
            assert person["key"] in companies[domain].people
    assert domain_of({"email": " Ada@Mailbox.example "}) == ""
    assert domain_of({"email": "none@none.com"}) == ""


def test_deals_tell_a_story_that_holds_together() -> None:
    world = make_world(7)
    companies = make_companies(world)
    deals = make_deals(world, companies)
    owners = {owner.key for owner in OWNERS}
    customers = {person["key"] for person in world.crm if person["stage"] == "customer"}
    assert {deal.stage for deal in deals} == set(DEAL_STAGES)
    for deal in deals:
        company = companies[deal.company]
        assert deal.owner == company.owner
        assert deal.owner in owners
        assert set(deal.people) <= set(company.people)
        assert (deal.closed_days_ago > 0) == (not deal.open)
        assert deal.created_days_ago > deal.closed_days_ago
        assert deal.amount > 0
    won = {deal.company for deal in deals if deal.stage == "won"}
    assert any(customers.intersection(companies[domain].people) for domain in won)
    assert {domain for domain, c in companies.items() if c.in_crm and customers.intersection(c.people)} <= won
    assert any(not deal.in_marketing for deal in deals)


def test_a_small_world_has_companies_too() -> None:
    world = make_world(1, marketing=10, crm=8, shared=5)
    companies = make_companies(world)
    assert companies
    assert all(deal.company in companies for deal in make_deals(world, companies))
