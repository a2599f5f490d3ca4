"""The incremental run, every quarter of an hour: what changed, both ways. `smarketing sync` without the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from flows.attempts import Wanted
from flows.runs import carry_out
from sync.run import Options


@flow(name="sync", persist_result=False)
async def sync(project: Path, systems: list[str] | None = None, confirm: bool = False) -> State[dict[str, Any]]:
    """Bring the systems of a project in line.

    Args:
        project: The project folder, on the machine that runs this.
        systems: Only these; all where none is named.
        confirm: Go on where the guard would stop: somebody has looked at `smarketing plan`.
    """
    return await carry_out(Wanted(project, Options(kind="sync", confirmed=confirm), systems))
