"""The charts of a report, as shapes that any page can draw: an SVG here, a page of a PDF in `paper`. Pure.

Colours are told apart by those who see few (Okabe and Ito's, https://jfly.uni-koeln.de/color/), and never carry a meaning
alone: what is of the period before is thin and grey, a forecast is dashed, and the number stands beside it. Invariant: every
chart has a title and a description that says its figures in words; what leads to a page does so by its words too, not by its
shape alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from itertools import groupby
from typing import Literal

from alignment.reports.model import Chart, Mark
from alignment.reports.shown import Shown

Tone = Literal["one", "two", "three", "before", "ink", "quiet", "grid", "track"]
COLOURS: dict[Tone, str] = {
    "one": "#0072b2", "two": "#d55e00", "three": "#009e73", "before": "#9aa0a8", "ink": "#1c2127", "quiet": "#5b636e",
    "grid": "#d9dde2", "track": "#eceff2",
}  # fmt: skip
SERIES: tuple[Tone, ...] = ("one", "two", "three")
DASHES = ("", "6 3", "2 3")
WIDTH, LEFT, RIGHT = 680.0, 190.0, 150.0
SPAN = WIDTH - LEFT - RIGHT
"""Of the bars."""

CHARACTERS = 26
"""Of a label at most."""


@dataclass(frozen=True, slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float
    tone: Tone
    outline: bool = False
    url: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """Straight lines from point to point."""

    points: tuple[tuple[float, float], ...]
    tone: Tone
    width: float = 1.0
    dash: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Dot:
    """`told`: what it stands for, where no word stands beside it."""

    x: float
    y: float
    radius: float
    tone: Tone
    url: str = ""
    told: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    x: float
    y: float
    text: str
    tone: Tone = "ink"
    size: float = 12.0
    anchor: Literal["start", "middle", "end"] = "start"
    bold: bool = False
    url: str = ""


Shape = Rect | Path | Dot | Label


@dataclass(frozen=True, slots=True)
class Drawing:
    height: float
    title: str
    description: str
    shapes: tuple[Shape, ...]
    width: float = WIDTH


def drawing(chart: Chart, shown: Shown) -> Drawing:
    title = shown.text(f"chart_{chart.key}")
    if chart.shape == "lines":
        height, shapes, said = _lines(chart, shown)
    else:
        draw = {"bars": _bars, "intervals": _intervals, "progress": _progress}[chart.shape]
        height, shapes, said = draw(chart.marks, shown)
    return Drawing(height, title, "; ".join(said), tuple(shapes))


Legend = Sequence[tuple[str, Tone, str]]
Drawn = tuple[float, list[Shape], list[str]]


def _short(text: str) -> str:
    return text if len(text) <= CHARACTERS else text[: CHARACTERS - 1].rstrip() + "…"


def _legend(entries: Legend, x: float = LEFT) -> Iterator[Shape]:
    """`entries`: text, tone, and how it is drawn: `bar`, `thin`, `box`, `dot` or `line`."""
    for text, tone, how in entries:
        if how in ("bar", "thin"):
            yield Rect(x, 4 if how == "bar" else 8, 14, 11 if how == "bar" else 5, tone)
        elif how == "box":
            yield Rect(x, 4, 14, 11, tone, outline=True)
        elif how == "dot":
            yield Path(((x, 9.5), (x + 14, 9.5)), tone, 2)
            yield Dot(x + 7, 9.5, 4, tone)
        else:
            yield Path(((x + 7, 2), (x + 7, 17)), tone, 2)
        yield Label(x + 20, 14, text, "quiet", 11)
        x += 34 + 6.4 * len(text)


def _leading(shapes: list[Shape], since: int, url: str) -> None:
    """All that was drawn of one mark leads there."""
    if url:
        shapes[since:] = [replace(one, url=url) for one in shapes[since:]]


def _name(label: str, middle: float) -> Label:
    return Label(LEFT - 12, middle + 4, _short(label), "ink", 12, "end")


def _bars(marks: Sequence[Mark], shown: Shown) -> Drawn:
    most = max([1.0, *(max(one.value or 0.0, one.before or 0.0) for one in marks)])
    legend: Legend = [(shown.text("chart_now"), "one", "bar"), (shown.text("chart_before"), "before", "thin")]
    shapes = list(_legend(legend))
    said, y = [], 30.0
    for one in marks:
        label, begun = shown.inline(one.label), len(shapes)
        shapes.append(_name(label, y + 12))
        width = (one.value or 0.0) / most * SPAN
        shapes.append(Rect(LEFT, y + 2, max(width, 1.0), 14, "one"))
        text = shown.amount(one.value, one.unit, one.currency)
        if one.before is not None:
            shapes.append(Rect(LEFT, y + 18, max(one.before / most * SPAN, 1.0), 5, "before"))
            text += f"  ({shown.text('before', number=shown.amount(one.before, one.unit, one.currency))})"
        longest = max(width, (one.before or 0.0) / most * SPAN)
        shapes.append(Label(LEFT + longest + 8, y + 14, text, "ink", 12))
        _leading(shapes, begun, one.url)
        said.append(f"{label}: {text}")
        y += 33
    shapes.append(Path(((LEFT, 28), (LEFT, y)), "quiet", 1))
    return y + 4, shapes, said


def _intervals(marks: Sequence[Mark], shown: Shown) -> Drawn:
    legend: list[tuple[str, Tone, str]] = [(shown.text("chart_now"), "one", "dot")]
    if any(one.before is not None for one in marks):
        legend.append((shown.text("chart_before"), "before", "line"))
    shapes = list(_legend(legend))
    bottom = 30 + 30.0 * len(marks)
    for part in range(5):
        x = LEFT + SPAN * part / 4
        shapes.append(Path(((x, 26), (x, bottom)), "grid", 1))
        shapes.append(Label(x, bottom + 14, shown.amount(part / 4, "share"), "quiet", 11, "middle"))
    said, y = [], 30.0
    for one in marks:
        label, middle, begun = shown.inline(one.label), y + 14, len(shapes)
        shapes.append(_name(label, middle))
        text = shown.amount(one.value, "share")
        if one.before is not None:
            x = LEFT + one.before * SPAN
            shapes.append(Path(((x, middle - 9), (x, middle + 9)), "before", 3))
            text += f"  ({shown.text('before', number=shown.amount(one.before, 'share'))})"
        if one.low is not None and one.high is not None:
            low, high = LEFT + one.low * SPAN, LEFT + one.high * SPAN
            shapes.append(Path(((low, middle), (high, middle)), "one", 2))
            shapes += [Path(((x, middle - 5), (x, middle + 5)), "one", 2) for x in (low, high)]
        if one.value is not None:
            shapes.append(Dot(LEFT + one.value * SPAN, middle, 5, "one"))
        shapes.append(Label(LEFT + SPAN + 14, middle + 4, text, "ink", 12))
        _leading(shapes, begun, one.url)
        said.append(f"{label}: {text}")
        y += 30
    return bottom + 22, shapes, said


def _progress(marks: Sequence[Mark], shown: Shown) -> Drawn:
    shares = [max(one.value or 0.0, one.forecast or 0.0) / one.target for one in marks if one.target]
    most = min(max([1.1, *shares]), 2.0)
    legend: Legend = [
        (shown.text("chart_reached"), "one", "bar"), (shown.text("chart_forecast"), "one", "box"),
        (shown.text("chart_target"), "ink", "line"),
    ]  # fmt: skip
    shapes = list(_legend(legend))
    said, y = [], 30.0
    for one in marks:
        label, begun = shown.inline(one.label), len(shapes)
        target = one.target or 1.0
        shapes.append(_name(label, y + 14))
        shapes.append(Rect(LEFT, y + 4, SPAN, 16, "track"))
        if one.value is not None:
            shapes.append(Rect(LEFT, y + 4, max(1.0, min(one.value / target, most) / most * SPAN), 16, "one"))
        if one.forecast is not None and one.forecast != one.value:
            shapes.append(Rect(LEFT, y + 4, max(1.0, min(one.forecast / target, most) / most * SPAN), 16, "one", True))
        x = LEFT + SPAN / most
        shapes.append(Path(((x, y), (x, y + 24)), "ink", 2))
        reached, goal = (shown.amount(value, one.unit, one.currency) for value in (one.value, one.target))
        coming = shown.amount(one.forecast, one.unit, one.currency)
        share = shown.amount(one.forecast / target if one.forecast is not None else None, "share")
        shapes.append(Label(LEFT + SPAN + 14, y + 17, share, "ink", 12))
        _leading(shapes, begun, one.url)
        words = (shown.text(f"chart_{key}") for key in ("reached", "forecast", "target"))
        told = ", ".join(f"{word} {value}" for word, value in zip(words, (reached, coming, goal), strict=True))
        said.append(f"{label}: {told}")
        y += 32
    return y + 2, shapes, said


def _lines(chart: Chart, shown: Shown) -> Drawn:
    left, right, top, bottom = 44.0, WIDTH - RIGHT - 20, 14.0, 170.0
    most = axis_end(max([1.0, *(value for one in chart.series for value in one.values)]))
    shapes: list[Shape] = []
    said = []
    for part in range(3):
        y = bottom - (bottom - top) * part / 2
        shapes.append(Path(((left, y), (right, y)), "grid", 1))
        shapes.append(Label(left - 8, y + 4, shown.amount(most * part / 2, "count"), "quiet", 11, "end"))
    step = (right - left) / max(1, len(chart.days) - 1)
    for place, day in enumerate(chart.days):
        if place % 3 == 0:
            text = shown.words.date(day, shown.text("pattern_day"))
            shapes.append(Label(left + step * place, bottom + 18, text, "quiet", 11, "middle"))
    ends = []
    for number, one in enumerate(chart.series):
        tone, dash = SERIES[number % 3], DASHES[number % 3]
        points = [(left + step * n, bottom - value / most * (bottom - top)) for n, value in enumerate(one.values)]
        shapes.append(Path(tuple(points), tone, 2.2, dash))
        label = shown.inline(one.label)
        if not one.urls:
            shapes.append(Dot(*points[-1], 3.5, tone))
        for place, (point, value, url) in enumerate(zip(points, one.values, one.urls, strict=False)):
            when = shown.words.date(chart.days[place], shown.text("pattern_day"))
            shapes.append(Dot(*point, 4, tone, url, f"{label}, {when}: {shown.amount(value, 'count')}"))
        ends.append((points[-1][1], label, shown.amount(one.values[-1], "count"), tone))
        said.append(f"{label}: {', '.join(shown.amount(value, 'count') for value in one.values)}")
    above = float("-inf")
    for y, label, text, tone in sorted(ends):
        above = max(y, above + 15)
        shapes.append(Label(right + 12, above + 4, f"{_short(label)} {text}", tone, 12, bold=True))
    return bottom + 28, shapes, said


def axis_end(value: float) -> float:
    """The next number that is easy to read an axis by, even so that its half is whole."""
    scale = 1.0
    while True:
        for step in (2, 4, 6, 8, 10):
            if value <= step * scale:
                return step * scale
        scale *= 10


# -- as SVG -------------------------------------------------------------------------------------------------------------


def svg(one: Drawing, id_: str) -> str:
    """For a page: `class` names the tone, so that a dark page may choose its own colours. `id_`: none other's on it."""
    body = "".join(
        _led("".join(map(_svg, some)), url, some[0])
        for url, some in ((url, list(some)) for url, some in groupby(one.shapes, lambda shape: shape.url))
    )
    role = "group" if any(shape.url for shape in one.shapes) else "img"  # of an image, links would be no links
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(one.width)} {_n(one.height)}" role="{role}" '
        f'aria-labelledby="{id_}-t {id_}-d" font-family="inherit"><title id="{id_}-t">{escape(one.title)}</title>'
        f'<desc id="{id_}-d">{escape(one.description)}</desc>{body}</svg>'
    )


