"""The score: two axes, their caps, their weights, and the grade between them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapping.fields import ENGAGED
from mapping.lifecycle import Lifecycle
from mapping.scored import Scoring
from mapping.scoring import REASON_LENGTH, Score, Scorer, engaged, engaged_parts, scorer


def rule(name: str, points: int, **when: object) -> dict[str, Any]:
    return {"name": name, "points": points, "when": when}


def made(**said: Any) -> Scorer:
    return scorer(Scoring.model_validate(said), Lifecycle())


FIT = [rule("Company", 60, company={"present": True}), rule("French", 25, country="FR")]
DID = [{"name": "Form", "points": 20, "on": ["form"]}, rule("Asked", 40, asked=True), rule("Wants none", -30, out=True)]


def test_points_of_the_rules_that_hold_each_with_its_name() -> None:
    score = made(rules=[rule("Company", 10, company={"present": True}), *FIT[1:], rule("Old", 5, age=9)])
    found = score({"company": "Acme", "country": "FR"})
    assert found == Score(35, (("Company", 10), ("French", 25)), (), 35)
    assert found.reason == "French +25, Company +10"
    assert score({}) == Score(0, fit=0)
    assert score({}).reason == ""


def test_rules_alone_are_short_for_the_rules_of_fit() -> None:
    lead = {"company": "Acme", "country": "FR"}
    assert made(rules=FIT)(lead) == made(fit={"rules": FIT})(lead)


@given(points=st.lists(st.integers(-100, 100), min_size=1, max_size=30))
def test_the_total_stays_between_0_and_100_and_the_reason_fits_a_text_field(points: list[int]) -> None:
    rules = [rule(f"A rule with a rather long name, number {n}", p, x="y") for n, p in enumerate(points)]
    found = made(rules=rules)({"x": "y"})
    assert found.total == max(0, min(100, sum(points)))
    assert sum(p for _, p in found.parts) == sum(points)
    assert len(found.reason) <= REASON_LENGTH
    if len(points) > 10:
        assert found.reason.endswith("more")


def test_both_axes_make_the_total_half_each_and_the_grade() -> None:
    score = made(fit={"rules": FIT}, engagement={"rules": DID})
    found = score({"company": "Acme", "country": "FR", "asked": True, ENGAGED: engaged({"Form": 17})})
    assert found == Score(71, (("Company", 60), ("French", 25)), (("Form", 17), ("Asked", 40)), 85, 57, "A2")
    assert found.reason == "Company +60, Asked +40, French +25, Form +17"
    assert score({"company": "Acme", "out": True})[2:] == ((("Wants none", -30),), 60, 0, "B4")
    assert score({}) == Score(0, (), (), 0, 0, "D4")


@pytest.mark.parametrize(
    ("weights", "total"), [((1, 1), 71), ((3, 1), 78), ((1, 0), 85), ((0, 2), 57), ((0.5, 1.5), 64)]
)
def test_the_weights_are_shares(weights: tuple[float, float], total: int) -> None:
    score = made(
        fit={"rules": FIT}, engagement={"rules": DID}, weights=dict(zip(("fit", "engagement"), weights, strict=True))
    )
    assert score({"company": "Acme", "country": "FR", "asked": True, ENGAGED: engaged({"Form": 17})}).total == total


def test_each_axis_has_its_cap() -> None:
    score = made(fit={"rules": FIT, "cap": 70}, engagement={"rules": DID, "cap": 50})
    found = score({"company": "Acme", "country": "FR", "asked": True, ENGAGED: engaged({"Form": 20})})
    assert (found.fit, found.engagement, found.total) == (70, 50, 60)


def test_points_of_a_rule_that_is_gone_do_not_count() -> None:
    score = made(engagement={"rules": DID[:1]})
    found = score({ENGAGED: engaged({"Form": 17, "Fax": 50})})
    assert found == Score(17, (), (("Form", 17),), None, 17)


@given(parts=st.dictionaries(st.text(min_size=1, max_size=20), st.integers(-100, 100), max_size=6))
def test_what_stands_with_a_lead_is_read_as_it_was_written(parts: dict[str, int]) -> None:
    assert engaged_parts(engaged(parts)) == {name: points for name, points in parts.items() if points}
