"""`compare`: the same leads counted in every system, side by side, and each difference named. Reads the database alone."""

from __future__ import annotations

import csv
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from rich.text import Text

from alignment.words import Words
from console.failures import Exit, Refusal
from console.screen import Screen, count, plain, table
from console.syncing import time_of
from sync.compare import Comparison, Difference, compare, rows
from sync.project import open_project

SHOWN = 3
"""Differences of a kind that are named on the screen; the file has all."""


async def tell(screen: Screen, folder: Path, stage: str, start: str | None, end: str | None, file: Path | None) -> Exit:
    since, until = period(start, end)
    async with open_project(folder, systems=(), reading=True) as opened:
        if stage not in opened.rules.lifecycle.ladder:
            known = ", ".join(opened.rules.lifecycle.ladder)
            raise Refusal("usage", f"There is no step {plain(stage)!r} of the ladder.", f"It is one of: {known}.")
        told = compare(opened.engine, opened.rules, stage, since, until)
        words = Words(opened.project.config.languages[0])
    if file is not None:
        with file.open("w", encoding="utf-8", newline="") as out:
            csv.writer(out).writerows([_harmless(cell) for cell in row] for row in rows(told))
    screen.emit({"ok": True, "exit": 0, **told.as_dict()})
    if not screen.as_json:
        show(screen, told, words, file)
    return Exit.DONE


def period(start: str | None, end: str | None) -> tuple[datetime | None, datetime | None]:
    """From dates or times as people type them; days are local ones, the last included. Raises Refusal."""
    since = time_of(start, "--from") if start else None
    until = time_of(end, "--to", whole=True) if end else None
    if since and until and until <= since:
        raise Refusal("usage", "--to lies before --from.", "Give the earlier time to --from.")
    return since, until


def _harmless(cell: str) -> str:
    """What a spreadsheet would take for a formula is text there too."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def show(screen: Screen, told: Comparison, words: Words, file: Path | None) -> None:
    screen.title(words("compare.title", stage=told.stage, period=_spelled(told, words)))
    screen.say(Text(words("compare.cohort", count=told.cohort)))
    made = table(
        words("compare.system"), f">{words('compare.says')}", f">{words('compare.both')}",
        f">{words('compare.lacks')}", f">{words('compare.beyond')}",
    )  # fmt: skip
    for system, one in told.systems.items():
        made.add_row(
            Text(system, style="accent"), count(one.says), count(one.both), count(one.lacks.total()),
            count(one.beyond.total()),
        )  # fmt: skip
    screen.say(made)
    for system, one in told.systems.items():
        mine = [difference for difference in told.differences if difference.system == system]
        _reasons(screen, words, words("compare.lacking", system=system), one.lacks, mine, cohort=True)
        _reasons(screen, words, words("compare.having", system=system), one.beyond, mine, cohort=False)
    notes = [("undated", told.undated), ("without_reason", told.without_reason)]
    for key, number in notes:
        if number:
            screen.say(Text(f"● {words(f'compare.{key}', count=number)}", style="warn"))
    if file is not None:
        screen.say(Text(words("compare.file", count=len(told.differences), file=file), style="quiet"))


def _reasons(
    screen: Screen, words: Words, title: str, numbers: Counter[str], differences: list[Difference], *, cohort: bool
) -> None:
    if not numbers:
        return
    made = table(f">{words('common.leads_short')}", words("compare.why"), words("compare.example"), title=title)
    for why, number in numbers.most_common():
        some = [one for one in differences if one.why == why and (one.entered is not None) == cohort]
        named = Text("\n").join(
            Text.assemble(plain(one.who, 60), (f"  {plain(one.sentence, 120)}", "quiet")) for one in some[:SHOWN]
        )
        made.add_row(count(number), Text(words(f"compare.why_{why}")), named)
    screen.say(made)


def _spelled(told: Comparison, words: Words) -> str:
    """The period, its last day included."""
    if told.start is None and told.end is None:
        return words("compare.ever")
    start = words.date(told.start, zone=told.start.tzinfo) if told.start and told.start.tzinfo else "…"
    if told.end is None or told.end.tzinfo is None:
        return f"{start} – …"
    return f"{start} – {words.date(told.end - timedelta(microseconds=1), zone=told.end.tzinfo)}"
