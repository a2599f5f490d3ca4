"""Read a stretch of time again, by hand: after a field was added, a restore, a mistake. Resumes where it stopped."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Failed

from flows.attempts import Wanted
from flows.runs import carry_out
from sync.pull import Window
from sync.run import Options


@flow(name="backfill", persist_result=False)
async def backfill(
    project: Path,
    first_day: date,
    last_day: date | None = None,
    systems: list[str] | None = None,
    confirm: bool = False,
) -> State[dict[str, Any]]:
    """Read again what changed from one day to another, and write what follows from it.

    Args:
        project: The project folder, on the machine that runs this.
        first_day: Begins at midnight in that machine's zone.
        last_day: Is read to its end; everything up to now where not given.
        systems: Only these; all where none is named.
        confirm: Go on where the guard would stop: somebody has looked.
    """
    try:
        stretch = window(first_day, last_day)
    except ValueError as error:
        return Failed(message=str(error))
    options = Options(kind="backfill", window=stretch, confirmed=confirm)
    return await carry_out(Wanted(project, options, systems, patient=True))


def window(first_day: date, last_day: date | None) -> Window:
    """The same as `smarketing backfill --from … --to …` reads, so that one resumes the other. Raises ValueError."""
    if last_day and last_day < first_day:
        raise ValueError(f"last_day ({last_day}) lies before first_day ({first_day}).")
    return Window(_midnight(first_day), _midnight(last_day) + timedelta(days=1) if last_day else None)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min).astimezone()
