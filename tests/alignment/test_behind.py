"""Who stands behind every figure, kept all at once: against the figures themselves, and against the lists made anew."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from alignment.funnel.behind import DEALS, GONE, WEEK, Behind, behind, by_week
from alignment.funnel.counting import Books, funnel, leads_behind, not_converted, read_books
from alignment.funnel.figures import Counts
from alignment.funnel.groups import PERIOD
from alignment.funnel.selecting import OUTCOMES, PASSED_FIGURES, STEP_FIGURES
from alignment.periods import Period
from bench.past import NOW, write
from state import tables as t
from state.facts import Facts
from state.watermark import watermark
from tests.alignment.project import config

SPAN = Period(date(2026, 2, 10), date(2026, 6, 30), "Europe/Madrid")


@pytest.fixture
def seed() -> int:
    chosen = random.randrange(10**6)
    print("seed", chosen)
    return chosen


def size(kept: Behind, figure: str, cut: tuple[str, str] | None = None, reason: str | None = None) -> int:
    """One row after the other, in plain Python."""
    if figure not in kept.figures:
        return 0
    rows = kept.figures[figure]
    groups = kept.splits[cut[0]].of(figure, rows).tolist() if cut else [0] * len(rows)
    reasons = [kept.reasons[n] for n in rows.more["reason"].tolist()] if reason is not None else [None] * len(rows)
    wanted = kept.splits[cut[0]].labels.index(cut[1]) if cut else 0
    return sum(group == wanted and why == reason for group, why in zip(groups, reasons, strict=True))


def compare(kept: Behind, counts: Counts, cut: tuple[str, str] | None) -> int:
    """How many figures have been compared."""
    wanted: dict[tuple[str, str | None], int] = {}
    for step in counts.steps:
        for name in ("entered", "inferred", "inflow", "outflow", "waiting", "stuck"):
            wanted[f"{step.stage}:{name}", None] = getattr(step, name) or 0
        wanted[f"{step.stage}:seen", None] = step.days.count
        if step.next:
            wanted[f"{step.stage}:reached", None] = step.reached.part
            wanted[f"{step.stage}:not_reached", None] = step.reached.whole - step.reached.part
            wanted[f"{step.stage}:within", None] = step.within.part
            wanted[f"{step.stage}:mature", None] = step.within.whole
    one = counts.passed
    wanted |= {
        ("passed", None): one.passed,
        ("accepted", None): one.accepted.part,
        ("converted", None): one.converted.part,
    }
    wanted |= {(name, None): getattr(one, name) for name in OUTCOMES}
    wanted[GONE, None] = one.not_qualified + one.lost
    wanted |= {(figure, reason): n for figure, reasons in one.reasons.items() for reason, n in reasons.items()}
    wanted |= {(f"{side}:left", reason): n for side, reasons in counts.left.items() for reason, n in reasons.items()}
    if counts.deals is not None:
        wanted |= {
            (f"deals:{name}", None): getattr(counts.deals, name)
            for name in ("won", "lost", "open", "without_date", "without_leads")
        }
        for name, money in (("won", counts.deals.sourced_revenue), ("open", counts.deals.sourced_pipeline)):
            assert money is not None
            wanted[f"deals:sourced_{name}", None] = money.deals + money.without_amount + money.other_currency
        for name, money in (("won", counts.deals.influenced_revenue), ("open", counts.deals.influenced_pipeline)):
            assert money is not None
            wanted[f"deals:influenced_{name}", None] = money.deals + money.without_amount + money.other_currency
    for (figure, reason), number in wanted.items():
        assert size(kept, figure, cut, reason) == number, (figure, reason, cut)
    return len(wanted)


def test_a_figure_is_as_large_as_what_is_kept_of_it_for_all_and_for_each_group(engine: sa.Engine, seed: int) -> None:
    write(engine, 400, seed)
    with Facts(engine) as facts:
        books = read_books(facts, config(), NOW)
        found, kept = funnel(books, facts, SPAN), behind(books, facts, SPAN)
    assert compare(kept, found.total, None) > 60
    for name, groups in found.cuts.items():
        for label, counts in groups.items():
            compare(kept, counts, (name, label))


def test_what_is_kept_are_those_whom_the_engine_lists(engine: sa.Engine, seed: int) -> None:
    write(engine, 300, seed)
    with Facts(engine) as facts:
        books = read_books(facts, config(), NOW)
        kept = behind(books, facts, SPAN)
        for stage in books.terms.steps:
            for figure in STEP_FIGURES:
                for label in books.groups["source"].labels:
                    cut = ("source", label)
                    assert ids(kept, f"{stage}:{figure}", cut) == set(
                        leads_behind(books, facts, SPAN, figure, stage=stage, cut=cut)
                    )
        for figure in PASSED_FIGURES:
            assert ids(kept, figure, (PERIOD, "2026-03")) == set(
                leads_behind(books, facts, SPAN, figure, cut=(PERIOD, "2026-03"))
            )
    gone(kept, books)


def ids(kept: Behind, figure: str, cut: tuple[str, str]) -> set[str]:
    split, rows = kept.splits[cut[0]], kept.figures[figure]
    groups = split.of(figure, rows).tolist()
    return {
        kept.leads[lead] for lead, group in zip(rows.who.tolist(), groups, strict=True) if split.labels[group] == cut[1]
    }


def gone(kept: Behind, books: Books) -> None:
    rows = kept.figures[GONE]
    told = {
        (kept.leads[lead], OUTCOMES[outcome], kept.reasons[reason], since)
        for lead, outcome, reason, since in zip(
            rows.who.tolist(), *(rows.more[n].tolist() for n in ("outcome", "reason", "since")), strict=True
        )
    }
    wanted = not_converted(books, SPAN, OUTCOMES[1:])
    assert told == {(one.lead, one.outcome, one.reason, int(one.at.timestamp()) if one.at else None) for one in wanted}
    assert len(told) == len(rows)


def test_weeks_begin_on_mondays_and_hold_every_move_once(engine: sa.Engine, seed: int) -> None:
    write(engine, 300, seed)
    with Facts(engine) as facts:
        books = read_books(facts, config(), NOW)
        kept, weeks = behind(books, facts, SPAN), by_week(books.past, SPAN)
    days = [date.fromisoformat(label) for label in weeks.labels]
    assert days[0] == SPAN.first
    assert {day.weekday() for day in days[1:]} == {0}
    rows = kept.figures["mql:inflow"]
    found = Counter(kept.splits[WEEK].labels[n] for n in kept.splits[WEEK].of("mql:inflow", rows).tolist())
    wanted = Counter(str(max(SPAN.first, monday(at))) for at in moved(engine))
    assert found == wanted


def moved(engine: sa.Engine) -> list[date]:
    """The days by the clock of the period on which somebody came to `mql`, by plain Python over the rows."""
    c = t.stage_event.c
    with engine.connect() as connection:
        events = connection.execute(sa.select(c.hub_id, c.at, c.new).order_by(c.hub_id, c.at, c.id)).all()
    late = {hub for hub, at, _ in events if at > NOW}
    found, old = [], dict[str, Any]()
    for hub, at, new in events:
        if hub not in late and new == "mql" and old.get(hub) != "mql" and SPAN.start <= at < SPAN.end:
            found.append(at.astimezone(ZoneInfo(SPAN.zone)).date())
        old[hub] = new
    return found


def monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


def test_without_deals_there_is_nothing_of_them(engine: sa.Engine) -> None:
    write(engine, 50, 1)
    with Facts(engine) as facts:
        kept = behind(read_books(facts, config(deals=None), NOW), facts, SPAN)
    assert not [name for name in kept.figures if name.startswith("deals:")]
    assert kept.deals == []
    assert set(DEALS) >= {"won", "lost"}


def test_the_watermark_moves_with_what_happens(engine: sa.Engine) -> None:
    assert watermark(engine) == (0, 0, 0)
    write(engine, 50, 1)
    mark = watermark(engine)
    with engine.connect() as connection:
        for number, table in ((mark.change, t.change), (mark.stage_event, t.stage_event)):
            assert number == (connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0)
    assert mark.stage_event > 0
    row = {"hub_id": f"0190{0:028x}", "run_id": "r", "at": datetime(2026, 1, 1, tzinfo=UTC), "old": None, "new": "lead", "system": "x",
           "reason": None, "evidence": ""}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(t.stage_event.insert(), [row])
    assert watermark(engine).stage_event > mark.stage_event
