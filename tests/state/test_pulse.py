"""One look at the database for all open pages, and the questions about runs, on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from state import tables as t
from state.accounts import Accounts, made
from state.ids import new_id
from state.lock import Lease, held_by
from state.pulse import look
from state.run_history import Asked, Runs

NOW = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def insert(engine: sa.Engine, table: sa.Table, *rows: dict[str, object]) -> None:
    with engine.begin() as connection:
        for row in rows:
            connection.execute(table.insert(), row)


def test_an_empty_project_has_nothing_to_tell(engine: sa.Engine) -> None:
    pulse = look(engine, NOW)
    assert (pulse.reviews, pulse.dirty, pulse.in_doubt, pulse.overdue, pulse.run) == (0, 0, 0, 0, None)
    assert pulse.read_at == {}


def test_it_counts_what_is_open(engine: sa.Engine) -> None:
    review = {"kind": "match", "detail": "{}", "run_id": "r", "opened_at": NOW, "record_kind": "lead"}
    insert(engine, t.review, *({**review, "subject": f"s{n}", "closed_at": NOW if n % 3 else None} for n in range(9)))
    hub = {"kind": "lead", "fields": "{}", "origin": "{}", "touched": 0}
    insert(engine, t.hub, *({**hub, "id": f"{n:032x}", "dirty": n % 2} for n in range(7)))
    write = {
        "run_id": "r",
        "hub_id": "h",
        "system": "crm",
        "kind": "lead",
        "operation": "update",
        "fields": "{}",
        "rank": 1,
    }
    insert(engine, t.write, *({**write, "state": state} for state in ("done", "sent", "unknown", "rejected")))
    clock = {
        "clause": "c", "version": 1, "segment": "", "owner": "", "team": "t", "elapsed": 0, "reminded": 0, "note": "",
        "started": NOW - HOUR,
    }  # fmt: skip
    insert(
        engine, t.sla_clock,
        {**clock, "hub_id": "1" * 32, "state": "breached", "due": NOW - HOUR},
        {**clock, "hub_id": "2" * 32, "state": "running", "due": NOW + HOUR},
        {**clock, "hub_id": "3" * 32, "state": "met", "due": NOW - HOUR, "stopped": NOW - HOUR},
        {**clock, "hub_id": "4" * 32, "state": "paused", "due": None},
        {**clock, "hub_id": "5" * 32, "state": "cancelled", "due": NOW - HOUR},
    )  # fmt: skip
    cursor = {"value": "x"}
    insert(
        engine, t.cursor,
        {**cursor, "system": "crm", "stream": "lead", "saved_at": NOW - HOUR},
        {**cursor, "system": "crm", "stream": "deal", "saved_at": NOW},
        {**cursor, "system": "", "stream": "sla", "saved_at": NOW},
    )  # fmt: skip
    first, last = new_id(), new_id()
    run = {"kind": "sync", "started": NOW, "rules_hash": ""}
    insert(engine, t.run, {**run, "id": first, "outcome": "done"}, {**run, "id": last, "kind": "apply"})
    pulse = look(engine, NOW)
    assert (pulse.reviews, pulse.dirty, pulse.in_doubt, pulse.overdue) == (3, 3, 2, 1)
    assert pulse.read_at == {"crm": NOW}
    assert pulse.run is not None
    assert (pulse.run.id, pulse.run.kind, pulse.run.started, pulse.run.outcome) == (last, "apply", NOW, None)


def test_it_says_which_sessions_still_hold(engine: sa.Engine) -> None:
    accounts = Accounts(engine)
    ana, ben = (made(f"{name}@example.com", name, "viewer", NOW) for name in ("ana", "ben"))
    for account in (ana, ben):
        assert accounts.add(account)
    accounts.begin(ana.id, "held", "c", NOW, NOW + HOUR, "")
    accounts.begin(ana.id, "old", "c", NOW, NOW + HOUR / 2, "")
    accounts.begin(ana.id, "left", "c", NOW, NOW + HOUR, "")
    accounts.end("left")
    accounts.begin(ben.id, "disabled", "c", NOW, NOW + HOUR, "")
    with engine.begin() as connection:
        connection.execute(t.account.update().where(t.account.c.id == ben.id), {"disabled_at": NOW})
    asked = {"held", "old", "left", "disabled", "never"}
    assert look(engine, NOW + HOUR * 0.75, asked).sessions == {"held"}
    assert look(engine, NOW + HOUR * 0.75).sessions == frozenset()


def test_runs_page_by_page(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [new_id() for _ in range(9)]
    rows = [
        {"id": id_, "kind": ("sync", "apply")[n % 2], "started": NOW, "rules_hash": "", "outcome": ("done", None, "stopped")[n % 3]}
        for n, id_ in enumerate(ids)
    ]  # fmt: skip
    insert(engine, t.run, *rows)
    runs = Runs(engine)
    assert [run.id for run in runs.newest(4)] == ids[:4:-1]
    assert [run.id for run in runs.page(9, before=ids[5]).runs] == ids[4::-1]
    monkeypatch.setattr("state.run_history.WINDOW", 40)  # four runs at a time
    for limit in (1, 2, 9):
        for asked, holds in (
            ({}, lambda n: True),
            ({"kind": "apply"}, lambda n: n % 2 == 1),
            ({"outcome": "none"}, lambda n: n % 3 == 1),
            ({"kind": "sync", "outcome": "stopped"}, lambda n: n % 2 == 0 and n % 3 == 2),
            ({"kind": "revert"}, lambda n: False),
        ):
            found: list[str] = []
            before: str | None = None
            while True:
                page = runs.page(limit, before, **asked)
                assert len(page.runs) <= limit
                found += [run.id for run in page.runs]
                before = page.next
                if before is None:
                    break
            assert found == [id_ for n, id_ in reversed(list(enumerate(ids))) if holds(n)]
    assert runs.newer(ids[3]) == ids[4]
    assert runs.newer(ids[8]) is None
    assert runs.one("nothing") is None
    assert runs.writes(ids[0], Asked(field="a_b%")).rows == []


def test_who_has_the_lock(engine: sa.Engine) -> None:
    assert held_by(engine, "sync", NOW) is None
    lease = Lease(engine, "sync", lambda: NOW)
    assert held_by(engine, "sync", NOW) == lease.holder
    assert held_by(engine, "sync", NOW + HOUR) is None
    lease.release()
    assert held_by(engine, "sync", NOW) is None
