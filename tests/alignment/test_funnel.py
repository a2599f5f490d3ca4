"""Every figure of the funnel against a naive count over the raw rows, on both databases."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from math import floor
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from alignment.funnel.columns import Coding, holds
from alignment.funnel.counting import Books, funnel, leads_behind, not_converted, read_books
from alignment.funnel.figures import Days, Share
from alignment.funnel.past import DAY, NEVER, past_of
from alignment.funnel.selecting import OUTCOMES, PASSED_FIGURES, STEP_FIGURES
from alignment.journeys import Journey, journeys
from alignment.periods import Period
from bench.past import NOW, Odds, write
from mapping.conditions import Condition, predicate
from mapping.lifecycle import Lifecycle
from state import tables as t
from state.facts import Facts, StageEvent, microseconds
from tests.alignment.project import BOSS, config

PERIOD = Period(date(2025, 10, 1), date(2026, 3, 31))
STEPS = ("lead", "mql", "sal", "sql", "opportunity", "customer")
LIFE = Lifecycle()


@pytest.fixture
def seed() -> int:
    chosen = random.randrange(10**6)
    print("seed", chosen)
    return chosen


def p90(values: list[float], share: float) -> float:
    ordered = sorted(values)
    place = (len(ordered) - 1) * share
    low = floor(place)
    return ordered[low] + (ordered[min(low + 1, len(ordered) - 1)] - ordered[low]) * (place - low)


def middle(values: list[float]) -> Days:
    return Days(len(values), p90(values, 0.5), p90(values, 0.9)) if len(values) >= 5 else Days(len(values))


def near(found: Days, wanted: Days) -> bool:
    return (found.count, found.median, found.p90) == (
        wanted.count, pytest.approx(wanted.median), pytest.approx(wanted.p90),
    )  # fmt: skip


class Naive:
    """One lead after the other, in plain Python."""

    def __init__(self, engine: sa.Engine, period: Period) -> None:
        self.now = microseconds(NOW)
        self.start, self.end = microseconds(period.start), microseconds(period.end)
        self.until = min(self.end, self.now + 1)
        with engine.connect() as c:
            hubs = c.execute(sa.select(t.hub.c.id, t.hub.c.kind, t.hub.c.fields)).all()
        self.fields = {row[0]: orjson.loads(row[2]) for row in hubs if row[1] == "lead"}
        self.deals = [orjson.loads(row[2]) for row in hubs if row[1] == "deal"]
        with Facts(engine) as facts:
            told = list(journeys(facts.stage_events(), LIFE))
        self.late = {j.hub_id for j in told if any(move.at > self.now for move in j.moves)}
        self.without = set(self.fields) - {j.hub_id for j in told}
        self.all = [j for j in told if j.hub_id not in self.late]

    def stays(self, stage: str) -> list[float]:
        return [
            (b.at - a.at) / DAY
            for j in self.all for a, b in zip(j.moves, j.moves[1:], strict=False)
            if a.new == stage and b.at < self.until
        ]  # fmt: skip

    def there(self, journey: Journey) -> tuple[str, int] | None:
        """Where a lead is at the period's end, and since when."""
        known = [move for move in journey.moves if move.at < self.until]
        return (known[-1].new, known[-1].at) if known else None

    def step(self, stage: str, some: list[Journey]) -> dict[str, list[str]]:
        following = dict(pairwise(STEPS)).get(stage)
        found: dict[str, list[str]] = {figure: [] for figure in STEP_FIGURES}
        stays = self.stays(stage)
        limit = p90(stays, 0.9) if len(stays) >= 5 else None
        for j in some:
            at = j.entered.get(stage)
            if at is not None and self.start <= at < self.end:
                found["entered"].append(j.hub_id)
                then = j.entered.get(following) if following else None
                found["reached" if then is not None else "not_reached"].append(j.hub_id)
                if stage in j.inferred:
                    found["inferred"].append(j.hub_id)
                if at + 90 * DAY <= self.now:
                    found["mature"].append(j.hub_id)
                    if then is not None and then - at <= 90 * DAY:
                        found["within"].append(j.hub_id)
            old = None
            for move in j.moves:
                if self.start <= move.at < self.end and move.new != old:
                    found["inflow"] += [j.hub_id] if move.new == stage else []
                    found["outflow"] += [j.hub_id] if old == stage else []
                old = move.new
            there = self.there(j)
            if there and there[0] == stage:
                found["waiting"].append(j.hub_id)
                if limit is not None and (self.until - there[1]) / DAY > limit:
                    found["stuck"].append(j.hub_id)
        return found

    def days(self, stage: str, some: list[Journey]) -> list[float]:
        following = dict(pairwise(STEPS))[stage]
        return [
            (j.entered[following] - j.entered[stage]) / DAY
            for j in some
            if self.start <= j.entered.get(stage, NEVER) < self.end
            and following in j.entered
            and stage not in j.inferred
        ]

    def passed(self, some: list[Journey]) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {figure: [] for figure in PASSED_FIGURES}
        for j in some:
            if not self.start <= j.entered.get("mql", NEVER) < self.end:
                continue
            found["passed"].append(j.hub_id)
            if "sal" in j.entered:
                found["accepted"].append(j.hub_id)
            if "customer" in j.entered:
                found["converted"].append(j.hub_id)
            elif j.stage not in LIFE.side:
                found["open"].append(j.hub_id)
            else:
                found["lost" if "sql" in j.entered else "not_qualified"].append(j.hub_id)
        return found


