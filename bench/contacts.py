"""The contacts that are measured with, as the bytes of HubSpot's list pages in one file.

The same for the same number. Every contact has 17 properties that the preset asks for, spelled as people spell
them (capitals, national phone numbers, placeholders, blanks), and what HubSpot adds by itself. Written once, mapped
into the server's memory, and answered without being looked at: the server must not be what is measured.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import orjson

PAGE = 100
"""The most that HubSpot lists in one answer."""

_FIRST = "Ana Bruno Chloe Derek Elif Farid Greta Hiro Ines Jonas Kofi Lena Mateo Nadia Oskar Priya Quinn Rosa Sven Tara"
_LAST = "Almeida Baker Castro Dubois Eriksen Fischer Garcia Huber Ito Jansen Kaya Lopez Müller Novak O'Brien Park Rossi"
_TITLES = ("Head of Sales", "Marketing Manager", "VP Operations", "Buyer", "CTO", "Director of IT", "", "n/a", "Owner")
_INDUSTRIES = ("SOFTWARE", "MANUFACTURING", "RETAIL", "HEALTH_CARE", "LOGISTICS", "")
_CITIES = (("Boston", "02110"), ("Austin", "73301"), ("Denver", "80202"), ("Portland", "97201"), ("", ""))
_COUNTRIES = ("United States", "USA", "us", "United States", "United States")
_STAGES = ("subscriber", "lead", "lead", "marketingqualifiedlead", "salesqualifiedlead", "opportunity", "customer")
_STREETS = ("Main Street", "Park Avenue", "Oak Lane", "Mill Road")
_PHONES = ("+1415555{:04d}", "(415) 555-{:04d}", "415-555-{:04d}", "+1 415 555 {:04d}", "")


class Pages(NamedTuple):
    """Where the pages are: page i is `offsets[i]:offsets[i + 1]` of the file."""

    path: Path
    offsets: list[int]


def write_pages(path: Path, count: int) -> Pages:
    """The list pages of `count` contacts. Page i is asked for with `after` = 100 * i."""
    offsets = [0]
    people = iter(contacts(count))
    with path.open("wb") as file:
        for start in range(0, count, PAGE):
            results = list(islice(people, PAGE))
            page: dict[str, object] = {"results": results}
            if start + PAGE < count:
                page["paging"] = {"next": {"after": str(start + PAGE), "link": "https://api.hubapi.com/next"}}
            offsets.append(offsets[-1] + file.write(orjson.dumps(page)))
    return Pages(path, offsets)


def contacts(count: int) -> Iterator[Mapping[str, Any]]:
    """Contacts as the list shows them, by id; ids have gaps, as real ones do."""
    dice = random.Random("contacts")
    chance = dice.random
    first, last = _FIRST.split(), _LAST.split()
    id_ = 90_000_000_000
    for n in range(count):
        id_ += 1 + int(chance() * 50)
        given, family = first[int(chance() * len(first))], last[int(chance() * len(last))]
        city, postal_code = _CITIES[int(chance() * len(_CITIES))]
        domain = f"company{int(chance() * count / 3)}.com"
        email = f"{given}.{family}.{n}@{domain}".replace("ü", "ue").replace("'", "")
        created, changed = (
            f"2023-{1 + n % 12:02d}-{1 + n % 28:02d}T08:15:00.123Z",
            f"2024-05-{1 + n % 28:02d}T10:11:12.345Z",
        )
        yield {
            "id": str(id_),
            "properties": {
                "address": f"{int(chance() * 990) + 1} {_STREETS[n % 4]}",
                "city": city or None,
                "company": f"Company {domain[7:-4]} Inc.",
                "country": _COUNTRIES[int(chance() * len(_COUNTRIES))],
                "createdate": created,
                "email": email if chance() < 0.7 else email.lower(),
                "firstname": given if chance() < 0.9 else given.upper(),
                "hs_email_optout": "true" if chance() < 0.05 else None,
                "hs_merged_object_ids": None,
                "hs_object_id": str(id_),
                "industry": _INDUSTRIES[int(chance() * len(_INDUSTRIES))] or None,
                "jobtitle": _TITLES[int(chance() * len(_TITLES))] or None,
                "lastmodifieddate": changed,
                "lastname": family,
                "lifecyclestage": _STAGES[int(chance() * len(_STAGES))],
                "mobilephone": _PHONES[int(chance() * len(_PHONES))].format(int(chance() * 10000)) or None,
                "phone": _PHONES[int(chance() * len(_PHONES))].format(int(chance() * 10000)) or None,
                "smarketing_id": None,
                "smarketing_stage_reason": None,
                "website": f"https://www.{domain}",
                "zip": postal_code or None,
            },
            "createdAt": created,
            "updatedAt": changed,
            "archived": False,
            "url": f"https://app.hubspot.com/contacts/62515/record/0-1/{id_}",
        }
