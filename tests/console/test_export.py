"""export: all that is held on a person, and nothing else."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from state.clocks import AlertRow, ClockRow, Clocks
from state.database import open_database
from tests.console.conftest import Call
from tests.console.folder import TOKENS, edit

EMAIL = "ada@analytical.example"


@pytest.fixture
def synced(smarketing: Call, project: Path) -> Call:
    smarketing("sync", "--confirm")
    edit(project, "crm", "1", First="Augusta", OptOut=True)
    smarketing("sync", "--confirm")
    return smarketing


def test_everything_that_is_held_is_told(synced: Call) -> None:
    document = synced("export", EMAIL, "--json").json
    [lead] = document["leads"]
    assert lead["values"]["first_name"] == {"value": "Augusta", "from": "crm", "rule": "only change"}
    assert lead["consent"] == {"opted_out": True, "said_by": "crm", "systems": {"crm": True, "marketing": True}}
    assert lead["systems"]["marketing"]["shows"]["first_name"] == "Augusta"
    assert any(row["fields"].get("first_name") == {"old": "Ada", "new": "Augusta"} for row in lead["writes"])
    assert any("first_name" in row["detail"] for row in lead["history"])
    assert [row["new"] for row in lead["stages"]]
    assert {row["kind"] for row in document["reviews"]} == {"conflict"}
    held = {row["run_id"] for row in [*lead["history"], *lead["writes"]]}
    assert held == {run["id"] for run in document["runs"]}


def test_what_forget_would_erase_is_exported(synced: Call, project: Path) -> None:
    lead = synced("explain", EMAIL, "--json").json["id"]
    with Clocks(open_database(f"sqlite:///{project / 'state.sqlite'}")) as clocks:
        at = datetime(2026, 3, 2, 9, tzinfo=UTC)
        clocks.save_clocks([ClockRow(lead, "decision", at, 1, "", "ana@sales.example", "", "running", 60, 0, at, None, 0,
                                     None, None, "")])  # fmt: skip
        clocks.intend([AlertRow("k", "reminder", lead, "decision", at, "ana@sales.example", "mail", at)])
        clocks.commit()
    rows = synced("forget", EMAIL, "--json").json["rows"]
    document = synced("export", EMAIL, "--json").json
    [lead] = document["leads"]
    told = {"hub": 1, "link": len(lead["systems"]), "change": len(lead["history"]), "write": len(lead["writes"])}
    told |= {"stage_event": len(lead["stages"]), "review": len(document["reviews"])}
    told |= {"score": len(lead["scores"]), "sla_clock": len(lead["clocks"]), "alert": len(lead["alerts"])}
    assert told["sla_clock"] == told["alert"] == 1
    assert {name: rows[name] for name in told} == told
    assert rows.keys() - told.keys() <= {"match_key", "score_due"}  # hashes of what is told; a day to look again


def test_nobody_else_and_no_secret_is_in_it(synced: Call) -> None:
    for answer in (synced("export", EMAIL, "--json"), synced("export", EMAIL)):
        assert not [token for token in TOKENS.values() if token in answer.out]
        assert not [name for name in ("hopper", "turing") if name in answer.out.lower()]


@pytest.mark.parametrize("name", ["ada.json", "ada.md"])
def test_to_a_file_of_ones_own(name: str, synced: Call, tmp_path: Path) -> None:
    assert synced("export", EMAIL, "--out", tmp_path / name).exit == 0
    text = (tmp_path / name).read_text()
    assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600
    assert "Augusta" in text
    if name.endswith("json"):
        assert json.loads(text)["leads"][0]["values"]["email"]["value"] == EMAIL
    else:
        assert "### Consent\n\n- opted_out: yes" in text


def test_the_readable_form_leaves_nothing_out(synced: Call) -> None:
    out = synced("export", EMAIL).out
    for change in synced("export", EMAIL, "--json").json["leads"][0]["writes"]:
        assert change["run_id"] in out


def test_nobody_by_that_name(synced: Call) -> None:
    assert synced("export", "nobody@example.com", "--json").json["error"]["code"] == "no-lead"
