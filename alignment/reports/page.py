"""The report as one HTML page that needs no other file: styles, charts and glossary are in it. Pure.

Invariant: nothing on it is fetched from anywhere, nothing runs on it, and what people wrote is text, never markup.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from alignment.reports.charts import drawing, svg
from alignment.reports.model import Chart, Report, Term
from alignment.reports.render import numeric
from alignment.reports.shown import Shown


@lru_cache
def _template() -> Template:
    loader = FileSystemLoader(Path(__file__).parent)
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return made.get_template("page.html.j2")


def page(report: Report, shown: Shown) -> str:
    def chart(one: Chart) -> Markup:
        return Markup(svg(drawing(one, shown), f"chart-{one.key}"))  # noqa: S704  all texts in it are escaped

    return _template().render(
        report=report,
        shown=shown,
        text=shown.text,
        chart=chart,
        numeric=numeric,
        is_term=lambda cell: isinstance(cell, Term),
        now=shown.words.moment(report.as_of, "medium"),
        glossary=report.glossary[shown.language],
    )
