"""funnel, personas, objectives: figures over a past that is written down here, as a person asks for them."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from alignment.periods import current, label_of
from state.clocks import ClockRow, Clocks
from state.database import open_database
from state.ids import new_id
from state.records import Hub
from state.store import Store
from tests.console.conftest import Call

AGREED = """
languages: [es, en]
currency: EUR
personas:
  - {name: boss, label: {en: Boss, es: Quien decide}, means: Signs, when: {job_title: {contains: chief}}}
  - {name: shop, when: {company: {contains: shop}}}
funnel:
  steps: [mql, sal, sql, customer]
  cuts: [company]
  segments: [{name: big, when: {employees: {at_least: 100}}}]
objectives:
  - {name: sales_ready, label: {en: Sales-ready, es: Listos para ventas}, metric: sql, target: 4, period: month}
  - {name: handed_over, metric: mql, derived_from: {from: sales_ready, rate: 0.5}}
  - {name: accepted, team: sales, metric: acceptance_rate, target: 0.5, period: month}
  - {name: in_time, team: sales, metric: response_attainment, target: 0.9, period: month}
sla:
  version: 1
  agreed_on: 2026-01-05
  agreed_by: [{name: Marta, team: marketing}, {name: Tom, team: sales}]
  re_evaluate_on: 2026-02-05
  calendars: {office: {zone: UTC, hours: {monday: "09:00-17:00"}}}
  sales: {first_response: {segments: [{name: all, within: 4 h}]}}
