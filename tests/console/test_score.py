"""score: a lead's points added up, what the outcomes say of the rules, and what can be learned from them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import exp
from pathlib import Path
from random import Random

import pytest

from state.database import open_database
from state.records import Activity, Hub
from state.store import Store
from tests.console.conftest import Call

AXES = """\
scoring:
  fit:
    rules:
      - {name: Decides, points: 60, when: {job_title: {contains: chief}}}
  engagement:
    rules:
      - {name: Form, points: 20, on: [form], half_life: 10, cap: 40}
  predictive: {leads: 200, won: 20}
"""
NOW = datetime.now(UTC)


@pytest.fixture
def scored(smarketing: Call, project: Path) -> Call:
    """Both axes; Ada has filled in a form today and one ten days ago."""
    main = project / "smarketing.yaml"
    text = main.read_text()
    main.write_text(text[: text.index("scoring:")] + AXES)
    smarketing("sync", "--confirm")
    store = Store(open_database(f"sqlite:///{project / 'state.sqlite'}"))
    ada = smarketing("explain", "crm:1", "--json").json["id"]
    happened = [NOW - timedelta(seconds=5), NOW - timedelta(days=10)]
    store.keep_activities(
        "crm",
        [Activity(f"f{n}", "form", at, None, (ada,), None, None, None, "{}") for n, at in enumerate(happened)],
        "run",
        NOW,
    )
    store.touch([ada])
    store.commit()
    store.close()
    return smarketing


def test_a_score_adds_up_to_what_was_pushed(scored: Call) -> None:
    before = scored("score", "crm:1", "--json").json
    assert before["pending"] == 0, "the next run tells the systems"
    scored("sync")
    told = scored("score", "ada@analytical.example", "--json").json
    [fit, engagement] = told["axes"]
    assert (engagement["sum"], engagement["value"], told["pending"]) == (30, 30, None)
    assert [one["worth"] for one in engagement["lines"][0]["activities"]] == [20.0, 10.0]
    shown = {f["name"]: f["value"] for f in scored("explain", "crm:1", "--json").json["fields"]}
    assert (shown["fit_score"], shown["engagement_score"], shown["score"], shown["grade"]) == (
        fit["value"], engagement["value"], told["total"], told["grade"],
    )  # fmt: skip
    assert told["total"] == (fit["value"] + engagement["value"]) / 2
    assert told["history"][-1]["total"] == told["total"]
    assert "engagement_parts" not in shown


def test_a_score_is_read_out(scored: Call) -> None:
    scored("sync")
    out = scored("score", "crm:1").out
    for words in ("Engagement 30", "Form", "form on", "10 days ago: +10.00", "To engagement 2: 20 more points"):
        assert words in out, out
    assert "Engagement 30" in scored("explain", "crm:1").out


def test_only_leads_have_a_score_and_a_project_may_have_none(scored: Call, project: Path) -> None:
    assert scored("score", "nobody@nowhere.example", "--json").json["error"]["code"] == "no-lead"
    main = project / "smarketing.yaml"
    text = main.read_text()
    main.write_text(text[: text.index("scoring:")].replace("mql: {score: {at_least: 30}}", "mql: {company: Acme}"))
    for mapping in (project / "mappings").iterdir():
        mapping.write_text("".join(x for x in mapping.read_text().splitlines(True) if not x.startswith("  score:")))
    answer = scored("score", "crm:1", "--json")
    assert (answer.exit, answer.json["error"]["code"]) == (2, "no-scoring")


@pytest.mark.parametrize("what", ["backtest", "train"])
def test_too_few_outcomes_are_told(scored: Call, what: str) -> None:
    assert "there are 0: 0 won, 0 not" in scored("score", "calibrate", "--json").json["too_few"]
    assert "Too few outcomes" in scored("score", "calibrate").out
    answer = scored("score", what, "--json")
    assert answer.exit == 1
    assert "200 decided leads, 20 of them won, are needed" in answer.json["too_few"]


def decided(project: Path, count: int) -> None:
    """Leads of the past, won by their title."""
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    dice = Random(seed)
    store = Store(open_database(f"sqlite:///{project / 'state.sqlite'}"))
    hubs, changes, stages = [], [], []
    for n in range(count):
        at, id_ = NOW - timedelta(days=400, hours=-4 * n), f"{n:031x}f"
        chief = dice.random() < 0.5
        won = dice.random() < 1 / (1 + exp(2 - 3 * chief))
        end = "customer" if won else "disqualified"
        fields = {"email": f"p{n}@x", "job_title": "Chief" if chief else "Clerk", "stage": end}
        hubs.append(Hub(id_, fields, {"": "crm"}))
        row = {"hub_id": id_, "run_id": "r", "system": "crm"}
        changes.append({**row, "at": at, "kind": "created", "detail": None})
        moves = [(at + timedelta(days=1), "lead", "mql"), (at + timedelta(days=5), "mql", end)]
        for when, old, new in moves:
            changes.append({**row, "at": when, "kind": "merged", "detail": {"stage": {"old": old, "new": new}}})
            stages.append({**row, "at": when, "old": old, "new": new, "reason": None, "evidence": ""})
    store.insert_hubs(hubs)
    store.log_changes(changes)
    store.log_stages(stages)
    store.commit()
    store.close()


def test_the_outcomes_speak_of_the_rules_and_a_score_is_learned(scored: Call, project: Path) -> None:
    decided(project, 600)
    told = scored("score", "calibrate", "--json").json
    assert told["outcomes"] == 600
    rules = {rule["rule"]: rule for rule in told["rules"]}
    assert rules["Decides"]["lift"] > 2
    assert rules["Decides"]["suggested"] > 0
    assert rules["Form"]["suggested"] is None
    assert "Suggestions are never applied" in scored("score", "calibrate").out
    tested = scored("score", "backtest", "--json").json
    assert tested["model"] is None
    assert tested["backtest"]["auc"] > 0.6
    assert scored("score", "crm:1", "--json").json["predicted"] is None
    kept = scored("score", "train", "--json").json["model"]
    assert kept["id"]
    told = scored("score", "crm:1", "--json").json["predicted"]
    assert told["model"] == kept["id"]
    assert 0 < told["score"] < 100
    assert "Predicted" in scored("score", "crm:1").out
    assert "learned from 600 leads" in scored("score", "train").out
