"""What the jobs count for `results`: one function each, by name. Imported by the job's process alone.

Each takes the project with its database, what is asked for, and whom to tell how far it is; and gives back what JSON can say.
Invariant: it is counted by the functions that the command of the same name counts by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Any

from alignment.scoring.calibration import calibrate
from console.web import results
from console.web.drafted import drafted
from console.web.histogram import band_of
from mapping.derived import GRADE, SCORE
from mapping.loader import MAIN
from state.facts import Facts
from sync.context import Progress
from sync.project import Opened, open_project

SHOWN = 200
"""Leads of one kind that are kept to be looked at: the newest."""

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


def scores(opened: Opened, progress: Progress, of: Mapping[str, Any]) -> Any:
    """How many leads have so many points, and each grade, as they stand in the hub; and the newest of each, by id."""
    totals, grades, leads = Counter[int](), Counter[str](), 0
    newest: dict[str, list[str]] = {}

    def among(key: str, hub_id: str) -> None:
        heap = newest.setdefault(key, [])
        (heappushpop if len(heap) >= SHOWN else heappush)(heap, hub_id)

    with Facts(opened.engine) as facts:
        for part in facts.columns("lead", (SCORE, GRADE)):
            leads += len(part.ids)
            for hub_id, total, grade in zip(part.ids, *part.columns, strict=True):
                if isinstance(total, int):
                    totals[total] += 1
                    among(f"band-{band_of(total)}", hub_id)
                if grade:
                    grades[str(grade)] += 1
                    among(str(grade), hub_id)
            progress("score", "", leads)
    return {
        "leads": leads, "totals": [totals[n] for n in range(101)], "grades": grades,
        "newest": {key: sorted(heap, reverse=True) for key, heap in newest.items()},
    }  # fmt: skip


def calibration(opened: Opened, progress: Progress, of: Mapping[str, Any]) -> Any:
    """`smarketing score calibrate`."""
    from console.score import decisions_of

    decided = decisions_of(opened)
    return {**asdict(calibrate(opened.project, decided.examples)), "left_out": decided.left_out}


def scoring_effect(opened: Opened, progress: Progress, of: Mapping[str, Any]) -> Any:
    """What a draft of the main file would make of the scores. `main`: its text; `size`: how many leads are looked at, all where
    it is 0. Raises ConfigErrors where the draft has errors."""
    from sync.rescoring import effect

    draft = drafted(opened.project.folder, {MAIN: of["main"]})
    found = effect(opened.engine, opened.project, draft, datetime.now(UTC), of["size"] or None, progress=progress)
    return found.document()


COUNTS: dict[str, Count] = {
    "compare": compare, "scores": scores, "calibration": calibration, "scoring_effect": scoring_effect,
}  # fmt: skip


async def count(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The job. `name`: what is counted; `of`: of what."""
    name, of = arguments["name"], arguments["of"]
    async with open_project(folder, systems=(), reading=True) as opened:
        value = COUNTS[name](opened, progress, of)
        results.keep(folder, name, of, opened.project.hash, value)
    return {"name": name}
