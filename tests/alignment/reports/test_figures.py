"""Every figure of a report against a count over the raw rows: one lead after the other, or plain SQL."""

from __future__ import annotations

import math
import random
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from alignment.funnel.past import DAY, NEVER
from alignment.periods import Period
from alignment.reports.periods import kind_of, period_of, shifted
from alignment.reports.render import document
from bench.past import NOW
from mapping.conditions import Condition, predicate
from state.facts import microseconds
from tests.alignment.project import BOSS
from tests.alignment.reports.made import MONTH, WEEK, Made, made
from tests.alignment.test_funnel import LIFE, STEPS, Naive

NEXT = dict(pairwise(STEPS))


@pytest.fixture(params=[MONTH, WEEK], ids=["month", "week"])
def told(engine: sa.Engine, request: pytest.FixtureRequest) -> Made:
    seed = random.randrange(10**6)
    print("seed", seed)
    return made(engine, seed, request.param)


def wilson(good: int, all_: int) -> tuple[float, float]:
    z, p = 1.959963984540054, good / all_
    middle, half = p + z * z / (2 * all_), z * math.sqrt(p * (1 - p) / all_ + z * z / (4 * all_ * all_))
    return max(0.0, (middle - half) / (1 + z * z / all_)), min(1.0, (middle + half) / (1 + z * z / all_))


def share(figure: dict[str, Any], good: int, all_: int) -> None:
    assert figure.get("of", 0) == all_
    if not all_:
        assert figure["value"] is None
        return
    low, high = wilson(good, all_)
    assert (figure["value"], figure["low"], figure["high"]) == (
        pytest.approx(good / all_), pytest.approx(low), pytest.approx(high),
    )  # fmt: skip


def went_on(engine: sa.Engine, stage: str, period: Period) -> tuple[int, int]:
    """Of the leads whose 90 days ended in the period: how many took the next step in time, and how many there were."""
    naive = Naive(engine, shifted(period, 90))
    found = naive.step(stage, naive.all)
    return len(found["within"]), len(found["mature"])


def took(naive: Naive, stage: str, period: Period) -> float | None:
    start, end = microseconds(period.start), microseconds(period.end)
    days = [
        (j.entered[NEXT[stage]] - j.entered[stage]) / DAY
        for j in naive.all
        if start <= j.entered.get(NEXT[stage], NEVER) < end and stage not in j.inferred
    ]
    return median(days) if len(days) >= 5 else None


def what_changed_and_what_leaks(told: Made) -> None:
    period, engine = told.report.period, told.engine
    naive, before = Naive(engine, period), Naive(engine, period.before)
    section = document(told.report)["sections"]
    lost: dict[str, float] = {}
    clear: dict[str, bool] = {}
    for row in section["changed"]["tables"]["steps"]:
        stage = row["stage"]["stage"]
        found, earlier = naive.step(stage, naive.all), before.step(stage, before.all)
        assert (row["entered"]["value"], row["entered"]["before"]) == (len(found["entered"]), len(earlier["entered"]))
        assert row["there"]["value"] == len(found["waiting"])
        if stage not in NEXT:
            assert row["went_on"]["value"] is None
            continue
        now_, then = went_on(engine, stage, period), went_on(engine, stage, period.before)
        share(row["went_on"], *now_)
        assert row["went_on"].get("before") == (pytest.approx(then[0] / then[1]) if then[1] else None)
        for name, some in (("value", period), ("before", period.before)):
            wanted = took(naive, stage, some)
            assert row["took"].get(name) == (pytest.approx(wanted) if wanted is not None else None)
        if now_[1] and then[1] and now_[0] / now_[1] < then[0] / then[1]:
            p, q = now_[0] / now_[1], then[0] / then[1]
            lost[stage] = round((q - p) * now_[1], 1)
            clear[stage] = p - q + math.hypot(wilson(*now_)[1] - p, q - wilson(*then)[0]) < 0
    assert [row["stage"]["stage"] for row in section["changed"]["tables"]["steps"]] == list(STEPS)
    rows = section["leaks"]["tables"].get("leaks", [])
    keyed = {row["step"]["values"]["stage"]["stage"]: row for row in rows}
    assert {stage: row["lost_leads"]["value"] for stage, row in keyed.items()} == lost
    assert {stage: row["verdict"]["key"] == "leak_clear" for stage, row in keyed.items()} == clear
    points = section["agenda"]["points"]
    worst = min(lost, key=lambda one: (not clear[one], -lost[one]), default=None)
    said = [one["values"]["stage"]["stage"] for one in points if one["key"] in ("agenda_leak", "agenda_leak_chance")]
    assert worst is None or lost[said[0]] == lost[worst]
    for row in section["leaks"]["tables"]["stuck"]:
        found = naive.step(row["stage"]["stage"], naive.all)
        assert (row["stuck"]["value"], row["there"]["value"]) == (len(found["stuck"]), len(found["waiting"]))
    notes = {one["key"]: one["values"].get("count") for one in section["changed"]["notes"]}
    assert notes.get("note_without_stage", 0) == len(naive.without)
    assert notes.get("note_in_future", 0) == len(naive.late)


