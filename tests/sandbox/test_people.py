"""The demo's people: as many as promised, really the same persons, really messy, and the same again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import phonenumbers
import pytest
from email_validator import validate_email

from sandbox.hubspot import FAST, HubSpot
from sandbox.names import COUNTRIES
from sandbox.people import PLACEHOLDERS, World, demo_edits, make_world, to_hubspot


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(7)


def test_the_same_seed_makes_the_same_people(world: World) -> None:
    assert make_world(7) == world
    assert make_world(8).marketing != world.marketing


def test_sizes_are_as_asked(world: World) -> None:
    assert (len(world.marketing), len(world.crm), len(world.shared)) == (2000, 1400, 900)
    left, right = ({p["key"] for p in side} for side in (world.marketing, world.crm))
    assert left & right == world.shared
    small = make_world(1, marketing=10, crm=8, shared=5)
    assert (len(small.marketing), len(small.crm)) == (10, 8)
    with pytest.raises(ValueError, match="do not fit"):
        make_world(1, marketing=10, crm=8, shared=9)


def test_equal_addresses_mean_the_same_person(world: World) -> None:
    people: dict[str, set[str]] = {}
    for record in world.marketing + world.crm:
        email = record["email"].strip().lower()
        if email and email != "none@none.com":
            people.setdefault(email, set()).add(record["key"])
    assert all(len(keys) == 1 for keys in people.values())


def test_nine_in_ten_shared_people_can_be_matched_by_email(world: World) -> None:
    left = {(r["key"], r["email"].strip().lower()) for r in world.marketing if r["email"]}
    matched = {r["key"] for r in world.crm if (r["key"], r["email"].strip().lower()) in left}
    assert len(matched) == 900
    exact = {(r["key"], r["email"]) for r in world.marketing} & {(r["key"], r["email"]) for r in world.crm}
    assert 500 < len(exact) < 750, "about a quarter differ in case or spaces"


def test_numbers_are_possible_and_addresses_lead_nowhere(world: World) -> None:
    code = {spelling: country.code for country in COUNTRIES for spelling in country.spellings}
    for record in world.marketing + world.crm:
        if record["phone"] and record["phone"] not in PLACEHOLDERS:
            parsed = phonenumbers.parse(record["phone"], code[record["country"]])
            assert phonenumbers.is_valid_number(parsed), record
        if record["email"]:
            validate_email(record["email"].strip(), check_deliverability=False)
            assert record["email"].strip().lower().endswith((".example", "none@none.com"))


def test_the_mess_is_there(world: World) -> None:
    crm = {r["key"]: r for r in world.crm}
    pairs = [(r, crm[r["key"]]) for r in world.marketing if r["key"] in world.shared]
    differ = Counter(name for one, two in pairs for name in one if one[name] != two[name])
    for name in ("email", "phone", "title", "company", "country", "first_name", "last_name", "stage", "opted_out"):
        assert differ[name] > 20, name
    for side in (world.marketing, world.crm):
        assert len({r["key"] for r in side}) < len(side), "duplicates within a system"
        assert any(r["last_name"] in PLACEHOLDERS or r["company"] in PLACEHOLDERS for r in side)
    assert any(r["email"] == "none@none.com" for r in world.crm)


def test_hubspot_takes_them_all(world: World) -> None:
    portal = HubSpot(FAST)
    now = datetime(2026, 11, 1, tzinfo=UTC)
    assert portal.seed(to_hubspot(person, now) for person in world.marketing) == 2000
    contact = next(iter(portal.contacts.live.values()))
    assert contact.created < contact.modified < now.timestamp() * 1000


def test_the_demo_edits_can_be_made(world: World) -> None:
    edits = demo_edits(world)
    assert {edit["do"] for edit in edits} == {"set", "opt_out", "merge", "convert", "delete", "create"}
    assert demo_edits(world) == edits
    portal = HubSpot(FAST)
    portal.seed(to_hubspot(person) for person in world.marketing)
    for edit in edits:
        if edit["system"] == "marketing":
            portal.edit({**edit, "fields": to_hubspot(edit["fields"])})
        elif edit["do"] != "create":
            held = [r for r in world.crm if r["email"].strip().lower() == edit["email"]]
            assert len(held) == 1
            assert edit["do"] != "convert" or held[0]["kind"] == "lead"
    assert portal.summary()["merged"] == 2
    clash = [edit for edit in edits if edit["fields"].get("title")][-2:]
    assert clash[0]["email"] == clash[1]["email"]
    assert clash[0]["system"] != clash[1]["system"]
