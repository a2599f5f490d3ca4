"""Ticks over a history that grows, on both databases: in many steps as in one, killed and run again, and as plain SQL and a
count minute by minute have it."""

from __future__ import annotations

import json
import os
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from alignment.sla.attainment import Group, attainment, nearest_rank, of_all
from alignment.sla.calendar import MINUTE
from delivery.alerts import TRIES, deliver, wait
from delivery.channels import Outcome
from mapping.agreement.calendar import WEEKDAYS, span_of
from mapping.agreement.sla import Pact
from state import tables as t
from state.clocks import AlertRow, ClockRow, Clocks
from state.store import Store
from sync import clocks as ticking
from sync.clocks import PactError, tick
from tests.alignment.sla.naive import Place
from tests.alignment.sla.pacts import pact, project
from tests.state.sla_world import FIRST, LAST, World, make, table

MADRID = ZoneInfo("Europe/Madrid")


def dice() -> random.Random:
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    return random.Random(seed)


def clocks(engine: sa.Engine) -> list[ClockRow]:
    with Clocks(engine) as opened:
        return opened.all_clocks()


def settled(engine: sa.Engine) -> list[ClockRow]:
    """What does not depend on when the clocks were looked at."""
    rows = [replace(row, elapsed=row.elapsed if row.stopped else 0) for row in clocks(engine)]
    return sorted(rows, key=lambda row: (row.hub_id, row.clause, row.started))


