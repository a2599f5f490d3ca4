"""A real Prefect server, a real worker, and the sandbox: scheduled runs appear, run, and sync.

The newest Prefect and SQLAlchemy install together, deploy, run by hand, and never schedule anything. So nothing short
of this proves that the schedules work: prefect.yaml as it is (with a shorter interval), deployed by its own command.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest
from prefect.workers.process import ProcessWorker
from ruamel.yaml import YAML

from console.folders import make
from console.playground import CREDENTIALS, SYSTEMS
from flows.automations import NAME, SILENCE
from state.history import History, Run
from state.totals import Counted
from sync.project import open_project
from tests.flows.programs import CHECKOUT, PYTHON, Program, clean_environment, done, free_port, running, until

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("prefect")]

CONTACTS, LEADS, BOTH = 60, 40, 25
EVERY = 5
"""Seconds from one scheduled run to the next."""

JOBS = ProcessWorker.get_default_base_job_template()
"""What `prefect work-pool create smarketing --type process` sends: a command less to wait for."""

ENDED = ("COMPLETED", "FAILED", "CANCELLED", "CRASHED")

PATIENCE = 90.0
"""Seconds for one thing to happen on a machine that is busy with other tests."""


@dataclass
class Place:
    """A Prefect server with everything deployed, twice; the worker comes with the first test that needs one."""

    folder: Path
    project: Path
    env: dict[str, str]
    http: httpx.Client
    stack: ExitStack
    programs: list[Program] = field(default_factory=list)

    def api(self, path: str, **body: Any) -> Any:
        """As Prefect's own client does: a server that is too busy (SQLite is locked, it says 503) is asked again."""

        def answered() -> httpx.Response | None:
            try:
                answer = self.http.post(path, json=body)
            except httpx.TransportError:
                return None
            return None if answer.status_code >= 500 else answer

        answer: httpx.Response = self.until(f"an answer to {path}", answered)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, flow: str) -> dict[str, Any]:
        [found] = [d for d in self.api("/deployments/filter") if d["entrypoint"] == f"flows.{flow}.{flow}"]
        return dict(found)

    def runs(self, flow: str) -> list[dict[str, Any]]:
        """Of this flow's deployment, in the order in which they were due."""
        wanted = {"deployments": {"id": {"any_": [self.deployment(flow)["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"}
        found: list[dict[str, Any]] = self.api("/flow_runs/filter", **wanted, limit=200)
        return found

    def start(self, name: str, *command: str) -> Program:
        program = self.stack.enter_context(running(name, command, self.env, self.folder))
        self.programs.append(program)
        return program

    def work(self) -> None:
        if not any(program.log.name == "worker.log" for program in self.programs):
            self.start("worker", *prefect("worker", "start", "--pool", "smarketing", "--type", "process"))

    def until(self, what: str, look: Any, seconds: float = PATIENCE) -> Any:
        return until(what, look, seconds, *self.programs)

    def question(self) -> int:
        """The number of the guard's question, as a person finds it."""

        def asked() -> int | None:
            told = done(
                smarketing("review", "list", "--kind", "guard", "--json", "--project", str(self.project)), self.env
            )
            return next((review["id"] for review in json.loads(told)["reviews"]), None)

        number: int = self.until("a question of the guard", asked)
        return number

    def history(self) -> tuple[Counted, list[Run]]:
        """What is in the project's own database; runs newest first."""

        async def read() -> tuple[Counted, list[Run]]:
            async with open_project(self.project, systems=(), reading=True) as opened:
                with History(opened.engine) as history:
                    return history.counted(), history.runs(100)

        return asyncio.run(read())


def prefect(*arguments: str) -> list[str]:
    return [PYTHON, "-m", "prefect", "--no-prompt", *arguments]


def smarketing(*arguments: str) -> list[str]:
    return [PYTHON, "-m", "console.cli", *arguments]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("prefect")
    port = free_port()
    env = clean_environment(
        PREFECT_HOME=str(folder / "home"),
        PREFECT_API_URL=f"http://127.0.0.1:{port}/api",
        PREFECT_SERVER_ANALYTICS_ENABLED="false",
        PREFECT_SERVER_SERVICES_SCHEDULER_LOOP_SECONDS="2",
        PREFECT_WORKER_QUERY_SECONDS="1",
        DO_NOT_TRACK="1",
        SMARKETING_PROJECT=str(folder / "acme"),
    )
    with ExitStack() as stack, httpx.Client(base_url=env["PREFECT_API_URL"], timeout=30, trust_env=False) as http:
        made = Place(folder, folder / "acme", env, http, stack)
        made.start("server", *prefect("server", "start", "--host", "127.0.0.1", "--port", str(port), "--no-ui"))
        sizes = ("--marketing", str(CONTACTS), "--crm", str(LEADS), "--shared", str(BOTH))
        sandbox = made.start("sandbox", PYTHON, "-m", "sandbox", *sizes)
        _project(made, json.loads(made.until("the sandbox's addresses", lambda: _line(sandbox))))
        made.until("an answer of the server", lambda: _healthy(http))
        made.api("/work_pools/", name="smarketing", type="process", base_job_template=JOBS)
        for _ in ("the first time", "again, as after every upgrade"):
            done(prefect("deploy", "--all", "--prefect-file", str(_hurried(folder))), env)
        yield made


def _line(program: Program) -> str | None:
    text = program.log.read_text()
    return text if text.endswith("\n") else None


def _healthy(http: httpx.Client) -> bool | None:
    try:
        return http.get("/health").status_code == 200 or None
    except httpx.TransportError:
        return None


def _project(place: Place, urls: dict[str, str]) -> None:
    """As the demo makes it."""
    make(place.project, SYSTEMS, {**CREDENTIALS, **{f"{name.upper()}_URL": url for name, url in urls.items()}})
    done(smarketing("provision", "--project", str(place.project)), place.env)


def _hurried(folder: Path) -> Path:
    """prefect.yaml, with the interval of the syncs made short."""
    yaml = YAML()
    data = yaml.load(CHECKOUT / "prefect.yaml")
    for deployment in data["deployments"]:
        for schedule in deployment["schedules"]:
            if "interval" in schedule and deployment["entrypoint"] == "flows.sync.sync":
                schedule["interval"] = EVERY
    yaml.dump(data, folder / "prefect.yaml")
    return folder / "prefect.yaml"


def test_deploying_twice_leaves_one_of_everything(place: Place) -> None:
    automations = place.api("/automations/filter")
    [zombies] = [automation for automation in automations if automation["name"] == NAME]
    assert zombies["enabled"]
    assert zombies["trigger"]["within"] == SILENCE.total_seconds()
    assert {d["name"] for d in place.api("/deployments/filter")} == {"acme"}
    expected = {"sync": 1, "rescan": 1, "clocks": 1, "reports": 1, "calibration": 1, "backfill": 0}
    assert len(place.api("/deployments/filter")) == len(expected)
    for flow, schedules in expected.items():
        deployment = place.deployment(flow)
        assert deployment["parameters"] == {"project": str(place.project)}
        assert len(deployment["schedules"]) == schedules
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert set(deployment["tags"]) == {"smarketing", "project:acme"}


def test_scheduled_runs_appear(place: Place) -> None:
    def scheduled() -> list[dict[str, Any]] | None:
        return [run for run in place.runs("sync") if run["auto_scheduled"]] or None

    runs = place.until("a scheduled run", scheduled)
    assert runs[0]["created_by"]["type"] == "SCHEDULE"
    assert runs[0]["parameters"] == {"project": str(place.project)}


def test_of_several_runs_at_once_one_runs_and_the_guard_stops_it_visibly(place: Place) -> None:
    wanted = place.deployment("sync")["id"]
    create = f"/deployments/{wanted}/create_flow_run"
    at_once = {place.api(create, idempotency_key=f"at once {n}")["id"] for n in range(3)}
    place.work()

    def stopped() -> dict[str, Any] | None:
        return next((run for run in place.runs("sync") if run["state_name"] == "Stopped"), None)

    run = place.until("a run that the guard stopped", stopped)
    assert run["state_type"] == "FAILED"
    assert "first write to this system" in run["state"]["message"]
    assert "smarketing review resolve" in run["state"]["message"]

    place.until(
        "the end of the three runs that were asked for at once",
        lambda: all(run["state_type"] in ENDED for run in place.runs("sync") if run["id"] in at_once) or None,
    )
    cancelled = [run for run in place.runs("sync") if run["state_type"] == "CANCELLED"]
    assert cancelled
    assert all("concurrency limit" in run["state"]["message"] for run in cancelled)
    assert place.history()[0].last_write == {}


def test_scheduled_run_syncs_what_a_person_has_confirmed(place: Place) -> None:
    place.work()
    done(
        smarketing("review", "resolve", str(place.question()), "--confirm", "--project", str(place.project)), place.env
    )

    def synced() -> dict[str, Any] | None:
        return next((run for run in place.runs("sync") if run["state_name"] == "Completed"), None)

    run = place.until("a scheduled run that completed", synced)
    assert run["auto_scheduled"]
    assert "records read" in run["state"]["message"]
    [artifact] = place.api("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run["id"]]}})
    assert artifact["key"] == "smarketing-sync-acme"
    counted, runs = place.history()
    [ours] = [one for one in runs if one.id in artifact["data"]]
    assert (ours.kind, ours.outcome) == ("sync", "done")
    assert sum(system["created"] for system in ours.report["systems"].values()) > 0
    assert counted.links["hubspot"]["live"] >= CONTACTS
    assert counted.links["salesforce"]["live"] >= LEADS
    assert set(counted.last_write) == {"hubspot", "salesforce"}


def test_no_two_runs_ever_ran_at_the_same_time(place: Place) -> None:
    place.work()

    def ended() -> list[dict[str, Any]] | None:
        ran = [run for run in place.runs("sync") if run["state_type"] in ("COMPLETED", "FAILED")]
        return ran if len(ran) > 2 else None

    ran = place.until("three runs that have ended", ended)
    for before, after in pairwise(sorted((run["start_time"], run["end_time"]) for run in ran)):
        assert before[1] <= after[0]
    _, runs = place.history()
    for one, next_one in pairwise(sorted((run.started, run.ended) for run in runs if run.ended)):
        assert one[1] <= next_one[0]
