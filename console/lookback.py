"""The demo's last chapter: the funnel of the last month in a few lines, and the report of both teams as files.

Not here: how anything is counted. Invariant: the lines on the screen and the files tell of the same period.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rich.text import Text

from alignment.funnel.counting import funnel, read_books
from alignment.funnel.figures import Funnel
from alignment.periods import local_day
from alignment.reports import render
from alignment.reports.model import Report
from alignment.reports.periods import period_of
from console.bars import document, span
from console.funnel import steps_of
from console.screen import Screen
from state.facts import Facts
from sync.clocks import tick
from sync.project import open_project
from sync.reporting import keep, place_of, report

SIGNED = timedelta(days=90)
"""So long ago the demo's pact was agreed on, for there to be clocks that have stopped."""


def sign(folder: Path) -> None:
    """Let the pact of a new project have been agreed on some time ago."""
    file = folder / "smarketing.yaml"
    day = (datetime.now(UTC) - SIGNED).date()
    text, changed = re.subn(r"(?m)^  agreed_on: .*$", f"  agreed_on: {day}", file.read_text("utf-8"))
    assert changed == 1, "the preset has one pact"
    file.write_text(text, "utf-8")


async def look_back(screen: Screen, folder: Path) -> list[Path]:
    """The files of the report. The clocks of the pact are looked at first; nobody is sent anything."""
    now = datetime.now(UTC)
    async with open_project(folder, systems=()) as opened:
        config = opened.project.config
        tick(opened.engine, config, now)
        zone = config.funnel.time_zone
        period = period_of("month", now, zone, local_day(now, zone))
        with Facts(opened.engine) as facts:
            counted = funnel(read_books(facts, config, now), facts, period, cuts=())
        made = report(opened.engine, opened.project, period, now)
    files = _files(made, folder)
    screen.emit({"ok": True, "exit": 0, **document(counted), "files": [str(file) for file in files]})
    _show(screen, counted, made, files)
    return files


def _files(made: Report, folder: Path) -> list[Path]:
    place = {ending: place_of(made, folder, made.language, ending) for ending in ("html", "pdf")}
    return [keep(place["html"], render.html(made)), keep(place["pdf"], render.pdf(made))]


def _show(screen: Screen, counted: Funnel, made: Report, files: list[Path]) -> None:
    screen.title("Funnel", f"{span(counted.period)}, beside {span(counted.period.before)}")
    screen.say(steps_of(counted.total, counted.before, counted.within))
    for file in files:
        screen.say(Text.assemble(("✓ ", "good"), "The report of both teams:  ", (str(file), "accent")))
