"""The complete scan, once a week: finds what an incremental read cannot see, deletions without a tombstone and drift."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.attempts import Wanted
from flows.runs import carry_out
from sync.run import Options


@flow(name="rescan", persist_result=False)
async def rescan(project: Path, systems: list[str] | None = None, confirm: bool = False) -> State[dict[str, Any]]:
    """Read every record of every system, and bring the systems in line.

    Args:
        project: The project folder, on the machine that runs this.
        systems: Only these; all where none is named.
        confirm: Go on where the guard would stop: somebody has looked at `smarketing plan --full`.
    """
    options = Options(kind="rescan", full=True, confirmed=confirm)
    return await carry_out(Wanted(project, options, systems, patient=True))
