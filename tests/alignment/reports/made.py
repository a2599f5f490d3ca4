"""A project with a pact, objectives and personas over a past that never happened, and the report on a part of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from alignment.periods import Period
from alignment.reports import build
from alignment.reports.model import Report
from alignment.reports.periods import period_of
from bench.past import NOW, write
from mapping.loader import Project
from state.decisions import close, decide
from sync.clocks import tick
from tests.alignment.project import config
from tests.alignment.sla.pacts import PACT

MONTH = Period(date(2026, 5, 1), date(2026, 5, 31))
WEEK = period_of("week", NOW, until=date(2026, 6, 21))
OBJECTIVES = [
    {"name": "revenue", "metric": "revenue", "label": "Revenue", "team": "sales", "target": 900_000, "from": "2026-01-01"},
    {"name": "won", "metric": "won_deals", "derived_from": {"from": "revenue", "divisor": 12_500}},
    {"name": "mqls", "metric": "mql", "team": "marketing", "derived_from": {"from": "won", "rate": 0.5}},
    {"name": "accepted", "metric": "acceptance_rate", "target": 0.7, "period": "month"},
    {"name": "answers", "metric": "response_attainment", "target": 0.9, "period": "month"},
]  # fmt: skip
MARKETING = {
    "volume": {
        "revenue": 900_000,
        "average_deal": "measured",
        "rates": {"sal": "measured", "sql": 0.5, "customer": 0.3},
    },
    "quality": {"at_least": 0.5},
    "completeness": {"fields": ["industry"], "at_least": 0.9},
}
EVIL = '<script>alert(1)</script> & "Größe" | *会社*'


def project(**others: Any) -> Project:
    said = {"objectives": OBJECTIVES, "sla": {**PACT, "marketing": MARKETING}, **others}
    return Project(Path("."), config(**said), {})


@dataclass
class Made:
    engine: sa.Engine
    project: Project
    report: Report


def made(engine: sa.Engine, seed: int, period: Period, leads: int = 700) -> Made:
    write(engine, leads, seed)
    one = project()
    tick(engine, one.config, NOW)
    at = datetime(2026, 5, 7, 9, tzinfo=UTC)
    decide(engine, date(2026, 4, 2), "Call the leads of the fair first", "Ana", date(2026, 4, 30), at, "me")
    dropped = decide(engine, date(2026, 4, 2), "Drop the cold list", "", None, at, "me")
    decide(engine, date(2026, 5, 7), EVIL, "Мария", date(2026, 9, 1), at, "me")
    close(engine, dropped, "done", at, "me")
    return Made(engine, one, build.report(engine, one, period, NOW))
