"""`sync` and `backfill`: a run with its progress, and what it has to say for itself afterwards.

Not here: anything that a run does (`sync.run`). Invariant: the exit code says in one number what the tables say in
words, so that a scheduler needs no parsing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from rich.text import Text

from connectors.base import Budget
from console.failures import Exit, Refusal
from console.names import WORDS, in_order, place_in_words, split_place
from console.progress import Told, shown
from console.screen import Screen, Sheet, count, many, plain, seconds, table
from state.history import History
from state.totals import Counted
from sync.context import Report
from sync.project import Opened, open_project, run_opened
from sync.pull import Window
from sync.run import Options


def run(screen: Screen, folder: Path, options: Options, systems: Sequence[str], first: str) -> Exit:
    """One run, shown from beginning to end."""
    report, counted, budgets = asyncio.run(_run(screen, folder, options, systems, first))
    result = exit_of(report)
    screen.emit(document(report, counted, budgets, result))
    show(screen, report, counted, options)
    return result


async def _run(
    screen: Screen, folder: Path, options: Options, systems: Sequence[str], first: str
) -> tuple[Report, Counted, dict[str, Budget]]:
    async with open_project(folder, systems=systems or None) as opened:
        with shown(screen, first) as told:
            report = await run_opened(opened, options, progress=told)
        return report, counted_in(opened), opened.budgets()


async def run_in(opened: Opened, options: Options, progress: Told) -> tuple[Report, Counted]:
    """For the demo: the same, in a project that is open."""
    report = await run_opened(opened, options, progress=progress)
    return report, counted_in(opened)


def counted_in(opened: Opened) -> Counted:
    with History(opened.engine) as history:
        return history.counted()


def exit_of(report: Report) -> Exit:
    if report.errors:
        return Exit.SYSTEM
    if report.outcome == "stopped":
        return Exit.STOPPED
    refused = sum(c.rejected + c.unknown for c in report.systems.values())
    return Exit.FINDINGS if refused else Exit.DONE


def document(report: Report, counted: Counted, budgets: Mapping[str, Budget], result: Exit) -> dict[str, Any]:
    return {
        "ok": result == Exit.DONE,
        "exit": int(result),
        **report.as_dict(),
        "writes": report.writes,
        "budget": {name: {"used": b.used, "limit": b.limit, "calls": b.calls} for name, b in budgets.items()},
        "reviews": counted.reviews,
    }


def show(screen: Screen, report: Report, counted: Counted, options: Options) -> None:
    screen.gap()
    screen.say(counts_table(report))
    screen.gap()
    failures(screen, report.errors, len({split_place(where)[0] for where in report.systems}))
    if report.stops:
        stops(screen, report.stops)
        _way_on(screen, report, options)
    else:
        wrote = many(report.writes, "record") + " written" if report.writes else "nothing to write"
        mark = Text("✓ ", style="good") if not report.errors else Text("● ", style="warn")
        screen.say(Text.assemble(mark, f"{report.kind} {report.outcome} in {seconds(report.seconds)}, {wrote}."))
    forgotten(screen, report)
    waiting(screen, counted)


def forgotten(screen: Screen, report: Report) -> None:
    """Whoever asked to be forgotten, and still has a record somewhere."""
    met = sum(c.forgotten for c in report.systems.values())
    if met:
        where = ", ".join(sorted(system for system, c in report.systems.items() if c.forgotten))
        screen.say(
            Text.assemble(("● ", "warn"), f"{many(met, 'record')} not taken in: forgotten people are still in {where}.")
        )


def counts_table(report: Report) -> Sheet:
    made = table(
        "!Kind",
        "!System",
        ">Read",
        "~>Changed",
        ">New",
        ">Matched",
        "~>Conflicts",
        ">Created",
        ">Updated",
        ">Refused",
        "~>Calls",
    )
    for where, label in places(report.systems):
        c = report.systems[where]
        made.add_row(
            label,
            Text(split_place(where)[0], style="bold"),
            count(c.read),
            count(c.fresh),
            count(c.new),
            count(c.matched),
            count(c.conflicts),
            count(c.created, "good"),
            count(c.updated, "good"),
            count(c.rejected + c.unknown, "bad"),
            count(c.calls or None),
        )
    return made


def places(found: Iterable[str]) -> list[tuple[str, Text]]:
    """In the order of a run, the kind said once for all its systems."""
    said, labelled = "", []
    for where in sorted(found, key=in_order):
        word = WORDS[split_place(where)[1]][1]
        labelled.append((where, Text("" if word == said else word)))
        said = word
    return labelled


def failures(screen: Screen, errors: Mapping[str, Mapping[str, str]], systems: int) -> None:
    for system, error in sorted(errors.items()):
        body = [Text(plain(error["message"], 1000))]
        if error["hint"]:
            body.append(Text(plain(error["hint"], 1000), style="quiet"))
        if len({split_place(where)[0] for where in errors}) < systems:
            body.append(Text("The other systems went on; the next run catches up.", style="quiet"))
        screen.panel(f"{place_in_words(system)}: {error['code']}", *body, style="bad")


def stops(screen: Screen, found: Sequence[Mapping[str, str]]) -> None:
    body = [Text.assemble((f"{stop['code']:<15}", "warn"), f" {plain(stop['message'], 300)}") for stop in found]
    screen.panel("Stopped before the first write", *body, style="warn")


def _way_on(screen: Screen, report: Report, options: Options) -> None:
    if any(stop["code"] == "guard-errors" for stop in report.stops):
        screen.say("Look at what was refused:  [accent]smarketing review list --kind dead_letter[/]")
        return
    again = "smarketing backfill …" if options.window else "smarketing sync"
    screen.say("Look at it:       [accent]smarketing plan[/]", f"If it is right:   [accent]{again} --confirm[/]")


def waiting(screen: Screen, counted: Counted) -> None:
    """What people have to decide."""
    asked = {kind: number for kind, number in counted.reviews.items() if kind != "guard"}
    if asked:
        kinds = ", ".join(f"{number:,} {kind.replace('_', ' ')}" for kind, number in sorted(asked.items()))
        screen.say(
            Text.assemble(
                ("● ", "warn"),
                f"{many(sum(asked.values()), 'question')} for a person ({kinds}): ",
                ("smarketing review list", "accent"),
            )
        )


def window_of(start: str, end: str | None) -> Window:
    """The window of a backfill, from dates or times as people type them; days are local ones, the last included."""
    since, until = time_of(start, "--from"), time_of(end, "--to", whole=True) if end else None
    if until and until <= since:
        raise Refusal("usage", "--to lies before --from.", "Give the earlier time to --from.")
    return Window(since, until)


def time_of(text: str, option: str, *, whole: bool = False) -> datetime:
    """A date or time as people type it, of a day its beginning; `whole`: its end. Raises Refusal."""
    try:
        at = datetime.fromisoformat(text)
        if whole and len(text) == len("2026-03-01"):
            at += timedelta(days=1)
    except (ValueError, OverflowError):
        raise Refusal(
            "usage",
            f"{option}: {text!r} is no date.",
            "Write 2026-03-01, or 2026-03-01T08:30, or with a zone: …+01:00.",
        ) from None
    return at.astimezone()
