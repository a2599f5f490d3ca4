"""`revert`: a plan that takes back what a run wrote.

Not here: what can be taken back (`sync.revert`), how a plan is shown, kept and carried out (`planning`, `plans`).
Invariant: without `--confirm` nothing is written but the plan's file, and nothing is ever written past the guard.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from rich.text import Text

from console import planning, plans
from console.failures import Exit, Refusal
from console.plans import PlanFile
from console.progress import shown
from console.screen import Screen, many, moment, plain, table
from state.history import History, Run
from sync.project import open_project, run_preview

SHOWN = 20
"""Lines of what is not taken back; the plan's file has them all."""


def revert(screen: Screen, folder: Path, which: str, out: Path | None, confirm: bool, first: str) -> Exit:
    made = asyncio.run(_make(screen, folder, which, first))
    path = plans.save(made, folder, out)
    if confirm and not made.errors and made.writes:
        if not screen.as_json:
            _left(screen, made)
        return planning.carry_out(screen, folder, made, True, "")
    result = planning.exit_of(made)
    if result == Exit.DONE and made.left:
        result = Exit.FINDINGS
    if screen.as_json:
        screen.emit({"ok": result == Exit.DONE, "exit": int(result), "file": str(path), **made.document()})
        return result
    planning.show(screen, made)
    _left(screen, made)
    screen.gap()
    screen.say(Text.assemble("Kept as ", (str(path), "accent")))
    if made.writes:
        screen.say(Text.assemble("To do it:  ", (f"smarketing apply {made.id} --confirm", "accent")))
    return result


async def _make(screen: Screen, folder: Path, which: str, first: str) -> PlanFile:
    run = await find_run(folder, which)
    with shown(screen, first) as told:
        return await run_preview(
            folder,
            lambda opened, store, report, rows: plans.gathered(opened, store, report, rows, False),
            revert=run.id,
            progress=told,
        )


async def find_run(folder: Path, which: str) -> Run:
    """By id, by how it begins or ends (six digits at the end are shown by `explain`), or "last": the newest that wrote
    anything. Raises Refusal."""
    async with open_project(folder, systems=(), reading=True) as opened:
        with History(opened.engine) as history:
            if which == "last":
                last = history.last_that_wrote()
                found = [last] if last else []
            else:
                text = which.replace("-", "").strip().lower()
                found = history.runs_named(text) if len(text) >= 4 else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise Refusal("no-run", f"There is no run {which!r}.", "smarketing status --json names them by their id.")
    likely = "; ".join(f"{run.id} ({run.kind}, {moment(run.started)})" for run in found)
    raise Refusal("no-run", f"{which!r} may be one of several runs.", likely)


def _left(screen: Screen, made: PlanFile) -> None:
    if not made.left:
        return
    what = table("!System", "Record", "!Field", "Why", title=f"{many(len(made.left), 'thing')} not taken back")
    for row in made.left[:SHOWN]:
        what.add_row(row["system"], plain(row["remote_id"], 40), row["field"] or "all of it", plain(row["why"], 120))
    screen.gap()
    screen.say(what)
    if len(made.left) > SHOWN:
        screen.say(Text(f"… and {len(made.left) - SHOWN:,} more, in the plan's file", style="quiet"))
