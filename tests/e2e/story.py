"""One story in two acts, told with or without trouble: a first load, then a day's work on both sides.

What people do is chosen so that its outcome does not depend on how far a run had come when it failed: nobody contradicts
anybody, and each value is new. So a story with faults must end in the same picture as one without.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.world import World, world

SIZES: dict[str, int] = {"marketing": 70, "crm": 55, "shared": 35}
PAGE = 15
"""Records a page, a batch and a request, in place of the vendors' 100 and 200: so that 90 people take as many requests
as a thousand do."""

NO_PROMOTION = ("smarketing.yaml", "    mql: {score: {at_least: 50}}\n", "    mql: {score: {at_least: 1000}}\n")
"""Points move a lead up and never down again. Where one system cannot be read, they are reckoned from what the other
says; a lead that is promoted on that stays so. That is meant, and would make two stories differ."""


def small_requests(patch: pytest.MonkeyPatch) -> None:
    for name in ("reading.LIST_PAGE", "search.SEARCH_PAGE", "search.BATCH", "writing.BATCH", "connector.BATCH"):
        patch.setattr(f"connectors.hubspot.{name}", PAGE)
    patch.setattr("connectors.salesforce.write.COLLECTION", PAGE)


@contextmanager
def small_world(folder: Path, **settings: Any) -> Iterator[World]:
    """`settings`: of the Salesforce connector."""
    chosen = {"salesforce": settings, "hubspot": {"searches_a_second": 1000}}
    with world(folder, **SIZES, settings=chosen, rewrite=[NO_PROMOTION]) as made:
        made.both.salesforce.org.switches.page_size = PAGE
        yield made


def days_work(w: World) -> None:
    """Edits, a new person, an opt-out, a conversion, a merge and a deletion on both sides."""
    people = plain_people(w)
    for n, email in enumerate(people[:8]):
        w.set("hubspot", email, jobtitle=f"Head of Part {n}")
    for n, email in enumerate(people[8:16]):
        w.set("salesforce", email, Phone=f"+1 415 555 01{n:02d}")
    w.edit("hubspot", "opt_out", people[16])
    w.edit("salesforce", "opt_out", people[17])
    w.edit("salesforce", "convert", next(e for e in people[18:] if e in plain_people(w, "Lead")))
    w.edit("salesforce", "delete", people[-1])
    w.edit("hubspot", "delete", people[-2])
    hers = {"email": "new.one@example.net", "firstname": "Thandiwe", "lastname": "Mokoena", "lifecyclestage": "lead"}
    w.edit("hubspot", "create", "", fields=hers)
    his = {"Email": "new.two@example.net", "FirstName": "Mateo", "LastName": "Quispe", "Company": "Altiplano Solar"}
    w.edit("salesforce", "create", "", fields=his)


def plain_people(w: World, kind: str = "") -> list[str]:
    """Addresses of people with one record on each side, and no opt-out; `kind`: Lead or Contact, in Salesforce."""
    rows = {(row.get("Email") or "").strip().lower(): row for row in w.rows()}
    counts = Counter((row.get("Email") or "").strip().lower() for row in w.rows())
    contacts = w.both.hubspot.contacts.live.values()
    here = {c.values["email"] for c in contacts if "email" in c.values and "hs_email_optout" not in c.values}
    shared = {p["email"].strip().lower() for p in w.people.crm if p["key"] in w.people.shared}
    fits = {e for e, row in rows.items() if not row.get("HasOptedOutOfEmail") and kind in ("", row["object"])}
    return sorted(e for e in shared & here & fits if counts[e] == 1)


@cache
def calm(bulk: bool = False) -> tuple[dict[str, Counter[str]], dict[str, Counter[str]]]:
    """The pictures after each act, where nothing goes wrong."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        small_requests(patch)
        with small_world(Path(folder), **({"bulk_above": PAGE} if bulk else {})) as w:
            w.settled()
            first = w.picture()
            days_work(w)
            w.settled(3)
            return first, w.picture()


def differences(expected: dict[str, Counter[str]], found: dict[str, Counter[str]]) -> list[str]:
    """In words: who is missing, who is there besides, and for whom is both what the difference is."""
    told = []
    for name in expected:
        missing = [json.loads(one) for one in (expected[name] - found[name]).elements()]
        extra = [json.loads(one) for one in (found[name] - expected[name]).elements()]
        for one in missing:
            other = next((o for o in extra if _who(o) == _who(one)), None)
            if other is None:
                told.append(f"{name} lacks {one}")
                continue
            extra.remove(other)
            values = {n: (one.get(n), other.get(n)) for n in {*one, *other} if one.get(n) != other.get(n)}
            told.append(f"{name}, {_who(one)}: (expected, found) {values}")
        told += [f"{name} has {one}" for one in extra]
    return told


def _who(values: dict[str, Any]) -> str:
    return str(values.get("email") or values.get("Email") or values.get("phone") or values.get("Phone")).strip().lower()


def ends_well(w: World, expected: dict[str, Counter[str]]) -> None:
    """A quiet run brings what a calm story brings, and the next one finds nothing to do."""
    w.heal()
    report = w.sync()
    assert report.outcome == "done", (report.errors, report.stops)
    wrong = differences(expected, w.picture())
    assert not wrong, "\n".join(wrong)
    assert w.sync().writes == 0
    assert one_record_each(w) == []
    assert w.ask("SELECT count(*) FROM write WHERE state IN ('sent', 'unknown')") == [0]


def one_record_each(w: World) -> list[str]:
    """Two records in one system that carry the same id of ours."""
    ids = Counter(row["Smarketing_Id__c"] for row in w.rows() if row.get("Smarketing_Id__c"))
    held = Counter(c.values.get("smarketing_id") for c in w.both.hubspot.contacts.live.values())
    return [str(id_) for counts in (ids, held) for id_, n in counts.items() if id_ and n > 1]
