"""Objectives: targets derived from each other, what is measured, and what is frozen and accepted; personas' pages."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime

import pytest
import sqlalchemy as sa

from alignment.funnel.counting import read_books
from alignment.objectives import goals, measure, over, period_named, progress
from alignment.periods import Period
from alignment.personas import persona_pages
from bench.past import NOW, write
from mapping.conditions import Condition, predicate
from mapping.derived import derivation, lifecycle_of
from state import tables as t
from state.attainments import Acceptance, AlreadyFrozen, accept, acceptances, attainments, freeze, newest
from state.facts import Facts, microseconds
from state.rows import loads
from tests.alignment.project import BOSS, config

AT = datetime(2026, 4, 2, 12, tzinfo=UTC)
OBJECTIVES = [
    {"name": "revenue", "metric": "revenue", "target": 100_000, "from": "2026-01-01"},
    {"name": "won", "metric": "won_deals", "derived_from": {"from": "revenue", "divisor": 12_500}},
    {"name": "mqls", "metric": "mql", "derived_from": {"from": "won", "rate": 0.05}, "business_days": True},
]


def test_targets_follow_from_what_they_serve() -> None:
    found = goals(config(objectives=OBJECTIVES), date(2026, 5, 9))
    assert [(g.label, g.target, g.chain) for g in found] == [
        ("2026-Q2", 100_000, ("revenue",)),
        ("2026-Q2", 8, ("revenue", "won")),
        ("2026-Q2", 160, ("revenue", "won", "mqls")),
    ]
    assert found[0].period == Period(date(2026, 4, 1), date(2026, 6, 30))
    assert goals(config(objectives=OBJECTIVES), date(2025, 5, 9)) == []
    with pytest.raises(ValueError):
        period_named("2026-Q5")


def test_a_forecast_goes_by_the_days_that_have_passed() -> None:
    from alignment.objectives import Measured

    revenue, _, mqls = goals(config(objectives=OBJECTIVES), date(2026, 4, 1))
    now = datetime(2026, 4, 11, tzinfo=UTC)  # a Saturday: ten days have passed, eight of them of work
    assert progress(revenue, Measured(2_000.0), now).forecast == pytest.approx(2_000 / 10 * 91)
    assert progress(mqls, Measured(16.0), now).forecast == pytest.approx(16 / 8 * 65)
    assert progress(revenue, None, now).forecast is None
    assert not over(revenue, now)


def test_what_is_measured_is_what_plain_sql_counts(engine: sa.Engine) -> None:
    write(engine, 500, 7)
    period = Period(date(2026, 1, 1), date(2026, 3, 31))
    with Facts(engine) as facts:
        books = read_books(facts, config(objectives=OBJECTIVES), NOW)
        visits = measure(books, facts, "visits", period)
        rate = measure(books, facts, "acceptance_rate", period)
        won = measure(books, facts, "won_deals", period)
        assert measure(books, facts, "response_attainment", period) is None
    c = t.activity.c
    with engine.connect() as connection:
        query = sa.select(sa.func.count()).where(c.type == "page_visit", c.at >= period.start, c.at < period.end)
        assert visits is not None
        assert visits.value == connection.execute(query).scalar() > 0
        deals = [loads(row[0]) for row in connection.execute(sa.select(t.hub.c.fields).where(t.hub.c.kind == "deal"))]
    assert won is not None
    assert won.value == sum(d["stage"] == "won" and "2026-01-01" <= d["close_date"] <= "2026-03-31" for d in deals)
    assert rate is not None
    assert rate.value == rate.basis["accepted"] / rate.basis["passed"]


def test_a_frozen_value_is_restated_by_a_new_row_only(engine: sa.Engine) -> None:
    first = freeze(engine, "mqls", "2026-Q1", 150.0, 160.0, {"leads": 150}, AT, "ada")
    with pytest.raises(AlreadyFrozen):
        freeze(engine, "mqls", "2026-Q1", 151.0, 160.0, {}, AT, "bob")
    said = Acceptance("mqls", "2026-Q1", "sales", 160.0, AT, "bob", first)
    accept(engine, said)
    assert acceptances(engine) == [said]
    goal = goals(config(objectives=OBJECTIVES), date(2026, 1, 1))[2]
    held = newest(attainments(engine))["mqls", "2026-Q1"]
    shown = progress(goal, None, AT, held, acceptances(engine))
    assert (shown.value, shown.attainment, dict(shown.accepted)) == (150.0, 150 / 160, {"sales": said})
    second = freeze(engine, "mqls", "2026-Q1", 155.0, 160.0, {}, AT, "ada", restates=first, reason="late import")
    with pytest.raises(AlreadyFrozen):
        freeze(engine, "mqls", "2026-Q1", 156.0, 160.0, {}, AT, "bob", restates=first, reason="again")
    rows = attainments(engine)
    assert [(r.value, r.frozen_by, r.restated_from, r.reason) for r in rows] == [
        (150.0, "ada", None, None),
        (155.0, "ada", first, "late import"),
    ]
    held = newest(rows)["mqls", "2026-Q1"]
    assert held.id == second
    assert not progress(goal, None, AT, held, acceptances(engine)).accepted  # it is another value


def test_a_persona_is_the_first_that_fits_and_its_page_counts_its_leads(engine: sa.Engine) -> None:
    write(engine, 600, 11)
    project = config()
    life = lifecycle_of(project)
    derive = derivation(project, "lead", life, ())
    with Facts(engine) as facts:
        fields = dict(facts.records("lead"))
        books = read_books(facts, project, NOW)
        pages = persona_pages(books, facts, Period(date(2026, 1, 1), date(2026, 3, 31)))
        changes = list(facts.corrections())
    personas = {i: derive(f)["persona"] for i, f in fields.items()}
    boss = predicate(Condition.model_validate(BOSS), life)
    assert {i for i, p in personas.items() if p == "boss"} == {i for i, f in fields.items() if boss(f)}
    assert {p.persona.name if p.persona else None: p.leads for p in pages} == Counter(personas.values())
    passed = dict(zip(books.past.ids, books.past.entered["mql"].tolist(), strict=True))
    for page in pages:
        name = page.persona.name if page.persona else None
        wanted = {
            (i, f) for i, at, d in changes if personas[i] == name and passed[i] < at <= microseconds(NOW) for f in d
        }
        assert page.corrected == Counter(f for _, f in wanted)
        assert sum(one.leads for one in page.sources) == page.leads
