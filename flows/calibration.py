"""What the outcomes say of the scoring rules, once a quarter: `smarketing score calibrate` as a note that is kept and sent."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from delivery.calibration import NoScoring, note_calibration
from flows.runs import Told, look_after
from state.lock import Busy
from sync.project import open_project


@flow(name="calibration", persist_result=False)
async def calibration(project: Path) -> State[dict[str, Any]]:
    """Write the note of the last quarter into the project's reports, and send it to whoever gets the monthly report.

    Args:
        project: The project folder, on the machine that runs this.
    """
    return await look_after("calibration", project, _note, skips=(Busy, NoScoring))


async def _note(folder: Path) -> Told:
    async with open_project(folder, systems=()) as opened:
        done = note_calibration(opened)
    sent = done.sent
    told = f"{done.told.outcomes:,} outcomes; {done.file}; sent to {len(sent.sent) if sent else 0}."
    data = {"outcomes": done.told.outcomes, "file": str(done.file)}
    if not sent or not (sent.failed or sent.unknown):
        return told, data, ""
    why = "; ".join([*(f"{name}: {said}" for name, said in sent.failed.items()), *sent.unknown])
    return told, data, f"Not all got it: {why}. Run this once more."
