"""A report written down: as HTML, PDF, Markdown or JSON. Pure; nothing is counted here.

Invariant: all forms show the same cells in the same order; what people wrote themselves stands in none of them as markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any

from alignment.reports.model import Cell, Chart, Figure, Name, Report, Say, Section, Term
from alignment.reports.shown import Shown

MARKDOWN = str.maketrans({one: f"\\{one}" for one in "\\`*_{}[]<>#|"})


def html(report: Report, language: str | None = None) -> str:
    """One file that needs no other. Raises LookupError for a language that there are no texts in."""
    from alignment.reports.page import page  # jinja2 takes a while to import

    return page(report, Shown(language or report.language))


def pdf(report: Report, language: str | None = None) -> bytes:
    """A4. Raises LookupError for a language that there are no texts in."""
    from alignment.reports.paper import paper  # so does fpdf2

    return paper(report, Shown(language or report.language))


# -- Markdown -----------------------------------------------------------------------------------------------------------


def markdown(report: Report, language: str | None = None) -> str:
    """Raises LookupError for a language that there are no texts in."""
    shown = Shown(language or report.language)
    lines = [f"# {shown.heading(report)}", "", shown.period(report.period.first, report.period.last), ""]
    if report.empty:
        lines += [f"**{shown.text('empty')}**", ""]
    for section in report.sections:
        lines += [f"## {shown.text(f'section_{section.key}')}", ""]
        lines += [f"- {escaped(shown.inline(one))}" for one in section.points]
        lines += [""] if section.points else []
        for table in section.tables:
            lines += [f"### {shown.text(f'table_{table.key}')}", ""]
            lines.append("| " + " | ".join(shown.text(f"column_{one}") for one in table.columns) + " |")
            lines.append(
                "|" + "|".join("---:" if numeric(table.rows, n) else "---" for n in range(len(table.columns))) + "|"
            )
            lines += ["| " + " | ".join(_cell(shown, one) for one in row) + " |" for row in table.rows]
            lines.append("")
        lines += [f"*{escaped(shown.inline(one))}*  " for one in section.notes]
        lines += [""] if section.notes else []
    lines += [f"## {shown.text('section_glossary')}", ""]
    for entry in report.glossary[shown.language]:
        lines += [f"### {entry.stage}", "", escaped(shown.meaning(entry)), ""]
    return "\n".join(lines)


def _cell(shown: Shown, cell: Cell) -> str:
    text = escaped(shown.inline(cell))
    return f"[{text}](#{cell.stage})" if isinstance(cell, Term) else text


def escaped(text: str) -> str:
    """No markup, and no line of its own."""
    return " ".join(text.split()).translate(MARKDOWN)


def numeric(rows: Sequence[Sequence[Cell]], column: int) -> bool:
    return any(isinstance(row[column], Figure) for row in rows)


# -- JSON ---------------------------------------------------------------------------------------------------------------


def as_json(report: Report, language: str | None = None) -> str:
    """A document with every figure, and every text in the language. Raises LookupError for one without texts."""
    import orjson

    return orjson.dumps(document(report, language), option=orjson.OPT_INDENT_2).decode()


def document(report: Report, language: str | None = None) -> dict[str, Any]:
    shown = Shown(language or report.language)
    return {
        "title": shown.heading(report), "kind": report.kind, "language": shown.language,
        "period": {"from": report.period.first, "to": report.period.last, "zone": report.period.zone},
        "before": {"from": report.before.first, "to": report.before.last},
        "as_of": report.as_of, "leads": report.leads, "empty": report.empty,
        "sections": {one.key: _section(shown, one) for one in report.sections},
        "glossary": [asdict(one) for one in report.glossary[shown.language]],
    }  # fmt: skip


def _section(shown: Shown, section: Section) -> dict[str, Any]:
    return {
        "title": shown.text(f"section_{section.key}"),
        "points": [_said(shown, one) for one in section.points],
        "tables": {
            table.key: [
                {column: _data(shown, cell) for column, cell in zip(table.columns, row, strict=True)}
                for row in table.rows
            ]
            for table in section.tables
        },
        "charts": {one.key: _chart(shown, one) for one in section.charts},
        "notes": [_said(shown, one) for one in section.notes],
    }


def _said(shown: Shown, one: Say) -> dict[str, Any]:
    return {
        "key": one.key,
        "text": shown.inline(one),
        "values": {name: _value(shown, value) for name, value in one.values.items()},
    }


def _value(shown: Shown, value: Cell | int | float | str | date | datetime) -> Any:
    return _data(shown, value) if isinstance(value, Figure | Term | Name | Say) else value


def _data(shown: Shown, cell: Cell) -> Any:
    match cell:
        case Figure():
            left = {"before", "low", "high", "of", "currency", "better"}
            return {name: value for name, value in asdict(cell).items() if name not in left or value not in (None, "")}
        case Term():
            return {"stage": cell.stage, "anchor": cell.anchor}
        case Say() if not cell.values:
            return {"key": cell.key, "text": shown.inline(cell)}
        case Say():
            return _said(shown, cell)
    return shown.inline(cell)


def _chart(shown: Shown, chart: Chart) -> dict[str, Any]:
    if chart.shape == "lines":
        lines = {shown.inline(one.label): one.values for one in chart.series}
        return {"days": chart.days, "series": lines}
    return {"marks": [{**asdict(one), "label": shown.inline(one.label)} for one in chart.marks]}
