"""`plan` and `apply`: what a run would do, shown and kept; and doing just that.

Invariant: `plan` writes one file, its own, and nothing else anywhere; `apply` writes what the plan shows or less,
never anything else.
"""

from __future__ import annotations

import asyncio
import getpass
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.table import Table
from rich.text import Text

from console import applying, plans, syncing
from console.failures import Exit
from console.names import WORDS, in_order, in_words, split_place
from console.plans import Decision, PlanFile, PlannedWrite, field_in_words
from console.progress import shown
from console.screen import Screen, Sheet, change, count, many, plain, spelled, table
from mapping.fields import KINDS, RecordKind, place
from state.totals import Counted
from sync.context import Report
from sync.plan import Tally
from sync.project import open_project, run_preview
from sync.run import Options

SAMPLES, FIELDS = 2, 4
"""Records shown of each kind of write, and fields of each."""


def plan(screen: Screen, folder: Path, out: Path | None, full: bool, systems: Sequence[str], first: str) -> Exit:
    made = asyncio.run(_make(screen, folder, full, systems, first))
    path = plans.save(made, folder, out)
    result = exit_of(made)
    if screen.as_json:
        screen.emit({"ok": result == Exit.DONE, "exit": int(result), "file": str(path), **made.document()})
        return result
    show(screen, made)
    screen.gap()
    screen.say(Text.assemble("Kept as ", (str(path), "accent")))
    if any(tally.writes for tally in made.tallies.values()):
        confirm = " --confirm" if made.stops else ""
        screen.say(Text.assemble("To do it:  ", (f"smarketing apply {made.id}{confirm}", "accent")))
    return result


async def _make(screen: Screen, folder: Path, full: bool, systems: Sequence[str], first: str) -> PlanFile:
    with shown(screen, first) as told:
        return await run_preview(
            folder,
            lambda opened, store, report, rows: plans.gathered(opened, store, report, rows, full),
            systems=systems or None,
            full=full,
            progress=told,
        )


def exit_of(made: PlanFile) -> Exit:
    if made.errors:
        return Exit.SYSTEM
    return Exit.STOPPED if made.stops else Exit.DONE


def show(screen: Screen, made: PlanFile) -> None:
    screen.gap()
    screen.title("Plan", f"{made.id}, nothing has been written")
    screen.gap()
    screen.say(_read_table(made))
    writes = sum(tally.writes for tally in made.tallies.values())
    if writes:
        screen.gap()
        screen.say(_fields_table(made))
    if made.decided:
        screen.gap()
        screen.say(decisions_table(made))
    for kind in KINDS:
        for system in made.systems:
            for operation in ("create", "update", "restore", "archive", "merge"):
                _samples(screen, made, system, kind, operation)
    screen.gap()
    syncing.failures(screen, made.errors, len(made.systems))
    if made.stops:
        syncing.stops(screen, made.stops)
    elif not writes and not made.errors:
        screen.say(Text.assemble(("✓ ", "good"), "Every system is in line: there is nothing to write."))


def _read_table(made: PlanFile) -> Sheet:
    archives = any(tally.archives for tally in made.tallies.values())
    merges = any(tally.merges for tally in made.tallies.values())
    writes = [*([] if made.reverts else ["To create"]), "To update", *(["To archive"] if archives else [])]
    writes += ["To merge"] if merges else []
    what = table(
        "!Kind",
        "!System",
        ">Read",
        ">New here",
        ">Matched",
        "~>Conflicts",
        "~>Linked",
        *(f">{name}" for name in writes),
    )
    for where, label in syncing.places(made.tallies):
        tally, c = made.tallies[where], made.report["systems"].get(where, {})
        what.add_row(
            label,
            Text(split_place(where)[0], style="bold"),
            *(count(c.get(name, 0)) for name in ("read", "new", "matched", "conflicts")),
            count(tally.linked),
            *(() if made.reverts else (count(tally.creates, "good"),)),
            count(tally.updates, "good"),
            *((count(tally.archives, "bad"),) if archives else ()),
            *((count(tally.merges, "bad"),) if merges else ()),
        )
    return what


def _fields_table(made: PlanFile) -> Sheet:
    """How many records each field would change in, by system; creates apart."""
    what = table("!Field", *(f">in {system}" for system in made.systems), title="Updates, field by field")
    totals: Counter[tuple[int, RecordKind, str]] = Counter()
    for where, tally in made.tallies.items():
        for name, number in tally.fields.items():
            totals[in_order(where)[0], split_place(where)[1], name] += number
    for (_, kind, name), _ in sorted(totals.items(), key=lambda item: (item[0][0], -item[1], item[0])):
        cells = []
        for system in made.systems:
            tally = made.tallies.get(place(system, kind), Tally())
            cell = count(tally.fields.get(name, 0))
            if blanks := tally.blanks.get(name):
                cell.append(f" ({blanks:,} blanked)", style="bad")
            cells.append(cell)
        what.add_row(field_in_words(name, kind), *cells)
    return what


def decisions_table(made: PlanFile) -> Sheet:
    what = table("!Field", ">Times", "!Rule", "For example", title="Conflicts, and how they would be decided")
    first: dict[str, Decision] = {}
    for decision in made.decisions:
        first.setdefault(f"{field_in_words(decision.field, decision.kind)}\t{decision.rule}", decision)
    for key, times in sorted(made.decided.items(), key=lambda item: (-item[1], item[0])):
        name, rule = key.split("\t")
        what.add_row(name, count(times), plain(rule), example(first[key], made.names) if key in first else "")
    return what


