"""Opinions that differ in case and accents alone are no contest of systems: the one that spells it out wins."""

from __future__ import annotations

import pytest

from mapping.fields import Policy, Value
from mapping.mapper import FieldMap, Mapper
from mapping.rules import Rules
from state.records import Side
from sync.merge import merge


def settled(crm: Value, mkt: Value, policy: str = "prefer") -> tuple[Value, str | None]:
    maps = [FieldMap("name", "name", lambda v: v, lambda v: v)]
    rules = Rules({s: Mapper(s, maps) for s in ("crm", "mkt")}, {"name": Policy(policy, ("crm", "mkt"))})  # type: ignore[arg-type]
    sides = {"crm": Side(seen={"name": crm}), "mkt": Side(seen={"name": mkt})}
    merged = merge({}, {}, sides, rules)
    conflict = merged.conflicts.get("name")
    return merged.hub.get("name"), conflict.rule if conflict else None


@pytest.mark.parametrize(
    ("crm", "mkt", "expected"),
    [
        ("Omer", "Ömer", "Ömer"),
        ("Weiss", "Weiß", "Weiß"),
        ("FJORD MEDICAL", "Fjord Medical", "Fjord Medical"),
        ("fjord medical", "Fjord Medical", "Fjord Medical"),
        ("Jürgen", "JURGEN", "Jürgen"),
    ],
)
def test_the_fuller_spelling_wins_over_the_preferred_system(crm: str, mkt: str, expected: str) -> None:
    assert settled(crm, mkt) == (expected, "fuller spelling")


@pytest.mark.parametrize(("crm", "mkt"), [("Omar", "Ömer"), ("Acme Inc.", "Acme"), ("McDonald", "Mcdonald")])
def test_what_differs_in_substance_goes_by_preference(crm: str, mkt: str) -> None:
    assert settled(crm, mkt)[0] == crm


def test_a_field_that_people_decide_is_left_to_them() -> None:
    assert settled("Omer", "Ömer", "review") == (None, "review")
