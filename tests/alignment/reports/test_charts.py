"""Charts that lead somewhere: each mark as one link with its words, and none where there is nowhere to go."""

from __future__ import annotations

import re
from datetime import date
from xml.etree import ElementTree

import pytest

from alignment.reports.charts import drawing, svg
from alignment.reports.model import Chart, Mark, Name, Series, Shape
from alignment.reports.shown import Shown

URL = '/list?figure=a&reason="<b>"'
MARKS = (
    Mark(Name("One"), 3.0, before=2.0, url=URL), Mark(Name("Two"), 0.0, url="/list?figure=b"), Mark(Name("Three"), 1.0, target=2.0),
)  # fmt: skip
SVG = "{http://www.w3.org/2000/svg}"


def parsed(chart: Chart) -> ElementTree.Element:
    return ElementTree.fromstring(svg(drawing(chart, Shown("en")), "c"))


@pytest.mark.parametrize("shape", ["bars", "intervals", "progress"])
def test_a_mark_is_one_link_with_its_words(shape: Shape) -> None:
    root = parsed(Chart("entered", shape, MARKS))
    links = root.findall(f".//{SVG}a")
    assert [one.get("href") for one in links] == [URL, "/list?figure=b"]
    assert ["One" in "".join(one.itertext()) for one in links] == [True, False]
    assert root.get("role") == "group"
    assert "Three" in "".join(root.itertext())


def test_of_lines_each_point_leads_to_its_own() -> None:
    days = tuple(date(2026, 3, n) for n in (2, 9, 16))
    urls = tuple(f"/list?week={day}" for day in days)
    root = parsed(Chart("inflow", "lines", series=(Series(Name("in"), (1.0, 5.0, 2.0), urls),), days=days))
    links = root.findall(f".//{SVG}a")
    assert [one.get("href") for one in links] == list(urls)
    assert [one.get("aria-label") for one in links] == ["in, Mar 2: 1", "in, Mar 9: 5", "in, Mar 16: 2"]


def test_without_addresses_it_is_an_image() -> None:
    root = parsed(Chart("entered", "bars", tuple(Mark(one.label, one.value) for one in MARKS)))
    assert root.get("role") == "img"
    assert not root.findall(f".//{SVG}a")
    assert not re.search(r"\sstyle=", ElementTree.tostring(root, "unicode"))
