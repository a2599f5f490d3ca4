"""What people do next about deals, companies and users, in both systems: the business half of the demo's third act.

Derived from a `sandbox.people.World` like everything else. An edit says `system` ("marketing" or "crm"), `do` (set,
merge, move), `of` (deal, company, owner, person), `key` (what people call it: a deal's name, a company's domain, an
address), `fields` in the words of `sandbox.companies`, and `why`, a sentence for people. `native` puts it into the words
of the system that it is for. Invariant: the same world has the same edits, and none of them is about the people of
`sandbox.people.demo_edits`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.companies import OWNERS, Company, Deal, domain_of, make_companies, make_deals
from sandbox.hubspot.seeding import DEAL_STAGES as IN_HUBSPOT
from sandbox.people import LADDER, Person, World, demo_edits
from sandbox.salesforce.business import STAGES as IN_SALESFORCE
from sandbox.salesforce.seeding import doubled

_TABLES = {
    "marketing": {"deal": ("deals", "dealname"), "company": ("companies", "domain")},
    "crm": {"deal": ("Opportunity", "Name"), "company": ("Account", "Website"), "owner": ("User", "Email")},
}
_FIELDS = {
    "marketing": {"stage": "dealstage", "lost_reason": "closed_lost_reason", "employees": "numberofemployees"},
    "crm": {"stage": "StageName", "employees": "NumberOfEmployees", "active": "IsActive", "close_date": "CloseDate"},
}


def business_edits(world: World) -> list[dict[str, Any]]:
    """Raises StopIteration where the world is too small to have one of each."""
    companies = make_companies(world)
    spoken_for = {domain_of(edit) for edit in demo_edits(world)}
    twice = next(domain for domain in doubled(world) if domain not in spoken_for)
    spoken_for.update(doubled(world))
    deals = _undecided(world, companies, spoken_for)
    won, lost = next(deals), next(deals)
    spoken_for |= {won.company, lost.company}
    quiet = (c for c in companies.values() if c.key not in spoken_for and c.in_crm and c.in_marketing and not c.doubled)
    grown, target = next(quiet), next(quiet)
    spoken_for |= {grown.key, target.key}
    mover = _mover(world, spoken_for)
    away = next(owner for owner in OWNERS if owner.active)

    def edit(system: str, do: str, of: str, key: str, why: str, **fields: Any) -> dict[str, Any]:
        return {"system": system, "do": do, "of": of, "key": key, "fields": fields, "why": why}

    move = edit("crm", "move", "person", mover["email"].strip().lower(), f"The contact works for {target.name} now.")
    return [
        edit("crm", "set", "deal", won.name, "Sales won the deal.", stage="won", close_date="today"),
        edit("marketing", "set", "deal", lost.name, "The deal is lost: too expensive.", stage="lost",
             lost_reason="Too expensive"),
        edit("marketing", "set", "company", grown.domain, "Marketing learned how large the company is.", employees="480"),
        {**move, "to": target.domain},
        edit("crm", "merge", "company", twice, "Somebody merged the company's two accounts."),
        edit("crm", "set", "owner", away.email, "A salesperson left.", active=False),
    ]  # fmt: skip


def native(edit: Mapping[str, Any]) -> dict[str, Any]:
    """What `POST /__sandbox__/state` of the system takes."""
    system, of = edit["system"], edit["of"]
    if edit["do"] == "move":
        account = {"object": "Account", "where": {"Website": _site(edit["to"])}}
        return {"do": "move", "email": edit["key"], "to": account}
    table, name = _TABLES[system][of]
    stages = IN_HUBSPOT if system == "marketing" else IN_SALESFORCE
    said = {"stage": stages, "close_date": {"today": datetime.now(UTC).date().isoformat()}}
    fields = {_FIELDS[system][n]: said[n][v] if n in said else v for n, v in edit["fields"].items()}
    key = _site(edit["key"]) if name == "Website" else edit["key"]
    return {"do": edit["do"], "object": table, "where": {name: key}, "fields": fields}


def _site(domain: str) -> str:
    return f"https://www.{domain}"


def _undecided(world: World, companies: Mapping[str, Company], spoken_for: set[str]) -> Iterator[Deal]:
    """The only deal of a company of which nobody has bought, open in both systems, with people whom both know."""
    deals = make_deals(world, companies)
    stages: dict[str, list[str]] = {}
    for person in (*world.marketing, *world.crm):
        stages.setdefault(person["key"], []).append(person["stage"])
    contacts = {person["key"] for person in world.crm if person["kind"] == "contact"}
    for deal in deals:
        company = companies[deal.company]
        only = sum(other.company == deal.company for other in deals) == 1
        known = all(key in world.shared and key in contacts and len(stages[key]) == 2 for key in deal.people)
        below = all(LADDER.index(s) < LADDER.index("customer") for key in deal.people for s in stages[key])
        clear = deal.company not in spoken_for and not company.doubled and not deal.name.endswith("Renewal")
        if deal.open and only and known and below and clear and deal.in_marketing and company.in_marketing:
            yield deal


def _mover(world: World, spoken_for: set[str]) -> Person:
    """A contact that both systems know, once each, by the same address."""
    written: dict[str, list[str]] = {}
    for person in (*world.marketing, *world.crm):
        written.setdefault(person["key"], []).append(person["email"].strip().lower())
    return next(
        person
        for person in world.crm
        if person["kind"] == "contact"
        and person["key"] in world.shared
        and domain_of(person) not in {"", *spoken_for}
        and len(written[person["key"]]) == 2
        and len(set(written[person["key"]])) == 1
    )