def the_inflow_week_by_week(told: Made) -> None:
    naive = Naive(told.engine, told.report.period)
    chart = document(told.report)["sections"]["changed"]["charts"]["inflow"]
    end = microseconds(told.report.period.end)
    assert set(chart["series"]) == {"mql", "sql", "customer"}
    for stage, values in chart["series"].items():
        wanted = [0] * 13
        for j in naive.all:
            weeks = (end - 1 - j.entered.get(stage, NEVER)) // (7 * DAY)
            if 0 <= weeks < 13:
                wanted[12 - weeks] += 1
        assert list(values) == wanted
    assert chart["days"][-1] == told.report.period.last - timedelta(days=6)


def deals_are_those_of_plain_rows(told: Made) -> None:
    period = told.report.period
    rows = {
        row["deals"]["key"]: row for row in document(told.report)["sections"]["changed"]["tables"]["deals"]
    }  # fmt: skip
    with told.engine.connect() as c:
        deals = [orjson.loads(row[0]) for row in c.execute(sa.text("SELECT fields FROM hub WHERE kind = 'deal'"))]
        source = {
            row[0]: orjson.loads(row[1])["source"]
            for row in c.execute(sa.text("SELECT id, fields FROM hub WHERE kind = 'lead'"))
        }

    def closed(state: str, some: Period) -> list[dict[str, Any]]:
        return [
            d
            for d in deals
            if d["stage"] == state and some.first.isoformat() <= d["close_date"] <= some.last.isoformat()
        ]

    def euros(some: list[dict[str, Any]]) -> float:
        known = [d for d in some if d["amount"] is not None and d["currency"] != "BRL"]
        return sum(round(d["amount"] * (0.9 if d["currency"] == "USD" else 1) * 100) for d in known) / 100

    for key, state in (("deals_won", "won"), ("deals_lost", "lost")):
        assert (rows[key]["number"]["value"], rows[key]["number"]["before"]) == (
            len(closed(state, period)), len(closed(state, period.before)),
        )  # fmt: skip
    won, lost = len(closed("won", period)), len(closed("lost", period))
    share(rows["deals_rate"]["number"], won, won + lost)
    amount = rows["deals_won"]["amount"]
    assert amount["value"] == pytest.approx(euros(closed("won", period)), abs=0.01)
    assert amount["before"] == pytest.approx(euros(closed("won", period.before)), abs=0.01)
    pipeline = [d for d in deals if d["stage"] == "open"]
    assert rows["deals_open"]["number"]["value"] == len(pipeline)
    assert rows["deals_open"]["amount"]["value"] == pytest.approx(euros(pipeline), abs=0.01)
    naive = Naive(told.engine, period)
    first = {j.hub_id: j.moves[0].at for j in naive.all}
    sourced = [
        d for d in closed("won", period)
        if d["contacts"] and source[min(d["contacts"], key=lambda i: (first.get(i, NEVER), i))] in ("Web", "Webinar")
    ]  # fmt: skip
    assert rows["deals_won"]["sourced"]["value"] == pytest.approx(euros(sourced), abs=0.01)


