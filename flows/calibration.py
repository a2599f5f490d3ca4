"""What the outcomes say of the scoring rules, once a quarter: `smarketing score calibrate` as a note that is kept and sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from delivery.calibration import NoScoring, note_calibration
from flows.attempts import Wanted
from flows.outcome import Name, of_error
from state.lock import Busy
from sync.project import open_project
from sync.run import Options


@flow(name="calibration", persist_result=False)
async def calibration(project: Path) -> State[dict[str, Any]]:
    """Write the note of the last quarter into the project's reports, and send it to whoever gets the monthly report.

    Args:
        project: The project folder, on the machine that runs this.
    """
    log = get_run_logger()
    folder = Wanted(project, Options()).folder
    try:
        async with open_project(folder, systems=()) as opened:
            done = note_calibration(opened)
    except (NoScoring, Busy) as error:
        return Completed(name=Name.SKIPPED, message=str(error))
    except Exception as error:
        outcome = of_error(error, "calibration", folder)
        log.error("%s: %s", outcome.name, outcome.told)
        return Failed(name=outcome.name, message=outcome.told)
    sent = done.sent
    told = f"{done.told.outcomes:,} outcomes; {done.file}; sent to {len(sent.sent) if sent else 0}."
    log.info(told)
    if sent and (sent.failed or sent.unknown):
        why = "; ".join([*(f"{name}: {said}" for name, said in sent.failed.items()), *sent.unknown])
        return Failed(name=Name.PARTIAL, message=f"{told} Not all got it: {why}. Run this once more.")
    return Completed(name=Name.COMPLETED, message=told, data={"outcomes": done.told.outcomes, "file": str(done.file)})
