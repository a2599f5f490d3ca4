"""How everything looks: one console, one accent colour, numbers that line up, and no byte of data that a terminal obeys.

Not here: what is shown. Invariant: text that came from a system is shown through `plain`, which leaves nothing that
moves a cursor, changes a colour or turns letters round; and with `--json` one document is all that goes to stdout.
"""

from __future__ import annotations

import codecs
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.panel import Panel
from rich.table import Table
from rich.text import Text
from rich.theme import Theme

THEME = Theme(
    {
        "accent": "bold #2f81f7",
        "quiet": "dim",
        "good": "green",
        "warn": "yellow",
        "bad": "bold red",
        "table.header": "bold #2f81f7",
        "bar.back": "grey30",
        "bar.complete": "#2f81f7",
        "bar.finished": "#2f81f7",
        "bar.pulse": "#2f81f7",
        "progress.spinner": "#2f81f7",
        "progress.elapsed": "dim",
    },
)
ASCII = {
    "→": "->", "·": "-", "–": "-", "—": "-", "…": "...", "✓": "ok", "✗": "x", "●": "", "○": "o", "’": "'",
    "“": '"', "”": '"', "×": "x", "≥": ">=",
    "█": "#", "▉": "#", "▊": "#", "▋": "#", "▌": "#", "▍": "#", "▎": ".", "▏": ".", "└": "-",
}  # fmt: skip
WIDEST = 140
"""Columns that a table uses at most: wider is harder to read, not easier."""


def _spell(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    return "".join(ASCII.get(c, "?") for c in error.object[error.start : error.end]), error.end


codecs.register_error("smarketing", _spell)


class Screen:
    """What one command has to say: to a person, or (`as_json`) as one document."""

    def __init__(self, as_json: bool = False) -> None:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="smarketing")
        self.as_json = as_json
        self.console = _console(stderr=False, quiet=as_json)
        self.errors = _console(stderr=True, quiet=False)

    @property
    def live(self) -> bool:
        """Whether somebody is watching a terminal that can be redrawn."""
        return self.console.is_terminal and not self.as_json and not self.console.is_dumb_terminal

    def say(self, *parts: RenderableType) -> None:
        for part in parts:
            self.console.print(part, highlight=False, markup=isinstance(part, str))

    def gap(self) -> None:
        self.console.print()

    def title(self, text: str, beside: str = "") -> None:
        line = Text(text, style="accent")
        if beside:
            line.append(f"  {beside}", style="quiet")
        self.console.print(line)

    def emit(self, document: Any) -> None:
        """The one document of a `--json` call. ASCII alone, so that it passes through any terminal and locale."""
        if self.as_json:
            sys.stdout.write(json.dumps(document, indent=2, default=jsonable) + "\n")
            sys.stdout.flush()

    def panel(self, title: str, *body: RenderableType, style: str = "accent", to_errors: bool = False) -> None:
        console = self.errors if to_errors else self.console
        console.print(
            Panel(
                Group(*body),
                title=Text(f" {title} ", style=style),
                title_align="left",
                border_style=style,
                box=box.ROUNDED,
                padding=(0, 1),
                width=min(console.width, WIDEST),
            ),
            highlight=False,
        )


def _console(*, stderr: bool, quiet: bool) -> Console:
    console = Console(theme=THEME, stderr=stderr, quiet=quiet, highlight=False, emoji=False, soft_wrap=False)
    if console.width > WIDEST:
        console.width = WIDEST
    return console


@dataclass(frozen=True)
class Column:
    name: str
    number: bool
    whole: bool
    optional: bool


