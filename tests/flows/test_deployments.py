"""prefect.yaml, the build step and the automation, without a server: what they say is what the code can do."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from prefect.flows import Flow
from prefect.states import StateType
from prefect.utilities.importtools import import_object

from console.syncing import window_of
from flows import automations, deploying
from flows.backfill import window
from flows.deploying import HOME, NotDeployable, prepare
from flows.outcome import Name, Outcome
from flows.runs import state_of
from flows.serve import deployment, read
from mapping.problems import ConfigErrors
from tests.console.folder import make_project

FILE = read(HOME / "prefect.yaml")
DEPLOYMENTS: dict[str, dict[str, Any]] = {one["entrypoint"].rpartition(".")[2]: one for one in FILE["deployments"]}
VALUES = {"folder": "/srv/acme", "name": "acme", "home": str(HOME)}


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    calls: list[str] = []

    async def install() -> str:
        calls.append("installed")
        return "made"

    monkeypatch.setattr(deploying, "install", install)
    monkeypatch.delenv("SMARKETING_PROJECT", raising=False)
    return calls


def test_schedules_are_a_quarter_of_an_hour_and_a_week_and_backfill_is_by_hand() -> None:
    assert [s.get("interval") for s in DEPLOYMENTS["sync"]["schedules"]] == [timedelta(minutes=15).total_seconds()]
    [weekly] = DEPLOYMENTS["rescan"]["schedules"]
    minute, hour, day, month, weekday = weekly["cron"].split()
    assert (day, month, weekday) == ("*", "*", "0")
    assert 0 <= int(minute) < 60 and 0 <= int(hour) < 24  # noqa: PT018
    assert DEPLOYMENTS["backfill"]["schedules"] == []


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_every_deployment_is_of_a_flow_and_limited_to_one_run(name: str) -> None:
    config = DEPLOYMENTS[name]
    flow = import_object(config["entrypoint"])
    assert isinstance(flow, Flow)
    assert flow.name == name
    assert flow.isasync
    assert set(config["parameters"]) <= set(flow.parameters.properties)
    assert config["concurrency_limit"]["limit"] == 1
    assert config["description"]
    assert automations.TAG in config["tags"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_entry_points_are_modules_since_a_file_named_sync_would_hide_the_engine(name: str) -> None:
    assert ":" not in DEPLOYMENTS[name]["entrypoint"]


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_served_in_one_process_it_is_the_same(name: str) -> None:
    config = DEPLOYMENTS[name]
    made = deployment(config, VALUES)
    assert (made.flow_name, made.name, made.entrypoint) == (name, "acme", config["entrypoint"])
    assert made.parameters == {"project": "/srv/acme"}
    assert made.tags == ["smarketing", "project:acme"]
    assert made.concurrency_limit == 1
    assert made.concurrency_options is not None
    assert made.concurrency_options.collision_strategy.value == config["concurrency_limit"]["collision_strategy"]
    schedules = made.schedules or []
    assert len(schedules) == len(config["schedules"])
    for got, wanted in zip(schedules, config["schedules"], strict=True):
        assert got.slug == wanted["slug"]
        assert getattr(got.schedule, "cron", None) == wanted.get("cron")
        interval = getattr(got.schedule, "interval", None)
        assert (interval and interval.total_seconds()) == wanted.get("interval")
        if interval:
            assert got.schedule.anchor_date.isoformat() == wanted["anchor_date"]


def test_silence_of_a_run_is_several_heartbeats_long() -> None:
    beat = int(FILE["definitions"]["pool"]["job_variables"]["env"]["PREFECT_FLOWS_HEARTBEAT_FREQUENCY"])
    assert timedelta(seconds=beat) == automations.HEARTBEAT
    assert timedelta(seconds=3 * beat) <= automations.zombies().trigger.within  # type: ignore[union-attr]


def test_automation_knows_every_way_a_run_may_end() -> None:
    expected = automations.zombies().trigger.expect  # type: ignore[union-attr]
    assert {f"prefect.flow-run.{name}" for name in Name} < expected
    assert {"prefect.flow-run.heartbeat", "prefect.flow-run.Cancelled", "prefect.flow-run.Crashed"} < expected


@pytest.mark.parametrize("name", Name)
def test_what_needs_a_person_is_a_failed_state_that_says_what_to_do(name: Name) -> None:
    state = state_of(Outcome(name, "This happened.", ("Do that.",), {"writes": 3}))
    assert state.name == name.value
    assert state.message == "This happened. Do that."
    assert state.type == (StateType.COMPLETED if name in (Name.COMPLETED, Name.SKIPPED) else StateType.FAILED)
    assert state.data == ({"writes": 3} if name.good else None)


async def test_build_step_gives_the_values_and_installs_the_automation(tmp_path: Path, installed: list[str]) -> None:
    folder = make_project(tmp_path / "acme")
    assert await prepare(str(folder)) == {"folder": str(folder), "name": "acme", "home": str(HOME)}
    assert (await prepare(str(folder), "other"))["name"] == "other"
    assert installed == ["installed", "installed"]


async def test_nothing_is_deployed_without_a_project_folder(tmp_path: Path, installed: list[str]) -> None:
    with pytest.raises(NotDeployable, match="SMARKETING_PROJECT must name the project folder: it is not set"):
        await prepare("")
    with pytest.raises(NotDeployable, match="there is no smarketing"):
        await prepare(str(tmp_path))
    assert installed == []


async def test_nothing_is_deployed_that_does_not_load(tmp_path: Path, installed: list[str]) -> None:
    folder = make_project(tmp_path / "acme")
    (folder / "mappings/crm.yaml").write_text("match: [nobody]\nfields: {}\n")
    with pytest.raises(ConfigErrors):
        await prepare(str(folder))
    assert installed == []


def test_backfill_and_the_command_line_share_their_checkpoints() -> None:
    ours = window(date(2026, 1, 1), date(2026, 1, 31))
    theirs = window_of("2026-01-01", "2026-01-31")
    assert ours == theirs
    assert window(date(2026, 1, 1), None) == window_of("2026-01-01", None)


def test_backfill_backwards_is_refused() -> None:
    with pytest.raises(ValueError, match="lies before"):
        window(date(2026, 2, 1), date(2026, 1, 1))
