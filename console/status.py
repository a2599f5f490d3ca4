"""`status`: how the project stands. Reads the database alone; asks no system, so it answers at once and costs no calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.text import Text

from alignment.sla.messages import re_evaluation
from console.failures import Exit
from console.names import WORDS, in_order
from console.screen import Screen, Sheet, ago, count, many, moment, plain, seconds, table, value
from state.clocks import Clocks
from state.history import History, Run
from state.totals import Counted
from sync.project import Opened, open_project

LATE = 3600.0
"""Seconds since a system was last read from which on it is told in yellow."""

TIGHT = 0.8
"""Of a system's API allowance: from there on it is told in yellow."""


async def status(screen: Screen, folder: Path, runs: int) -> Exit:
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            counted, last = history.counted(), history.runs(runs)
        agreed = agreed_of(opened)
    screen.emit({**document(opened, counted, last), "sla": asdict(agreed) if agreed else None})
    if not screen.as_json:
        show(screen, opened, counted, last)
        _promises(screen, agreed)
    return Exit.DONE


@dataclass(frozen=True, slots=True)
class Agreed:
    """How the pact stands: clocks that have not stopped, those of them that are over their time, and a sentence where the
    pact is to be looked at again (empty where it is not)."""

    open: int
    overdue: int
    re_evaluation: str


def agreed_of(opened: Opened, counted: Mapping[str, int] | None = None) -> Agreed | None:
    """`counted`: state -> how many clocks have not stopped; counted here where it is not given."""
    pact = opened.project.config.sla
    if pact is None:
        return None
    found = counted
    if found is None:
        with Clocks(opened.engine) as clocks:
            found = clocks.counted_open()
    return Agreed(sum(found.values()), found.get("breached", 0), re_evaluation(pact, datetime.now(UTC)))


def _promises(screen: Screen, agreed: Agreed | None) -> None:
    if agreed is None:
        return
    if agreed.overdue:
        line = Text.assemble(("● ", "warn"), f"{many(agreed.overdue, 'clock')} of {agreed.open:,} over time:  ")
        screen.say(line.append("smarketing sla status", style="accent"))
    if agreed.re_evaluation:
        screen.say(Text.assemble(("● ", "warn"), agreed.re_evaluation))


def document(opened: Opened, counted: Counted, runs: list[Run]) -> dict[str, Any]:
    now = datetime.now(UTC)
    read = {p.system: p.saved_at for p in counted.positions if p.stream == "lead"}
    return {
        "ok": True,
        "exit": 0,
        "leads": counted.records.get("lead", 0),
        "hub_records": counted.records,
        "behind": counted.dirty,
        "unmerged": counted.touched,
        "configuration": opened.rules.hash,
        "systems": {
            name: {
                "connector": system.connector,
                "role": system.role,
                "records": counted.links.get(name, {}),
                "activities": counted.activities.get(name, 0),
                "read_at": read.get(name),
                "lag_seconds": (now - read[name]).total_seconds() if name in read else None,
                "written_at": counted.last_write.get(name),
                "in_doubt": counted.in_doubt.get(name, 0),
                "calls": last_of(runs, name).get("calls"),
                "api_used": last_of(runs, name).get("api_used"),
                "api_limit": last_of(runs, name).get("api_limit"),
                "backfills": [p.stream for p in counted.positions if p.system == name and p.backfill],
            }
            for name, system in opened.project.config.systems.items()
        },
        "reviews": counted.reviews,
        "answered": counted.answered,
        "runs": [
            {
                "id": r.id,
                "kind": r.kind,
                "started": r.started,
                "ended": r.ended,
                "outcome": outcome(r),
                "report": r.report,
            }
            for r in runs
        ],
    }


def outcome(run: Run) -> str:
    return run.outcome or "not finished"


def last_of(runs: Sequence[Run], system: str) -> dict[str, Any]:
    """What the last run that spoke to the system had to say of it."""
    reports = (run.report.get("systems", {}).get(system) for run in runs)
    return next((report for report in reports if report), {})


def _budget(last: dict[str, Any]) -> Text:
    used, limit = last.get("api_used"), last.get("api_limit")
    if used is None or not limit:
        return value(None)
    return Text(f"{used:,} of {limit:,}", style="warn" if used > TIGHT * limit else "")


