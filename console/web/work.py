"""The child process of a job: does one piece of work on a project and tells of it in JSON lines (see `jobs`).

What a job does is what the command of the same name does. Invariant: whatever goes wrong is told as a failure with a code,
never as a traceback.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from alignment.reports.periods import period_of
from console import plans, reporting
from console.discovering import discover, read_one
from console.failures import failure_of
from console.impact import impact
from console.web import counted
from sync.context import Progress
from sync.project import open_project, run_preview, run_sync
from sync.reporting import report as sync_report

EVERY = 0.2
"""Seconds between two lines about one place."""

Work = Callable[[Path, Progress, Mapping[str, Any]], Awaitable[dict[str, Any]]]


async def plan(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What a run would write, kept as a plan. `systems`: all where it is not given; `full`: every record is read."""
    full = bool(arguments.get("full"))
    made = await run_preview(
        folder,
        lambda opened, store, report, rows: plans.gathered(opened, store, report, rows, full),
        systems=arguments.get("systems"), full=full, progress=progress,
    )  # fmt: skip
    plans.save(made, folder, None)
    return {"plan": made.id, "writes": len(made.writes), "stops": made.stops}


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


WORK: dict[str, Work] = {
    "plan": plan, "sync": sync, "count": counted.count, "report": report, "impact": impact, "schema": discover,
    "record": read_one,
}  # fmt: skip


class Steps:
    """Progress as lines: the first of a place at once, then a few a second, the last before the result."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._told: dict[tuple[str, str], tuple[int, float]] = {}

    def __call__(self, phase: str, place: str, count: int) -> None:
        key, now = (phase, place), time.monotonic()
        self._counts[key] = count
        if now - self._told.get(key, (0, 0.0))[1] >= EVERY:
            self._tell(key, count, now)

    def end(self) -> None:
        for key, count in self._counts.items():
            if self._told[key][0] != count:
                self._tell(key, count, time.monotonic())

    def _tell(self, key: tuple[str, str], count: int, now: float) -> None:
        self._told[key] = count, now
        say({"phase": key[0], "place": key[1], "count": count})


def say(line: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(line, default=str) + "\n")
    sys.stdout.flush()


def main() -> int:
    asked = json.load(sys.stdin)
    folder, steps = Path(asked["folder"]), Steps()
    try:
        result = asyncio.run(_do(WORK[asked["kind"]], folder, steps, asked["arguments"]))
    except (Exception, KeyboardInterrupt) as error:
        failure = failure_of(error, folder)
        say({"failure": {**failure.document()["error"], "exit": int(failure.exit_code)}})
        return int(failure.exit_code)
    steps.end()
    say({"result": result})
    return 0


async def _do(work: Work, folder: Path, steps: Steps, arguments: Mapping[str, Any]) -> dict[str, Any]:
    return await work(folder, steps, arguments)


if __name__ == "__main__":
    sys.exit(main())
