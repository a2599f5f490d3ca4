"""What the outcomes say of the rules: on outcomes that were made by known weights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from random import Random

import pytest
from scipy.stats import binomtest

from alignment.proportions import wilson
from alignment.scoring.calibration import Calibration, calibrate, scored
from alignment.scoring.features import Example
from mapping.fields import Fields
from mapping.loader import Project
from tests.mapping.projects import MAIN, load

START = datetime(2025, 1, 1, 12, tzinfo=UTC)
SCORING = """
vocabulary: {promote: {mql: {score: {at_least: 40}}}}
scoring:
  fit:
    rules:
      - {name: Strong, points: 20, when: {company: Strong}}
      - {name: Large, points: 20, when: {employees: {at_least: 100}}}
      - {name: Useless, points: 20, when: {tags: vip}}
      - {name: Everybody, points: 20, when: {email: {present: true}}}
  engagement:
    rules:
      - {name: Form, points: 20, on: [form], half_life: 30, cap: 20}
      - {name: Opted out, points: -20, when: {opted_out: true}}
"""
TRUE = {"Strong": 2.0, "Large": 1.0, "Useless": 0.0, "Form": 1.5, "Opted out": -1.0}
"""Log-odds of each rule, where it applies."""
BASE = -2.0


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return load(tmp_path, main=MAIN + SCORING)


def example(dice: Random, n: int) -> Example:
    held = {name: dice.random() < 0.4 for name in TRUE}
    fields: Fields = {
        "email": f"p{n}@x", "company": "Strong" if held["Strong"] else "Weak",
        "employees": 200 if held["Large"] else 20, "tags": ["vip"] if held["Useless"] else [],
        "opted_out": held["Opted out"], "stage": "mql",
    }  # fmt: skip
    cutoff = START + timedelta(hours=n)
    odds = BASE + sum(weight for name, weight in TRUE.items() if held[name])
    won = dice.random() < 1 / (1 + exp(-odds))
    did = (("form", cutoff - timedelta(minutes=1)),) if held["Form"] else ()
    return Example(f"{n:06}", cutoff, cutoff + timedelta(days=20), won, fields, did)


def made(count: int, seed: int) -> list[Example]:
    dice = Random(seed)
    return [example(dice, n) for n in range(count)]


def told(project: Project, examples: list[Example]) -> Calibration:
    found = calibrate(project, examples)
    assert found.too_few == ""
    return found


def test_the_suggested_weights_are_those_that_made_the_outcomes(project: Project) -> None:
    """Within 20 % of the weight of the strongest rule, of 4,000 leads."""
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    found = {rule.rule: rule.suggested for rule in told(project, made(4000, seed)).rules}
    assert found.pop("Everybody") is None, "it applies to everybody, so there is nothing to compare"
    points = {name: points for name, points in found.items() if points is not None}
    assert points.keys() == TRUE.keys()
    scale = sum(map(abs, points.values())) / sum(map(abs, TRUE.values()))
    for name, weight in TRUE.items():
        assert points[name] == pytest.approx(weight * scale, abs=0.2 * 2.0 * scale), name
    assert sum(map(abs, points.values())) == pytest.approx(100, abs=3), "all of them together weigh what they did"


def test_every_rate_is_a_count_of_the_leads(project: Project) -> None:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    examples = made(600, seed)
    of = scored(project)
    for rule in told(project, examples).rules:
        applies = [e.won for e in examples if dict(of(e).parts).get(rule.rule)]
        others = [e.won for e in examples if not dict(of(e).parts).get(rule.rule)]
        assert (rule.applies.leads, rule.applies.won) == (len(applies), sum(applies))
        assert (rule.else_.leads, rule.else_.won) == (len(others), sum(others))
        if rule.rule != "Everybody":
            assert rule.lift == pytest.approx((sum(applies) / len(applies)) / (sum(others) / len(others)))
            assert rule.applies.rate is not None
            assert rule.applies.low < rule.applies.rate < rule.applies.high


def test_precision_and_recall_of_the_threshold_and_of_every_other(project: Project) -> None:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    examples = made(500, seed)
    of, found = scored(project), told(project, examples)
    won = sum(e.won for e in examples)
    assert [one.what for one in found.curve] == [str(n) for n in range(0, 101, 5)]
    for one in found.curve:
        reached = [e for e in examples if of(e).total >= int(one.what)]
        both = sum(e.won for e in reached)
        assert (one.leads, one.won, one.recall) == (len(reached), both, both / won)
        assert one.precision == (both / len(reached) if reached else None)
    assert found.now is not None
    assert found.now.what == "mql, from 40 points on"
    [same] = [one for one in found.curve if one.what == "40"]
    assert (found.now.leads, found.now.won) == (same.leads, same.won)


@pytest.mark.parametrize(("won", "lost"), [(0, 0), (30, 19), (9, 200), (200, 9), (49, 0)])
def test_too_few_outcomes_are_said_to_be_too_few(project: Project, won: int, lost: int) -> None:
    dice = Random(1)
    examples = [example(dice, n) for n in range(won + lost)]
    fields = [(e.hub_id, e.cutoff, e.outcome_at, n < won, e.fields, e.activities) for n, e in enumerate(examples)]
    found = calibrate(project, [Example(*values) for values in fields])
    assert f"{won + lost:,}: {won:,} won, {lost:,} not" in found.too_few
    assert (found.rules, found.curve, found.now) == ([], [], None)


@pytest.mark.parametrize(("won", "leads"), [(0, 1), (1, 1), (3, 10), (50, 100), (999, 1000), (0, 40)])
def test_the_interval_is_wilsons(won: int, leads: int) -> None:
    known = binomtest(won, leads).proportion_ci(method="wilson")
    assert wilson(won, leads) == pytest.approx((known.low, known.high), abs=1e-9)
