"""The pact in smarketing.yaml: what is wrong with it is told with its line; what is right is a pact."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alignment.sla.messages import re_evaluation
from mapping.agreement.check_sla import covers
from mapping.conditions import Condition
from mapping.loader import load_project
from tests.docs.pages import ROOT, blocks
from tests.mapping.projects import MAIN, errors, load, preset_folder

SLA = """
owners: {fields: {email: {type: email}}}
sla:
  version: 1
  agreed_on: 2026-01-05
  agreed_by: [{name: Marta, team: marketing}, {name: Tom, team: sales}]
  re_evaluate_on: 2026-07-05
  calendars:
    madrid:
      zone: Europe/Madrid
      hours: {monday: ["09:00-14:00", "15:00-18:00"], tuesday: "09:00-17:00"}
      holidays: {country: ES, subdivision: MD}
      days_off: [2026-12-24, 2026-08-10..2026-08-21]
  absences: [{owner: ana@sales.example, from: 2026-08-01, to: 2026-08-15}]
  marketing:
    volume: {revenue: 100000, average_deal: 5000, rates: {sal: 0.5, sql: 0.5, customer: measured}}
    quality: {at_least: 0.6}
    completeness: {fields: [email, company], at_least: 0.9}
  sales:
    first_response:
      segments:
        - {name: hot, when: {score: {at_least: 60}}, within: 15 min}
        - {name: others, within: 8 h}
    attempts: {at_least: 3, apart_at_least: 2 h, apart_at_most: 24 h}
    decision: {within: 24 h}
    follow_up: {days: 5}
  teams:
    east: {side: sales, members: [ana@sales.example], channels: ["slack://${SLACK}"]}
  alerts: {mail: "mailtos://${SMTP_USER}:${SMTP_PASSWORD}@smtp.example.com"}
