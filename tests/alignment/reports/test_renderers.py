"""One report, four forms: the same figures in each, in three languages; names are text and never markup."""

from __future__ import annotations

import random
import re
import zlib
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import orjson
import pytest
import sqlalchemy as sa

from alignment.periods import Period
from alignment.reports import build, render
from alignment.reports.charts import drawing
from alignment.reports.model import Figure, Report
from alignment.reports.periods import kind_of, period_of, weeks
from alignment.reports.shown import Shown
from alignment.words import languages
from bench.past import NOW
from mapping.wording import Wording
from state.database import open_database
from tests.alignment.reports.made import EVIL, MONTH, Made, made, project


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    seed = random.randrange(10**6)
    print("seed", seed)
    engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('report') / 'state.sqlite'}")
    yield made(engine, seed, MONTH)
    engine.dispose()


class Page(HTMLParser):
    """The cells of every table by its id, the text of the page, and its tags."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: dict[str, list[list[str]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._table = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "table":
            self._table = dict(attrs)["id"] or ""
            self.tables[self._table] = []
        elif tag == "tr":
            self.tables[self._table].append([])
        elif tag in ("td", "th"):
            self.tables[self._table][-1].append("")
        elif tag == "small":
            self.tables[self._table][-1][-1] += "\n"

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._table = ""

    def handle_data(self, data: str) -> None:
        self.text += data
        rows = self.tables.get(self._table)
        if rows and rows[-1]:
            rows[-1][-1] += data


ESCAPES = {b"r": b"\r", b"n": b"\n", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


def pdf_text(data: bytes) -> str:
    """Every string of a PDF by the character maps of its fonts, one a line."""
    objects = {int(m[1]): m[2] for m in re.finditer(rb"(\d+) 0 obj\n(.*?)\nendobj", data, re.S)}

    def stream(body: bytes) -> bytes:
        found = re.search(rb"stream\r?\n(.*)\r?\nendstream", body, re.S)
        assert found
        return zlib.decompress(found[1]) if b"FlateDecode" in body else found[1]

    fonts: dict[str, dict[int, str]] = {}
    for body in objects.values():
        for name, number in re.findall(rb"/(F\d+) (\d+) 0 R", body):
            unicode_ = re.search(rb"/ToUnicode (\d+) 0 R", objects[int(number)])
            assert unicode_
            pairs = re.findall(rb"<([0-9A-F]{4})> <([0-9A-F]{4,8})>", stream(objects[int(unicode_[1])]))
            fonts[name.decode()] = {int(a, 16): bytes.fromhex(b.decode()).decode("utf-16-be") for a, b in pairs}
    lines = []
    for body in objects.values():
        if b"/Length" not in body or b"stream" not in body:
            continue
        try:
            content = stream(body)
        except zlib.error:
            continue
        font = ""
        for m in re.finditer(rb"/(F\d+) [\d.]+ Tf|\(((?:\\.|[^\\)])*)\) Tj", content, re.S):
            if m[1]:
                font = m[1].decode()
                continue
            raw = re.sub(rb"\\(.)", lambda e: ESCAPES.get(e[1], e[1]), m[2], flags=re.S)
            codes = [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]
            lines.append("".join(fonts[font].get(code, "?") for code in codes))
    return "\n".join(lines)


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def cells(report: Report, language: str) -> Iterator[tuple[str, list[list[str]]]]:
    """The tables of the JSON document, each cell written by plain Python; texts as they are."""
    found = orjson.loads(render.as_json(report, language))
    for section in found["sections"].values():
        for key, rows in section["tables"].items():
            yield key, [[plain(cell) for cell in row.values()] for row in rows]


def plain(cell: Any) -> str:
    """As English writes it."""
    if isinstance(cell, str):
        return cell
    if "unit" not in cell:
        return str(cell.get("stage") or cell["text"])
    value, unit = cell["value"], cell["unit"]
    if value is None:
        return "–"
    if unit == "share":
        return f"{100 * value + 1e-12:.0f}%"
    if unit == "days":
        return f"{value:,.1f} d"
    if unit == "money":
        return f"€{value:,.0f}"
    if unit == "minutes":
        return f"{value / 60:,.1f} h" if value >= 120 else f"{value:,.0f} min"
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def same(wanted: str, found: str) -> bool:
    """The same but for a rounding half to even or up, and for what the renderer makes of blanks."""
    if wanted == found:
        return True
    a, b = (re.sub(r"[^\d.]", "", one) for one in (wanted, found))
    return bool(a) and bool(b) and re.sub(r"[\d.,]", "", wanted) == re.sub(r"[\d.,]", "", found) and (
        abs(float(a) - float(b)) <= (1 if "." not in a else 0.11)
    )  # fmt: skip


def test_html_and_markdown_hold_the_figures_of_the_json(told: Made) -> None:
    page = Page(render.html(told.report, "en"))
    lines = render.markdown(told.report, "en").splitlines()
    tables = dict(cells(told.report, "en"))
    assert (
        set(tables) == set(page.tables) >= {"steps", "deals", "clauses", "owners", "sources", "objectives", "decisions"}
    )
    titles = [f"### {Shown('en').text(f'table_{key}')}" for key in tables]
    starts = {key: lines.index(title) for key, title in zip(tables, titles, strict=True)}
    for key, rows in tables.items():
        for number, row in enumerate(rows):
            shown = [one.split("\n")[0].strip() for one in page.tables[key][number + 1]]
            assert [same(a, b) for a, b in zip(row, shown, strict=True)] == [True] * len(row), (key, row, shown)
            line = re.sub(r"\\(.)", r"\1", lines[starts[key] + 4 + number])
            for cell in row:
                if "|" not in cell and cell != "–" and not re.search(r"\d", cell):
                    assert cell in line
    steps = orjson.loads(render.as_json(told.report, "en"))["sections"]["changed"]["tables"]["steps"]
    for row, line in zip(steps, lines[starts["steps"] + 4 :], strict=False):
        said = [one.strip() for one in line.strip("|").split("|")]
        assert said[1].startswith(f"{row['entered']['value']:,}")
        assert f"before: {row['entered']['before']:,}" in said[1]
        assert said[4] == f"{row['there']['value']:,}"


def test_charts_show_the_same_figures_and_say_them_in_words(told: Made) -> None:
    html = render.html(told.report, "en")
    section = told.report.section("changed")
    drawn = drawing(section.charts[0], Shown("en"))
    entered = [row[1] for row in section.tables[0].rows]
    for row, figure in zip(section.tables[0].rows, entered, strict=True):
        assert isinstance(figure, Figure)
        assert f"{row[0].stage}: {figure.value:,}  (before: {figure.before:,})" in drawn.description  # type: ignore[union-attr]
    charts = [one for section in told.report.sections for one in section.charts]
    assert [one.shape for one in charts] == ["bars", "lines", "intervals", "progress"]
    tags = Page(html).tags
    assert sum(tag == "svg" and attrs["role"] == "img" for tag, attrs in tags) == 4
    ids = {attrs["id"] for _, attrs in tags if attrs.get("id")}
    labelled = [one for tag, attrs in tags if tag == "svg" for one in str(attrs["aria-labelledby"]).split()]
    assert len(labelled) == 8
    assert set(labelled) <= ids


def test_the_page_needs_nothing_and_runs_nothing_and_names_are_text(told: Made) -> None:
    html = render.html(told.report, "en")
    page = Page(html)
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    assert not re.findall(r"(?:src|href)=\"(?!#)", html)
    assert "url(" not in html
    assert "@import" not in html
    assert EVIL in page.text
    assert "<script" not in html
    anchors = {attrs.get("id") for _, attrs in page.tags}
    links = {str(attrs["href"])[1:] for tag, attrs in page.tags if tag == "a"}
    assert links <= anchors
    assert {"glossary-mql", "glossary-customer"} <= links
    assert r"\<script\>" in render.markdown(told.report)
    markdown = next(line for line in render.markdown(told.report).splitlines() if "Größe" in line)
    assert re.sub(r"\\.", "", markdown).count("|") == 7  # six cells: what somebody wrote has made no seventh


@pytest.mark.parametrize("language", languages())
def test_every_language_has_every_text_and_the_pdf_says_what_the_page_says(told: Made, language: str) -> None:
    data = render.pdf(told.report, language)
    assert data.startswith(b"%PDF-")
    assert data.rstrip().endswith(b"%%EOF")
    text, shown = pdf_text(data), Shown(language)
    found = squeezed(text)
    wanted = [shown.heading(told.report), "Мария", "<script>alert(1)</script>", "□□"]
    for section in told.report.sections:
        wanted.append(shown.text(f"section_{section.key}"))
        for table in section.tables:
            wanted.append(shown.text(f"table_{table.key}"))
            wanted += [shown.told(row[0]).main for row in table.rows]
            wanted += [shown.told(cell).main for row in table.rows for cell in row if isinstance(cell, Figure)]
        wanted += [shown.text(f"chart_{chart.key}") for chart in section.charts]
        wanted += [shown.inline(note) for note in section.notes]
    missing = [one for one in wanted if squeezed(one) not in found]
    assert not missing
    assert f'<html lang="{language}">' in render.html(told.report, language)
    assert shown.text("section_glossary") in render.markdown(told.report, language)


def test_long_tables_go_on_with_their_head_and_rows_are_not_cut(told: Made) -> None:
    decisions = next(one for one in told.report.section("agenda").tables)
    from dataclasses import replace

    long = replace(decisions, rows=decisions.rows * 40)
    agenda = replace(told.report.section("agenda"), tables=(long,))
    report = replace(told.report, sections=(agenda,))
    paper = render.pdf(report, "en")
    pages = re.findall(rb"/Type /Page\n", paper)
    heads = pdf_text(paper).splitlines().count("Decided on")
    assert 2 <= heads <= len(pages)
    assert squeezed(f"Page 1 of {len(pages)}") in squeezed(pdf_text(paper))


def test_a_persona_is_called_by_its_label_in_each_language(tmp_path: Path) -> None:
    engine = open_database(f"sqlite:///{tmp_path / 'state.sqlite'}")
    label = Wording(en="The boss", es="La jefa")
    one = project(
        personas=[
            {
                "name": "boss",
                "label": label.model_dump(exclude_none=True, exclude_defaults=True),
                "when": {"employees": {"at_least": 50}},
            }
        ]
    )
    report = build.report(engine, one, MONTH, NOW)
    assert "| The boss |" in render.markdown(report, "en")
    assert "| La jefa |" in render.markdown(report, "es")
    engine.dispose()


def test_an_empty_project_has_a_report_that_says_so(engine: sa.Engine) -> None:
    report = build.report(engine, project(), MONTH, NOW)
    assert report.empty
    bare = build.report(engine, project(objectives=[], sla=None, personas=[], funnel={}, currency=None), MONTH, NOW)
    for one in (report, bare):
        for language in languages():
            said = Shown(language).text("empty")
            assert said in render.markdown(one, language)
            assert said in render.html(one, language)
            assert squeezed(said) in squeezed(pdf_text(render.pdf(one, language)))
            figures = orjson.loads(render.as_json(one, language))
            assert figures["empty"]
            assert figures["leads"] == 0
    found = defaultdict(list)
    for section in bare.sections:
        for note in section.notes:
            found[section.key].append(note.key)
    assert found["late"] == ["note_no_pact"]
    assert found["objectives"] == ["note_no_objectives"]
    assert found["personas"] == ["note_no_personas"]


def test_which_days_a_week_and_a_month_have() -> None:
    now = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)  # a Wednesday; in Madrid it is Thursday already
    assert period_of("week", now) == Period(date(2026, 2, 23), date(2026, 3, 1))
    assert period_of("month", now) == Period(date(2026, 2, 1), date(2026, 2, 28))
    assert period_of("week", now, "Europe/Madrid", date(2026, 3, 3)) == Period(
        date(2026, 2, 25), date(2026, 3, 3), "Europe/Madrid"
    )
    assert period_of("month", now, until=date(2026, 3, 30)) == Period(date(2026, 3, 1), date(2026, 3, 30))
    assert period_of("month", now, until=date(2026, 3, 15)) == Period(date(2026, 2, 16), date(2026, 3, 15))
    assert [kind_of(period_of(kind, now)) for kind in ("week", "month")] == ["week", "month"]
    assert weeks(period_of("week", now), 2) == [date(2026, 2, 16), date(2026, 2, 23), date(2026, 3, 2)]
    with pytest.raises(ValueError, match="year"):
        period_of("year", now)  # type: ignore[arg-type]
