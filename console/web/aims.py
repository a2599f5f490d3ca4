"""The jobs `freeze` and `restate`: what came of objectives is counted and kept for good, as the commands of these names do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from console.objectives import keep_again, keep_over
from sync.context import Progress
from sync.project import open_project


async def freeze(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`label`: of the period; empty for the last one of each objective. `who`: who asks for it."""
    async with open_project(folder, systems=()) as opened:
        progress("count", "objectives", 0)
        kept = keep_over(opened, arguments["label"] or None, arguments["who"], datetime.now(UTC))
    return {"frozen": [f"{one.objective.name} {one.label}" for one in kept.goals], "unmeasured": kept.unmeasured}


async def restate(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`name`, `label`: what is counted anew; `reason`: why; `who`: says so."""
    async with open_project(folder, systems=()) as opened:
        progress("count", "objectives", 0)
        old, now = keep_again(
            opened, arguments["name"], arguments["label"], arguments["reason"], arguments["who"], datetime.now(UTC)
        )  # fmt: skip
    return {"was": old.value, "is": now.value}
