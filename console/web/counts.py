"""The job `count`: counts what a question asks for from the whole past, in a process of its own, and keeps it.

What can be counted, one function each, by name: it takes the project with its database, whom to tell how far it is, what is
asked for, and the time; and gives back what JSON can say. Invariants: each is counted by the functions that the command of the
same name counts by; where somebody has been forgotten meanwhile, nothing is kept.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from heapq import heappush, heappushpop
from pathlib import Path
from typing import Any

from alignment.funnel.counting import read_books
from alignment.periods import label_of, period_named
from alignment.personas import persona_pages
from alignment.reports.late import SOON
from alignment.scoring.calibration import calibrate
from alignment.sla.attainment import attainment, of_all, of_team
from console.bars import document
from console.web.counts_listed import funnel_counted, objectives_counted
from console.web.histogram import band_of
from console.web.kept import Question, drop, keep
from mapping.derived import GRADE, SCORE
from mapping.folder import read_files
from mapping.loader import load_project
from state.clocks import Clocks
from state.facts import Facts
from state.open_clocks import counted
from state.watermark import watermark
from sync.context import Progress
from sync.project import Opened, open_project

SHOWN = 200
"""Leads of one kind that are kept to be looked at: the newest."""

UNDELIVERED = 50
"""Alerts that did not arrive: so many of the newest are kept."""

Count = Callable[[Opened, Progress, Mapping[str, Any], datetime], Any]


def compare(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Any:
    """`smarketing compare`. Who is behind a difference is told by the hub's id; a record that is nobody's yet, by its own."""
    from console.comparing import period
    from sync.compare import compare as compared

    start, end = period(of.get("start") or None, of.get("end") or None)
    told = compared(opened.engine, opened.rules, of["stage"], start, end).as_dict()
    for one in told["differences"]:
        del one["who"]
    return told


def scores(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Any:
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


def calibration(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Any:
    """`smarketing score calibrate`."""
    from console.score import decisions_of

    decided = decisions_of(opened)
    return {**asdict(calibrate(opened.project, decided.examples)), "left_out": decided.left_out}


def scoring_effect(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Any:
    """What a draft would make of the scores. `files`: its texts, as far as they are others; `size`: how many leads are looked at, all where
    it is 0. Raises ConfigErrors where the draft has errors."""
    from sync.rescoring import effect

    folder = opened.project.folder
    draft = load_project(folder, {**read_files(folder), **of["files"]})
    found = effect(opened.engine, opened.project, draft, now, of["size"] or None, progress=progress)
    return found.document()


def sla(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Any:
    """`smarketing sla status` of a period of the pact, and of the one before. `period`: 2026-03 or 2026-Q1."""
    from console.pact import delivered_of, per_of, target_of
    from sync.clocks import pact_of

    engine, config = opened.engine, opened.project.config
    pact = pact_of(config)
    unit, here = per_of(pact), period_named(of["period"], pact.zone)[1]
    with Clocks(engine) as clocks:
        rows = [one for one in clocks.all_clocks(here.before.start) if one.started < here.end]
        alerts, last = clocks.counted_alerts(), clocks.position().at
        undelivered = clocks.alerts("failed", "dropped", "unknown", limit=UNDELIVERED)
    progress("clocks", "", len(rows))
    goal = target_of(engine, config, pact, now)
    brought = [delivered_of(engine, config, pact, now, one.start, goal, one.end) for one in (here, here.before)]
    told = {
        name: [{**group._asdict(), **one.document()} for group, one in attainment(rows, pact.zone, unit, by).items()]
        for name, by in (("people", lambda group: group), ("teams", of_team), ("clauses", of_all))
    }
    return {
        **told, "period": of["period"], "before": label_of(unit, here.before.first), "alerts": alerts, "last": last,
        "open": asdict(counted(engine, now, now + SOON)), "target": asdict(goal) if goal else None,
        "marketing": [asdict(one) if one else None for one in brought],
        "undelivered": [
            {"at": one.at, "kind": one.kind, "hub": one.hub_id, "clause": one.clause, "recipient": one.recipient,
             "state": one.state, "error": one.error}
            for one in undelivered
        ],
    }  # fmt: skip


def personas(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Any:
    """`smarketing personas`. `start`, `end`: days, as people type them."""
    from console.funnel import period_of

    config = opened.project.config
    period = period_of(config, of.get("start") or None, of.get("end") or None)
    with Facts(opened.engine) as facts:
        pages = persona_pages(read_books(facts, config), facts, period)
    told = [{**document(page), "persona": page.persona.name if page.persona else None} for page in pages]
    return {"period": document(period), "personas": told}


COUNTS: dict[str, Count] = {
    "sla": sla, "personas": personas,
    "compare": compare, "scores": scores, "calibration": calibration, "scoring_effect": scoring_effect,
}  # fmt: skip
LISTED = {"funnel": funnel_counted, "objectives": objectives_counted}
"""Those that come with who stands behind each figure."""


async def count(folder: Path, progress: Progress, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """`question`: as `Question.document` writes it."""
    question = Question(**arguments["question"])
    async with open_project(folder, systems=(), reading=True) as opened:
        mark, now = watermark(opened.engine), datetime.now(UTC)
        listed = LISTED.get(question.name)
        if listed is not None:
            value, found = listed(opened, progress, question.of, now)
        else:
            value, found = COUNTS[question.name](opened, progress, question.of, now), None
        try:
            keep(folder, question, now, mark, opened.project.hash, value, found)
        except FileNotFoundError:  # dropped while it was written
            return {"kept": False}
        same = watermark(opened.engine).erasures == mark.erasures
        if not same:
            drop(folder)
    return {"kept": same}
