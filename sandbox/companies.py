"""The companies of a world of people, their deals, and the users who look after them: the same in both systems.

Everything is derived from a `sandbox.people.World` with dice of its own, so that no person changes by it, and the same
again for the same world. Words belong to no vendor; `key` says what a thing really is, and no system holds it.

    companies = make_companies(world)       all companies, by domain
    deals = make_deals(world, companies)    all deals of both systems
    OWNERS                                  the users; each has an account in both systems, with the same e-mail

Whether a system holds one of them is told by `in_marketing` and `in_crm`. Who works where: `domain_of(person)`, the
company's key ("" for private addresses and for none).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from sandbox.names import FREE_MAIL, PLACEHOLDERS
from sandbox.people import LADDER, Person, World


class Owner(NamedTuple):
    """A user of both systems. One who has left is `active` no more, and still named by older records."""

    key: str
    first_name: str
    last_name: str
    email: str
    active: bool = True


def _owner(key: str, first: str, last: str, *, active: bool = True) -> Owner:
    return Owner(key, first, last, f"{first}.{last}@smarketing.example".lower(), active)


OWNERS = (
    _owner("o1", "Nadia", "Keller"),
    _owner("o2", "Samuel", "Osei"),
    _owner("o3", "Ingrid", "Halvorsen"),
    _owner("o4", "Paolo", "Ricci"),
    _owner("o5", "Meera", "Iyer"),
    _owner("o6", "Victor", "Lang", active=False),
)


@dataclass(frozen=True, slots=True)
class Company:
    """`stage` is the furthest that one of its people has come; `owner` an `Owner`'s key; `people` persons' keys. A
    careless import made a second record of it in the marketing system where `doubled`."""

    key: str
    name: str
    domain: str
    industry: str
    employees: str
    country: str
    city: str
    stage: str
    owner: str
    people: tuple[str, ...]
    in_marketing: bool
    in_crm: bool
    doubled: bool = False


DealStage = Literal["qualified", "meeting", "proposal", "contract", "won", "lost"]
DEAL_STAGES: tuple[DealStage, ...] = ("qualified", "meeting", "proposal", "contract", "won", "lost")
"""In order; a deal ends in one of the last two."""


@dataclass(frozen=True, slots=True)
class Deal:
    """`company` is a company's key, `people` are persons' keys, the first the one who signs. `amount` in whole euros.
    `closed_days_ago` is negative where the deal is open: that is when it is expected to close."""

    key: str
    name: str
    company: str
    people: tuple[str, ...]
    owner: str
    stage: DealStage
    amount: int
    created_days_ago: float
    closed_days_ago: float
    in_marketing: bool
    in_crm: bool

    @property
    def open(self) -> bool:
        return self.stage not in ("won", "lost")


def domain_of(person: Mapping[str, object]) -> str:
    """The domain of the company that the person works for, by the e-mail address: the key of a `Company`, or ""."""
    domain = str(person.get("email", "")).strip().lower().partition("@")[2]
    return "" if domain in FREE_MAIL or not domain.endswith(".example") else domain


def make_companies(world: World) -> dict[str, Company]:
    """Every company that a person of either system works for, by its domain, in alphabetical order. Marketing holds
    those of its own people, the CRM those of its contacts (a lead there has only the company's name)."""
    dice = random.Random(f"companies/{world.seed}")
    staff: dict[str, list[Person]] = {}
    marketing, crm = set[str](), set[str]()
    for person in world.marketing:
        staff.setdefault(domain_of(person), []).append(person)
        marketing.add(domain_of(person))
    for person in world.crm:
        staff.setdefault(domain_of(person), []).append(person)
        if person.get("kind") == "contact":
            crm.add(domain_of(person))
    companies: dict[str, Company] = {}
    for domain in sorted(staff.keys() - {""}):
        people = staff[domain]
        somewhere = next((p for p in people if p["country"] and p["city"]), people[0])
        companies[domain] = Company(
            key=domain,
            name=_name(people, domain),
            domain=domain,
            industry=_known(people, "industry"),
            employees=dice.choice([p["employees"] for p in people if p["employees"]] or [""]),
            country=somewhere["country"],
            city=somewhere["city"],
            stage=max((p["stage"] for p in people if p["stage"] in LADDER), key=LADDER.index, default="lead"),
            owner=dice.choices(OWNERS, (5, 5, 4, 4, 3, 1))[0].key,
            people=tuple(sorted({p["key"] for p in people})),
            in_marketing=domain in marketing,
            in_crm=domain in crm,
            doubled=domain in marketing and dice.random() < 0.03,
        )
    return companies


def _name(people: list[Person], domain: str) -> str:
    """As most of its people write it; a name in capitals or with a legal form is a worse spelling of it."""
    plain = [p["company"] for p in people if p["company"] not in PLACEHOLDERS and p["company"].strip()]
    proper = [name for name in plain if not name.isupper()]
    ranked = sorted(set(proper or plain), key=lambda name: (len(name), name))
    return ranked[0] if ranked else domain.removesuffix(".example").replace("-", " ").title()


def _known(people: list[Person], name: str) -> str:
    return next((p[name] for p in people if p[name] and p[name] not in PLACEHOLDERS), "")


_WHAT = ("Annual plan", "Pilot", "Renewal", "Rollout", "Expansion", "Onboarding", "Three sites")
_OPEN: tuple[DealStage, ...] = ("qualified", "meeting", "proposal", "contract")


def make_deals(world: World, companies: Mapping[str, Company]) -> list[Deal]:
    """One or two deals for each company that has come as far as a sales-qualified lead and whose people the CRM knows:
    customers have won ones, some of the others lost ones. The CRM holds them all, marketing four in five."""
    dice = random.Random(f"deals/{world.seed}")
    sold = {p["key"]: p for p in world.crm if LADDER.index(p["stage"]) >= LADDER.index("sql")}
    deals: list[Deal] = []
    for company in companies.values():
        buyers = [key for key in company.people if key in sold]
        if not company.in_crm or not buyers:
            continue
        won = any(sold[key]["stage"] == "customer" for key in buyers)
        for n in range(dice.choices((1, 2), (75, 25))[0]):
            stage: DealStage = "won" if won and n == 0 else dice.choice((*_OPEN, *_OPEN, "lost"))
            age = dice.uniform(20, 400)
            ended = stage in ("won", "lost")
            deals.append(
                Deal(
                    key=f"d{len(deals) + 1:04d}",
                    name=f"{company.name} - {dice.choice(_WHAT)}",
                    company=company.key,
                    people=tuple(dice.sample(buyers, min(len(buyers), dice.randint(1, 3)))),
                    owner=company.owner,
                    stage=stage,
                    amount=int(round(dice.lognormvariate(9.2, 0.8), -2)),
                    created_days_ago=age,
                    closed_days_ago=dice.uniform(1, age) if ended else -dice.uniform(5, 120),
                    in_marketing=dice.random() < 0.8,
                    in_crm=True,
                )
            )
    return deals