def example(decision: Decision, names: Mapping[str, str] = MappingProxyType({})) -> Text:
    """'Chief …' (salesforce) over 'Head …' (hubspot)"""
    said = {system.split(" (from ")[-1].rstrip(")"): in_words(v, names) for system, v in decision.claims.items()}
    if decision.winner is None:
        told = Text("you decide: ", style="warn")
        losers = said
    else:
        told = Text(f"{spelled(said.get(decision.winner), 36)} (")
        told.append(decision.winner, style="accent").append(")")
        losers = {system: value for system, value in said.items() if system != decision.winner}
        told.append(" over ", style="quiet")
    told.append(", ".join(f"{spelled(value, 36)} ({system})" for system, value in losers.items()))
    return told


def _samples(screen: Screen, made: PlanFile, system: str, kind: RecordKind, operation: str) -> None:
    rows = [row for row in made.writes if (row.system, row.kind, row.operation) == (system, kind, operation)]
    if not rows:
        return
    screen.gap()
    told = f"{len(rows):,} {WORDS[kind][len(rows) != 1]} to {operation} in {system}, for example"
    screen.say(Text(told, style="bold"))
    if operation == "merge":
        screen.say(Text("  for good: no system takes a merge back, and neither does smarketing revert", style="warn"))
    for row in _chosen(rows, {decision.who for decision in made.decisions}):
        screen.say(Text(f"  {plain(row.who, 70)}", style="accent"))
        fields = _telling(row)
        lines = Table.grid(padding=(0, 2, 0, 0))
        lines.add_column(width=20, no_wrap=True)
        lines.add_column(width=max(20, min(52, screen.console.width - 54)), overflow="fold")
        lines.add_column(overflow="fold")
        for name, entry in fields[:FIELDS]:
            lines.add_row(f"    {name or 'record'}", _change(entry, made.names), why(entry))
        if len(fields) > FIELDS:
            lines.add_row(Text(f"    and {len(fields) - FIELDS} more", style="quiet"))
        screen.say(lines)


def _change(entry: Mapping[str, Any], names: Mapping[str, str]) -> Text:
    """A list by who joins it and who leaves."""
    old, new = in_words(entry["old"], names), in_words(entry["new"], names)
    if isinstance(old, list) and isinstance(new, list):
        joins = [f"+ {one}" for one in new if one not in old] + [f"- {one}" for one in old if one not in new]
        return Text(spelled(joins, 80))
    return change(old, new)


def _chosen(rows: Sequence[PlannedWrite], disputed: Collection[str]) -> list[PlannedWrite]:
    """First those whose systems disagree, then from all over the list."""
    first = [row for row in rows if row.who in disputed][:1]
    step = max(1, len(rows) // SAMPLES)
    return [*first, *(row for row in rows[::step] if row not in first)][:SAMPLES]


def _telling(row: PlannedWrite) -> list[tuple[str, dict[str, Any]]]:
    """What changes something that was there first, then what people typed, then what was computed."""
    identity = ("name", "domain", "email", "company", "stage", "score")

    def weight(item: tuple[str, dict[str, Any]]) -> tuple[bool, bool, bool, str]:
        name, entry = item
        told = row.operation == "create" and name in identity
        return (entry["old"] is None, not told, entry["from"] == "smarketing" and name not in identity, name)

    return sorted(row.fields.items(), key=weight)


def why(entry: dict[str, Any]) -> Text:
    return Text.assemble((entry["from"], "accent"), (f" {plain(entry['rule'], 60)}", "quiet"))


# -- apply ------------------------------------------------------------------------------------------------------------


def apply(screen: Screen, folder: Path, which: str, confirm: bool, first: str) -> Exit:
    made = plans.load(which, folder)
    return carry_out(screen, folder, made, confirm, first)


def carry_out(screen: Screen, folder: Path, made: PlanFile, confirm: bool, first: str) -> Exit:
    """Run a plan, and tell what became of it."""
    report, counted, left = asyncio.run(_apply(screen, folder, made, confirm, first))
    result = syncing.exit_of(report)
    if left and result == Exit.DONE:
        result = Exit.FINDINGS
    options = Options(kind="apply")
    if screen.as_json:
        shown_ = syncing.document(report, counted, {}, result)
        screen.emit({**shown_, "plan": made.id, "planned": len(made.writes), "left": [*report.left, *left]})
        return result
    syncing.show(screen, report, counted, options)
    if report.outcome != "stopped":
        _left(screen, made, left)
    return result


async def _apply(
    screen: Screen, folder: Path, made: PlanFile, confirm: bool, first: str
) -> tuple[Report, Counted, list[dict[str, str]]]:
    async with open_project(folder, systems=made.systems) as opened:
        with shown(screen, first) as told:
            report, left = await applying.applied(
                opened, made, applying.everything(made), getpass.getuser() if confirm else None, told
            )
        return report, syncing.counted_in(opened), left


def _left(screen: Screen, made: PlanFile, left: Sequence[dict[str, str]]) -> None:
    done = len(made.writes) - len(left)
    screen.say(Text(f"{done:,} of {len(made.writes):,} writes of plan {made.id}.", style="quiet"))
    if left:
        what = table("!System", "!Operation", "Who", "Why", title=f"{many(len(left), 'write')} left out: changed since")
        for row in left[:20]:
            what.add_row(row["system"], row["operation"], row["who"], plain(row["why"], 120))
        screen.gap()
        screen.say(what)
        if len(left) > 20:
            screen.say(Text(f"… and {len(left) - 20:,} more (--json names them all)", style="quiet"))
