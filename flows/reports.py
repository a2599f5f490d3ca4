"""The weekly and the monthly report to whoever gets them, looked at every hour: `smarketing report send` without the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from connectors.base import utc_now
from delivery.reports import Delivered, Every, due, send_report
from flows.attempts import Wanted
from flows.outcome import Name, of_error
from state.lock import Busy
from sync.project import open_project
from sync.run import Options


@flow(name="reports", persist_result=False)
async def reports(project: Path) -> State[dict[str, Any]]:
    """Send the reports of a project whose day and hour have come, as `reports` in smarketing.yaml says.

    Args:
        project: The project folder, on the machine that runs this.
    """
    log = get_run_logger()
    folder = Wanted(project, Options()).folder
    done: dict[Every, Delivered] = {}
    try:
        async with open_project(folder, systems=()) as opened:
            config = opened.project.config
            for every in due(config.reports, utc_now(), config.funnel.time_zone):
                done[every] = send_report(opened, every)
    except Busy as error:
        return Completed(name=Name.SKIPPED, message=str(error))
    except Exception as error:
        outcome = of_error(error, "reports", folder)
        log.error("%s: %s", outcome.name, outcome.told)
        return Failed(name=outcome.name, message=outcome.told)
    if not done:
        return Completed(name=Name.SKIPPED, message="No report is due.")
    told = " ".join(f"{every}: sent to {len(one.sent)}." for every, one in done.items())
    log.info(told)
    failed = {name: said for one in done.values() for name, said in one.failed.items()}
    failed |= {name: "nobody knows whether it arrived" for one in done.values() for name in one.unknown}
    if failed:
        why = "; ".join(f"{name}: {said}" for name, said in failed.items())
        return Failed(name=Name.PARTIAL, message=f"{told} Not all got it: {why}. The next hour tries again.")
    return Completed(name=Name.COMPLETED, message=told, data={every: len(one.sent) for every, one in done.items()})
