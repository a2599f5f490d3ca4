"""A score that says why."""

from __future__ import annotations

from pathlib import Path

from alignment.scoring import explain, score
from mapping.fields import Fields
from mapping.loader import compile_rules, load_project
from tests.mapping.projects import MAIN, load, preset_folder

SCORING = """
vocabulary: {promote: {mql: {score: {at_least: 20}}}}
scoring:
  rules:
    - {name: Company known, points: 30, when: {company: {present: true}}}
    - {name: Large, points: 90, when: {employees: {at_least: 100}}}
    - {name: Opted out, points: -15, when: {opted_out: true}}
"""


def test_every_rule_is_told_with_what_it_looked_at(tmp_path: Path) -> None:
    project = load(tmp_path, main=MAIN + SCORING)
    found = explain(project, {"company": "Acme", "employees": 20, "opted_out": True, "stage": "lead"})
    assert [(line.rule, line.points, line.holds, line.because) for line in found.lines] == [
        ("Company known", 30, True, "company is Acme"),
        ("Large", 90, False, "employees is 20"),
        ("Opted out", -15, True, "opted_out is yes"),
    ]
    assert (found.total, found.sum, found.promotes_to) == (15, 15, None)


def test_what_the_cap_took_is_visible(tmp_path: Path) -> None:
    found = explain(load(tmp_path, main=MAIN + SCORING), {"company": "Acme", "employees": 200, "stage": "lead"})
    assert (found.total, found.sum, found.promotes_to) == (100, 120, "mql")


def test_what_is_shown_is_what_is_pushed(tmp_path: Path) -> None:
    project = load_project(preset_folder(tmp_path, "hubspot", "salesforce"))
    lead: Fields = {"job_title": "Chief Engineer", "company": "Acme", "email": "a@gmail.com", "stage": "lead"}
    assert score(project, lead).total == compile_rules(project).derive(lead)["score"] == 40


def test_a_project_without_scoring_has_no_score(tmp_path: Path) -> None:
    assert explain(load(tmp_path), {"company": "Acme"}).lines == ()
