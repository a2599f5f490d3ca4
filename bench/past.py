"""A past that never happened: leads, stages, deals and activities of two years with known probabilities and delays,
straight into a state database. No sync takes place; what is written is what syncs would have left.

    python -m bench.past DATABASE LEADS [SEED]      DATABASE: a file for SQLite; prints one line of JSON

Invariant: the same seed and number give the same past; what a funnel should find in it stands in `Odds`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import sqlalchemy as sa

from state import tables as t
from state.activities import ACTIVITY, OF_LEAD
from state.bulk import Bulk
from state.database import open_database
from state.facts import microseconds
from state.rows import CHANGE, HUB, STAGE_EVENT
from state.store import Store

DAY = 86_400_000_000
"""Microseconds."""

NOW = datetime(2026, 7, 1, tzinfo=UTC)
STEPS = ("lead", "mql", "sal", "sql", "opportunity", "customer")
SIDE = {
    "recycled": ("bad_timing", "no_response", "no_budget"),
    "disqualified": ("wrong_fit", "no_need", "competitor", "bad_data"),
    "lost": ("competitor", "price", "no_decision"),
}
SOURCES = ("Web", "Webinar", "Organic search", "Trade fair", "Cold list")
COUNTRIES = ("DE", "ES", "BR", "US", "FR", "GB", "MX", "PT")
INDUSTRIES = ("Software", "Manufacturing", "Retail", "Finance", "Health", "Education")
TITLES = (
    "Chief Executive",
    "Head of Marketing",
    "Sales Director",
    "Engineer",
    "Buyer",
    "Owner",
    "Assistant",
    "VP Sales",
)
TYPES = ("email_sent", "email_open", "email_open", "email_click", "page_visit", "page_visit", "form", "call", "meeting")
CHUNK = 50_000


@dataclass(frozen=True)
class Odds:
    """What is known of the past beforehand."""

    climbs: tuple[float, ...] = (0.45, 0.55, 0.60, 0.70, 0.35)
    """Share that goes on from each step but the last, whenever that may be."""
    days: tuple[float, ...] = (10.0, 3.0, 7.0, 12.0, 30.0)
    """Mean days until then (exponential)."""
    worse: dict[str, float] = field(default_factory=lambda: {"Cold list": 0.4})
    """Source -> by how much the first step is less likely than for others."""
    leaves: float = 0.35
    """Share of those who do not go on that leave for a side state; the others stay where they are."""
    skips: float = 0.10
    """Share of those who reach `sql` that were never seen as `sal`."""
    returns: float = 0.15
    """Share of the recycled that come back as `mql`."""
    unknown: float = 0.004
    """Share of leads without any stage."""
    future: float = 0.001
    """Share of leads with a time that has not come."""
    activities: float = 10.0
    """A lead."""
    months: int = 24


def write(engine: sa.Engine, leads: int, seed: int = 1, odds: Odds | None = None) -> dict[str, int]:
    """How many rows there are of each table. The database must be empty."""
    odds, dice = odds or Odds(), np.random.default_rng(seed)
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            connection.exec_driver_sql("PRAGMA synchronous=OFF")
        past = _Past(leads, dice, odds)

        def table(what: sa.Table, names: Sequence[str]) -> Bulk:
            return Bulk(engine.dialect, what.insert(), names)

        counts = {
            "hub": _fill(connection, table(t.hub, HUB), past.hubs()),
            "stage_event": _fill(connection, table(t.stage_event, STAGE_EVENT), past.events(sqlite)),
            "change": _fill(connection, table(t.change, CHANGE), past.changes(sqlite)),
        }
        connection.commit()
    store = Store(engine)
    counts["activity"] = 0
    for month, rows, of_leads in past.activities(sqlite):
        store._count_months("hubspot", {month: len(rows)})
        store._rows("bench_activity", t.activity.insert, ACTIVITY, rows)
        store._rows("bench_activity_lead", t.activity_lead.insert, OF_LEAD, of_leads)
        store.commit()
        counts["activity"] += len(rows)
    store.close()
    return counts


def _fill(connection: sa.Connection, bulk: Bulk, rows: Iterator[tuple[Any, ...]]) -> int:
    count, batch = 0, []
    for row in rows:
        batch.append(row)
        if len(batch) == CHUNK:
            bulk.run(connection, batch)
            count, batch = count + len(batch), []
    bulk.run(connection, batch)
    return count + len(batch)


class _Past:
    """`entered`: microseconds since 1970, a row for each lead, a column for each step; a very late time for never."""

    NEVER = np.iinfo(np.int64).max

    def __init__(self, leads: int, dice: np.random.Generator, odds: Odds) -> None:
        self.n, self.dice, self.odds, self.now = leads, dice, odds, microseconds(NOW)
        span = int(odds.months * 30.4375 * DAY)
        self.created = np.sort(self.now - dice.integers(0, span, leads))
        self.source = dice.integers(0, len(SOURCES), leads)
        self.owner = dice.integers(0, 20, leads)
        self.entered = np.full((leads, len(STEPS)), self.NEVER)
        self.entered[:, 0] = self.created
        self.left = np.full(leads, -1)  # the step from which a lead leaves for a side state
        self.left_at = np.full(leads, self.NEVER)
        worse = np.array([odds.worse.get(name, 1.0) for name in SOURCES])[self.source]
        there = np.ones(leads, bool)
        for step, (share, days) in enumerate(zip(odds.climbs, odds.days, strict=True)):
            chance = share * worse if step == 0 else np.full(leads, share)
            wait = (dice.exponential(days, leads) * DAY).astype(np.int64)
            goes = there & (dice.random(leads) < chance)
            leaves = there & ~goes & (dice.random(leads) < odds.leaves)
            self.entered[goes, step + 1] = self.entered[goes, step] + wait[goes]
            self.left[leaves], self.left_at[leaves] = step, self.entered[leaves, step] + wait[leaves]
            there = goes
        self.skipped = dice.random(leads) < odds.skips
        self.unknown = dice.random(leads) < odds.unknown
        self.future = dice.random(leads) < odds.future
        self.returns = dice.random(leads) < odds.returns
        self.why = dice.random(leads)
        self.side = np.where(self.left >= 4, 2, np.where(self.why < 0.4, 0, 1))  # lost, recycled, disqualified

    def id(self, n: int) -> str:
        return f"0190{n:028x}"

    def stage(self, n: int) -> str | None:
        told = [one for one in self._told(n) if one[0] <= self.now]
        return told[-1][1] if told else None

    def _told(self, n: int) -> list[tuple[int, str, str | None]]:
        """The events of one lead: when, where to, and the reason."""
        if self.unknown[n]:
            return []
        told: list[tuple[int, str, str | None]] = []
        for step, at in enumerate(self.entered[n].tolist()):
            hidden = STEPS[step] == "sal" and self.skipped[n] and self.entered[n, step + 1] <= self.now
            if at <= self.now and not hidden:
                told.append((at, STEPS[step], None))
        at = int(self.left_at[n])
        if at <= self.now:
            name = list(SIDE)[self.side[n]]
            told.append((at, name, SIDE[name][int(self.why[n] * 997) % len(SIDE[name])]))
            if name == "recycled" and self.returns[n] and at + 20 * DAY <= self.now:
                told.append((at + 20 * DAY, "mql", None))
        if self.future[n]:
            told.append((self.now + DAY, "evangelist", None))
        return told

    def hubs(self) -> Iterator[tuple[Any, ...]]:
        dumps, dice = orjson.dumps, self.dice
        employees = (10 ** dice.uniform(0, 4, self.n)).astype(int).tolist()
        picks = dice.integers(0, 2**31, self.n).tolist()
        for n in range(20):
            fields = {"email": f"rep{n}@us.example", "first_name": "Rep", "last_name": f"{n}", "active": True}
            yield (_owner(n), "owner", dumps(fields).decode(), '{"":"salesforce"}', None, 0, 0, None)
        for n, (pick, size, source, owner) in enumerate(
            zip(picks, employees, self.source.tolist(), self.owner.tolist(), strict=True)
        ):
            fields = {
                "email": f"person{n}@company{n % 5000}.example", "first_name": f"Ana {n % 97}",
                "last_name": f"Almeida {n % 89}", "phone": f"+4930{n:07}", "company": f"Company {n % 5000}",
                "job_title": TITLES[pick % 8], "city": f"Town {n % 300}", "country": COUNTRIES[pick // 8 % 8],
                "industry": INDUSTRIES[pick // 64 % 6], "employees": size, "source": SOURCES[source],
                "campaign": f"Campaign {pick // 512 % 12}", "opted_out": pick % 13 == 0, "owner": _owner(owner),
                "score": pick % 101, "stage": self.stage(n),
            }  # fmt: skip
            if pick % 17 == 0:
                del fields["industry"]
            yield (self.id(n), "lead", dumps(fields).decode(), '{"":"hubspot"}', fields["stage"], 0, 0, None)
        yield from self._deals(picks)

    def _deals(self, picks: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """One for each opportunity: of its lead, some of the lead before as well."""
        amounts = self.dice.lognormal(9.4, 0.6, self.n)
        reached = np.flatnonzero((self.entered[:, 4] <= self.now) & ~self.unknown)
        for n in reached.tolist():
            won, lost = self.entered[n, 5] <= self.now, self.left[n] == 4 and self.left_at[n] <= self.now
            at = int(self.entered[n, 5] if won else self.left_at[n] if lost else self.entered[n, 4] + 60 * DAY)
            pick = picks[n]
            fields = {
                "name": f"Deal {n}", "stage": "won" if won else "lost" if lost else "open",
                "amount": None if pick % 31 == 0 else round(float(amounts[n]), 2),
                "currency": "USD" if pick % 10 == 0 else "BRL" if pick % 29 == 0 else "EUR",
                "close_date": _date(at), "owner": _owner(int(self.owner[n])),
                "contacts": [] if pick % 41 == 0 else [self.id(n)] if pick % 3 or not n else [self.id(n - 1), self.id(n)],
            }  # fmt: skip
            if lost:
                fields["lost_reason"] = SIDE["lost"][pick % 3]
            yield (f"0191{n:028x}", "deal", orjson.dumps(fields).decode(), '{"":"salesforce"}', None, 0, 0, None)

    def events(self, sqlite: bool) -> Iterator[tuple[Any, ...]]:
        for n in range(self.n):
            old, id_ = None, self.id(n)
            for at, new, reason in self._told(n):
                yield (id_, "past", _stored(at, sqlite), old, new, "hubspot", reason, "", None, "vendor")
                old = new

    def changes(self, sqlite: bool) -> Iterator[tuple[Any, ...]]:
        """Of some that sales worked on, the CRM corrects a field a day later."""
        for n in np.flatnonzero((self.entered[:, 2] <= self.now - DAY) & (self.why < 0.1)).tolist():
            name = ("job_title", "country", "industry")[n % 3]
            detail = {name: {"old": "?", "new": "!", "from": "salesforce", "rule": "only change"}}
            at = int(self.entered[n, 2] + DAY)
            yield (self.id(n), "past", _stored(at, sqlite), "merged", "salesforce", orjson.dumps(detail).decode())

    def activities(self, sqlite: bool) -> Iterator[tuple[int, list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
        """By month; of each lead from its first day on, most of them early."""
        count = int(self.n * self.odds.activities)
        who = self.dice.integers(0, self.n, count).astype(np.int32)
        at = self.created[who] + ((self.now - self.created[who]) * self.dice.random(count) ** 2).astype(np.int64)
        type_ = self.dice.integers(0, len(TYPES), count).astype(np.int8)
        month = at.astype("datetime64[us]").astype("datetime64[M]").astype(np.int32)
        if not count:
            return
        order = np.lexsort((at, who, month))
        starts = np.flatnonzero(np.diff(month[order], prepend=-1))
        ends = [*starts[1:].tolist(), count]
        rest = [orjson.dumps({"subject": f"News {n}", "campaign": f"Campaign {n % 12}"}).decode() for n in range(500)]
        for start, end in zip(starts.tolist(), ends, strict=True):
            label = int(month[order[start]])
            number = (1970 + label // 12) * 100 + label % 12 + 1
            for first in range(start, end, 500_000):
                some = order[first : min(first + 500_000, end)]
                rows, of_leads = [], []
                told = zip(who[some].tolist(), at[some].tolist(), type_[some].tolist(), strict=True)
                for n, (lead, moment, kind) in enumerate(told, first):
                    id_, when, remote = self.id(lead), _stored(moment, sqlite), f"{n:09}"
                    rows.append(
                        (number, "hubspot", remote, TYPES[kind], when, None, id_, None, None, None, rest[n % 500], "past")
                    )  # fmt: skip
                    of_leads.append((number, id_, when, "hubspot", remote, TYPES[kind]))
                yield number, rows, of_leads


def _owner(n: int) -> str:
    return f"018f{n:028x}"


def _date(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).date().isoformat()


def _stored(at: int, sqlite: bool) -> Any:
    return at if sqlite else t.EPOCH + at * t.MICROSECOND


def main(arguments: list[str]) -> dict[str, float]:
    began = time.perf_counter()
    engine = open_database(f"sqlite:///{arguments[0]}")
    counts = write(engine, int(arguments[1]), *map(int, arguments[2:3]))
    engine.dispose()
    return {**counts, "seconds": time.perf_counter() - began}


if __name__ == "__main__":
    print(orjson.dumps(main(sys.argv[1:])).decode())