class Sheet:
    """A table that lets go of its least telling columns before it squeezes the others."""

    def __init__(self, columns: Sequence[Column], title: str) -> None:
        self.columns, self.title = columns, title
        self.rows: list[tuple[str | Text, ...]] = []

    def add_row(self, *cells: str | Text) -> None:
        self.rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        left_out = self._left_out(options.max_width)
        made = Table(
            box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False,
            title=self.title or None, title_justify="left", title_style="bold",
        )  # fmt: skip
        for column in self.columns:
            if column.name not in left_out:
                justify: Literal["left", "right"] = "right" if column.number else "left"
                made.add_column(column.name, justify=justify, no_wrap=column.whole, overflow="fold")
        for row in self.rows:
            cells = zip(self.columns, row, strict=True)
            made.add_row(*(as_text(cell) for column, cell in cells if column.name not in left_out))
        yield made

    def _left_out(self, width: int) -> set[str]:
        """Columns of text can be broken over lines down to a readable width; the others cannot."""
        needed = {}
        for index, column in enumerate(self.columns):
            widest = max(as_text(cell).cell_len for cell in (column.name, *(row[index] for row in self.rows)))
            needed[column.name] = (widest if column.whole else min(widest, READABLE)) + GAP
        left_out: set[str] = set()
        for column in reversed(self.columns):
            if column.optional and sum(needed.values()) - GAP > width:
                left_out.add(column.name)
                del needed[column.name]
        return left_out


READABLE, GAP = 24, 2


def as_text(cell: str | Text) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)


def table(*columns: str, title: str = "") -> Sheet:
    """Columns whose name begins with ">" hold numbers; those and "!" are not broken over lines. "~" before it: the
    column is left out where the terminal is narrow, the last such column first."""
    made = []
    for column in columns:
        kind = column.removeprefix("~")[:1]
        made.append(Column(column.lstrip("~>!"), kind == ">", kind in (">", "!"), column.startswith("~")))
    return Sheet(made, title)


def plain(value: object, limit: int = 200) -> str:
    """Data as one harmless line: control, direction and other invisible characters are spelled out."""
    text = value if isinstance(value, str) else str(value)
    if len(text) > limit:
        text = text[: limit - 1] + "…"
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode("ascii") for c in text)


def value(data: Any, limit: int = 60) -> Text:
    """A field's value for a table."""
    return Text("–", style="quiet") if data is None or data in ("", []) else Text(spelled(data, limit))


def spelled(data: Any, limit: int = 60) -> str:
    if data is None or data in ("", []):
        return "–"
    if isinstance(data, bool):
        return "yes" if data else "no"
    if isinstance(data, list):
        return plain(", ".join(map(str, data)), limit)
    return plain(data, limit)


def change(old: Any, new: Any, limit: int = 40) -> Text:
    """old → new"""
    return Text.assemble(value(old, limit), (" → ", "quiet"), value(new, limit))


def count(number: int | None, style: str = "") -> Text:
    """With thousands separators; a zero steps back."""
    if not number:
        return Text("–" if number is None else "0", style="quiet")
    return Text(f"{number:,}", style=style)


def many(number: int, one: str, more: str = "") -> str:
    """ "1 record", "2,000 records" """
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def moment(at: datetime | None) -> str:
    """Local time, to the minute."""
    return at.astimezone().strftime("%Y-%m-%d %H:%M") if at else "–"


def briefly(at: datetime | None) -> str:
    """As `moment`, without the day where it is today and the year where it is this one."""
    if at is None:
        return "–"
    local = at.astimezone()
    now = datetime.now().astimezone()
    return local.strftime(
        "%H:%M" if local.date() == now.date() else "%d %b %H:%M" if local.year == now.year else "%d %b %Y"
    )


def ago(at: datetime | None, now: datetime | None = None) -> str:
    if at is None:
        return "never"
    passed = ((now or datetime.now(UTC)) - at).total_seconds()
    for size, unit in ((86400, "days"), (3600, "h"), (60, "min")):
        if passed >= 2 * size:
            return f"{int(passed // size):,} {unit} ago"
    return "just now" if passed < 60 else "1 min ago"


def seconds(took: float) -> str:
    return f"{took:.1f} s" if took < 90 else f"{int(took // 60)} min {int(took % 60)} s"


def jsonable(data: Any) -> Any:
    """What JSON has no word for, as the documents of commands and of the API write it."""
    if isinstance(data, datetime):
        return data.isoformat()
    if isinstance(data, set | frozenset | tuple):
        return sorted(data) if isinstance(data, set | frozenset) else list(data)
    if isinstance(data, Text):
        return data.plain
    return str(data)


def begin(screen: Screen, text: str) -> str:
    """The first line, before anything slow. On a live terminal the progress display begins with it anew."""
    if screen.live:
        screen.console.print(text, end="\r", highlight=False)
        return text
    screen.say(text)
    return ""
