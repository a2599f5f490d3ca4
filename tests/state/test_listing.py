"""Pages for programs, and the numbers of monitoring: complete, in order, and without a look through all leads."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from state import tables as t
from state.ids import new_id
from state.listing import Listing

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def filled(engine: sa.Engine) -> sa.Engine:
    """90 hub records, 12 runs, 40 reviews, 20 writes."""
    hub = [
        {"id": new_id(), "kind": ("lead", "lead", "company")[n % 3], "fields": "{}", "origin": "{}", "touched": 0,
         "dirty": int(n % 5 == 0), "merged_into": "x" * 32 if n % 10 == 9 else None} for n in range(90)
    ]  # fmt: skip
    run = [
        {"id": new_id(), "kind": "sync", "started": NOW, "ended": NOW + n * timedelta(minutes=1) if n % 4 else None,
         "outcome": ("done", "partial")[n % 2] if n % 4 else None} for n in range(13)
    ]  # fmt: skip
    review = [
        {"kind": ("conflict", "match")[n % 2], "subject": str(n), "record_kind": "lead", "detail": "{}", "run_id": "r",
         "opened_at": NOW, "closed_at": NOW if n % 4 == 0 else None, "resolution": "{}" if n % 8 == 1 else None}
        for n in range(40)
    ]  # fmt: skip
    write = [
        {"run_id": "r", "hub_id": "h", "system": ("a", "b")[n % 2], "operation": "update", "fields": "{}",
         "state": ("done", "sent", "unknown", "rejected")[n % 4]} for n in range(20)
    ]  # fmt: skip
    cursor = [{"system": s, "stream": "lead", "value": "", "saved_at": NOW} for s in ("a", "b")]
    with engine.begin() as connection:
        for table, rows in ((t.hub, hub), (t.run, run), (t.review, review), (t.write, write), (t.cursor, cursor)):
            connection.execute(table.insert(), rows)
    return engine


def plain(engine: sa.Engine, statement: str) -> list[Any]:
    with engine.connect() as connection:
        return [tuple(row) if len(row) > 1 else row[0] for row in connection.exec_driver_sql(statement)]


def test_pages_leave_nothing_out_and_tell_nothing_twice(filled: sa.Engine) -> None:
    with Listing(filled) as listing:
        leads, after = list[str](), ""
        while part := listing.records("lead", after, 7):
            leads += part
            after = part[-1]
        runs, before = list[str](), None
        while some := listing.runs_before(before, 5):
            runs += [one.id for one in some]
            before = runs[-1]
        reviews, last = list[int](), 0
        while found := listing.reviews_after("match", last, 4):
            reviews += [one.id for one in found]
            last = reviews[-1]
        every = [one.id for one in listing.reviews_after(None, 0, 100)]
    assert leads == plain(filled, "SELECT id FROM hub WHERE kind = 'lead' AND merged_into IS NULL ORDER BY id")
    assert runs == plain(filled, "SELECT id FROM run ORDER BY id DESC")
    assert reviews == plain(filled, "SELECT id FROM review WHERE kind = 'match' AND closed_at IS NULL ORDER BY id")
    assert every == plain(filled, "SELECT id FROM review WHERE closed_at IS NULL ORDER BY id")


def test_the_numbers_of_monitoring(filled: sa.Engine) -> None:
    with Listing(filled) as listing:
        assert listing.answers()
        pulse = listing.pulse()
    assert pulse.read == {"a": NOW, "b": NOW}
    assert pulse.queue == 18
    assert pulse.reviews == dict(
        plain(filled, "SELECT kind, count(*) FROM review WHERE closed_at IS NULL GROUP BY kind")
    )
    assert pulse.answered == 5
    assert pulse.in_doubt == {"a": 5, "b": 5}
    assert pulse.last_run == NOW + timedelta(minutes=11)
    assert pulse.clocks == {}
    assert pulse.runs == {("sync", "done"): 3, ("sync", "partial"): 6, ("sync", "died"): 3}, "the newest may be running"


@pytest.mark.parametrize("engine", ["sqlite"], indirect=True)
def test_nothing_looks_through_all_leads(filled: sa.Engine) -> None:
    said: list[tuple[str, Any]] = []
    sa.event.listen(filled, "before_cursor_execute", lambda _c, _x, sql, values, *_: said.append((sql, values)))
    with Listing(filled) as listing:
        listing.pulse()
        listing.records("lead", "", 10)
        listing.runs_before(None, 10)
        listing.reviews_after(None, 0, 10)
    plans = []
    with filled.connect() as connection:
        for sql, values in list(said):
            plans += [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    assert len(plans) > 10
    for plan in plans:
        if re.match(r"SCAN (hub|link|write|change|review|sla_clock)\b", plan):
            assert "USING" in plan, plan
