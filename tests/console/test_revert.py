"""revert: what a run wrote goes back where nobody has edited since, by a plan like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.console.conftest import Call
from tests.console.folder import edit, held


@pytest.fixture
def synced(smarketing: Call) -> Call:
    smarketing("sync", "--confirm")
    smarketing("sync", "--confirm")
    return smarketing


def both(project: Path) -> dict[str, dict[str, dict[str, Any]]]:
    return {system: held(project, system) for system in ("marketing", "crm")}


def last_run(smarketing: Call) -> str:
    runs = smarketing("status", "--json").json["runs"]
    return str(runs[0]["id"])


def test_it_shows_a_plan_and_writes_nothing(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", First="Augusta")
    synced("sync")
    before = both(project)
    answer = synced("revert", "last", "--json")
    assert answer.exit == 3
    assert [stop["code"] for stop in answer.json["stops"]] == ["guard-revert"]
    [write] = answer.json["writes"]
    assert (write["system"], write["operation"]) == ("marketing", "restore")
    assert write["fields"] == {"first_name": {"old": "Augusta", "new": "Ada", "from": "revert", "rule": "as before"}}
    assert both(project) == before
    assert "takes back what run" in synced("revert", "last").out


def test_what_the_run_wrote_goes_back_and_nothing_writes_it_again(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", First="Augusta")
    before = both(project)
    synced("sync")
    assert held(project, "marketing")["1"]["first"] == "Augusta"
    assert synced("revert", "last").exit == 3
    assert synced("apply", "last").exit == 3  # a plan that takes back is always confirmed
    answer = synced("apply", "last", "--confirm", "--json").json
    assert (answer["kind"], answer["outcome"], answer["writes"], answer["left"]) == ("revert", "done", 1, [])
    assert both(project) == before
    for _ in range(2):
        assert synced("sync", "--full", "--json").json["writes"] == 0
    assert both(project) == before
    assert "put back in marketing: first_name" in synced("explain", "ada@analytical.example").out


def test_a_new_value_ends_the_hold(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", First="Augusta")
    synced("sync")
    synced("revert", "last", "--confirm")
    edit(project, "crm", "1", First="Countess")
    synced("sync")
    assert held(project, "marketing")["1"]["first"] == "Countess"


def test_a_revert_can_be_reverted(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", First="Augusta")
    synced("sync")
    after = both(project)
    assert synced("revert", "last", "--confirm").exit == 0
    assert both(project) != after
    assert synced("revert", "last", "--confirm", "--json").json["writes"] == 1
    assert both(project) == after
    assert synced("sync", "--full", "--json").json["writes"] == 0


def test_what_somebody_edited_since_stays(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", First="Augusta", Company="Engines")
    synced("sync")
    edit(project, "marketing", "1", first="Lady Ada")
    answer = synced("revert", "last", "--confirm", "--json").json
    assert answer["writes"] == 1
    assert held(project, "marketing")["1"]["company"] == "Analytical"
    assert held(project, "marketing")["1"]["first"] == "Lady Ada"
    left = synced("revert", answer["reverts"], "--json").json["left"]
    told = {row["field"]: row["why"] for row in left}
    assert told["first_name"] == "somebody has edited it there since"
    assert told["company"] == "a later run wrote it again"


def test_an_opt_out_is_never_taken_back(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", OptOut=True, First="Augusta")
    synced("sync")
    answer = synced("revert", "last", "--json").json
    assert "an opt-out is never taken back" in [row["why"] for row in answer["left"]]
    assert synced("apply", "last", "--confirm").exit == 0
    marketing = held(project, "marketing")["1"]
    assert (marketing["optout"], marketing["first"]) == (True, "Ada")


def test_a_record_that_the_run_created_is_archived(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    [alan] = [i for i, r in held(project, "marketing").items() if r["first"] == "Alan"]
    answer = smarketing("revert", "last", "--confirm", "--json").json
    assert answer["systems"]["marketing"]["archived"] == 1
    assert alan not in held(project, "marketing")
    for _ in range(2):
        assert smarketing("sync", "--full", "--confirm", "--json").json["writes"] == 0
    assert alan not in held(project, "marketing")
    assert "not created again" in smarketing("explain", "alan@bletchley.example", "--json").json["absent"]["marketing"]


def test_a_created_record_that_somebody_worked_on_stays(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    run = last_run(smarketing)
    [alan] = [i for i, r in held(project, "marketing").items() if r["first"] == "Alan"]
    edit(project, "marketing", alan, phone="020 7946 0999")
    answer = smarketing("revert", run, "--json").json
    assert any(row["remote_id"] == alan and "somebody has worked on it" in row["why"] for row in answer["left"])
    smarketing("apply", "last", "--confirm")
    assert alan in held(project, "marketing")


@pytest.mark.parametrize("which", ["last", "0123456789ab", "zz"])
def test_a_run_that_is_not_there(smarketing: Call, which: str) -> None:
    answer = smarketing("revert", which, "--json")
    assert (answer.exit, answer.json["error"]["code"]) == (2, "no-run")


def test_a_run_is_found_by_the_end_of_its_id(synced: Call, project: Path) -> None:
    edit(project, "crm", "1", First="Augusta")
    synced("sync")
    run = last_run(synced)
    assert synced("revert", run[-6:], "--json").json["reverts"] == run
