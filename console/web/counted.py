"""What the jobs count for `kept` figures: one function each, by name. Imported by the job's process alone.

Each takes the project with its database, what is asked for, and whom to tell how far it is; and gives back what JSON can say.
Invariant: it is counted by the functions that the command of the same name counts by.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from console.web import kept
from sync.context import Progress
from sync.project import Opened, open_project

Count = Callable[[Opened, Progress, Mapping[str, Any]], Any]


def compare(opened: Opened, progress: Progress, of: Mapping[str, Any]) -> Any:
    """`smarketing compare`. Who is behind a difference is told by the hub's id; a record that is nobody's yet, by its own."""
    from console.comparing import period
    from sync.compare import compare as compared

    start, end = period(of.get("start") or None, of.get("end") or None)
    told = compared(opened.engine, opened.rules, of["stage"], start, end).as_dict()
    for one in told["differences"]:
        del one["who"]
    return told


COUNTS: dict[str, Count] = {"compare": compare}


async def figure(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The job. `name`: what is counted; `of`: of what."""
    name, of = arguments["name"], arguments["of"]
    async with open_project(folder, systems=(), reading=True) as opened:
        value = COUNTS[name](opened, progress, of)
        kept.keep(folder, name, of, opened.project.hash, value)
    return {"name": name}
