"""A score that says why, and adds up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from alignment.scoring.explain import Explanation, Known, Next, explain, score
from alignment.scoring.features import engaged_at
from mapping.fields import ENGAGED, Fields
from mapping.loader import Project, compile_rules, load_project
from mapping.scoring import decays_of, total_of
from tests.mapping.projects import MAIN, load, preset_folder

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
SCORING = """
vocabulary: {promote: {mql: {score: {at_least: 20}}}}
scoring:
  rules:
    - {name: Company known, points: 30, when: {company: {present: true}}}
    - {name: Large, points: 90, when: {employees: {at_least: 100}}}
    - {name: Opted out, points: -15, when: {opted_out: true}}
"""
AXES = """
vocabulary: {promote: {mql: {score: {at_least: 50}}}}
scoring:
  fit:
    rules:
      - {name: Company known, points: 30, when: {company: {present: true}}}
      - {name: Large, points: 40, when: {employees: {at_least: 100}}}
  engagement:
    rules:
      - {name: Form, points: 20, on: [form], cap: 50}
      - {name: Call, points: 30, on: [call, meeting], half_life: 10, within: 20}
      - {name: Opted out, points: -15, when: {opted_out: true}}
"""


def told(project: Project, fields: Fields, *activities: tuple[str, datetime]) -> Explanation:
    found = explain(project, Known(fields, activities, NOON))
    assert found is not None
    return found


def test_every_rule_is_told_with_what_it_looked_at(tmp_path: Path) -> None:
    project = load(tmp_path, main=MAIN + SCORING)
    found = told(project, {"company": "Acme", "employees": 20, "opted_out": True, "stage": "lead"})
    assert [(line.rule, line.points, line.holds, line.because) for line in found.lines] == [
        ("Company known", 30, True, "company is Acme"),
        ("Large", 90, False, "employees is 20"),
        ("Opted out", -15, True, "opted_out is yes"),
    ]
    [axis] = found.axes
    assert (found.total, axis.sum, found.promotes_to, found.grade) == (15, 15, None, None)


def test_what_the_cap_took_is_visible(tmp_path: Path) -> None:
    found = told(load(tmp_path, main=MAIN + SCORING), {"company": "Acme", "employees": 200, "stage": "lead"})
    assert (found.total, found.axes[0].sum, found.promotes_to) == (100, 120, "mql")


def test_activities_are_told_with_their_age_and_what_they_are_worth(tmp_path: Path) -> None:
    project = load(tmp_path, main=MAIN + AXES)
    form, old = NOON - timedelta(days=30), NOON - timedelta(days=301)
    call, late = NOON - timedelta(days=20), NOON + timedelta(days=1)
    found = told(
        project, {"company": "Acme"}, ("form", form), ("form", old), ("call", call), ("meeting", late), ("form", NOON)
    )
    [_, engagement] = found.axes
    lines = {line.rule: line for line in engagement.lines}
    assert [(one.at, one.age, one.worth) for one in lines["Form"].activities] == [(NOON, 0, 20.0), (form, 30, 10.0)]
    assert (lines["Form"].counts, lines["Form"].because) == (30, "2 in the last 300 days, worth 30.00")
    assert [(one.type, one.worth) for one in lines["Call"].activities] == [("call", 7.5)]
    assert lines["Call"].counts == 8
    assert (engagement.value, found.axes[0].value, found.total, found.grade) == (38, 30, 34, "C3")
    assert found.weighing == "30 × 50% + 38 × 50%"


def test_what_it_would_take_to_get_further(tmp_path: Path) -> None:
    found = told(load(tmp_path, main=MAIN + AXES), {"company": "Acme"}, ("form", NOON))
    assert (found.total, found.grade) == (25, "C4")
    assert found.next == (
        Next("fit B", "fit", 20, ("Large",)),
        Next("engagement 3", "engagement", 5, ("Call",)),
        Next("mql, a score of 50", "fit", 49, ()),
        Next("mql, a score of 50", "engagement", 49, ("Call", "Form")),
    )
    [fit, engagement] = found.axes
    scoring = load(tmp_path, main=MAIN + AXES).config.scoring
    assert scoring is not None
    assert (
        total_of(scoring, fit.value + 49, engagement.value) == 50 == total_of(scoring, fit.value, engagement.value + 49)
    )
    assert total_of(scoring, fit.value + 48, engagement.value) == 49, "half a point is rounded up"


def test_what_is_below_0_has_to_be_made_up_for_first(tmp_path: Path) -> None:
    found = told(load(tmp_path, main=MAIN + AXES), {"opted_out": True})
    assert found.axes[1].sum == -15
    assert Next("engagement 3", "engagement", 40, ("Call", "Form")) in found.next


def test_what_is_shown_is_what_is_pushed(tmp_path: Path) -> None:
    """The preset, over random leads: the lines make the axes, the axes the total, and a run derives the same."""
    project = load_project(preset_folder(tmp_path, "hubspot", "salesforce"))
    scoring = project.config.scoring
    assert scoring is not None
    derive = compile_rules(project).derive
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    dice = Random(seed)
    for _ in range(300):
        lead: Fields = {
            "job_title": dice.choice(["Chief Engineer", "Clerk", None]), "company": dice.choice(["Acme", None]),
            "email": dice.choice(["a@gmail.com", "a@acme.com"]), "stage": dice.choice(["lead", "subscriber", "lost"]),
            "opted_out": dice.choice([True, False]), "employees": dice.choice([20, 200]),
        }  # fmt: skip
        types = ["form", "call", "email_open", "email_click", "email_reply", "page_visit", "note"]
        happened = [
            (dice.choice(types), NOON - timedelta(days=dice.uniform(-5, 400))) for _ in range(dice.randint(0, 25))
        ]
        found = told(project, lead, *happened)
        for axis in found.axes:
            assert sum(line.counts for line in axis.lines) == axis.sum
            assert max(0, min(axis.cap, axis.sum)) == axis.value
        fit, engagement = found.axes
        assert total_of(scoring, fit.value, engagement.value) == found.total
        stored: Fields = {**lead, ENGAGED: engaged_at(decays_of(scoring), happened, NOON)}
        pushed = derive(stored)
        assert (pushed["fit_score"], pushed["engagement_score"], pushed["score"], pushed["grade"]) == (
            fit.value, engagement.value, found.total, found.grade,
        )  # fmt: skip
        assert score(project, stored).total == found.total
        for line in engagement.lines:
            if line.activities:
                worth = sum(one.worth for one in line.activities)
                cap = next(rule.cap for rule in scoring.engagement_rules if rule.name == line.rule)
                assert line.counts == pytest.approx(min(worth, cap or worth), abs=0.5000001)


def test_a_total_that_the_next_run_will_change_is_told_as_such(tmp_path: Path) -> None:
    project = load(tmp_path, main=MAIN + AXES)
    assert told(project, {"score": 25, "company": "Acme"}, ("form", NOON)).pending is None
    assert told(project, {"score": 30, "company": "Acme"}, ("form", NOON)).pending == 30


def test_a_project_without_scoring_has_no_score(tmp_path: Path) -> None:
    assert explain(load(tmp_path), Known({"company": "Acme"})) is None
