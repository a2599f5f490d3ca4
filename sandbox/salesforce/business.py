"""The rest of a world once its people are there: users, what accounts are worth, deals, activities, campaigns.

Companies, deals and owners are those of `sandbox.companies`; what happened is made up here with dice of its own. No
person's record changes by it: an account that contacts already name is filled in, never renamed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.companies import OWNERS, Company, Deal, domain_of, make_companies, make_deals
from sandbox.people import World
from sandbox.salesforce.org import Org
from sandbox.salesforce.values import stamp

STAGES = {
    "qualified": "Qualification",
    "meeting": "Needs Analysis",
    "proposal": "Proposal/Price Quote",
    "contract": "Negotiation/Review",
    "won": "Closed Won",
    "lost": "Closed Lost",
}
CAMPAIGNS = (("Spring trade fair", "Conference"), ("Webinar: one pipeline", "Webinar"), ("Newsletter", "Email"))
SUBJECTS = ("Introduction", "Follow-up", "Questions about the offer", "Next steps")


@dataclass
class Seeded:
    """Ids in the org: users and accounts by the key of their owner or company, deals by theirs."""

    users: dict[str, str] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)
    deals: dict[str, str] = field(default_factory=dict)


def seed_business(org: Org, world: World, now: datetime) -> Seeded:
    """Fills an org whose people were seeded from the same world. Raises Refused."""
    companies = make_companies(world)
    seeded = Seeded()
    with org.lock:
        _users(org, seeded)
        people = _people(org, world)
        for company in companies.values():
            if company.in_crm:
                seeded.accounts[company.key] = _account(org, company, seeded, people)
        for deal in make_deals(world, companies):
            if deal.in_crm:
                seeded.deals[deal.key] = _deal(org, deal, seeded, people, now)
        _happened(org, world, seeded, people, now)
        _leave(org, seeded)
    return seeded


def _create(org: Org, sobject: str, at: datetime | None = None, **values: Any) -> str:
    table = org.tables[sobject]
    record_id = org.create(table, org.read(table, {k: v for k, v in values.items() if v not in (None, "")}))
    if at is not None:
        when = stamp(at)
        dates = {"CreatedDate": when, "LastModifiedDate": when, "SystemModstamp": when}
        done = {"CompletedDateTime": when} if table.rows[record_id].get("CompletedDateTime") else {}
        table.put({**table.rows[record_id], **dates, **done})
    return record_id


def _users(org: Org, seeded: Seeded) -> None:
    for owner in OWNERS:
        seeded.users[owner.key] = _create(
            org, "User", FirstName=owner.first_name, LastName=owner.last_name, Email=owner.email,
            Username=f"{owner.email}.crm", IsActive=True, UserType="Standard",
        )  # fmt: skip


def _leave(org: Org, seeded: Seeded) -> None:
    """Only now: nothing is given to somebody who is inactive."""
    users = org.tables["User"]
    for owner in OWNERS:
        if not owner.active:
            org.update(users, seeded.users[owner.key], org.read(users, {"IsActive": False}))


def _people(org: Org, world: World) -> dict[str, str]:
    """Ids of the contacts by the person's key; a person without an address is nobody here."""
    contacts = org.tables["Contact"]
    found: dict[str, str] = {}
    for person in world.crm:
        email = person["email"].strip()
        if person["kind"] == "contact" and email and email != "none@none.com":
            rows = [row for row in contacts.find("Email", email) if not row["IsDeleted"]]
            if rows:
                found.setdefault(person["key"], rows[0]["Id"])
    return found


def _account(org: Org, company: Company, seeded: Seeded, people: Mapping[str, str]) -> str:
    """The account that most of its contacts have, under whatever name."""
    accounts, contacts = org.tables["Account"], org.tables["Contact"]
    staff = [contacts.rows[people[key]] for key in company.people if key in people]
    named = Counter(row["AccountId"] for row in staff if "AccountId" in row)
    digits = "".join(c for c in company.employees.partition("-")[0] if c.isdigit())
    values: dict[str, Any] = {
        "Website": f"https://www.{company.domain}",
        "Industry": company.industry,
        "NumberOfEmployees": int(digits) if digits else None,
        "BillingCity": company.city,
        "BillingCountry": company.country,
        "OwnerId": seeded.users[company.owner],
    }
    if not named:
        return _create(org, "Account", None, Name=company.name, Type="Prospect", **values)
    account = accounts.rows[named.most_common(1)[0][0]]
    blank = {k: v for k, v in values.items() if v and (k == "OwnerId" or account.get(k) is None)}
    org.update(accounts, account["Id"], org.read(accounts, blank))
    return str(account["Id"])