def sources_personas_and_outcomes(told: Made) -> None:
    naive = Naive(told.engine, told.report.period)
    sections = document(told.report)["sections"]
    passed = naive.passed(naive.all)
    tables = sections["leaks"]["tables"]
    keys = {"outcome_converted": "converted", "outcome_open": "open", "outcome_not_qualified": "not_qualified",
            "outcome_lost": "lost"}  # fmt: skip
    for row in tables.get("outcomes", []):
        number = len(passed[keys[row["outcome"]["key"]]])
        assert row["leads"]["value"] == number
        share(row["share"], number, len(passed["passed"]))
    by_id = {j.hub_id: j for j in naive.all}
    reasons = Counter((o, by_id[i].moves[-1].reason) for o in ("not_qualified", "lost") for i in passed[o])
    for row in tables.get("reasons", []):
        outcome, reason = keys[row["outcome"]["key"]], row["reason"].replace(" ", "_")
        assert row["leads"]["value"] == reasons[outcome, reason]
    boss, shop = (predicate(Condition.model_validate(one), LIFE) for one in (BOSS, {"industry": "Retail"}))
    sources = sections["feedback"]["tables"].get("sources", [])
    assert sources or not passed["passed"], "what was passed came from somewhere"
    for row in sources:
        some = [j for j in naive.all if naive.fields[j.hub_id]["source"] == row["source"]]
        found = naive.passed(some)
        assert (row["passed"]["value"], row["undecided"]["value"]) == (len(found["passed"]), len(found["open"]))
        share(row["accepted"], len(found["accepted"]), len(found["passed"]))
        left = [m for j in some for m in j.moves if m.new in LIFE.side and naive.start <= m.at < naive.end]
        assert row["rejected"]["value"] == len(left)
    for row in sections["personas"]["tables"]["personas"]:
        name = row["persona"] if isinstance(row["persona"], str) else ""

        def fits(f: dict[str, Any], name: str = name) -> bool:
            return ("boss" if boss(f) else "shop" if shop(f) else "") == name

        mine = [i for i, f in naive.fields.items() if fits(f)]
        assert row["leads"]["value"] == len(mine)
        assert row["share"]["value"] == pytest.approx(len(mine) / len(naive.fields))
        found = naive.passed([j for j in naive.all if fits(naive.fields[j.hub_id])])
        assert (row["passed"]["value"], row["converted"]["value"]) == (len(found["passed"]), len(found["converted"]))


def promises_are_those_of_plain_sql(told: Made) -> None:
    period, late = told.report.period, document(told.report)["sections"]["late"]
    with told.engine.connect() as c:
        clocks = c.execute(sa.text("SELECT clause, owner, state, started, due, stopped, elapsed FROM sla_clock")).all()

    def at(value: Any) -> int | None:
        return value if value is None or isinstance(value, int) else microseconds(value)

    def of(clause: str, some: Period) -> list[Any]:
        start, end = microseconds(some.start), microseconds(some.end)
        return [x for x in clocks if x.clause == clause and start <= (at(x.started) or 0) < end]

    keys = {row["clause"]["key"].removeprefix("clause_"): row for row in late["tables"].get("clauses", [])}
    assert set(keys) == {x.clause for x in clocks if of(x.clause, period) or of(x.clause, period.before)}
    for clause, row in keys.items():
        mine = Counter(x.state for x in of(clause, period))
        assert (row["met"]["value"], row["broken"]["value"]) == (mine["met"], mine["breached"])
        assert row["open"]["value"] == mine["running"] + mine["paused"]
        share(row["kept"], mine["met"], mine["met"] + mine["breached"])
    now = microseconds(NOW)
    overdue = Counter(x.owner for x in clocks if x.state == "breached" and x.stopped is None)
    soon = Counter(
        x.owner for x in clocks if x.state == "running" and x.due is not None and (at(x.due) or 0) <= now + DAY
    )
    for row in late["tables"]["owners"]:
        assert (row["overdue"]["value"], row["soon"]["value"]) == (overdue[row["owner"]], soon[row["owner"]])
    (point,) = late["points"]
    assert point["values"]["number"]["value"] == sum(overdue.values())
    assert point["values"]["soon"]["value"] == sum(soon.values())


