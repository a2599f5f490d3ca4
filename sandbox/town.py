"""Makes people: who they really are, before any system has written it down. The same again for the same dice."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter
from typing import Any

from sandbox.names import COMPANY_STEMS, COMPANY_TRADES, COUNTRIES, EMPLOYEES, SOURCES, TITLES, Country

Person = dict[str, Any]
LADDER = ("subscriber", "lead", "mql", "sql", "opportunity", "customer")
_STAGES = (10, 34, 26, 14, 9, 7)


class Town:
    """Nobody here shares an e-mail or a number with somebody else by accident. `country` and `title` of a person stay
    as `Country` and the three ways to name the post until a system writes them down."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice
        self.count = 0
        self._emails: Counter[tuple[str, str]] = Counter()
        self._phones: set[str] = set()
        self._weights = [country.weight for country in COUNTRIES]

    def person(self, *, alone: bool = False) -> Person:
        """`alone`: known to one system only, so that even its e-mail may be missing."""
        dice, self.count = self.dice, self.count + 1
        country = dice.choices(COUNTRIES, self._weights)[0]
        first, last = dice.choice(country.first), dice.choice(country.last).replace("-", " ")
        trade, industry = dice.choice(COMPANY_TRADES)
        stem = dice.choice(COMPANY_STEMS)
        domain = f"{slug(stem)}-{slug(trade)}.example"
        city, code = dice.choice(country.cities)
        created = dice.uniform(3, 1400)
        return {
            "key": f"p{self.count:05d}",
            "first_name": first,
            "last_name": last,
            "email": "" if alone and dice.random() < 0.03 else self.email(first, last, domain),
            "phone": self.phone(country),
            "company": f"{stem} {trade}",
            "title": dice.choice(TITLES),
            "industry": industry,
            "employees": dice.choice(EMPLOYEES),
            "website": f"https://www.{domain}",
            "country": country,
            "city": city,
            "postal_code": code,
            "stage": dice.choices(LADDER, _STAGES)[0],
            "opted_out": dice.random() < 0.06,
            "source": dice.choice(SOURCES),
            "page_views": int(dice.expovariate(1 / 9)),
            "forms": dice.choices((0, 1, 2, 3, 5), (40, 30, 15, 10, 5))[0],
            "created_days_ago": created,
            "changed_days_ago": dice.uniform(1, created),
        }

    def email(self, first: str, last: str, domain: str) -> str:
        shape = self.dice.choice(("{f}.{l}", "{f}.{l}", "{i}{l}", "{f}{l}", "{l}.{f}"))
        local = shape.format(f=slug(first), l=slug(last), i=slug(first)[0])
        self._emails[local, domain] += 1
        n = self._emails[local, domain]
        return f"{local}@{domain}" if n == 1 else f"{local}.{n}@{domain}"

    def phone(self, country: Country) -> str:
        """The national number in its groups, without what stands before it at home: "1 99 00 12 34"."""
        patterns = list(country.phones[:1]) * 5 + list(country.phones) * 20
        for pattern in patterns:
            number = re.sub("#", lambda _: self.dice.choice("0123456789"), pattern)
            if country.calling + number not in self._phones:
                break
        self._phones.add(country.calling + number)
        return number


def plain(text: str) -> str:
    """Without accents, as an import in the wrong encoding leaves a name."""
    text = text.replace("ł", "l").replace("Ł", "L").replace("ß", "ss").replace("ı", "i").replace("Ø", "O")
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "", plain(text).lower())
