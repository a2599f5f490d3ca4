"""The report as a PDF on A4: the same cells and charts as on the page, drawn with fpdf2. Pure.

The font is DejaVu Sans Condensed, which lies beside this file with its licence: the fonts that every PDF reader has know
Latin letters alone. A character that it has not is shown as a square. Invariant: a row of a table is on one page, a table's
head is on each of its pages, and a heading is never the last thing on one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path as File
from typing import NamedTuple, cast

from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos
from fpdf.fonts import TTFFont

from alignment.reports.charts import COLOURS, Dot, Drawing, Label, Path, Rect, Tone, drawing
from alignment.reports.model import Cell, Report, Section, Table, Term
from alignment.reports.render import numeric
from alignment.reports.shown import Shown

FONTS = File(__file__).parent / "fonts"
FONT = "DejaVu"
MARGIN, TOP, BOTTOM = 15.0, 15.0, 18.0
LINE = 1.32
"""Height of a line, in sizes of its letters."""

POINT = 25.4 / 72
"""Millimetres."""

SPACES = re.compile(r"[ \t\r\n]+")
"""Where a line may be broken: not within an amount and its currency."""

TONES = {"good": "#00684d", "bad": "#b04a00", "": COLOURS["quiet"], "ink": COLOURS["ink"], "link": "#005a8f"}
GAP = 2.4
"""Millimetres between columns."""


class Run(NamedTuple):
    """One line of a cell."""

    text: str
    size: float
    colour: str
    bold: bool = False


class Sheet(FPDF):
    """A4 with margins, the font, and a number on each page."""

    def __init__(self, shown: Shown, foot: str) -> None:
        super().__init__(format="A4")
        self.shown, self.foot = shown, foot
        self.add_font(FONT, "", FONTS / "DejaVuSansCondensed.ttf")
        self.add_font(FONT, "B", FONTS / "DejaVuSansCondensed-Bold.ttf")
        self.set_margins(MARGIN, TOP, MARGIN)
        self.set_auto_page_break(True, BOTTOM)
        self.c_margin = 0
        self.alias_nb_pages("{nb}", Align.R)  # only cells know how many pages there will be
        self.set_font(FONT, "", 9)
        self._known = cast(TTFFont, self.fonts[FONT.lower()]).cmap

    def footer(self) -> None:
        self.set_y(-12)
        self.letters(7.5, COLOURS["quiet"])
        self.cell(0, 4, self.clean(self.foot))
        self.set_x(MARGIN)
        self.cell(self.epw, 4, self.shown.text("page", page=str(self.page_no()), pages="{nb}"), align=Align.R)

    def clean(self, text: str) -> str:
        """On one line, with nothing that the font has not."""
        return "".join(c if ord(c) in self._known else "□" for c in " ".join(SPACES.split(text.strip())))

    def letters(self, size: float, colour: str, bold: bool = False) -> None:
        self.set_font(FONT, "B" if bold else "", size)
        self.set_text_color(colour)

    def room(self, height: float) -> None:
        """A new page where there is not so much left of this one."""
        if self.get_y() + height > self.h - BOTTOM:
            self.add_page()

    def paragraph(self, text: str, size: float, colour: str, *, bold: bool = False, indent: float = 0.0) -> None:
        self.letters(size, colour, bold)
        self.set_x(MARGIN + indent)
        self.multi_cell(
            self.epw - indent, size * POINT * LINE, self.clean(text), align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def wrapped(self, text: str, width: float) -> list[str]:
        """By words; a word that is too long for a line is cut."""
        lines, line = [], ""
        for word in self.clean(text).split(" "):
            tried = f"{line} {word}" if line else word
            if self.get_string_width(tried) <= width:
                line = tried
                continue
            if line:
                lines.append(line)
            while len(word) > 1 and self.get_string_width(word) > width:
                cut = next(n for n in range(len(word) - 1, 0, -1) if n == 1 or self.get_string_width(word[:n]) <= width)
                lines.append(word[:cut])
                word = word[cut:]
            line = word
        return [*lines, line]


def paper(report: Report, shown: Shown) -> bytes:
    heading, period = shown.heading(report), shown.period(report.period.first, report.period.last)
    as_of = shown.text("as_of", at=shown.words.moment(report.as_of, "medium"))
    sheet = Sheet(shown, f"{heading} · {period}")
    sheet.set_title(f"{heading}, {period}")
    sheet.set_lang(shown.language)
    sheet.set_creator("smarketing")
    sheet.set_creation_date(report.as_of)
    sheet.add_page()
    anchors = {entry.stage: sheet.add_link() for entry in report.glossary[shown.language]}
    sheet.paragraph(heading, 20, COLOURS["ink"], bold=True)
    sheet.ln(1)
    sheet.paragraph(period, 12, COLOURS["ink"])
    compared = shown.text("compared_with", first=report.before.first, last=report.before.last)
    sheet.paragraph(f"{compared} · {as_of}", 8.5, COLOURS["quiet"])
    sheet.ln(2)
    _rule(sheet, COLOURS["one"], 0.8)
    if report.empty:
        sheet.ln(3)
        sheet.paragraph(shown.text("empty"), 10, TONES["bad"], bold=True)
    for section in report.sections:
        _section(sheet, section, shown, anchors)
    _heading(sheet, shown.text("section_glossary"))
    for entry in report.glossary[shown.language]:
        sheet.room(14)
        sheet.set_link(anchors[entry.stage], y=sheet.get_y(), page=sheet.page_no())
        sheet.paragraph(entry.stage, 9.5, COLOURS["ink"], bold=True)
        sheet.paragraph(shown.meaning(entry), 9, COLOURS["ink"])
        sheet.ln(1.5)
    return bytes(sheet.output())


def _rule(sheet: Sheet, colour: str, width: float) -> None:
    sheet.set_draw_color(colour)
    sheet.set_line_width(width)
    sheet.line(MARGIN, sheet.get_y(), sheet.w - MARGIN, sheet.get_y())


def _heading(sheet: Sheet, text: str) -> None:
    sheet.room(45)
    sheet.ln(7)
    sheet.letters(13, COLOURS["ink"], bold=True)
    sheet.start_section(sheet.clean(text))
    sheet.paragraph(text, 13, COLOURS["ink"], bold=True)
    sheet.ln(1.5)


def _section(sheet: Sheet, section: Section, shown: Shown, anchors: dict[str, int]) -> None:
    _heading(sheet, shown.text(f"section_{section.key}"))
    for point in section.points:
        sheet.room(10)
        y = sheet.get_y()
        sheet.set_fill_color(COLOURS["one"])
        sheet.circle(MARGIN + 1.2, y + 2.2, 0.6, style="F")
        sheet.paragraph(shown.inline(point), 9.5, COLOURS["ink"], indent=4)
        sheet.ln(0.8)
    for one in section.charts:
        _chart(sheet, drawing(one, shown))
    for table in section.tables:
        _table(sheet, table, shown, anchors)
    if section.notes:
        sheet.ln(2)
    for note in section.notes:
        sheet.room(8)
        sheet.paragraph(shown.inline(note), 7.5, COLOURS["quiet"])


# -- charts -------------------------------------------------------------------------------------------------------------


def _chart(sheet: Sheet, one: Drawing) -> None:
    scale = min(sheet.epw, 158.0) / one.width
    sheet.room(one.height * scale + 9)
    sheet.ln(3)
    sheet.paragraph(one.title, 9, COLOURS["quiet"])
    sheet.ln(1)
    left, top = MARGIN, sheet.get_y()
    with sheet.local_context():
        for shape in one.shapes:
            _shape(sheet, shape, left, top, scale)
    sheet.set_dash_pattern()
    sheet.set_xy(MARGIN, top + one.height * scale + 1)


def _shape(sheet: Sheet, shape: Rect | Path | Dot | Label, left: float, top: float, scale: float) -> None:
    colour = COLOURS[shape.tone]
    sheet.set_draw_color(colour)
    sheet.set_fill_color(colour)
    match shape:
        case Rect(x, y, width, height, _, outline):
            sheet.set_line_width(1.5 * scale)
            sheet.set_dash_pattern(*((4 * scale, 2 * scale) if outline else (0, 0)))
            sheet.rect(left + x * scale, top + y * scale, width * scale, height * scale, style="D" if outline else "F")
        case Path(points, _, width, dash):
            sheet.set_line_width(width * scale)
            lengths = [float(part) * scale for part in dash.split()]
            sheet.set_dash_pattern(*(lengths or (0, 0)))
            sheet.polyline([(left + x * scale, top + y * scale) for x, y in points])
        case Dot(x, y, radius, _):
            sheet.set_dash_pattern()
            sheet.circle(left + x * scale, top + y * scale, radius * scale, style="F")
        case Label(x, y, text, tone, size, anchor, bold):
            sheet.letters(size * scale / POINT, COLOURS[tone], bold)
            said = sheet.clean(text)
            width = sheet.get_string_width(said)
            shift = {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            sheet.text(left + x * scale - shift, top + y * scale, said)


# -- tables -------------------------------------------------------------------------------------------------------------


def _table(sheet: Sheet, table: Table, shown: Shown, anchors: dict[str, int]) -> None:
    right = [numeric(table.rows, n) for n in range(len(table.columns))]
    quiet: Tone = "quiet"
    head = [[Run(shown.text(f"column_{one}"), 8, COLOURS[quiet], True)] for one in table.columns]
    rows = [[_runs(cell, shown, n == 0) for n, cell in enumerate(row)] for row in table.rows]
    widths = _widths(sheet, [head, *rows], sheet.epw - GAP * (len(head) - 1))
    sheet.room(12 + _height(sheet, head, widths) + sum(_height(sheet, row, widths) for row in rows[:3]))
    sheet.ln(4)
    sheet.paragraph(shown.text(f"table_{table.key}"), 9.5, COLOURS["ink"], bold=True)
    sheet.ln(1)
    _row(sheet, head, widths, right, COLOURS["quiet"])
    for row, cells in zip(rows, table.rows, strict=True):
        if sheet.get_y() + _height(sheet, row, widths) > sheet.h - BOTTOM:
            sheet.add_page()
            _row(sheet, head, widths, right, COLOURS["quiet"])
        first = cells[0]
        if isinstance(first, Term) and first.stage in anchors:
            sheet.link(MARGIN, sheet.get_y(), widths[0], 5, anchors[first.stage])
        _row(sheet, row, widths, right, COLOURS["grid"])


def _runs(cell: Cell, shown: Shown, first: bool) -> list[Run]:
    one = shown.told(cell)
    runs = [Run(one.main, 8.5, COLOURS["ink"], first)]
    runs += [Run(one.change, 7, TONES[one.tone])] if one.change else []
    return runs + ([Run(one.range, 7, COLOURS["quiet"])] if one.range else [])


def _widths(sheet: Sheet, rows: Sequence[Sequence[Sequence[Run]]], whole: float) -> list[float]:
    """Of each column: what its longest line takes, and where that is too much for all, less, but for a whole word."""
    least, wanted = [], []
    for column in zip(*rows, strict=True):
        words, lines = [4.0], [4.0]
        for run in (run for cell in column for run in cell):
            sheet.letters(run.size, run.colour, run.bold)
            text = sheet.clean(run.text)
            lines.append(sheet.get_string_width(text) + 0.2)
            words += [min(40.0, sheet.get_string_width(word) + 0.2) for word in text.split(" ")]
        least.append(max(words))
        wanted.append(max(lines))
    if sum(wanted) <= whole:
        more = (whole - sum(wanted)) / len(wanted)
        return [width + more for width in wanted]
    if sum(least) >= whole:
        return [width / sum(least) * whole for width in least]
    part = (whole - sum(least)) / (sum(wanted) - sum(least))
    return [low + (high - low) * part for low, high in zip(least, wanted, strict=True)]


def _lines(sheet: Sheet, cell: Sequence[Run], width: float) -> list[Run]:
    found = []
    for run in cell:
        sheet.letters(run.size, run.colour, run.bold)
        found += [run._replace(text=line) for line in sheet.wrapped(run.text, width)]
    return found


def _height(sheet: Sheet, row: Sequence[Sequence[Run]], widths: Sequence[float]) -> float:
    pairs = zip(row, widths, strict=True)
    return max(sum(run.size * POINT * LINE for run in _lines(sheet, *pair)) for pair in pairs) + 2.2


def _row(sheet: Sheet, row: Sequence[Sequence[Run]], widths: Sequence[float], right: Sequence[bool], rule: str) -> None:
    top, height = sheet.get_y(), _height(sheet, row, widths)
    x = MARGIN
    for cell, width, to_right in zip(row, widths, right, strict=True):
        y = top + 1.0
        for run in _lines(sheet, cell, width):
            step = run.size * POINT * LINE
            sheet.letters(run.size, run.colour, run.bold)
            shift = width - sheet.get_string_width(run.text) if to_right else 0.0
            sheet.text(x + max(0.0, shift), y + step * 0.76, run.text)
            y += step
        x += width + GAP
    sheet.set_y(top + height)
    _rule(sheet, rule, 0.2)