"""


def test_a_good_pact_has_no_errors_and_terms_that_people_do_not_change(tmp_path: Path) -> None:
    pact = load(tmp_path, MAIN + SLA).config.sla
    assert pact is not None
    assert [str(day) for day in pact.calendars["madrid"].off()][:2] == ["2026-12-24", "2026-08-10"]
    other = load(
        tmp_path, MAIN + SLA.replace("2026-12-24, ", "").replace("ana@", "eva@").replace("slack", "xml")
    ).config.sla
    assert other is not None
    assert other.terms() == pact.terms()
    stricter = load(tmp_path, MAIN + SLA.replace("within: 8 h", "within: 7 h")).config.sla
    assert stricter is not None
    assert stricter.terms() != pact.terms()


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ("Europe/Madrid", "Europe/Madird", "sla.calendars.madrid.zone", "no time zone"),
        ("country: ES", "country: XX", "sla.calendars.madrid.holidays.country", "no holidays"),
        ("subdivision: MD", "subdivision: ZZ", "sla.calendars.madrid.holidays.subdivision", "no subdivision"),
        ('tuesday: "09:00-17:00"', 'tuesday: "17:00-09:00"', "sla.calendars.madrid.hours.tuesday", "ends before"),
        ('"15:00-18:00"', '"13:00-18:00"', "sla.calendars.madrid.hours.monday", "overlap"),
        ('{monday: ["09:00-14:00", "15:00-18:00"], tuesday: "09:00-17:00"}', "{monday: []}",
         "sla.calendars.madrid.hours", "no business time"),
        ("2026-08-10..2026-08-21", "2026-08-21..2026-08-10", "sla.calendars.madrid.days_off[1]", "ends before"),
        ("to: 2026-08-15", "to: 2026-07-15", "sla.absences[0]", "ends before"),
        ("re_evaluate_on: 2026-07-05", "re_evaluate_on: 2026-01-01", "sla", "not after"),
        ("agreed_on: 2026-01-05", "agreed_on: soon", "sla.agreed_on", "wrong type"),
        ("team: sales}]", "team: marketing}]", "sla", "nobody of sales"),
        ("rates: {sal: 0.5, sql", "rates: {sql: 0.5, sal", "sla.marketing.volume.rates.sal", "order of the ladder"),
        ("customer: measured", "custmer: 0.5", "sla.marketing.volume.rates.custmer", "no step"),
        ("average_deal: 5000", "average_deal: measured", "sla.marketing.volume.average_deal", "deals are not synced"),
        ("[email, company]", "[email, compnay]", "sla.marketing.completeness.fields[1]", "no shared field"),
        ("decision: {", "decision: {accept: lead, ", "sla.sales.decision.accept", "does not come after"),
        ("follow_up: {", "follow_up: {types: [phone], ", "sla.sales.follow_up.types[0]", "not known"),
        ("follow_up: {", "follow_up: {until: [closed], ", "sla.sales.follow_up.until[0]", "no stage"),
        ("apart_at_most: 24 h", "apart_at_most: 1 h", "sla.sales.attempts.apart_at_most", "before it counts"),
        ("within: 8 h", "within: soon", "sla.sales.first_response.segments[1].within", "15 min or 4 h"),
        ("{name: hot, when: {score: {at_least: 60}}, within", "{name: hot, within",
         "sla.sales.first_response.segments[1]", "no lead ever gets here"),
        ("{at_least: 60}", "{at_least: 60, at_most: 50}", "sla.sales.first_response.segments[0].when", "no lead can"),
        ("slack://${SLACK}", "slack://T1/B1/s3cret", "sla.teams.east.channels[0]", "a secret stands"),
        ("${SMTP_USER}:${SMTP_PASSWORD}", "me:hunter2", "sla.alerts.mail", "a secret stands"),
    ],
)  # fmt: skip
def test_a_slip_is_told_where_it_is(tmp_path: Path, old: str, new: str, key: str, message: str) -> None:
    assert old in SLA
    found = errors(tmp_path, MAIN + SLA.replace(old, new))
    told = [(error.key, error.message) for error in found]
    assert any(error.key == key and message in error.message for error in found), told
    lines = (MAIN + SLA.replace(old, new)).splitlines()
    mine = next(error for error in found if error.key == key and message in error.message)
    assert mine.line > 0
    assert key == "sla" or new.split(": ")[0].strip("{\"' [")[:4] in "".join(lines[mine.line - 1 : mine.line + 2])
    assert "hunter2" not in str(found)
    assert "s3cret" not in str(found)


@pytest.mark.parametrize(
    ("wide", "narrow", "does"),
    [
        ({"score": {"at_least": 50}}, {"score": {"at_least": 60}}, True),
        ({"score": {"at_least": 60}}, {"score": {"at_least": 50}}, False),
        ({"country": ["ES", "PT"]}, {"country": "es"}, True),
        ({"country": "ES"}, {"country": ["ES", "PT"]}, False),
        ({"score": {"at_least": 50}}, {"score": 70, "country": "ES"}, True),
        ({"score": {"at_least": 50}, "country": "ES"}, {"score": 70}, False),
        ({"company": {"present": True}}, {"company": "Acme"}, True),
        ({"any": [{"score": 1}]}, {"score": 1}, False),
    ],
)
def test_one_condition_covers_another_where_that_can_be_told(wide: object, narrow: object, does: bool) -> None:
    assert covers(Condition.model_validate(wide), Condition.model_validate(narrow)) is does


@pytest.mark.parametrize(
    ("day", "told"),
    [
        ("2026-06-20", ""),
        ("2026-06-21", "in 14 days"),
        ("2026-07-05", "today"),
        ("2026-07-06", "1 days ago"),
    ],
)
def test_a_pact_reminds_of_its_re_evaluation(tmp_path: Path, day: str, told: str) -> None:
    pact = load(tmp_path, MAIN + SLA).config.sla
    assert pact is not None
    said = re_evaluation(pact, datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=UTC))
    assert told in said
    assert bool(said) is bool(told)


def test_the_example_of_the_documentation_is_a_pact(tmp_path: Path) -> None:
    [example] = blocks(ROOT / "docs" / "sla.md", "yaml")
    folder = preset_folder(tmp_path, "hubspot", "salesforce")
    main = folder / "smarketing.yaml"
    without = re.sub(r"(?ms)^sla:\n.*?(?=^\S|\Z)", "", main.read_text("utf-8"))  # the preset brings one of its own
    main.write_text(without + example, "utf-8")
    pact = load_project(folder).config.sla
    assert pact is not None
    assert pact.team_of("ANA@example.com") == "east"
