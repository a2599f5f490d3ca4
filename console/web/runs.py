"""Plan and runs: what is under way, what has been planned, which runs there were; and beginning one.

Not here: one run (`run`), one plan (`plan`), one job (`job`). Invariant: of the jobs that take the lock of the runs, one is begun
at a time; whoever asks for another is told who has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.plans import FOLDER
from console.web import job as jobs_page
from console.web.jobs import Job
from console.web.page import Operator, Page, Viewer
from console.web.site import Site
from state import plan_index
from state.history import Run
from state.lock import held_by
from state.run_history import Runs

router = APIRouter(prefix="/runs")
LOCKING = frozenset({"sync", "apply"})
"""Kinds of jobs that take the lock of the runs."""

SHOWN = frozenset({"plan", "sync", "apply", "revert"})
ASKS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "plan": ("plan", {}),
    "sync": ("sync", {}),
    "full": ("sync", {"full": True}),
}
"""What the page begins -> kind of job, and its arguments."""

PAGE, PLANS = 25, 5
OUTCOMES: Mapping[str, str] = {
    "done": "good",
    "partial": "bad",
    "stopped": "warn",
    "failed": "bad",
    "running": "accent",
}


@dataclass(frozen=True)
class Line:
    """One run in the list. `outcome`: "running", or "died" where it never ended and nobody runs."""

    run: Run
    outcome: str
    tone: str
    seconds: float | None
    read: int
    written: int
    refused: int
    by: str


@dataclass(frozen=True)
class Planned:
    """A plan that is kept; `head` is empty where it has not been looked at by a page yet."""

    id: str
    made: datetime
    head: Mapping[str, Any]
    writes: int | None


@router.get("")
def show(page: Viewer, before: str = "", kind: str = "", outcome: str = "") -> Response:
    site = page.site
    found = Runs(site.engine).page(PAGE, before or None, kind, outcome)
    running = [job for job in site.jobs.running() if job.kind in SHOWN]
    return page.show(
        "runs.html",
        jobs=running,
        called={job.id: jobs_page.called(job, page.words) for job in running},
        phases=jobs_page.phases(page.words),
        elsewhere=elsewhere(page),
        plans=plans(site.folder),
        lines=lines(page, found.runs),
        next=found.next,
        asked={"before": before, "kind": kind, "outcome": outcome},
        systems=list(site.opened.project.config.systems),
    )


@router.post("/start")
def start(
    page: Operator, what: Annotated[str, Form()], systems: Annotated[list[str] | None, Form()] = None
) -> Response:
    kind, arguments = ASKS.get(what, ASKS["plan"])
    known = list(page.site.opened.project.config.systems)
    chosen = [name for name in known if name in (systems or ())]
    if chosen and chosen != known:
        arguments = {**arguments, "systems": chosen}
    return begin(page, kind, **arguments)


def begin(page: Page, kind: str, **arguments: Any) -> Response:
    """Start a job and go to its page; or say who has the lock."""
    if kind in LOCKING:
        busy = next((job for job in page.site.jobs.running() if job.kind in LOCKING), None)
        if busy is not None:
            return page.go(f"/jobs/{busy.id}", page.words("runs.busy_here", who=busy.by), "warn")
        if elsewhere(page):
            return page.go("/runs", page.words("runs.busy_elsewhere"), "warn")
    job = page.site.jobs.start(kind, page.by, **arguments)
    page.note("job-started", job.id, kind=kind, **{k: v for k, v in arguments.items() if k != "who"})
    return page.go(f"/jobs/{job.id}?follow=1")


def elsewhere(page: Page) -> Run | None:
    """The run that was begun by a schedule or a command; a job of ours is none."""
    if any(job.kind in LOCKING for job in page.site.jobs.running()):
        return None
    if held_by(page.site.engine, "sync", page.now) is None:
        return None
    return next((run for run in Runs(page.site.engine).newest(1) if run.outcome is None), None)


def lines(page: Page, found: list[Run]) -> list[Line]:
    """For a list of runs."""
    alive = held_by(page.site.engine, "sync", page.now) is not None
    newest = max((run.id for run in found), default="")
    by = page.site.accounts.who_did("run", [run.id for run in found])
    return [_line(run, alive and run.id == newest, by.get(run.id, "")) for run in found]


def _line(run: Run, alive: bool, by: str) -> Line:
    systems = run.report.get("systems", {}).values()
    outcome = run.outcome or ("running" if alive else "died")
    took = run.report.get("seconds") or ((run.ended - run.started).total_seconds() if run.ended else None)
    written = sum(c.get(name, 0) for c in systems for name in ("created", "updated", "archived", "merged"))
    refused = sum(c.get("rejected", 0) + c.get("unknown", 0) for c in systems)
    return Line(
        run, outcome, OUTCOMES.get(outcome, "warn"), took, sum(c.get("read", 0) for c in systems), written, refused, by
    )


def plans(folder: Path, limit: int = PLANS) -> list[Planned]:
    """The newest, without a look into them."""
    kept = sorted((folder / FOLDER).glob("*.json"), reverse=True)[:limit]
    found = []
    for path in kept:
        index = plan_index.opened(path.with_suffix(".index"))
        made = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        if index is None:
            found.append(Planned(path.stem, made, {}, None))
        else:
            found.append(Planned(path.stem, datetime.fromisoformat(index.head["made_at"]), index.head, index.count()))
    return found


def note_ends(site: Site) -> None:
    """From now on, who began a run is noted when it ends."""

    def ended(job: Job) -> None:
        if not job.running and job.result and job.result.get("run"):
            told = {name: job.result[name] for name in ("outcome", "plan", "planned", "left_out") if name in job.result}
            site.accounts.note(datetime.now(UTC), job.by, "run", str(job.result["run"]), kind=job.kind, **told)

    site.jobs.listeners.append(ended)
