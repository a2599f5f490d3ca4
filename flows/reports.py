"""The weekly and the monthly report to whoever gets them, looked at every hour: `smarketing report send` without the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from connectors.base import utc_now
from delivery.reports import due, send_report
from flows.runs import Told, look_after
from state.lock import Busy
from sync.project import open_project


class NothingDue(Exception):
    """No report's day and hour have come."""


@flow(name="reports", persist_result=False)
async def reports(project: Path) -> State[dict[str, Any]]:
    """Send the reports of a project whose day and hour have come, as `reports` in smarketing.yaml says.

    Args:
        project: The project folder, on the machine that runs this.
    """
    return await look_after("reports", project, _send, skips=(Busy, NothingDue))


async def _send(folder: Path) -> Told:
    async with open_project(folder, systems=()) as opened:
        config = opened.project.config
        wanted = due(config.reports, utc_now(), config.funnel.time_zone)
        done = {every: send_report(opened, every) for every in wanted}
    if not done:
        raise NothingDue("No report is due.")
    told = " ".join(f"{every}: sent to {len(one.sent)}." for every, one in done.items())
    failed = {name: said for one in done.values() for name, said in one.failed.items()}
    failed |= {name: "nobody knows whether it arrived" for one in done.values() for name in one.unknown}
    why = "; ".join(f"{name}: {said}" for name, said in failed.items())
    data = {str(every): len(one.sent) for every, one in done.items()}
    return told, data, f"Not all got it: {why}. The next hour tries again." if failed else ""