def _deal(org: Org, deal: Deal, seeded: Seeded, people: Mapping[str, str], now: datetime) -> str:
    buyers = [people[key] for key in deal.people if key in people]
    record_id = _create(
        org, "Opportunity", now - timedelta(days=max(deal.closed_days_ago, 0.5)),
        Name=deal.name[:120], StageName=STAGES[deal.stage], Amount=deal.amount,
        CloseDate=(now - timedelta(days=deal.closed_days_ago)).date().isoformat(),
        AccountId=seeded.accounts[deal.company], ContactId=buyers[0] if buyers else None,
        OwnerId=seeded.users[deal.owner],
    )  # fmt: skip
    for other in buyers[1:]:
        _create(org, "OpportunityContactRole", OpportunityId=record_id, ContactId=other, Role="Influencer")
    return record_id


def _happened(org: Org, world: World, seeded: Seeded, people: Mapping[str, str], now: datetime) -> None:
    """Calls, e-mails and meetings with one contact in three, and three campaigns with leads and contacts in them."""
    dice = random.Random(f"salesforce/activities/{world.seed}")
    users = [seeded.users[owner.key] for owner in OWNERS if owner.active]
    campaigns = [_create(org, "Campaign", Name=name, Type=type_, IsActive=True) for name, type_ in CAMPAIGNS]
    by_key = {person["key"]: person for person in world.crm}
    for key, contact in people.items():
        account = seeded.accounts.get(domain_of(by_key[key]))
        if dice.random() < 1 / 3:
            _contacted(org, dice, contact, account, dice.choice(users), now)
        if dice.random() < 1 / 5:
            _invited(org, dice, dice.choice(campaigns), now, ContactId=contact)
    leads = sorted((row for row in org.tables["Lead"].live() if not row["IsConverted"]), key=lambda row: row["Id"])
    for lead in leads[::7]:
        _invited(org, dice, dice.choice(campaigns), now, LeadId=lead["Id"])


def _contacted(org: Org, dice: random.Random, contact: str, account: str | None, user: str, now: datetime) -> None:
    about = {"WhoId": contact, "WhatId": account, "OwnerId": user}
    for _ in range(dice.randint(1, 3)):
        at = now - timedelta(days=dice.uniform(0.5, 120))
        subject = dice.choice(SUBJECTS)
        match dice.choice(("Call", "Email", "Task", "meeting")):
            case "meeting":
                _create(org, "Event", at, **about, Subject=subject, StartDateTime=stamp(at), DurationInMinutes=30)
            case "Call":
                way = dice.choice(("Inbound", "Outbound"))
                _create(
                    org, "Task", at, **about, Subject=f"Call: {subject}", TaskSubtype="Call", Status="Completed",
                    CallType=way,
                )  # fmt: skip
            case subtype:
                done = dice.choice(("Completed", "Completed", "Not Started")) if subtype == "Task" else "Completed"
                _create(org, "Task", at, **about, Subject=subject, TaskSubtype=subtype, Status=done)


def _invited(org: Org, dice: random.Random, campaign: str, now: datetime, **who: str) -> None:
    at = now - timedelta(days=dice.uniform(1, 90))
    member = _create(org, "CampaignMember", at, CampaignId=campaign, Status="Sent", **who)
    if dice.random() < 0.4:
        members = org.tables["CampaignMember"]
        org.update(members, member, org.read(members, {"Status": "Responded"}))
        answered = stamp(at + timedelta(days=1))
        members.put({**members.rows[member], "FirstRespondedDate": answered[:10], "SystemModstamp": answered})
