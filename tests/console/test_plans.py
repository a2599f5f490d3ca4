"""plan and apply: what is shown is what is done, or less."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from tests.console.conftest import Call
from tests.console.folder import edit, held


def everything(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and "plans" not in path.parts)
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_plan_writes_its_own_file_and_nothing_else_anywhere(smarketing: Call, project: Path) -> None:
    before = everything(project)
    assert smarketing("plan").exit == 3
    assert everything(project) == before
    [file] = (project / "plans").iterdir()
    assert file.stat().st_mode & 0o077 == 0


def test_a_plan_on_a_database_that_is_there_leaves_it_as_it_was(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "crm", "1", First="Augusta Ada")
    told = smarketing("status", "--json").json
    assert smarketing("plan", "--json").json["tallies"]["marketing"]["updates"] == 1
    after = smarketing("status", "--json").json
    assert (after["runs"], after["leads"], after["behind"]) == (told["runs"], told["leads"], told["behind"])


def test_it_tells_each_write_with_its_reason(smarketing: Call) -> None:
    plan = smarketing("plan", "--json")
    assert plan.exit == 3
    writes = plan.json["writes"]
    [ada] = [w for w in writes if w["system"] == "crm" and w["who"].startswith("Ada")]
    assert ada["fields"]["company"] == {"old": None, "new": "Analytical", "from": "marketing", "rule": "first value"}
    assert ada["fields"]["score"]["from"] == "smarketing"
    [decision] = plan.json["decisions"]
    assert decision["field"] == "job_title"
    assert decision["winner"] is None
    assert set(decision["claims"].values()) == {"Analyst", "Chief Analyst"}


def test_for_people_it_shows_numbers_samples_and_stops(smarketing: Call) -> None:
    out = smarketing("plan").out
    assert "Conflicts, and how they would be decided" in out
    assert "you decide: Analyst (crm), Chief Analyst (marketing)" in out
    assert "1 lead to create in marketing, for example" in out
    assert "Alan Turing <alan@bletchley.example>" in out
    assert "first write to this system" in out


def test_apply_does_what_the_plan_shows(smarketing: Call, project: Path) -> None:
    plan = smarketing("plan", "--json").json
    assert smarketing("apply", plan["id"]).exit == 3  # its stops have not been approved
    answer = smarketing("apply", plan["id"], "--confirm", "--json").json
    assert answer["writes"] == len(plan["writes"]) == 5
    assert answer["left"] == []
    assert held(project, "crm")["1"]["Company"] == "Analytical"


def test_what_changed_since_is_left_out_and_told(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "crm", "1", First="Augusta")
    edit(project, "crm", "2", First="Alan M.")
    plan = smarketing("plan", "--json").json
    assert len(plan["writes"]) == 2
    edit(project, "crm", "1", First="Ada Augusta")
    answer = smarketing("apply", "last", "--json")
    assert answer.exit == 1
    [left] = answer.json["left"]
    assert left["who"].startswith("Augusta")
    assert "would now be: first_name Ada Augusta" in left["why"]
    names = {record["first"] for record in held(project, "marketing").values()}
    assert names == {"Ada", "Grace", "Alan M."}
    assert smarketing("sync").exit == 0  # the rest waited for an ordinary run
    assert "Ada Augusta" in {record["first"] for record in held(project, "marketing").values()}


def test_what_meanwhile_happened_by_itself_is_no_longer_needed(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "crm", "1", First="Augusta")
    smarketing("plan")
    smarketing("sync")
    answer = smarketing("apply", "last", "--json")
    assert [left["why"] for left in answer.json["left"]] == ["is no longer needed"]


def test_approving_a_plan_approves_its_stops_and_no_others(smarketing: Call, project: Path) -> None:
    main = project / "smarketing.yaml"
    main.write_text(main.read_text() + "guards: {canaries: {crm: ADA@Analytical.example}}\n")
    plan = smarketing("plan", "--json").json
    assert {stop["code"] for stop in plan["stops"]} == {"guard-first"}
    edit(project, "crm", "1", deleted=True)  # the canary is gone
    answer = smarketing("apply", plan["id"], "--confirm", "--json")
    assert answer.exit == 3
    assert {stop["code"] for stop in answer.json["stops"]} == {"guard-canary"}


def test_a_plan_made_by_another_configuration_is_refused(smarketing: Call, project: Path) -> None:
    smarketing("plan")
    main = project / "smarketing.yaml"
    main.write_text(main.read_text().replace("points: 20", "points: 25"))
    answer = smarketing("apply", "last", "--confirm", "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == "plan-outdated"


def test_out_puts_it_where_it_is_wanted(smarketing: Call, project: Path, tmp_path: Path) -> None:
    file = tmp_path / "friday.json"
    smarketing("plan", "--out", file)
    assert not (project / "plans").exists()
    assert smarketing("apply", file, "--confirm").exit == 0


def test_what_is_no_plan_is_said_to_be_none(smarketing: Call, project: Path, tmp_path: Path) -> None:
    for text in ("{", "[]", '{"format": 1}', json.dumps({"format": 99})):
        (tmp_path / "no.json").write_text(text)
        answer = smarketing("apply", tmp_path / "no.json", "--json")
        assert answer.exit == 2
        assert answer.json["error"]["code"] == "no-plan"
    assert smarketing("apply", "last", "--json").json["error"]["code"] == "no-plan"
