"""The first score."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mapping.config import ScoreRule
from mapping.lifecycle import Lifecycle
from mapping.scoring import REASON_LENGTH, Score, scorer


def rule(name: str, points: int, **when: object) -> ScoreRule:
    return ScoreRule.model_validate({"name": name, "points": points, "when": when})


def test_points_of_the_rules_that_hold_each_with_its_name() -> None:
    score = scorer(
        [rule("Company", 10, company={"present": True}), rule("French", 25, country="FR"), rule("Old", 5, age=9)],
        Lifecycle(),
    )
    found = score({"company": "Acme", "country": "FR"})
    assert found == Score(35, (("Company", 10), ("French", 25)))
    assert found.reason == "French +25, Company +10"
    assert score({}) == Score(0)
    assert score({}).reason == ""


@given(points=st.lists(st.integers(-100, 100), min_size=1, max_size=30))
def test_the_total_stays_between_0_and_100_and_the_reason_fits_a_text_field(points: list[int]) -> None:
    rules = [rule(f"A rule with a rather long name, number {n}", p, x="y") for n, p in enumerate(points)]
    found = scorer(rules, Lifecycle())({"x": "y"})
    assert found.total == max(0, min(100, sum(points)))
    assert sum(p for _, p in found.parts) == sum(points)
    assert len(found.reason) <= REASON_LENGTH
    if len(points) > 10:
        assert found.reason.endswith("more")