"""
NOW = datetime.now(UTC)
LAST = current("month", NOW, "UTC").before
"""The last month that is over."""
LABEL = label_of("month", LAST.first)


@pytest.fixture
def told(project: Path, smarketing: Call) -> Call:
    """Ten leads were handed over on the fifth of the last month; of the six of Acme four were accepted and three of those
    sales-qualified; the four of Shop were disqualified, for lack of a budget."""
    with (project / "smarketing.yaml").open("a") as file:
        file.write(AGREED)
    store = Store(open_database(f"sqlite:///{project / 'state.sqlite'}"))
    at = LAST.start + timedelta(days=4, hours=12)
    stages = []
    for n in range(10):
        company = "Acme" if n < 6 else "Shop"
        way = ["mql", *["sal", "sql"][: max(0, min(2, 4 - n + (n < 3)))]] if n < 6 else ["mql", "disqualified"]
        fields = {"email": f"p{n}@example.com", "company": company, "stage": way[-1], "employees": 50 * n}
        hub = Hub(new_id(), fields | ({"job_title": "Chief"} if n < 2 else {}), {"": "crm"})
        store.insert_hubs([hub])
        for step, new in enumerate(way):
            stages.append({"hub_id": hub.id, "run_id": "r", "system": "crm", "evidence": "", "old": way[step - 1] if step
                           else None, "new": new, "reason": "no budget" if new == "disqualified" else None,
                           "at": at + timedelta(days=3 * step)})  # fmt: skip
    store.log_stages(stages)
    store.commit()
    store.close()
    return smarketing


def clocks(project: Path, *states: str) -> None:
    """First responses of the last month."""
    stopped = {"met": LAST.start + timedelta(days=5), "breached": LAST.start + timedelta(days=6)}
    with Clocks(open_database(f"sqlite:///{project / 'state.sqlite'}")) as kept:
        kept.save_clocks(
            [
                ClockRow(new_id(), "first_response", LAST.start + timedelta(days=4), 1, "all", "", "", state, 1, 1, None,
                         None, 0, None, stopped.get(state), "")
                for state in states
            ]
        )  # fmt: skip
        kept.commit()


def period(*words: str) -> tuple[str, ...]:
    return (*words, "--from", str(LAST.first), "--to", str(LAST.last))


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


# -- funnel -------------------------------------------------------------------------------------------------------------


def test_the_funnel_counts_what_was_written_down(told: Call) -> None:
    document = told(*period("funnel"), "--json").json
    steps = {one["stage"]: one for one in document["total"]["steps"]}
    assert {name: one["entered"] for name, one in steps.items()} == {"mql": 10, "sal": 4, "sql": 3, "customer": 0}
    assert (steps["mql"]["reached"]["part"], steps["mql"]["reached"]["value"]) == (4, 0.4)
    assert document["total"]["passed"]["reasons"] == {"not_qualified": {"no budget": 4}, "lost": {}}
    shown = told(*period("funnel")).out
    assert "10" in shown
    assert "no budget 4" in shown


def test_told_apart_the_groups_add_up(told: Call) -> None:
    for cut, wanted in (("company", {"Acme": 6, "Shop": 4}), ("segment", {"big": 8, "": 2})):
        groups = told(*period("funnel"), "--by", cut, "--json").json["cuts"][cut]
        entered = {value: one["steps"][0]["entered"] for value, one in groups.items()}
        assert {value: count for value, count in entered.items() if count} == wanted
    table = rows(told(*period("funnel"), "--by", "persona", "--csv").out)
    assert [(r["value"], r["entered"]) for r in table if r["cut"] == "persona" and r["stage"] == "mql"][:2] == [
        ("boss", "2"), ("shop", "4"),
    ]  # fmt: skip
    assert "Quien decide" in told(*period("funnel"), "--by", "persona").out


def test_whoever_stands_behind_a_figure_can_be_listed(told: Call) -> None:
    document = told(*period("funnel"), "--leads", "mql:reached", "--json").json
    assert (document["count"], len(document["leads"])) == (4, 4)
    listed = rows(told(*period("funnel"), "--leads", "not_qualified", "--csv").out)
    assert {(one["outcome"], one["reason"]) for one in listed} == {("not_qualified", "no budget")}
    only = told(*period("funnel"), "--leads", "mql", "--only", "company=Shop", "--limit", "1")
    assert "4 leads" in only.out
    assert "3 more" in only.out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("--by", "compny"), "no-figure"),
        (("--leads", "mql:nothing"), "no-figure"),
        (("--from", "tomorrow"), "usage"),
        (("--from", "2026-03-02", "--to", "2026-03-01"), "usage"),
    ],
)
def test_what_makes_no_sense_is_told(told: Call, words: tuple[str, ...], code: str) -> None:
    answer = told("funnel", *words, "--json")
    assert (answer.exit, answer.json["error"]["code"]) == (2, code)


# -- personas -----------------------------------------------------------------------------------------------------------


def test_personas_say_how_far_they_come_and_why_not(told: Call) -> None:
    pages = {one["persona"]: one for one in told(*period("personas"), "--json").json["personas"]}
    assert {name: one["leads"] for name, one in pages.items()} == {"boss": 2, "shop": 4, None: 4}
    assert pages["shop"]["rejected"] == {"no budget": 4}
    assert pages["boss"]["counts"]["passed"]["accepted"]["value"] == 1.0
    one = told(*period("personas"), "boss").out
    assert "Quien decide" in one
    assert "Signs" in one
    assert told("personas", "bos", "--json").json["error"]["hint"] == "Did you mean boss?"


def test_a_project_without_personas_or_objectives_says_so(smarketing: Call) -> None:
    assert smarketing("personas", "--json").json["error"]["code"] == "no-persona"
    assert smarketing("objectives", "--json").json["error"]["code"] == "no-objective"


# -- objectives ---------------------------------------------------------------------------------------------------------


def by_name(documents: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["objective"]: one for one in documents}


def test_objectives_stand_where_the_past_has_brought_them(told: Call, project: Path) -> None:
    clocks(project, "met", "met", "breached", "running", "cancelled")
    found = by_name(told("objectives", "show", "--period", LABEL, "--json").json["objectives"])
    assert {name: (one["value"], one["target"]) for name, one in found.items()} == {
        "sales_ready": (3.0, 4.0), "handed_over": (10.0, 8.0), "accepted": (0.4, 0.5), "in_time": (2 / 3, 0.9),
    }  # fmt: skip
    assert found["in_time"]["basis"] == {"met": 2, "breached": 1, "open": 1, "excluded": 1}
    assert found["handed_over"]["derived_from"] == ["sales_ready"]
    table = rows(told("objectives", "show", "--period", LABEL, "--csv").out)
    assert [(one["objective"], one["label"], one["derived_from"]) for one in table][:2] == [
        ("sales_ready", "Listos para ventas", ""), ("handed_over", "handed_over", "sales_ready"),
    ]  # fmt: skip
    assert "Listos para ventas" in told("objectives", "show", "--period", LABEL).out


def test_of_no_response_there_is_no_share(told: Call, project: Path) -> None:
    clocks(project, "running", "cancelled")
    found = by_name(told("objectives", "show", "--period", LABEL, "--json").json["objectives"])
    assert found["in_time"]["value"] is None


def test_what_is_frozen_stays_until_it_is_restated_and_nothing_is_lost(told: Call, project: Path) -> None:
    frozen = told("objectives", "freeze", "--by", "Ada", "--json").json
    assert {(one["objective"], one["frozen_by"]) for one in frozen["frozen"]} == {
        ("sales_ready", "Ada"), ("handed_over", "Ada"), ("accepted", "Ada"),
    }  # fmt: skip
    assert frozen["unmeasured"] == ["in_time"]
    assert told("objectives", "freeze", "--json").json["frozen"] == []
    store = Store(open_database(f"sqlite:///{project / 'state.sqlite'}"))
    late = Hub(new_id(), {"email": "late@example.com", "stage": "mql"}, {"": "crm"})
    store.insert_hubs([late])
    at = LAST.start + timedelta(days=9)
    store.log_stages([{"hub_id": late.id, "run_id": "r", "system": "crm", "evidence": "", "old": None, "new": "mql",
                       "reason": None, "at": at}])  # fmt: skip
    store.commit()
    store.close()
    show: Callable[[], Any] = lambda: told("objectives", "show", "--period", LABEL, "--json").json  # noqa: E731
    assert by_name(show()["objectives"])["handed_over"]["value"] == 10
    words = ("objectives", "restate", "handed_over", "--period", LABEL, "--by", "Bob")
    assert told(*words, "--reason", " ", "--json").json["error"]["code"] == "usage"
    again = told(*words, "--reason", "late import", "--json").json
    assert (again["was"]["value"], again["objective"]["value"]) == (10, 11)
    after = show()
    mine = [one for one in after["history"] if one["objective"] == "handed_over"]
    assert [(one["value"], one["frozen_by"], one["reason"]) for one in mine] == [
        (10, "Ada", None), (11, "Bob", "late import"),
    ]  # fmt: skip
    answer = told("objectives", "restate", "in_time", "--period", LABEL, "--reason", "x", "--json")
    assert (answer.exit, answer.json["error"]["code"]) == (2, "not-frozen")


def test_a_team_accepts_the_target_and_later_what_came_of_it(told: Call) -> None:
    accept = ("objectives", "accept", "handed_over", "--period", LABEL)
    assert told(*accept, "--team", "hr", "--json").json["error"]["code"] == "usage"
    first = told(*accept, "--team", "sales", "--by", "Tom", "--json").json["accepted"]
    assert (first["target"], first["attainment_id"]) == (8, None)
    told("objectives", "freeze")
    found = by_name(told("objectives", "show", "--period", LABEL, "--json").json["objectives"])
    assert found["handed_over"]["accepted"] == {}  # of the target, not of the figure
    told(*accept, "--team", "marketing", "--by", "Marta")
    found = by_name(told("objectives", "show", "--period", LABEL, "--json").json["objectives"])
    assert found["handed_over"]["accepted"] == {"marketing": "Marta"}


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("show", "--period", "2026-13"), "usage"),
        (("accept", "handed_ovr", "--team", "sales"), "no-objective"),
        (("freeze", "--period", label_of("month", NOW.date())), "not-over"),
    ],
)
def test_an_objective_or_period_that_is_none_is_told(told: Call, words: tuple[str, ...], code: str) -> None:
    answer = told("objectives", *words, "--json")
    assert (answer.exit, answer.json["error"]["code"]) == (2, code)


# -- status -------------------------------------------------------------------------------------------------------------


def test_status_reminds_of_clocks_over_time_and_of_the_pact(told: Call, project: Path) -> None:
    with Clocks(open_database(f"sqlite:///{project / 'state.sqlite'}")) as kept:
        row = ClockRow(new_id(), "decision", NOW, 1, "", "", "", "breached", 1, 2, NOW, None, 0, NOW, None, "")
        kept.save_clocks([row])
        kept.commit()
    clocks(project, "running", "met", "breached")
    late = (NOW.date() - date(2026, 2, 5)).days
    said = told("status", "--json").json["sla"]
    assert (said["open"], said["overdue"]) == (2, 1)
    assert f"{late} days ago" in said["re_evaluation"]
    out = " ".join(told("status").out.split())
    assert "1 clock of 2 over time: smarketing sla status" in out
    assert "2026-02-05" in out
