"""What two years of runs would have left beside a past: records in two systems, a first change of each, runs with their writes,
questions, clocks, and a plan that waits.

    python -m bench.runs FOLDER LEADS      a project in FOLDER with all of it; prints one line of JSON

Invariant: as `bench.past`; a folder that has been made is taken as it is.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import sqlalchemy as sa

from bench import past
from bench.clocks import pact
from console.browsing import index
from console.folders import SYSTEMS, make
from console.plans import FOLDER, Decision, PlanFile, PlannedWrite, save
from mapping.rules import Rules
from state import tables as t
from state.bulk import Bulk
from state.database import open_database
from state.facts import microseconds
from state.indexing import Indexer
from sync.clocks import tick
from sync.plan import Tally

DATABASE = "state.sqlite"
TWO = ("hubspot", "salesforce")
ENV = {
    "HUBSPOT_TOKEN": "none", "SALESFORCE_URL": "https://crm.example", "SALESFORCE_CLIENT_ID": "none",
    "SALESFORCE_CLIENT_SECRET": "none",
}  # fmt: skip
RUNS, SMALL = 400, 500
"""Runs, and how many writes each of them has but the last, which has three for every ten leads."""

RUN = ("id", "kind", "started", "ended", "outcome", "rules_hash", "report")
WRITE = ("run_id", "hub_id", "system", "kind", "operation", "remote_id", "fields", "state", "error", "at", "rank")
REVIEW = (
    "kind", "subject", "hub_id", "system", "record_kind", "remote_id", "detail", "run_id", "opened_at", "resolution",
    "resolved_by", "resolved_at", "closed_at",
)  # fmt: skip
FIELDS = ("job_title", "phone", "city", "industry", "source")
ASKED = ("conflict", "conflict", "conflict", "match", "bad_value", "dead_letter")
DAY = timedelta(days=1)


def run_id(n: int) -> str:
    return f"0192{n:028x}"


def lead_id(n: int) -> str:
    return f"0190{n:028x}"


def last_run() -> str:
    return run_id(RUNS - 1)


def engine_of(folder: Path, *, migrate: bool = True) -> sa.Engine:
    return open_database(f"sqlite:///{folder / DATABASE}", migrate=migrate)


def make_project(folder: Path) -> None:
    """With the presets of two systems that nobody answers for."""
    make(folder, {name: SYSTEMS[name] for name in TWO}, ENV)


def write(folder: Path, leads: int) -> dict[str, float]:
    """How long each part took, in seconds. Where a part is there already, it is left."""
    make_project(folder)
    took: dict[str, float] = {}
    engine = engine_of(folder)
    parts = {
        "past": (t.hub, lambda: past.write(engine, leads)),
        "links": (t.link, lambda: _links(engine)),
        "runs": (t.run, lambda: _runs(engine, leads)),
        "questions": (t.review, lambda: _questions(engine, leads)),
        "clocks": (t.sla_clock, lambda: tick(engine, pact(engine, leads // 20), past.NOW + timedelta(minutes=5))),
        "index": (t.search_record, lambda: _index(engine)),
    }
    for name, (table, fill) in parts.items():
        began = time.perf_counter()
        with engine.connect() as connection:
            there = connection.execute(sa.select(sa.literal(1)).select_from(table).limit(1)).first()
        if there is None:
            fill()
        took[name] = time.perf_counter() - began
    engine.dispose()
    return took


def _index(engine: sa.Engine) -> None:
    with Indexer(engine) as indexer:
        indexer.catch_up()


def _links(engine: sa.Engine) -> None:
    """Everybody is in the marketing tool, four of five in the CRM."""
    base = "'{}'"
    where = {"hubspot": "", "salesforce": "AND rowid % 5"}
    with engine.begin() as connection:
        for number, system in enumerate(TWO, 1):
            connection.exec_driver_sql(
                "INSERT INTO link (hub_id, system, kind, remote_id, state, mapping, base_remote, base_hub) "
                f"SELECT id, '{system}', kind, {number}000000000 + rowid, 'live', 1, {base if number == 2 else 'fields'}, '{{}}' "
                f"FROM hub WHERE kind = 'lead' {where[system]} ORDER BY id"
            )
        at = microseconds(past.NOW - 700 * DAY)
        connection.exec_driver_sql(
            "INSERT INTO change (hub_id, run_id, at, kind, system) "
            f"SELECT id, '{run_id(0)}', {at} + rowid, 'created', 'hubspot' FROM hub WHERE kind = 'lead' ORDER BY id"
        )
        connection.exec_driver_sql("UPDATE hub SET dirty = 1 WHERE kind = 'lead' AND rowid % 500 = 0")


def _runs(engine: sa.Engine, leads: int) -> None:
    now = datetime.now(UTC)
    with engine.connect() as connection:
        many = Bulk(engine.dialect, t.write.insert(), WRITE)
        runs, writes = [], []
        for n in range(RUNS):
            started = now - (RUNS - n) * timedelta(hours=6)
            ended = started + timedelta(minutes=4)
            count = 3 * leads // 10 if n == RUNS - 1 else min(SMALL, leads)
            runs.append(
                (run_id(n), "sync", microseconds(started), microseconds(ended), "done", "0" * 24, _report(n, count))
            )
            for place in range(count):
                writes.append(_write(run_id(n), (n * SMALL + place) % leads, microseconds(started) + place))
                if len(writes) == past.CHUNK:
                    many.run(connection, writes)
                    writes.clear()
        many.run(connection, writes)
        Bulk(engine.dialect, t.run.insert(), RUN).run(connection, runs)
        for system in TWO:
            place = {"system": system, "stream": "lead", "value": "{}", "saved_at": now - timedelta(hours=2)}
            connection.execute(t.cursor.insert().values(**place))
        connection.commit()


def _report(n: int, writes: int) -> str:
    counts = {
        "read": writes * 3, "fresh": writes, "new": 0, "matched": 0, "vanished": 0, "conflicts": 40, "reviews": 5,
        "planned_creates": 0, "planned_updates": writes, "planned_archives": 0, "created": 0, "updated": writes, "archived": 0,
        "forgotten": 0, "rejected": 2, "unknown": 0, "recovered": 0, "calls": 300, "api_used": 4_000, "api_limit": 100_000,
    }  # fmt: skip
    report = {"run_id": run_id(n), "kind": "sync", "outcome": "done", "seconds": 240.0, "errors": {}, "stops": []}
    return orjson.dumps({**report, "systems": dict.fromkeys(TWO, counts)}).decode()


def _write(run: str, n: int, at: int) -> tuple[Any, ...]:
    fields = {FIELDS[n % 5]: ["old", f"new {n % 1000}"], "score": [n % 100, n % 97]}
    state, error = ("rejected", '{"code":"invalid-value"}') if n % 1000 == 7 else ("done", None)
    return (
        run, lead_id(n), TWO[n % 2], "lead", "update", str(1_000_000_000 + n), orjson.dumps(fields).decode(), state,
        error, at, 1,
    )  # fmt: skip


def _questions(engine: sa.Engine, leads: int) -> None:
    """One open for ten leads; a fifth as many that were answered and carried out; some answers that wait for the next run."""
    now = microseconds(datetime.now(UTC))
    hour = 3_600_000_000
    with engine.connect() as connection:
        many = Bulk(engine.dialect, t.review.insert(), REVIEW)
        rows: list[tuple[Any, ...]] = []
        count = leads // 10
        for n in range(count + count // 5):
            closed, answered = n < count // 5, n % 200 == 3
            opened = now - (count + count // 5 - n) * hour // 100
            asked = _question(n, closed)
            said = '{"take":"hubspot"}' if asked[0] == "conflict" else '{"ignore":true}'
            told = (said, "ana@example.com", opened + hour) if closed or answered else (None,) * 3
            rows.append(
                (
                    *asked,
                    run_id(n * RUNS // (count * 2)),
                    opened,
                    *told,
                    opened + 2 * hour if closed else None,
                )
            )
            if len(rows) == past.CHUNK:
                many.run(connection, rows)
                rows.clear()
        many.run(connection, rows)
        connection.commit()


def _question(n: int, closed: bool) -> tuple[Any, ...]:
    """kind, subject, hub record, system, kind of record, remote id, detail."""
    hub, remote, name = lead_id(n), str(1_000_000_000 + n), FIELDS[n % 5]
    kind = "conflict" if closed else ASKED[n % len(ASKED)]
    dumps = orjson.dumps
    if kind == "conflict":
        detail = {
            "field": name,
            "claims": {"hubspot": f"a {n % 50}", "salesforce": f"b {n % 60}"},
            "hub": f"a {n % 50}",
        }
        return kind, f"{hub}:{name}", hub, None, "lead", None, dumps(detail).decode()
    if kind == "match":
        record = {"first_name": f"Ana {n % 97}", "last_name": f"Almeida {n % 89}", "company": f"Company {n % 5000}"}
        candidate = {"hub": hub, "fields": record, "links": {"hubspot": remote}, "score": 80, "reasons": ["name equal"]}
        detail = {"why": "ambiguous", "by": "name", "record": record, "candidates": [candidate]}
        return kind, f"salesforce:{remote}", None, "salesforce", "lead", f"2{remote}", dumps(detail).decode()
    if kind == "bad_value":
        wrong = {
            "field": name,
            "value": f"?{n % 7}",
            "code": "invalid-value",
            "message": "This is no value of the field.",
        }
        detail = {"problems": [wrong]}
        return kind, f"hubspot:{remote}:{name}", hub, "hubspot", "lead", remote, dumps(detail).decode()
    problem = {"field": name, "code": "invalid-value", "message": "The value is too long."}
    detail = {"write": f"{n:016x}", "operation": "update", "fields": {name: ["old", "new"]}, "problems": [problem]}
    return kind, f"{hub}:salesforce", hub, "salesforce", "lead", remote, dumps(detail).decode()


# -- a plan --------------------------------------------------------------------------------------------------------------


def plan(folder: Path, rules: Rules, leads: int) -> str:
    """One write for ten leads, kept and made ready to be looked through; its id. The one that is there, where there is one."""
    there = sorted((folder / FOLDER).glob("*.index"))
    if there:
        return there[-1].stem
    made = replace(_empty(rules, leads), writes=list(_planned(leads // 10)))
    path = save(made, folder, None)
    index(made, path)
    return made.id


def _empty(rules: Rules, leads: int) -> PlanFile:
    now = datetime.now(UTC)
    tallies = {system: Tally(linked=leads, updates=leads // 20) for system in TWO}
    decision = Decision("city", "Ana Almeida", {"hubspot": "Porto", "salesforce": "Braga"}, "hubspot", "newest")
    return PlanFile(
        f"{now:%Y%m%d-%H%M%S}-0000", now.isoformat(), rules.hash, list(TWO), False, [], {}, tallies,
        {"run_id": run_id(RUNS), "systems": {}}, [], [decision] * 200, {"city\tnewest": 200},
    )  # fmt: skip


def _planned(count: int) -> Iterator[PlannedWrite]:
    why = {"from": "hubspot", "rule": "only change"}
    for n in range(count):
        fields = {name: {"old": "old", "new": f"new {n % 900}", **why} for name in (FIELDS[n % 5], FIELDS[n // 5 % 5])}
        who, remote = f"Ana {n % 97} Almeida {n % 89}", str(1_000_000_000 + n)
        yield PlannedWrite(f"{n:016x}", TWO[n % 2], "update", remote, who, {TWO[n % 2]: remote}, fields)


def main(folder: Path, leads: int) -> dict[str, float]:
    return write(folder, leads)


if __name__ == "__main__":
    print(orjson.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))).decode())
