"""`smarketing report …`: the report of a week or a month, written down; and what was decided in the meeting over it.

Reads the database alone; `decide` and `done` write to it. Not here: any figure (`alignment.reports`). Invariant: the terminal
shows figures of the same report that the files hold.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

from rich.text import Text

from alignment.reports import render
from alignment.reports.model import Figure, Kind, Report, Table
from alignment.reports.periods import period_of
from alignment.reports.shown import Shown, Told
from alignment.words import languages
from console.failures import Exit, Refusal
from console.screen import Screen, Sheet, plain, table
from mapping.config import ProjectFile
from mapping.problems import listed
from state.decisions import DecisionState, close
from state.decisions import decide as keep
from sync.project import open_project
from sync.reporting import keep as keep_file
from sync.reporting import place_of, report

FORMATS: dict[str, Callable[[Report, str | None], str | bytes]] = {
    "html": render.html, "pdf": render.pdf, "markdown": render.markdown, "json": render.as_json,
}  # fmt: skip
ENDINGS = {"html": "html", "pdf": "pdf", "markdown": "md", "json": "json"}
SHORT = ("decisions", "steps", "clauses", "objectives")
"""The tables that a terminal shows."""

ROWS = 12


class Asked(NamedTuple):
    """The options as they were typed."""

    until: str | None = None
    language: str | None = None
    format: str | None = None
    out: Path | None = None


async def tell(screen: Screen, folder: Path, kind: Kind, asked: Asked) -> Exit:
    form = _format(asked)
    if asked.language is not None and asked.language not in languages():
        raise Refusal(
            "usage", f"There are no texts in {plain(asked.language, 40)!r}.", f"It is one of: {', '.join(languages())}."
        )
    now = datetime.now(UTC)
    async with open_project(folder, systems=(), reading=True) as opened:
        zone = opened.project.config.funnel.time_zone
        until = _day(asked.until, "--until") if asked.until else None
        if until is not None and until > now.astimezone(ZoneInfo(zone)).date():
            raise Refusal("usage", "--until lies in the future.", "Give a day that has come.")
        made = report(opened.engine, opened.project, period_of(kind, now, zone, until), now)
    if screen.as_json:
        screen.emit({"ok": True, "exit": 0, **render.document(made, asked.language)})
        return Exit.DONE
    if form is not None and form != "pdf" and asked.out is None:
        sys.stdout.write(str(FORMATS[form](made, asked.language)))
        return Exit.DONE
    files = write(folder, made, asked, [form] if form else ["html", "pdf"])
    shown = Shown(asked.language or made.language)
    if form is None:
        show(screen, made, shown)
    screen.gap()
    screen.say(Text.assemble(("✓ ", "good"), shown.text("stored", files=", ".join(map(str, files)))))
    return Exit.DONE


def _format(asked: Asked) -> str | None:
    """What was asked for, or what the file's ending says; None for all that is written where nobody asks."""
    by_ending = {ending: form for form, ending in ENDINGS.items()}
    form = asked.format or (by_ending.get(asked.out.suffix.lstrip(".")) if asked.out else None)
    if asked.format is not None and asked.format not in FORMATS:
        raise Refusal("usage", f"There is no format {plain(asked.format, 40)}.", f"There is {listed(FORMATS)}.")
    if asked.out is not None and form is None:
        raise Refusal(
            "usage", f"{plain(asked.out)}: in which format?", "Say it with --format, or by the file's ending."
        )
    return form


def write(folder: Path, made: Report, asked: Asked, forms: list[str]) -> list[Path]:
    """In these forms, under the project's reports where no file was asked for."""
    language = asked.language or made.language
    files = []
    for form in forms:
        file = asked.out or place_of(made, folder, language, ENDINGS[form])
        files.append(keep_file(file, FORMATS[form](made, asked.language)))
    return files


# -- on the screen ------------------------------------------------------------------------------------------------------


def show(screen: Screen, made: Report, shown: Shown) -> None:
    """The sentences of every section, and the tables that people look at first."""
    screen.gap()
    screen.title(shown.heading(made), shown.period(made.period.first, made.period.last))
    if made.empty:
        screen.say(Text(shown.text("empty"), style="warn"))
    for section in made.sections:
        tables = [one for one in section.tables if one.key in SHORT]
        if not section.points and not tables:
            continue
        screen.gap()
        screen.say(Text(shown.text(f"section_{section.key}"), style="bold"))
        for point in section.points:
            screen.say(Text.assemble(("● ", "accent"), plain(shown.inline(point), 1000)))
        for one in tables:
            screen.say(_sheet(one, shown))
    screen.say(Text(shown.text("full"), style="quiet"))


def _sheet(one: Table, shown: Shown) -> Sheet:
    heads = []
    for place, column in enumerate(one.columns):
        number = any(isinstance(row[place], Figure) for row in one.rows)
        late = "~" if place > 4 else ""
        heads.append(f"{late}{'>' if number else ''}{shown.text(f'column_{column}')}")
    made = table(*heads)
    for row in one.rows[:ROWS]:
        made.add_row(*(_cell(shown.told(cell), place == 0) for place, cell in enumerate(row)))
    return made


def _cell(told: Told, first: bool) -> Text:
    style = "bold" if first else ""
    tone = {"good": "good", "bad": "warn"}.get(told.tone, "quiet")
    return Text.assemble((plain(told.main, 60), style), (f" {told.change}" if told.change else "", tone))


# -- what was decided ---------------------------------------------------------------------------------------------------


async def decide(
    screen: Screen, folder: Path, text: str, who: str, due: str | None, met: str | None, by: str | None
) -> Exit:
    text = " ".join(text.split())
    if not text:
        raise Refusal("usage", "What was decided?", "Say it in a sentence.")
    now = datetime.now(UTC)
    async with open_project(folder, systems=()) as opened:
        day = _day(met, "--met") if met else _today(opened.project.config, now)
        until = _day(due, "--due") if due else None
        id_ = keep(opened.engine, day, text, who.strip(), until, now, by or getpass.getuser())
    screen.emit({"ok": True, "exit": 0, "id": id_, "text": text, "who": who.strip(), "due": until, "met": day})
    screen.say(f"[good]✓[/] Decision {id_} noted. When it is carried out:  smarketing report done {id_}")
    return Exit.DONE


async def done(screen: Screen, folder: Path, id_: int, dropped: bool, by: str | None) -> Exit:
    state: DecisionState = "dropped" if dropped else "done"
    async with open_project(folder, systems=()) as opened:
        if not close(opened.engine, id_, state, datetime.now(UTC), by or getpass.getuser()):
            raise Refusal(
                "no-decision", f"There is no open decision {id_}.", "The agenda has them all: smarketing report weekly"
            )
    screen.emit({"ok": True, "exit": 0, "id": id_, "state": state})
    screen.say(f"[good]✓[/] Decision {id_}: {state}.")
    return Exit.DONE


def _today(config: ProjectFile, now: datetime) -> date:
    return now.astimezone(ZoneInfo(config.funnel.time_zone)).date()


def _day(text: str, option: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refusal("usage", f"{option}: {plain(text, 40)} is no day.", "Write it as 2026-01-31.") from None