def show(screen: Screen, opened: Opened, counted: Counted, runs: list[Run]) -> None:
    screen.gap()
    screen.title(str(opened.project.folder.resolve().name), _held(counted))
    screen.gap()
    screen.say(_systems(opened, counted, runs))
    if runs:
        screen.gap()
        screen.say(_runs(runs))
        for message in _trouble(runs[0]):
            screen.say(Text.assemble((f"{runs[0].id[-6:]}  ", "quiet"), plain(message, 300)))
    screen.gap()
    if counted.dirty:
        screen.say(Text.assemble(("● ", "quiet"), f"{many(counted.dirty, 'record')} for the next run to look at"))
    _questions(screen, counted)
    for position in counted.positions:
        if position.backfill:
            told = f"a backfill of {position.system} is not through ({position.backfill})"
            screen.say(Text.assemble(("● ", "warn"), told, ": run the same command again to go on"))
    if not runs:
        screen.say("Nothing has been synced yet. See what would happen:  [accent]smarketing plan[/]")


def _held(counted: Counted) -> str:
    """ "2,434 leads, 318 companies" """
    kinds = sorted(counted.records, key=lambda kind: (kind != "lead", in_order(f"/{kind}")))
    return ", ".join(many(counted.records[kind], *WORDS[kind]) for kind in kinds) or many(0, "lead")


def _systems(opened: Opened, counted: Counted, runs: list[Run]) -> Sheet:
    """Calls and budget are those that the last run told of."""
    now = datetime.now(UTC)
    happened = counted.activities
    what = table(
        "!System", "~!Role", ">Linked", "~>Gone", *([">Activities"] if happened else []), "!Last read", "!Last written",
        "~>In doubt", "~>Calls", "!API budget",
    )  # fmt: skip
    read = {p.system: p.saved_at for p in counted.positions if p.stream == "lead"}
    for name, system in opened.project.config.systems.items():
        links = counted.links.get(name, {})
        at = read.get(name)
        late = at is None or (now - at).total_seconds() > LATE
        what.add_row(
            Text(name, style="bold"),
            Text(system.role, style="quiet"),
            count(links.get("live", 0)),
            count(sum(n for state, n in links.items() if state != "live")),
            *([count(happened.get(name, 0))] if happened else []),
            Text(ago(at, now), style="warn" if late else ""),
            Text(ago(counted.last_write.get(name), now)),
            count(counted.in_doubt.get(name, 0), "warn"),
            count(last_of(runs, name).get("calls")),
            _budget(last_of(runs, name)),
        )
    return what


def _runs(runs: list[Run]) -> Sheet:
    what = table("!Run", "!Kind", "!Started", "~>Took", "!Outcome", ">Read", ">Written", ">Refused", title="Last runs")
    for run in runs:
        systems = run.report.get("systems", {}).values()
        took = run.report.get("seconds") if run.ended else None
        result = outcome(run)
        style = {"done": "good", "stopped": "warn", "partial": "bad"}.get(result, "warn")
        what.add_row(
            Text(run.id[-6:], style="quiet"),
            run.kind,
            moment(run.started),
            Text(seconds(took) if took is not None else "–", style="quiet"),
            Text(result, style=style),
            count(sum(c["read"] for c in systems)),
            count(sum(c["created"] + c["updated"] for c in systems), "good"),
            count(sum(c["rejected"] + c["unknown"] for c in systems), "bad"),
        )
    return what


def _trouble(run: Run) -> list[str]:
    """Why a run stopped, or left a system out."""
    said = [str(stop["message"]) for stop in run.report.get("stops", [])]
    return said + [f"{system}: {error['message']}" for system, error in run.report.get("errors", {}).items()]


def _questions(screen: Screen, counted: Counted) -> None:
    if not counted.reviews:
        return
    kinds = ", ".join(f"{number:,} {kind.replace('_', ' ')}" for kind, number in sorted(counted.reviews.items()))
    line = Text.assemble(("● ", "warn"), f"{many(sum(counted.reviews.values()), 'question')} for a person ({kinds})")
    if counted.answered:
        line.append(f", {counted.answered:,} answered: the next run carries it out", style="quiet")
    screen.say(line.append(":  ").append("smarketing review list", style="accent"))
