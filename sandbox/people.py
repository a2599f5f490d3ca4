"""Two databases about partly the same people, with the mess that real ones have; the same again for the same seed.

A person is a plain dict in words that belong to no vendor; "" is blank:
  key, first_name, last_name, email, phone, company, title, industry, employees, website, country, city, postal_code,
  source (text), stage (a step of LADDER), opted_out (bool), page_views, forms (int), created_days_ago,
  changed_days_ago (float), and in the CRM kind ("lead" or "contact").
`key` says who a record really is: no system holds it, so that a test can compare what was matched with what is true.
`to_hubspot` and the Salesforce sandbox's `to_salesforce` turn a person into a record.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.names import COUNTRIES, FREE_MAIL, PLACEHOLDERS, Country
from sandbox.town import LADDER, Person, Town, plain

__all__ = ["LADDER", "PLACEHOLDERS", "Person", "World", "demo_edits", "make_world", "to_hubspot"]

_BLANKABLE = ("phone", "title", "city", "postal_code", "website", "industry", "employees")


@dataclass(frozen=True)
class World:
    """What the two systems hold at first. `shared` are the keys of the people that both know."""

    seed: int
    marketing: list[Person] = field(repr=False)
    crm: list[Person] = field(repr=False)
    shared: frozenset[str] = field(repr=False)


def make_world(seed: int = 7, *, marketing: int = 2000, crm: int = 1400, shared: int = 900) -> World:
    """`marketing` and `crm` records, duplicates included; `shared` people are in both.

    Raises ValueError if there are more shared people than either side has room for.
    """
    doubles_m, doubles_c = marketing // 100, crm // 70
    only_m, only_c = marketing - shared - doubles_m, crm - shared - doubles_c
    if only_m < 0 or only_c < 0:
        raise ValueError(f"{shared} shared people do not fit into {marketing} and {crm} records with their duplicates")
    town = Town(random.Random(f"people/{seed}"))
    both = [town.person() for _ in range(shared)]
    left = [_in_marketing(town, person) for person in both] + [
        _in_marketing(town, town.person(alone=True)) for _ in range(only_m)
    ]
    right = [_in_crm(town, person) for person in both] + [_in_crm(town, town.person(alone=True)) for _ in range(only_c)]
    left += [_double_in_marketing(town, person) for person in town.dice.sample(left[shared // 2 : shared], doubles_m)]
    right += [_double_in_crm(town, person) for person in town.dice.sample(right[shared // 2 : shared], doubles_c)]
    for record in left[shared::97]:
        record["last_name"] = town.dice.choice(PLACEHOLDERS)
    town.dice.shuffle(left)
    town.dice.shuffle(right)
    return World(seed, left, right, frozenset(person["key"] for person in both))


def _in_marketing(town: Town, person: Person) -> Person:
    """What a web form leaves: written by the person, in a hurry, and old."""
    dice = town.dice
    record = _common(town, person, phone_styles=("national", "national", "dots", "bare", "e164"))
    record["title"] = person["title"][0 if dice.random() < 0.8 else 2]
    if dice.random() < 0.10:
        record["first_name"] = record["first_name"].lower()
    _forget(dice, record, 0.12)
    if dice.random() < 0.04:
        record["opted_out"] = True
    if dice.random() < 0.02:
        record["phone"] = dice.choice(PLACEHOLDERS)
    return record


def _in_crm(town: Town, person: Person) -> Person:
    """What salespeople type, and what the last three imports did to it."""
    dice, country = town.dice, person["country"]
    record = _common(town, person, phone_styles=("e164", "e164", "spaced", "zero", "dashes"))
    record["title"] = person["title"][dice.choices((0, 1, 2), (60, 25, 15))[0]]
    record["company"] = dice.choices(
        (person["company"], f"{person['company']} {country.legal}", person["company"].upper()), (60, 30, 10)
    )[0]
    if dice.random() < 0.25:
        record["email"] = dice.choice((str.upper, str.title, _camel))(record["email"])
    if dice.random() < 0.04:
        record["email"] = f" {record['email']} " if record["email"] else ""
    if dice.random() < 0.20:
        record["first_name"], record["last_name"] = plain(record["first_name"]), plain(record["last_name"])
    if dice.random() < 0.08:
        record["last_name"] = record["last_name"].upper()
    if dice.random() < 0.05:
        record["first_name"] = ""
    _forget(dice, record, 0.08)
    if dice.random() < 0.03:
        record["company"] = dice.choice(PLACEHOLDERS)
    if not record["email"] and dice.random() < 0.5:
        record["email"] = "none@none.com"
    if dice.random() < 0.03:
        record["opted_out"] = True
    step = LADDER.index(person["stage"]) + dice.choices((-1, 0, 1), (8, 80, 12))[0]
    record["stage"] = LADDER[min(max(step, 1), len(LADDER) - 1)]
    sold = LADDER.index(record["stage"]) >= LADDER.index("opportunity")
    record["kind"] = "contact" if sold or dice.random() < 0.25 else "lead"
    return record


def _common(town: Town, person: Person, *, phone_styles: tuple[str, ...]) -> Person:
    dice, country = town.dice, person["country"]
    record = dict(person)
    record["country"] = country.spellings[0] if dice.random() < 0.65 else dice.choice(country.spellings)
    record["phone"] = _written(country, person["phone"], dice.choice(phone_styles))
    record["changed_days_ago"] = dice.uniform(0.5, person["created_days_ago"])
    return record


def _forget(dice: random.Random, record: Person, share: float) -> None:
    for name in _BLANKABLE:
        if dice.random() < share:
            record[name] = ""


def _double_in_marketing(town: Town, record: Person) -> Person:
    """The same person came again, by another address and with the same number."""
    first, last = record["first_name"] or "x", record["last_name"] or "x"
    email = town.email(first, last, town.dice.choice(FREE_MAIL))
    return {**record, "email": email, "stage": "subscriber", "title": "", "company": "", "changed_days_ago": 0.5}


def _double_in_crm(town: Town, record: Person) -> Person:
    """Somebody typed a lead in that was a contact already."""
    email = record["email"].strip()
    return {**record, "email": town.dice.choice((email, email.lower(), email.upper())), "kind": "lead", "stage": "lead"}


def _written(country: Country, number: str, style: str) -> str:
    """A phone number as people write it."""
    digits = number.replace(" ", "")
    match style:
        case "national":
            return country.trunk + number
        case "dots":
            return (country.trunk + number).replace(" ", ".")
        case "bare":
            return country.trunk + digits
        case "spaced":
            return f"+{country.calling} {number}"
        case "zero":
            if country.code == "US":
                return f"({number[:3]}){number[3:].replace(' ', '-')}"
            return f"+{country.calling} (0){number}" if country.trunk else f"00{country.calling} {number}"
        case "dashes":
            return f"+{country.calling}-{number.replace(' ', '-')}"
    return f"+{country.calling}{digits}"


def _camel(email: str) -> str:
    local, _, domain = email.partition("@")
    return f"{local.title()}@{domain}" if domain else email


# To HubSpot

_FIELDS = {
    "email": "email",
    "first_name": "firstname",
    "last_name": "lastname",
    "phone": "phone",
    "company": "company",
    "title": "jobtitle",
    "industry": "industry",
    "employees": "numemployees",
    "website": "website",
    "country": "country",
    "city": "city",
    "postal_code": "zip",
    "source": "hs_analytics_source_data_1",
    "page_views": "hs_analytics_num_page_views",
    "forms": "num_conversion_events",
}
_LIFECYCLE = {
    "subscriber": "subscriber",
    "lead": "lead",
    "mql": "marketingqualifiedlead",
    "sql": "salesqualifiedlead",
    "opportunity": "opportunity",
    "customer": "customer",
}


def stages_of(person: Mapping[str, Any]) -> dict[str, float]:
    """The stages that a person has come through, and how many days ago each was entered: the first when the record was
    created, the last when it changed last or before that. One in four steps was skipped. The same again for the same
    person, and no other dice are thrown for it."""
    dice = random.Random(f"stages/{person['key']}/{person['email']}")
    steps = LADDER[: LADDER.index(person["stage"]) + 1]
    kept = [step for step in steps[:-1] if dice.random() >= 0.25]
    newest, oldest = person["changed_days_ago"], person["created_days_ago"]
    days = sorted((newest + (oldest - newest) * dice.random() ** 2 for _ in kept), reverse=True)
    last = days[-1] if days else oldest
    if days:
        days[0] = oldest
    return {**dict(zip(kept, days, strict=True)), steps[-1]: newest + (last - newest) * dice.random() ** 3}


def to_hubspot(person: Mapping[str, Any], now: datetime | None = None) -> dict[str, str]:
    """HubSpot's names for what the person has; parts of a person (an edit's fields) work as well. With `now`, also
    when the record was created and last changed, and when each stage was set."""
    record = {_FIELDS[name]: str(value) for name, value in person.items() if name in _FIELDS}
    if "stage" in person:
        record["lifecyclestage"] = _LIFECYCLE.get(person["stage"], "")
    if person.get("opted_out"):
        record["hs_email_optout"] = "true"
    if now is not None:
        for name, days in (("createdate", "created_days_ago"), ("lastmodifieddate", "changed_days_ago")):
            if days in person:
                moment = now - timedelta(days=person[days])
                record[name] = str(int(moment.timestamp() * 1000))
        if "key" in person and person["stage"] in LADDER:
            for stage, days_ago in stages_of(person).items():
                if stage in _LIFECYCLE:
                    at = (now - timedelta(days=days_ago)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
                    record[f"hs_lifecyclestage_{_LIFECYCLE[stage]}_date"] = f"{at}Z"
    return record


# The demo's third act

_HERS = {"email": "thandiwe.mokoena@protea-analytics.example", "first_name": "Thandiwe", "last_name": "Mokoena",
         "company": "Protea Analytics", "country": "South Africa", "stage": "lead"}  # fmt: skip
_HIS = {"email": "mateo.quispe@altiplano-solar.example", "first_name": "Mateo", "last_name": "Quispe",
        "company": "Altiplano Solar", "country": "Peru", "stage": "sql", "kind": "lead"}  # fmt: skip


def demo_edits(world: World) -> list[dict[str, Any]]:
    """What happens next, on both sides. Each edit: `system` ("marketing" or "crm"), `do` (set, opt_out, merge, convert,
    delete, create), `email` of the record in that system (trimmed, lower case), `fields` in the words of `Person`, for
    a merge the `other` e-mail, and `why`, a sentence for people."""
    people = iter(_plain_cases(world))
    caller = next(p for p in people if p["country"] in _BRITISH)
    writer, clash, consent, gone = (next(people) for _ in range(4))
    rising = next(p for p in people if p["kind"] == "lead" and p["stage"] == "mql")
    sold = next(p for p in people if p["kind"] == "lead" and p["stage"] == "sql")
    kept, double = _a_double(world)

    def edit(system: str, do: str, who: Person, why: str, **fields: Any) -> dict[str, Any]:
        email = who["email"].strip().lower()
        return {"system": system, "do": do, "email": email, "fields": fields, "why": why}

    merge = edit("marketing", "merge", kept, "Marketing merged two contacts of one person; the result has a new id.")
    merge["other"] = double["email"]
    return [
        edit("crm", "set", caller, "Sales heard the right number on the phone.", phone="+44 20 7946 0999"),
        edit("marketing", "set", writer, "The person updated a form.", title="Chief Marketing Officer"),
        edit("crm", "set", clash, "Sales wrote one job title ...", title="Chief Revenue Officer"),
        edit("marketing", "set", clash, "... and marketing another, before the next run.", title="Head of Growth"),
        edit("marketing", "opt_out", consent, "The person unsubscribed from everything."),
        edit("crm", "set", rising, "Sales took up a marketing-qualified lead.", stage="sql"),
        merge,
        edit("crm", "convert", sold, "Sales converted the lead: it lives on as a contact."),
        edit("crm", "delete", gone, "Somebody deleted the record in the CRM."),
        edit("marketing", "create", _HERS, "A new person filled in a form.", **_HERS),
        edit("crm", "create", _HIS, "Sales met somebody at a trade show.", **_HIS),
    ]


_BRITISH = next(country.spellings for country in COUNTRIES if country.code == "GB")


def _plain_cases(world: World) -> list[Person]:
    """CRM records of shared people without any trap: one record on each side, known by e-mail, not opted out."""
    sides = [_once(world.marketing), _once(world.crm)]
    return [
        record
        for key, record in sides[1].items()
        if key in sides[0] and key in world.shared and record["email"].strip()
        and not record["opted_out"] and not sides[0][key]["opted_out"]
        and record["company"] not in PLACEHOLDERS
    ]  # fmt: skip


def _once(records: list[Person]) -> dict[str, Person]:
    seen: dict[str, list[Person]] = {}
    for record in records:
        seen.setdefault(record["key"], []).append(record)
    return {key: found[0] for key, found in seen.items() if len(found) == 1}


def _a_double(world: World) -> tuple[Person, Person]:
    """A person with two contacts in marketing: the proper one and the one under a private address."""
    seen: dict[str, Person] = {}
    for record in world.marketing:
        other = seen.setdefault(record["key"], record)
        if other is not record:
            private = record["email"].endswith(FREE_MAIL)
            return (other, record) if private else (record, other)
    raise ValueError("this world is too small to have a duplicate: make it with 100 marketing contacts or more")
