"""sync, backfill, status: a project from its first run on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from state.database import open_database
from state.history import History
from state.lock import Lease
from tests.console.conftest import Call
from tests.console.folder import edit, held


def test_the_first_sync_stops_until_somebody_has_looked(smarketing: Call, project: Path) -> None:
    before = held(project, "crm"), held(project, "marketing")
    answer = smarketing("sync")
    assert answer.exit == 3
    assert "guard-first" in answer.out
    assert "smarketing sync --confirm" in answer.out
    assert (held(project, "crm"), held(project, "marketing")) == before


def test_confirmed_it_writes_and_the_next_run_writes_nothing(smarketing: Call, project: Path) -> None:
    first = smarketing("sync", "--confirm", "--json").json
    assert first["outcome"] == "done"
    assert first["writes"] == 5
    assert first["systems"]["marketing"]["created"] == 1
    assert held(project, "crm")["1"]["Company"] == "Analytical"
    assert held(project, "marketing")["1"]["our_score"] == 10
    second = smarketing("sync", "--json").json
    assert second["writes"] == 0


def test_a_correction_on_one_side_reaches_the_other(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "crm", "1", Phone="020 7946 0999")
    assert smarketing("sync").exit == 0
    assert held(project, "marketing")["1"]["phone"] == "+442079460999"


def test_one_system_alone(smarketing: Call) -> None:
    answer = smarketing("sync", "--confirm", "--system", "crm", "--json").json
    assert list(answer["systems"]) == ["crm"]


def test_an_unknown_system_is_named_with_the_nearest(smarketing: Call) -> None:
    answer = smarketing("sync", "--system", "cmr", "--json")
    assert answer.exit == 2
    assert answer.json["error"]["code"] == "misconfigured"
    assert "crm" in answer.json["error"]["hint"]


def test_a_system_that_refuses_us_leaves_the_others_at_work(smarketing: Call, project: Path) -> None:
    body = json.loads((project / "crm.json").read_text())
    (project / "crm.json").write_text(json.dumps({**body, "token": "another"}))
    answer = smarketing("sync", "--confirm")
    assert answer.exit == 4
    assert "crm: unauthorized" in answer.out
    assert "our_score" in held(project, "marketing")["1"]


def test_a_refused_record_is_told_by_the_exit_code(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    edit(project, "marketing", "1", email="alan@bletchley.example")  # somebody else has it there
    answer = smarketing("sync", "--json")
    assert answer.exit == 1
    assert answer.json["systems"]["crm"]["rejected"] == 1
    assert answer.json["reviews"]["dead_letter"] == 1
    assert "with this Email" in smarketing("review", "list", "--kind", "dead_letter").out


def test_while_another_run_is_under_way_it_says_so(smarketing: Call, project: Path) -> None:
    from connectors.base import utc_now

    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    lease = Lease(engine, "sync", utc_now)
    answer = smarketing("sync", "--json")
    lease.release()
    assert answer.exit == 5
    assert answer.json["error"]["code"] == "busy"


def test_a_backfill_reads_its_window_and_leaves_the_cursor_alone(smarketing: Call, project: Path) -> None:
    smarketing("sync", "--confirm")
    answer = smarketing("backfill", "--from", "2025-12-31", "--json").json
    assert answer["kind"] == "backfill"
    assert answer["systems"]["marketing"]["read"] >= 1
    engine = open_database(f"sqlite:///{project / 'state.sqlite'}")
    with History(engine) as history:
        assert {p.stream for p in history.counted().positions} == {"lead"}


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--from", "soon"), "is no date"), (("--from", "2026-02-01", "--to", "2026-01-01"), "before --from")],
)
def test_a_window_that_is_none_is_refused(smarketing: Call, words: tuple[str, ...], said: str) -> None:
    answer = smarketing("backfill", *words)
    assert answer.exit == 2
    assert said in answer.err


def test_status_before_anything_happened(smarketing: Call, project: Path) -> None:
    answer = smarketing("status")
    assert answer.exit == 0
    assert "Nothing has been synced yet" in answer.out
    assert not (project / "state.sqlite").exists()


def test_status_tells_systems_runs_and_what_waits(smarketing: Call) -> None:
    smarketing("sync")
    smarketing("sync", "--confirm")
    told = smarketing("status", "--json").json
    assert told["leads"] == 3
    assert told["systems"]["crm"]["records"] == {"live": 2}
    assert told["systems"]["crm"]["lag_seconds"] < 60
    assert told["systems"]["crm"]["calls"] == 2
    assert [run["outcome"] for run in told["runs"]] == ["done", "stopped"]
    assert told["reviews"] == {"conflict": 1}
    assert "1 conflict" in smarketing("status").out