def test_many_ticks_leave_what_one_leaves(engine: sa.Engine, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    rolled = dice()
    world = make(store, rolled, 60)
    monkeypatch.setattr(ticking, "BATCH", 7)
    now = FIRST
    while now < LAST:
        now = min(now + timedelta(minutes=rolled.randrange(1, 2 * 1440)), LAST)  # the last tick is the latest
        world.write(store, now)
        tick(engine, world.config, now)
    tick(engine, world.config, LAST + timedelta(days=1))
    stepwise = settled(engine)
    with engine.begin() as connection:
        connection.execute(t.sla_clock.delete())
        connection.execute(t.cursor.delete())
    tick(engine, world.config, LAST + timedelta(days=1))
    assert stepwise == settled(engine)
    assert {row.state for row in stepwise} >= {"met", "breached", "cancelled"}
    assert {row.clause for row in stepwise} == {"first_response", "decision", "attempts", "follow_up"}


def test_a_tick_looks_at_what_was_touched_or_is_due_and_at_nothing_else(engine: sa.Engine, store: Store) -> None:
    world = make(store, dice(), 40)
    world.write(store, LAST)
    assert tick(engine, world.config, LAST).leads > 10
    before = settled(engine)
    again = tick(engine, world.config, LAST)
    assert (again.clocks, again.alerts) == (0, 0)
    assert settled(engine) == before


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_commit_and_run_again_the_alerts_are_the_same_once(
    engine: sa.Engine, store: Store, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    world = make(store, dice(), 30)
    middle = FIRST + timedelta(days=10)
    world.write(store, middle)
    monkeypatch.setattr(ticking, "BATCH", 10)
    tick(engine, world.config, middle)
    wanted = sorted(row[0] for row in table(engine, "SELECT key FROM alert"))
    wanted_clocks = settled(engine)
    assert wanted
    for step in range(6):
        with engine.begin() as connection:
            for one in (t.alert, t.sla_clock, t.cursor, t.sla_version):
                connection.execute(one.delete())
        with monkeypatch.context() as patched:
            patched.setattr(Clocks, "commit", dying_commit(step, when))
            with suppress(KeyboardInterrupt):
                tick(engine, world.config, middle)
        tick(engine, world.config, middle)
        assert sorted(row[0] for row in table(engine, "SELECT key FROM alert")) == wanted
        assert settled(engine) == wanted_clocks


def _same(at: datetime) -> datetime:
    return at


def dying_commit(step: int, when: str) -> Any:
    count, real = iter(range(1000)), Clocks.commit

    def commit(self: Clocks) -> None:
        mine = next(count)
        if mine == step and when == "before":
            raise KeyboardInterrupt
        real(self)
        if mine == step:
            raise KeyboardInterrupt

    return commit


BEGIN = Clocks.begin


class Channel:
    """Takes messages, refuses some, and lets the process die now and then: just before or just after one arrived.
    `key`: that of the message which is being sent."""

    def __init__(self, dice: random.Random) -> None:
        self.dice, self.key = dice, ""
        self.arrived: Counter[str] = Counter()

    def begin(self, clocks: Clocks, alert: AlertRow) -> bool:
        self.key = alert.key
        return BEGIN(clocks, alert)

    def __call__(self, urls: Sequence[str], title: str, text: str) -> list[Outcome]:
        chance = self.dice.random()
        if chance < 0.2:
            return [Outcome("json", False, "refused")]
        if chance < 0.25:
            raise KeyboardInterrupt
        self.arrived[self.key] += 1
        if chance < 0.3:
            raise KeyboardInterrupt
        return [Outcome("json", True)]


def test_no_message_goes_out_twice_whenever_the_process_dies_and_all_others_once(
    engine: sa.Engine, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rolled = dice()
    world = make(store, rolled, 60)
    urls = {"mail": "mailto://nowhere", "west/0": "json://nowhere"}
    channel, now = Channel(rolled), FIRST
    monkeypatch.setattr(Clocks, "begin", lambda clocks, alert: channel.begin(clocks, alert))
    while now < LAST + timedelta(days=2):
        now += timedelta(hours=rolled.randrange(1, 24))
        world.write(store, now)
        for _ in range(2):  # a tick that dies is followed by another
            with suppress(KeyboardInterrupt):
                tick(engine, world.config, now)
                with Clocks(engine) as opened:
                    deliver(opened, urls, MADRID, partial(_same, now), sending=channel)
    with Clocks(engine) as opened:
        opened.abandoned()
        opened.commit()
        states = opened.counted_alerts()
        sent = [alert for alert in opened.alerts() if alert.state == "sent"]
    assert max(channel.arrived.values()) == 1
    assert states.keys() <= {"sent", "unknown", "failed", "due"}
    assert len(sent) <= channel.arrived.total() <= len(sent) + states.get("unknown", 0)
    assert states["sent"] > 20
    assert states["unknown"] > 0


def test_a_refused_message_is_tried_later_each_time_and_in_the_end_no_more(engine: sa.Engine, store: Store) -> None:
    world = make(store, dice(), 20)
    now = FIRST + timedelta(days=8)
    world.write(store, now)
    tick(engine, world.config, now)
    tried: list[datetime] = []

    def refuse(urls: Sequence[str], title: str, text: str) -> list[Outcome]:
        tried.append(now)
        return [Outcome("mailto", False, "no such mailbox")]

    with Clocks(engine) as opened:
        [first, *others] = opened.to_send(now)
        for other in others:
            opened.settle(other.id, "sent")
        for _ in range(500):
            deliver(opened, {"mail": "x", "west/0": "y"}, MADRID, partial(_same, now), sending=refuse)
            now += timedelta(minutes=1)
        [gone] = [alert for alert in opened.alerts() if alert.key == first.key]
    assert (gone.state, gone.error, gone.tries) == ("dropped", "no such mailbox", TRIES)
    assert [b - a for a, b in pairwise(tried)] == [wait(n) for n in range(1, TRIES)]


# -- against plain SQL and a count minute by minute ------------------------------------------------------------------------


def test_attainment_is_what_a_count_minute_by_minute_over_the_raw_events_gives(engine: sa.Engine, store: Store) -> None:
    world = make(store, dice(), 200)
    world.write(store, LAST)
    tick(engine, world.config, LAST)
    found = attainment(clocks(engine), "Europe/Madrid", "month", of_all)
    made = world.config.sla
    assert made is not None
    brute = _responses(engine, world, made)
    for period in ("2026-03", "2026-04"):
        mine = [one for one in brute if one[0] == period]
        got = found.get(Group(period, "first_response"))
        if not mine:
            assert got is None
            continue
        assert got is not None
        states = Counter(state for _, state, _ in mine)
        stopped = [elapsed for _, state, elapsed in mine if state in ("met", "breached") and elapsed is not None]
        assert (got.met, got.breached, got.open, got.excluded) == (
            states["met"], states["breached"], states["open"], states["cancelled"],
        )  # fmt: skip
        assert got.median == (sorted(stopped)[(len(stopped) - 1) // 2] * MINUTE if stopped else None)
        assert got.p90 == nearest_rank([one * MINUTE for one in stopped], 0.9)
    assert sum(state == "met" for _, state, _ in brute) > 0


def _responses(engine: sa.Engine, world: World, made: Pact) -> list[tuple[str, str, int | None]]:
    """Period, state and minutes of every clock of a first response. Elapsed is None of clocks that have not stopped."""
    opened = {name: _minutes(made, name) for name in made.calendars}
    moves: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for hub, at, new in _sql(engine, t.stage_event, "hub_id", "at", "new"):
        moves[hub].append((_index(at), new))
    marketing = world.owners["mia@marketing.example"]
    calls: dict[str, list[int]] = defaultdict(list)
    for hub, at, type_, owner in _sql(engine, t.activity, "leads", "at", "type", "owner_id"):
        if type_ in ("call", "email_sent", "meeting") and owner != marketing:
            calls[hub].append(_index(at))
    found = []
    begins = _index(datetime(2026, 3, 18, tzinfo=MADRID))
    with engine.connect() as connection:
        fields = dict(connection.execute(sa.select(t.hub.c.id, t.hub.c.fields).where(t.hub.c.kind == "lead")).all())
    for hub in world.leads:
        lead = json.loads(fields[hub])
        minutes = opened["lord_howe" if lead.get("country") == "AU" else "madrid"]
        allowed = 60 if (lead.get("score") or 0) >= 60 else 240
        away = set[int]()
        if lead.get("owner") == world.owners["ana@sales.example"]:
            zone = ZoneInfo("Australia/Lord_Howe") if lead.get("country") == "AU" else MADRID
            away = set(range(_index(datetime(2026, 3, 24, tzinfo=zone)), _index(datetime(2026, 3, 27, tzinfo=zone))))
        busy, here = -1, ""
        for place, (start, stage) in enumerate(moves[hub]):
            came, here = stage == "mql" and here != "mql", stage
            if not came or start < busy:
                continue
            call = min((c for c in calls[hub] if c >= start), default=None)
            gone = min((at for at, new in moves[hub][place + 1 :] if new in ("disqualified", "lost")), default=None)
            stop = call if call is not None and (gone is None or call <= gone) else gone
            busy = stop if stop is not None else 1 << 30
            if start < begins:
                continue
            end = stop if stop is not None else _index(LAST)
            still = set(away)
            for (at, new), (until, _) in zip(moves[hub], [*moves[hub][1:], (1 << 20, "")], strict=True):
                if new == "recycled":
                    still |= set(range(at, min(until, len(minutes))))
            elapsed = sum(minutes[m] and m not in still for m in range(start, end))
            state = (
                "breached" if elapsed > allowed else "open" if stop is None else "met" if stop == call else "cancelled"
            )
            day = (FIRST + timedelta(minutes=start)).astimezone(MADRID)
            found.append((f"{day:%Y-%m}", state, elapsed if stop is not None else None))
    return found


def _minutes(made: Pact, name: str) -> list[bool]:
    calendar = made.calendars[name]
    hours = {WEEKDAYS.index(day): [span_of(one) for one in spans] for day, spans in calendar.hours.items()}
    return Place(calendar.zone, hours, frozenset()).minutes(FIRST, LAST + timedelta(days=1))


def _index(at: datetime) -> int:
    return round((at - FIRST).total_seconds()) // 60


def _sql(engine: sa.Engine, of: sa.Table, *names: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(sa.select(*(of.c[name] for name in names)).order_by(of.c.at)))


# -- versions, people, edges -------------------------------------------------------------------------------------------------


def test_a_changed_pact_does_not_rewrite_the_past(engine: sa.Engine, store: Store) -> None:
    world = make(store, dice(), 40)
    middle = FIRST + timedelta(days=9)
    world.write(store, middle)
    tick(engine, world.config, middle)
    before = {(row.hub_id, row.clause, row.started): row for row in clocks(engine)}
    sales = {"first_response": {"segments": [{"name": "all", "within": "1 min"}]}}
    with pytest.raises(PactError, match="still says version 1") as caught:
        tick(engine, project(pact(agreed_on="2026-03-18", sales=sales)), middle)
    assert caught.value.code == "pact-version"
    newer = project(pact(version=2, agreed_on="2026-03-25", sales=sales))
    world.write(store, LAST)
    tick(engine, newer, LAST)
    after = {(row.hub_id, row.clause, row.started): row for row in clocks(engine)}
    for key, row in before.items():
        assert after[key].version == 1
        assert (after[key].allowed, after[key].segment) == (row.allowed, row.segment)
        if row.stopped is not None:
            assert after[key] == row
    fresh = [row for key, row in after.items() if key not in before and row.version == 2]
    assert {row.allowed for row in fresh} == {MINUTE}
    with pytest.raises(PactError, match="version 2 has been in force"):
        tick(engine, world.config, LAST)


def test_who_is_forgotten_has_no_clock_and_no_message_left(engine: sa.Engine, store: Store) -> None:
    world = make(store, dice(), 30)
    world.write(store, FIRST + timedelta(days=10))
    tick(engine, world.config, FIRST + timedelta(days=10))
    hub = table(engine, "SELECT hub_id FROM alert")[0][0]
    gone = store.erase_person([hub], [], [])
    store.commit()
    assert gone["sla_clock"] > 0
    assert gone["alert"] > 0
    left = table(engine, f"SELECT count(*) FROM sla_clock WHERE hub_id = '{hub}'")
    assert left == [(0,)]


def test_the_clocks_of_a_lead_that_proves_to_be_another_go_on_there(engine: sa.Engine, store: Store) -> None:
    world = make(store, dice(), 2)
    ada, twin = world.leads
    at = FIRST + timedelta(days=4, hours=10)
    world.news = []
    row = {"run_id": "1", "old": None, "system": "crm", "reason": None, "evidence": ""}
    store.log_stages([{**row, "hub_id": twin, "at": at, "new": "mql"}])
    store.commit()
    tick(engine, world.config, at)
    store._c.execute(t.hub.update().where(t.hub.c.id == twin).values(merged_into=ada))
    store.log_stages([{**row, "hub_id": ada, "at": at + timedelta(minutes=3), "new": "sal"}])
    store.commit()
    tick(engine, world.config, at + timedelta(minutes=5))
    found = {(row.hub_id, row.clause): row for row in clocks(engine)}
    assert found[twin, "decision"].state == "cancelled"
    assert found[twin, "decision"].note == "merged"
    assert (found[ada, "decision"].state, found[ada, "decision"].started) == ("met", at.astimezone(UTC))