def _led(drawn: str, url: str, first: Shape) -> str:
    if not url:
        return drawn
    told = f' aria-label="{escape(first.told)}"' if isinstance(first, Dot) and first.told else ""
    return f'<a href="{escape(url)}"{told}>{drawn}</a>'


def _svg(shape: Shape) -> str:
    colour = COLOURS[shape.tone]
    match shape:
        case Rect(x, y, width, height, tone, outline):
            paint = f'class="s-{tone}" fill="none" stroke="{colour}" stroke-width="1.5" stroke-dasharray="4 2"'
            if not outline:
                paint = f'class="f-{tone}" fill="{colour}"'
            return f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}" rx="1.5" {paint}/>'
        case Path(points, tone, width, dash):
            told = " ".join(f"{_n(x)},{_n(y)}" for x, y in points)
            more = f' stroke-dasharray="{dash}"' if dash else ""
            return (
                f'<polyline points="{told}" class="s-{tone}" fill="none" stroke="{colour}" stroke-width="{_n(width)}"'
                f' stroke-linejoin="round"{more}/>'
            )
        case Dot(x, y, radius, tone, _, said):
            title = f"<title>{escape(said)}</title>" if said else ""
            return (
                f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" class="f-{tone}" fill="{colour}">{title}</circle>'
            )
        case Label(x, y, text, tone, size, anchor, bold):
            weight = ' font-weight="600"' if bold else ""
            return (
                f'<text x="{_n(x)}" y="{_n(y)}" class="f-{tone}" fill="{colour}" font-size="{_n(size)}" '
                f'text-anchor="{anchor}"{weight}>{escape(text)}</text>'
            )


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