def read(engine: sa.Engine) -> Books:
    with Facts(engine) as facts:
        return read_books(facts, config(), NOW)


def test_steps_of_all_and_of_every_group_are_as_counted_one_by_one(engine: sa.Engine, seed: int) -> None:
    write(engine, 700, seed)
    naive = Naive(engine, PERIOD)
    with Facts(engine) as facts:
        books = read_books(facts, config(), NOW)
        found = funnel(books, facts, PERIOD)
        for figure in (*STEP_FIGURES,):
            for stage in STEPS:
                wanted = sorted(set(naive.step(stage, naive.all)[figure]))
                assert leads_behind(books, facts, PERIOD, figure, stage=stage) == wanted, (figure, stage)
    assert found.excluded == {"without_stage": len(naive.without), "in_future": len(naive.late)}
    boss, shop = (predicate(Condition.model_validate(one), LIFE) for one in (BOSS, {"industry": "Retail"}))
    groups: list[tuple[str, Any]] = [
        ("source", lambda f: f.get("source") or ""),
        ("owner", lambda f: f.get("owner") or ""),
        ("industry", lambda f: f.get("industry") or ""),
        ("persona", lambda f: "boss" if boss(f) else "shop" if shop(f) else ""),
        ("segment", lambda f: "large" if f["employees"] >= 1000 else ""),
    ]
    for name, value_of in groups:
        by_value: dict[str, list[Journey]] = defaultdict(list)
        for j in naive.all:
            by_value[value_of(naive.fields[j.hub_id])].append(j)
        assert {value for value in found.cuts[name] if found.cuts[name][value].steps[0].waiting} <= set(by_value)
        for value, counts in found.cuts[name].items():
            _same(naive, counts.steps, by_value[value])
            passed = naive.passed(by_value[value])
            assert counts.passed.passed == len(passed["passed"])
            assert counts.passed.accepted == Share(len(passed["accepted"]), len(passed["passed"]))
    _same(naive, found.steps, naive.all)
    months = found.cuts["period"]
    assert list(months) == ["2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]
    for number, stage in enumerate(STEPS):
        ats = [j.entered[stage] for j in naive.all if naive.start <= j.entered.get(stage, NEVER) < naive.end]
        by_month = Counter(f"{datetime.fromtimestamp(at / 1e6, UTC):%Y-%m}" for at in ats)
        assert {m: c.steps[number].entered for m, c in months.items() if c.steps[number].entered} == by_month


def _same(naive: Naive, steps: Any, some: list[Journey]) -> None:
    for step in steps:
        wanted = {figure: len(leads) for figure, leads in naive.step(step.stage, some).items()}
        assert (step.entered, step.inferred, step.inflow, step.outflow, step.waiting) == (
            wanted["entered"], wanted["inferred"], wanted["inflow"], wanted["outflow"], wanted["waiting"],
        )  # fmt: skip
        assert step.stuck in (None, wanted["stuck"])
        if step.next:
            assert (step.reached, step.within) == (
                Share(wanted["reached"], wanted["entered"]), Share(wanted["within"], wanted["mature"]),
            )  # fmt: skip
            assert near(step.days, middle(naive.days(step.stage, some)))


def test_passed_and_not_converted_with_reason_and_owner(engine: sa.Engine, seed: int) -> None:
    write(engine, 600, seed)
    naive = Naive(engine, PERIOD)
    with Facts(engine) as facts:
        books = read_books(facts, config(), NOW)
        found, told = funnel(books, facts, PERIOD, cuts=()), not_converted(books, PERIOD)
        wanted = naive.passed(naive.all)
        for figure in PASSED_FIGURES:
            assert leads_behind(books, facts, PERIOD, figure) == sorted(wanted[figure])
    by_id = {j.hub_id: j for j in naive.all}
    assert sorted(one.lead for one in told) == sorted(lead for figure in OUTCOMES for lead in wanted[figure])
    for one in told:
        journey = by_id[one.lead]
        assert (one.stage, one.owner) == (journey.stage, naive.fields[one.lead]["owner"])
        assert one.reason == (journey.moves[-1].reason if one.outcome != "open" else "")
        assert microseconds(one.passed_at) == journey.entered["mql"]
    for outcome in ("not_qualified", "lost"):
        assert found.total.passed.reasons[outcome] == Counter(one.reason for one in told if one.outcome == outcome)
    left = Counter(
        (m.new, m.reason) for j in naive.all for m in j.moves if m.new in LIFE.side and naive.start <= m.at < naive.end
    )
    assert {(side, why): n for side, some in found.total.left.items() for why, n in some.items()} == left


def test_revenue_sourced_and_influenced_against_plain_rows(engine: sa.Engine, seed: int) -> None:
    write(engine, 900, seed)
    naive = Naive(engine, PERIOD)
    first = {j.hub_id: j.moves[0].at for j in naive.all}
    with engine.connect() as c:
        happened = c.execute(sa.select(t.activity_lead.c.hub_id, t.activity_lead.c.at, t.activity_lead.c.type)).all()
    acts: dict[str, list[int]] = defaultdict(list)
    for lead, at, type_ in happened:
        if type_ in ("form", "email_open", "email_click", "email_reply", "page_visit", "campaign_response"):
            acts[lead].append(microseconds(at))
    wanted: dict[str, list[Any]] = defaultdict(list)
    for deal in naive.deals:
        day = datetime.fromisoformat(deal["close_date"]).replace(tzinfo=UTC)
        if deal["stage"] == "won" and not naive.start <= microseconds(day) < naive.end:
            continue
        lead = min(deal["contacts"], key=lambda i: (first.get(i, NEVER), i), default=None)
        end = microseconds(day + timedelta(days=1)) if deal["stage"] == "won" else naive.now + 1
        kind = deal["stage"]
        wanted[kind].append(deal)
        if lead and naive.fields[lead]["source"] in ("Web", "Webinar"):
            wanted[f"sourced_{kind}"].append(deal)
        if any(end - 90 * DAY <= at < end for i in deal["contacts"] for at in acts[i]):
            wanted[f"influenced_{kind}"].append(deal)
    with Facts(engine) as facts:
        deals = funnel(read_books(facts, config(), NOW), facts, PERIOD, cuts=("source",))
    total = deals.total.deals
    assert total is not None
    pairs = {
        "won": total.revenue, "open": total.pipeline, "sourced_won": total.sourced_revenue,
        "sourced_open": total.sourced_pipeline, "influenced_won": total.influenced_revenue,
        "influenced_open": total.influenced_pipeline,
    }  # fmt: skip
    assert wanted["influenced_won"]
    for figure, money in pairs.items():
        assert money is not None
        fits = [d for d in wanted[figure] if d["amount"] is not None and d["currency"] != "BRL"]
        cents = sum(round(d["amount"] * (0.9 if d["currency"] == "USD" else 1.0) * 100) for d in fits)
        assert money.totals.get("EUR", 0) == pytest.approx(cents / 100, abs=0.005), figure
        assert money.deals == len(fits)
        assert money.without_amount == sum(d["amount"] is None for d in wanted[figure])
        assert money.other_currency == sum(d["amount"] is not None and d["currency"] == "BRL" for d in wanted[figure])
    by_source = [one.deals for one in deals.cuts["source"].values() if one.deals]
    alone = sum(not d["contacts"] for d in wanted["won"])
    assert sum(one.won for one in by_source) == total.won == len(wanted["won"])
    assert total.without_leads == alone + sum(not d["contacts"] for d in wanted["open"])


def test_the_known_odds_are_found_within_sampling_error(tmp_path: Any, seed: int) -> None:
    from state.database import open_database

    engine = open_database(f"sqlite:///{tmp_path / 'state.sqlite'}")
    odds = Odds(activities=0, worse={}, returns=0.0)
    write(engine, 12_000, seed, odds)
    with Facts(engine) as facts:
        books = read_books(facts, config(), NOW)
        steps = funnel(books, facts, Period(date(2024, 8, 1), date(2025, 6, 30)), cuts=()).steps
    for step, climbs, days in zip(steps, odds.climbs, odds.days, strict=False):
        share = step.reached
        spread = 5 * (climbs * (1 - climbs) / share.whole) ** 0.5  # a false alarm once in a million
        assert share.value == pytest.approx(climbs, abs=spread), step.stage
        if step.stage != "sal":  # whose skipped are not seen in it
            assert step.days.median == pytest.approx(days * 0.693, rel=0.25)
    engine.dispose()


# -- properties -----------------------------------------------------------------------------------------------------------

EVENT = st.tuples(st.integers(0, 3), st.integers(0, 60), st.sampled_from(LIFE.stages))


@given(st.lists(EVENT, max_size=40))
@settings(deadline=None)
def test_columns_tell_the_same_journeys(told: list[tuple[int, int, str]]) -> None:
    ids = [f"{n:032x}" for n in range(4)]
    moves = [(ids[n], at * DAY, stage, None) for n, at, stage in told]
    past = past_of(ids, {}, [tuple(zip(*moves, strict=True))] if moves else [], {}, LIFE, 50 * DAY)
    ordered = sorted(enumerate(moves), key=lambda one: (one[1][0], one[1][1], one[0]))
    events = [StageEvent(i, at, None, new, "crm", None) for _, (i, at, new, _) in ordered]
    found = {j.hub_id: j for j in journeys(events, LIFE)}
    for n, hub_id in enumerate(ids):
        j = found.get(hub_id)
        good = j is not None and all(move.at <= 50 * DAY for move in j.moves)
        assert bool(past.counted[n]) == good
        entered = {s: int(at[n]) for s, at in past.entered.items() if at[n] != NEVER}
        assert entered == (j.entered if j and good else {})
        inferred = {s for s, some in past.inferred.items() if some[n]}
        assert inferred == (j.inferred if j and good else set())


def test_what_was_there_plus_what_came_less_what_went_is_what_is_there(engine: sa.Engine, seed: int) -> None:
    write(engine, 500, seed)
    with Facts(engine) as facts:
        found = funnel(read_books(facts, config(), NOW), facts, PERIOD, cuts=())
    assert found.before is not None
    for now, before in zip(found.steps, found.before.steps, strict=True):
        assert now.waiting == before.waiting + now.inflow - now.outflow


VALUES = st.one_of(st.none(), st.booleans(), st.integers(-2, 2), st.sampled_from(["a", "B", "ab", "", "2026-01-01"]),
                   st.lists(st.sampled_from(["a", "B"]), max_size=2))  # fmt: skip
TESTS = st.sampled_from([
    {"x": 1}, {"x": True}, {"x": "A"}, {"x": ["a", 2]}, {"x": {"contains": "b"}}, {"x": {"present": False}},
    {"x": {"at_least": 1}}, {"y": {"at_most": "2026"}}, {"not": {"x": "a"}}, {"z": {"present": False}},
    {"any": [{"x": 0}, {"y": {"contains": "a"}}], "y": {"present": True}},
    {"all": [{"x": {"at_least": 0}}, {"not": {"y": "b"}}]},
])  # fmt: skip


@given(st.lists(st.tuples(VALUES, VALUES), max_size=20), TESTS)
def test_a_condition_over_columns_holds_of_the_same_leads(rows: list[Any], asked: dict[str, Any]) -> None:
    condition = Condition.model_validate(asked)
    columns = {}
    for n, name in enumerate("xy"):
        coding = Coding()
        for part in (rows[:7], rows[7:]):
            coding.add([row[n] for row in part])
        columns[name] = coding.column()
    alone = predicate(condition, LIFE)
    wanted = [alone({"x": x, "y": y}) for x, y in rows]
    assert holds(condition, columns, len(rows), LIFE).tolist() == wanted


def test_small_numbers_say_how_uncertain_they_are() -> None:
    low, high = Share(3, 10).interval or (0, 0)
    assert (round(low, 4), round(high, 4)) == (0.1078, 0.6032)  # as statsmodels gives it
    assert Share(0, 0).interval is None
    assert Share(0, 0).value is None
    assert Period(date(2026, 1, 1), date(2026, 3, 31)).before == Period(date(2025, 10, 1), date(2025, 12, 31))
    assert Period(date(2026, 3, 5), date(2026, 3, 9)).before == Period(date(2026, 2, 28), date(2026, 3, 4))
