"""What marketing's side of a world holds besides its contacts: companies, deals, owners, and what has happened.

From the same people (`sandbox.companies`), with dice of its own. No contact is made or changed by it, but for the property
by which HubSpot tells its primary company; nothing moves a contact's time of change.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.companies import OWNERS, Company, Deal, domain_of, make_companies, make_deals
from sandbox.people import Person, World, to_hubspot

if TYPE_CHECKING:
    from sandbox.hubspot.server import HubSpot

_INDUSTRIES = {
    "Transportation": "TRANSPORTATION_TRUCKING_RAILROAD",
    "Software": "COMPUTER_SOFTWARE",
    "Health Care": "HOSPITAL_HEALTH_CARE",
    "Food": "FOOD_PRODUCTION",
    "Energy": "OIL_ENERGY",
    "Machinery": "MACHINERY",
    "Retail": "RETAIL",
    "Insurance": "INSURANCE",
    "Apparel": "APPAREL_FASHION",
    "Consulting": "MANAGEMENT_CONSULTING",
    "Media": "MEDIA_PRODUCTION",
    "Construction": "CONSTRUCTION",
}
DEAL_STAGES = {
    "qualified": "qualifiedtobuy",
    "meeting": "presentationscheduled",
    "proposal": "decisionmakerboughtin",
    "contract": "contractsent",
    "won": "closedwon",
    "lost": "closedlost",
}
_RENEWAL = {"qualified": "184610355", "meeting": "184610355", "proposal": "184610356", "contract": "184610356",
            "won": "184610357", "lost": "184610358"}  # fmt: skip
_FORMS = (("Newsletter", "/news"), ("Price list", "/prices"), ("Demo request", "/demo"), ("Webinar", "/webinar"))
_CAMPAIGNS = (
    ("Spring newsletter", "What is new this spring"),
    ("Product launch", "Meet the new planner"),
    ("Webinar invitation", "Thirty minutes on shorter lead times"),
    ("Customer letter", "How three of your neighbours did it"),
)
_CALLS = ("First call", "Budget and time", "Open questions", "Called back")
_MEETINGS = ("Demo", "Workshop on site", "Negotiation")
_MAILS = ("Our offer", "Re: our offer", "Minutes of our meeting", "Re: dates")
_NOTES = ("Decides with the board", "Wants references from the same trade", "Compares us with two others")


def tell_story(portal: HubSpot, world: World, now: datetime) -> None:
    """Into a portal whose contacts are seeded. The same for the same world."""
    companies = make_companies(world)
    with portal.lock:
        portal.planting = True
        try:
            _Story(portal, world, now).tell(companies, make_deals(world, companies))
        finally:
            portal.planting = False
        for index in portal.indexes.values():
            index.catch_up(everything=True)


class _Story:
    def __init__(self, portal: HubSpot, world: World, now: datetime) -> None:
        self.portal = portal
        self.world = world
        self.now = now
        self.dice = random.Random(f"hubspot/{world.seed}")
        self.owners: dict[str, int] = {}
        self.contacts: dict[str, list[int]] = {}
        """By the person's key: who came twice has two."""

    def tell(self, companies: Mapping[str, Company], deals: list[Deal]) -> None:
        for owner in OWNERS:
            made = self.portal.owners.add(
                owner.email, owner.first_name, owner.last_name, created=self.before(1500), archived=not owner.active
            )
            self.owners[owner.key] = made.id
        for person in self.world.marketing:
            email = to_hubspot(person).get("email", "").strip().lower()
            held = self.portal.contacts.by_value["email"].get(email) if email else None
            if held is not None:
                self.contacts.setdefault(person["key"], []).append(held)
        records = self._companies(companies)
        self._deals(deals, records)
        self._forms()
        self._mailings()

    def before(self, days: float) -> int:
        """Milliseconds."""
        return int((self.now - timedelta(days=days)).timestamp() * 1000)

    def _companies(self, companies: Mapping[str, Company]) -> dict[str, int]:
        made: dict[str, int] = {}
        for company in companies.values():
            if company.in_marketing:
                made[company.key] = self._company(company)
            if company.doubled:
                self._plant("companies", {"name": company.name.upper(), "domain": company.domain}, 400, 390)
        for person in self.world.marketing:
            company_id = made.get(domain_of(person))
            email = to_hubspot(person).get("email", "").strip().lower()
            held = self.portal.contacts.by_value["email"].get(email)
            if company_id is not None and held is not None:
                self.portal.associations.put("contacts", "companies", held, company_id)
        return made

    def _company(self, company: Company) -> int:
        age = self.dice.uniform(30, 1400)
        low, _, high = company.employees.strip("+").partition("-")
        fields = {
            "name": company.name,
            "domain": company.domain,
            "website": f"https://www.{company.domain}",
            "industry": _INDUSTRIES.get(company.industry, ""),
            "numberofemployees": high or low,
            "country": company.country,
            "city": company.city,
            "hubspot_owner_id": str(self.owners[company.owner]),
            "lifecyclestage": to_hubspot({"stage": company.stage})["lifecyclestage"],
        }
        return self._plant("companies", fields, age, self.dice.uniform(1, age))

    def _deals(self, deals: list[Deal], companies: Mapping[str, int]) -> None:
        for deal in deals:
            if not deal.in_marketing:
                continue
            renewal = deal.name.endswith("Renewal")
            fields = {
                "dealname": deal.name,
                "amount": str(deal.amount),
                "pipeline": "75512890" if renewal else "default",
                "dealstage": (_RENEWAL if renewal else DEAL_STAGES)[deal.stage],
                "closedate": str(self.before(deal.closed_days_ago)),
                "hubspot_owner_id": str(self.owners[deal.owner]),
                "dealtype": "existingbusiness" if renewal else "newbusiness",
            }
            changed = max(deal.closed_days_ago, 1.0) if not deal.open else self.dice.uniform(1, deal.created_days_ago)
            id_ = self._plant("deals", fields, deal.created_days_ago, changed)
            links = self.portal.associations
            people = [held for key in deal.people for held in self.contacts.get(key, [])[:1]]
            if deal.company in companies:
                links.put("deals", "companies", id_, companies[deal.company])
            for person in people:
                links.put("deals", "contacts", id_, person)
            self._logged(deal, id_, people, companies.get(deal.company))

    def _logged(self, deal: Deal, id_: int, people: list[int], company: int | None) -> None:
        """What sales did about a deal, between its beginning and its end."""
        dice, last = self.dice, max(deal.closed_days_ago, 0.5)
        for _ in range(dice.choices((1, 2, 3, 5), (25, 35, 25, 15))[0]):
            days = dice.uniform(last, max(deal.created_days_ago, last))
            name = dice.choices(("calls", "emails", "meetings", "notes", "tasks"), (30, 35, 15, 12, 8))[0]
            fields = {**self._words(name), "hs_timestamp": str(self.before(days))}
            made = self._plant(name, {**fields, "hubspot_owner_id": str(self.owners[deal.owner])}, days, days)
            for person in people[:2]:
                self.portal.associations.put(name, "contacts", made, person)
            if company is not None:
                self.portal.associations.put(name, "companies", made, company)
            self.portal.associations.put(name, "deals", made, id_)

    def _words(self, name: str) -> dict[str, str]:
        dice = self.dice
        match name:
            case "calls":
                way, ended = dice.choice(("INBOUND", "OUTBOUND", "OUTBOUND")), dice.choice(("COMPLETED", "NO_ANSWER"))
                return {"hs_call_title": dice.choice(_CALLS), "hs_call_direction": way, "hs_call_status": ended}
            case "emails":
                subject = dice.choice(_MAILS)
                way = "INCOMING_EMAIL" if subject.startswith("Re:") else "EMAIL"
                return {"hs_email_subject": subject, "hs_email_direction": way, "hs_email_status": "SENT"}
            case "meetings":
                ended = dice.choice(("COMPLETED", "COMPLETED", "NO_SHOW"))
                return {"hs_meeting_title": dice.choice(_MEETINGS), "hs_meeting_outcome": ended}
            case "notes":
                return {"hs_note_body": f"<p>{dice.choice(_NOTES)}</p>"}
        return {"hs_task_subject": "Send references", "hs_task_status": dice.choice(("NOT_STARTED", "COMPLETED"))}

    def _forms(self) -> None:
        marketing, dice = self.portal.marketing, self.dice
        forms = [(marketing.form(name, created=self.before(1400)), page) for name, page in _FORMS]
        for person in self.world.marketing:
            for _ in range(person["forms"] if person["email"] else 0):
                form, page = dice.choice(forms)
                days = dice.uniform(person["changed_days_ago"], person["created_days_ago"])
                values = {"email": person["email"], "firstname": person["first_name"], "lastname": person["last_name"]}
                marketing.submit(form, self.before(days), values, f"https://www.smarketing.example{page}")

    def _mailings(self) -> None:
        """Each goes to those who were known by then and have not opted out; the warmer the lead, the more opens."""
        marketing, dice = self.portal.marketing, self.dice
        for n, (name, subject) in enumerate(_CAMPAIGNS):
            campaign, days = marketing.campaign(name, subject), 20.0 + 60 * n
            for person in self.world.marketing:
                known = person["email"] and not person["opted_out"] and person["created_days_ago"] > days
                if not known or dice.random() > 0.5:
                    continue
                self._mailed(person, campaign, days)

    def _mailed(self, person: Person, campaign: int, days: float) -> None:
        dice, email = self.dice, person["email"].strip().lower()
        marketing, warm = self.portal.marketing, min(0.8, 0.15 + person["page_views"] / 60)
        marketing.happened("SENT", self.before(days), email, campaign)
        if dice.random() < warm:
            days -= dice.uniform(0.01, 3)
            marketing.happened("OPEN", self.before(days), email, campaign)
            if dice.random() < 0.3:
                page = "https://www.smarketing.example/prices"
                marketing.happened("CLICK", self.before(days - 0.001), email, campaign, page)
        elif dice.random() < 0.1:
            marketing.happened("OPEN", self.before(days - 0.0001), email, campaign, filtered=True)

    def _plant(self, name: str, fields: Mapping[str, Any], created: float, modified: float) -> int:
        """A record with a past, both in days ago."""
        records = self.portal.objects[name]
        times = {records.type.created: str(self.before(created)), records.type.modified: str(self.before(modified))}
        return records.plant({**{n: str(v) for n, v in fields.items() if v}, **times}).id
