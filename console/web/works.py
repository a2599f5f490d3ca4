"""What jobs do: by kind, what the command of the same name does, or what no page has the time for.

Each is given the project's folder, whom to tell of its progress, and its arguments; what it returns is the job's result. Invariant:
nothing is returned that grows with the number of records.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from alignment.reports.periods import period_of
from console import browsing, plans, reporting
from console.applying import applied
from console.choice import Choice, approval_of
from console.discovering import discover, read_one
from console.failures import Refusal
from console.impact import impact
from console.web import finding
from console.web.aims import freeze, restate
from console.web.counts import count
from mapping.loader import load_project, resolve_database
from state.database import open_database
from sync.context import Progress
from sync.project import environment, open_project, run_preview, run_sync
from sync.reporting import report as sync_report

TOLD = 100
"""Writes that were left out since they changed, told in a job's result; there it says how many there are."""

Work = Callable[[Path, Progress, Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def plan(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a run would write, kept as a plan. `systems`: all where it is not given; `full`: every record is read."""
    full = bool(arguments.get("full"))
    made = await run_preview(
        folder,
        lambda opened, store, report, rows: plans.gathered(opened, store, report, rows, full),
        systems=arguments.get("systems"), full=full, progress=progress,
    )  # fmt: skip
    return _kept(made, folder, progress)


async def revert(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What takes back a `run`, kept as a plan; it is carried out as any other."""
    made = await run_preview(
        folder,
        lambda opened, store, report, rows: plans.gathered(opened, store, report, rows, False),
        revert=str(arguments["run"]), progress=progress,
    )  # fmt: skip
    return _kept(made, folder, progress)


async def index(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Make a `plan` that a command has made ready for the pages."""
    path = browsing.path_of(folder, str(arguments["plan"]))
    browsing.index(plans.load(path.stem, folder), path, progress)
    return {"plan": path.stem}


def _kept(made: plans.PlanFile, folder: Path, progress: Progress) -> dict[str, Any]:
    browsing.index(made, plans.save(made, folder, None), progress)
    return {"plan": made.id, "writes": len(made.writes), "stops": made.stops}


async def apply(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a `plan` without what has been left out of it: of that, `mark` says which choice was approved. `confirmed`: its
    stops have been looked at, by `who`."""
    made, choice = plans.load(str(arguments["plan"]), folder), Choice.load(folder, str(arguments["plan"]))
    if choice.mark != arguments["mark"]:
        raise Refusal("choice-changed", "Somebody has changed what is left out of the plan.", "Look at the plan again.")
    approval = approval_of(made, choice)
    async with open_project(folder, systems=made.systems) as opened:
        who = str(arguments["who"]) if arguments.get("confirmed") else None
        report, left = await applied(opened, made, approval, who, progress)
    return {
        "run": report.run_id, "plan": made.id, "outcome": report.outcome, "writes": report.writes,
        "planned": len(approval.writes), "left_out": len(left), "left": left[:TOLD],
    }  # fmt: skip


async def sync(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A run. `systems`, `full` as above; `confirmed`: the guard's stops have been looked at."""
    report = await run_sync(
        folder, systems=arguments.get("systems"), full=bool(arguments.get("full")),
        confirmed=bool(arguments.get("confirmed")), progress=progress,
    )  # fmt: skip
    return {"run": report.run_id, "outcome": report.outcome, "writes": report.writes}


async def report(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a week or a month, in every form. `of`: week or month; `until`: the last day, that of the last whole one
    where it is empty; `language`: the project's first where it is empty."""
    now, until = datetime.now(UTC), arguments.get("until")
    progress("report", "", 0)
    async with open_project(folder, systems=(), reading=True) as opened:
        zone = opened.project.config.funnel.time_zone
        period = period_of(arguments["of"], now, zone, date.fromisoformat(until) if until else None)
        made = sync_report(opened.engine, opened.project, period, now)
    files = reporting.write(
        folder, made, reporting.Asked(language=arguments.get("language") or None), list(reporting.FORMATS)
    )
    return {"files": [file.name for file in files]}


async def search(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that there is can be found afterwards, unless somebody else is at it."""
    project = load_project(folder)
    engine = open_database(resolve_database(project, environment(folder)))
    try:
        return {"done": finding.index(engine)}
    finally:
        engine.dispose()


WORK: dict[str, Work] = {
    "plan": plan,
    "sync": sync,
    "apply": apply,
    "revert": revert,
    "index": index,
    "impact": impact,
    "schema": discover,
    "record": read_one,
    "count": count,
    "freeze": freeze,
    "restate": restate,
    "report": report,
    "search": search,
}
