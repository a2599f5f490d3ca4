"""explain: every value with its source, every stage with its evidence, and why a lead is not somewhere."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from state.database import open_database
from state.records import Activity
from state.store import Store
from tests.console.conftest import Call
from tests.console.folder import edit, held

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def synced(smarketing: Call) -> Call:
    smarketing("sync", "--confirm")
    return smarketing


def field(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(f for f in told["fields"] if f["name"] == name)


@pytest.mark.parametrize("asked", ["ada@analytical.example", " ADA@Analytical.Example ", "marketing:1", "crm:1"])
def test_a_lead_is_found_however_it_is_named(synced: Call, asked: str) -> None:
    assert synced("explain", asked, "--json").json["who"] == "Ada Lovelace <ada@analytical.example>"


def test_a_lead_is_found_by_its_id_and_by_the_end_of_what_is_known(synced: Call) -> None:
    hub_id = synced("explain", "crm:1", "--json").json["id"]
    assert synced("explain", hub_id, "--json").json["id"] == hub_id
    assert synced("explain", "Lovelace", "--json").json["id"] == hub_id


def test_an_unknown_lead_is_said_to_be_unknown(synced: Call) -> None:
    answer = synced("explain", "nobody@nowhere.example", "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == "no-lead"


def test_several_that_may_be_meant_are_named(synced: Call) -> None:
    answer = synced("explain", "example", "--json")
    assert "Ada Lovelace" in answer.json["error"]["hint"]
    assert "Grace Hopper" in answer.json["error"]["hint"]


def test_every_value_says_where_it_came_from(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", Phone="020 7946 0999")
    synced("sync")
    told = synced("explain", "crm:1", "--json").json
    [last, *_] = synced("status", "--json").json["runs"]
    phone = field(told, "phone")
    assert (phone["value"], phone["source"], phone["rule"]) == ("+442079460999", "crm", "only change")
    assert phone["run"] == last["id"]
    assert phone["systems"] == {"crm": "+442079460999", "marketing": "+442079460999"}
    assert field(told, "company")["source"] == "marketing"
    assert field(told, "score")["source"] == "smarketing"


def test_a_conflict_names_its_losers(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", Company="Analytical Ltd")
    edit(project, "marketing", "1", company="Analytical Inc")
    synced("sync")
    company = next(c for c in synced("explain", "crm:1", "--json").json["conflicts"] if c["field"] == "company")
    assert company["winner"] == "crm"
    assert company["claims"] == {"crm": "Analytical Ltd", "marketing": "Analytical Inc"}
    assert "Analytical Inc (marketing)" in synced("explain", "crm:1").out


def test_a_conflict_that_waits_shows_both_claims(synced: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    told = synced("explain", "crm:1", "--json").json
    assert field(told, "job_title")["claims"] == {"crm": "Analyst", "marketing": "Chief Analyst"}
    assert [review["kind"] for review in told["reviews"]] == ["conflict"]
    out = synced("explain", "crm:1").out
    assert "a person decides" in out
    assert "marketing: claims Chief Analyst" in out


def test_the_score_is_told_rule_by_rule_and_the_stage_with_its_evidence(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", Title="Chief Analyst")
    synced("sync")
    told = synced("explain", "crm:1", "--json").json
    assert told["score"] == 30
    assert told["score_parts"] == [["Decides", 20], ["Company known", 10]]
    assert told["score_misses"] == [["Wants no e-mail", -30]]
    assert [(s["old"], s["new"], s["system"], s["evidence"]) for s in told["stages"]] == [
        (None, "lead", "crm", "furthest"),
        ("lead", "mql", "smarketing", "score is 30"),
    ]


def test_why_it_is_not_in_a_system(synced: Call, project: Path) -> None:
    told = synced("explain", "grace@navy.example", "--json").json
    assert told["absent"] == {"crm": "create_when asks that stage is at least lead; here stage is subscriber"}
    edit(project, "crm", "2", deleted=True)
    synced("sync", "--full")
    gone = synced("explain", "alan@bletchley.example", "--json").json["absent"]["crm"]
    assert gone.startswith("its record 2 was deleted there")


def test_who_has_left_is_archived_and_explained(smarketing: Call, project: Path) -> None:
    mapping = project / "mappings/crm.yaml"
    mapping.write_text(mapping.read_text() + "sync_when: {not: {job_title: Retired}}\non_leave: archive\n")
    smarketing("sync", "--confirm")
    edit(project, "marketing", "1", title="Retired")
    edit(project, "crm", "1", Title="Retired")
    stopped = smarketing("sync", "--json")
    assert [stop["code"] for stop in stopped.json["stops"]] == ["guard-archives"]
    planned = smarketing("plan", "--json").json
    [write] = [one for one in planned["writes"] if one["operation"] == "archive"]
    assert write["fields"]["job_title"]["new"] == "Retired"
    assert smarketing("plan").exit == 3
    smarketing("sync", "--confirm")
    assert "1" not in held(project, "crm")
    told = smarketing("explain", "ada@analytical.example", "--json").json
    assert told["records"]["crm"]["state"] == "archived"
    assert told["standing"]["crm"]["code"] == "archived"
    assert told["standing"]["crm"]["clauses"] == [["not (job_title is Retired)", "job_title is Retired"]]
    assert told["standing"]["marketing"]["code"] == "in_line"
    assert "crm 1 was archived: it has left sync_when" in [event["told"] for event in told["timeline"]]
    assert "created anew once the rule holds again" in " ".join(
        smarketing("explain", "ada@analytical.example").out.split()
    )
    edit(project, "marketing", "1", title="Chief Analyst")
    smarketing("sync")
    assert "ada@analytical.example" in [record["Email"] for record in held(project, "crm").values()]


def test_a_refused_write_is_why_too(synced: Call, project: Path) -> None:
    edit(project, "marketing", "2", stage="lead", email="ada@analytical.example ")
    edit(project, "marketing", "2", email="alan@bletchley.example")
    synced("sync")
    told = synced("explain", "marketing:2", "--json").json
    assert "crm" in told["absent"]


def test_the_timeline_tells_changes_and_pushes_in_order(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", Phone="020 7946 0999")
    synced("sync")
    events = synced("explain", "crm:1", "--json").json["timeline"]
    # The stage stands where it was entered there, before we had heard of anybody.
    assert [event["what"] for event in events] == ["stage", "created", "merged", "sent", "sent", "merged", "sent"]
    assert events[-1]["told"] == "update in marketing: phone"
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)


def test_the_last_activities_of_a_lead_and_how_many_a_system_has(synced: Call, project: Path) -> None:
    assert synced("explain", "crm:1", "--json").json["activities"] == []
    assert "Activities" not in synced("status").out
    lead = synced("explain", "crm:1", "--json").json["id"]
    store = Store(open_database(f"sqlite:///{project / 'state.sqlite'}"))
    happened = [
        Activity(
            f"call:{n}", "call", NOON - timedelta(days=9 * n), None, (lead,), None, None, None, '{"subject":"Demo"}'
        )
        for n in range(12)
    ]
    store.keep_activities("crm", happened, "run", NOON)
    store.commit()
    store.close()
    told = synced("explain", "crm:1", "--json").json["activities"]
    assert [one["remote_id"] for one in told] == [f"call:{n}" for n in range(10)]
    assert told[0]["rest"] == {"subject": "Demo"}
    shown = synced("explain", "crm:1").out
    assert "Last activities" in shown
    assert shown.count("Demo") == 10
    systems = synced("status", "--json").json["systems"]
    assert (systems["crm"]["activities"], systems["marketing"]["activities"]) == (12, 0)
    assert "Activities" in synced("status").out
