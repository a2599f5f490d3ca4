"""A plan as it is looked through on pages: its index, made beside it.

Invariant: an index is used only for the very file that it was made from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from console.failures import Refusal
from console.names import in_words
from console.plans import FOLDER, PlanFile, load
from state import plan_index
from state.plan_index import PlanIndex
from sync.context import Progress

SMALL = 4_000_000
"""Bytes of a plan's file up to which its index is made while somebody waits."""

LEFT = 200
"""Things that a revert does not take back, told with the plan; the file has them all."""


def index(made: PlanFile, path: Path, progress: Progress = lambda phase, place, count: None) -> None:
    """`path`: of the plan's file, which is there."""
    head = {
        name: value for name, value in made.document().items() if name not in ("writes", "names", "decisions", "left")
    }
    head |= {
        "decisions": [_named(asdict(one), made.names) for one in made.decisions],
        "left": made.left[:LEFT],
        "left_count": len(made.left),
        "source": _stamp(path),
    }
    writes = ({**asdict(write), "fields": _fields(write.fields, made.names)} for write in made.writes)
    plan_index.build(path.with_suffix(".index"), head, writes, lambda count: progress("index", "", count))


def index_of(folder: Path, plan: str) -> PlanIndex | None:
    """Made now where that is quickly done; None where it has yet to be made (`console.web.work.index`). Raises Refusal where
    there is no such plan."""
    path = path_of(folder, plan)
    found = plan_index.opened(path.with_suffix(".index"))
    if found is not None and found.head["source"] == _stamp(path):
        return found
    return None if path.stat().st_size > SMALL else indexed(folder, plan)


def indexed(folder: Path, plan: str) -> PlanIndex:
    """Made now, however long it takes. Raises Refusal."""
    path = path_of(folder, plan)
    index(load(plan, folder), path)
    found = plan_index.opened(path.with_suffix(".index"))
    assert found is not None
    return found


def path_of(folder: Path, plan: str) -> Path:
    """Of a plan by its id, and nothing else by any other name. Raises Refusal."""
    path = folder / FOLDER / f"{plan}.json"
    if not plan.replace("-", "").isalnum() or not path.is_file():
        raise Refusal("no-plan", f"There is no plan {plan!r}.", "Make one: smarketing plan")
    return path


def _stamp(path: Path) -> list[int]:
    seen = path.stat()
    return [seen.st_mtime_ns, seen.st_size]


def _fields(fields: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    return {
        name: {**entry, "old": in_words(entry["old"], names), "new": in_words(entry["new"], names)}
        for name, entry in fields.items()
    }


def _named(decision: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {**decision, "claims": {system: in_words(value, names) for system, value in decision["claims"].items()}}