def what_marketing_brought_since_the_month_began(told: Made) -> None:
    rows = document(told.report)["sections"]["late"]["tables"]["promised"]
    naive = Naive(told.engine, told.report.period)
    zone = timedelta(hours=2)  # of Madrid, in May and June
    last = told.report.period.last
    since = microseconds(datetime(last.year, last.month, 1, tzinfo=UTC) - zone)
    until = microseconds(told.report.period.end)
    brought = [j for j in naive.all if since <= j.entered.get("mql", NEVER) < until and "mql" not in j.inferred]
    accepted = rejected = 0
    for j in brought:
        yes = j.entered.get("sal", NEVER)
        no = min((m.at for m in j.moves if m.new in LIFE.side and m.at >= j.entered["mql"]), default=NEVER)
        accepted += yes != NEVER and yes <= no
        rejected += no != NEVER and no < yes
    volume, quality, complete = rows
    assert volume["reached"]["value"] == len(brought)
    share(quality["reached"], accepted, accepted + rejected)
    filled = sum(bool(naive.fields[j.hub_id].get("industry")) for j in brought)
    assert complete["reached"]["value"] == (pytest.approx(filled / len(brought)) if brought else None)
    half_year = microseconds(NOW - timedelta(days=round(6 * 30.44)))
    came = [j for j in naive.all if half_year <= j.entered.get("mql", NEVER) < NEVER]
    rate = sum("sal" in j.entered for j in came) / len(came)
    with told.engine.connect() as c:
        deals = [orjson.loads(row[0]) for row in c.execute(sa.text("SELECT fields FROM hub WHERE kind = 'deal'"))]
    amounts = [
        d["amount"] * (0.9 if d["currency"] == "USD" else 1) for d in deals
        if d["stage"] == "won" and d["amount"] is not None and d["currency"] != "BRL"
        and microseconds(datetime.fromisoformat(d["close_date"]).replace(tzinfo=UTC)) >= half_year
    ]  # fmt: skip
    wanted = math.ceil(
        round(900_000 / (sum(round(a * 100) for a in amounts) / 100 / len(amounts)) / 0.3 / 0.5 / rate, 6)
    )
    assert volume["target"]["value"] == wanted


def objectives_are_measured_and_forecast(told: Made) -> None:
    section = document(told.report)["sections"]["objectives"]
    rows = {row["objective"]: row for row in section["tables"]["objectives"]}
    quarter = Naive(told.engine, period_of("month", NOW))
    start, end = microseconds(datetime(2026, 4, 1, tzinfo=UTC)), microseconds(datetime(2026, 7, 1, tzinfo=UTC))
    mqls = sum(start <= j.entered.get("mql", NEVER) < end for j in quarter.all)
    assert rows["mqls"]["reached"]["value"] == mqls
    assert rows["mqls"]["target"]["value"] == pytest.approx(900_000 / 12_500 / 0.5)
    month = told.report.period.last.month
    naive = Naive(told.engine, MONTH if month == 5 else period_of("month", NOW))
    found = naive.passed(naive.all)
    wanted = len(found["accepted"]) / len(found["passed"])
    assert rows["accepted"]["reached"]["value"] == pytest.approx(wanted)
    with told.engine.connect() as c:
        states = Counter(
            row[0] for row in c.execute(sa.text("SELECT state, started FROM sla_clock WHERE clause = 'first_response'"))
            if naive.start <= (row[1] if isinstance(row[1], int) else microseconds(row[1])) < naive.end
        )  # fmt: skip
    decided = states["met"] + states["breached"]
    assert rows["answers"]["reached"]["value"] == (pytest.approx(states["met"] / decided) if decided else None)
    risky = [
        r
        for r in rows.values()
        if (r["forecast"]["value"] or 0) < r["target"]["value"] and r["forecast"]["value"] is not None
    ]
    assert section["points"][0]["values"]["risky"] == len(risky)


def the_agenda_has_last_meetings_decisions_and_whether_they_were_carried_out(told: Made) -> None:
    section = document(told.report)["sections"]["agenda"]
    told_ = [(row["id"], row["state"]["key"], row["who"]) for row in section["tables"]["decisions"]]
    closed = [("2", "decision_done")] if kind_of(told.report.period) == "month" else []  # it was closed in May
    assert [(a, b) for a, b, _ in told_] == [("1", "decision_late"), ("3", "decision_open"), *closed]
    assert section["points"][0] == {"key": "agenda_late", "text": "1 decision is late.", "values": {"count": 1}}


CHECKS = (
    what_changed_and_what_leaks,
    the_inflow_week_by_week,
    deals_are_those_of_plain_rows,
    sources_personas_and_outcomes,
    promises_are_those_of_plain_sql,
    what_marketing_brought_since_the_month_began,
    objectives_are_measured_and_forecast,
    the_agenda_has_last_meetings_decisions_and_whether_they_were_carried_out,
)


def test_every_figure_is_what_the_raw_rows_come_to(told: Made) -> None:
    for check in CHECKS:  # one past for all: to make it takes longer than to count it
        check(told)
