"""How the scores are spread, as a drawing: a column for every five points, the threshold, and what it was before. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

from markupsafe import Markup

from alignment.reports.charts import Drawing, Label, Path, Rect, Shape, Tone, axis_end, svg
from alignment.words import Words

BANDS = 20
STEP = 5
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 680.0, 52.0, 16.0, 26.0, 216.0


def band_of(total: int) -> int:
    """Five points a band, the last with 100."""
    return min(total // STEP, BANDS - 1)


def bands(totals: Sequence[int]) -> list[int]:
    """From leads by points (0 to 100) to leads by band."""
    found = [0] * BANDS
    for total, count in enumerate(totals):
        found[band_of(total)] += count
    return found


def named(band: int) -> str:
    """ "95–100" """
    return f"{band * STEP}–{100 if band == BANDS - 1 else band * STEP + STEP - 1}"


def histogram(
    totals: Sequence[int], words: Words, id_: str, least: int | None = None, before: Sequence[int] | None = None
) -> Markup:
    """`totals`, `before`: leads by points, 0 to 100. `least`: points that earn the stage. `id_`: none other's on the page."""
    now, then = bands(totals), bands(before) if before is not None else None
    most = axis_end(max(*now, *(then or ()), 1))
    shapes = [*_scale(most, words), *_columns(now, then, most)]
    if then is not None:
        shapes += _legend(words)
    if least is not None:
        x = LEFT + (WIDTH - LEFT - RIGHT) * least / 100
        anchor: Literal["end", "start"] = "end" if least > 60 else "start"
        shapes.append(Path(((x, TOP - 6), (x, BOTTOM)), "two", 2, "5 3"))
        text = words("scoring.from_points", count=least)
        shapes.append(Label(x + (-6 if anchor == "end" else 6), TOP - 2, text, "two", 12, anchor, bold=True))
    said = "; ".join(f"{named(n)}: {words.number(count)}" for n, count in enumerate(now))
    title = words("scoring.spread")
    return Markup(svg(Drawing(BOTTOM + 26, title, said, tuple(shapes), WIDTH), id_))  # noqa: S704  all texts in it are escaped


def _columns(now: Sequence[int], then: Sequence[int] | None, most: float) -> Iterator[Shape]:
    wide = (WIDTH - LEFT - RIGHT) / BANDS
    for n, count in enumerate(now):
        x = LEFT + n * wide
        if then is not None:
            tall = then[n] / most * (BOTTOM - TOP)
            yield Rect(x + 2, BOTTOM - tall, (wide - 4) / 2, tall, "before")
            tall = count / most * (BOTTOM - TOP)
            yield Rect(x + wide / 2, BOTTOM - tall, (wide - 4) / 2, tall, "one")
        else:
            tall = count / most * (BOTTOM - TOP)
            yield Rect(x + 2, BOTTOM - tall, wide - 4, tall, "one")


def _scale(most: float, words: Words) -> Iterator[Shape]:
    for part in range(3):
        y = BOTTOM - (BOTTOM - TOP) * part / 2
        yield Path(((LEFT, y), (WIDTH - RIGHT, y)), "grid", 1)
        yield Label(LEFT - 8, y + 4, words.number(most * part / 2), "quiet", 11, "end")
    for points in range(0, 101, 10):
        x = LEFT + (WIDTH - LEFT - RIGHT) * points / 100
        yield Label(x, BOTTOM + 18, str(points), "quiet", 11, "middle")


def _legend(words: Words) -> Iterator[Shape]:
    x = LEFT
    entries: tuple[tuple[str, Tone], ...] = (("scoring.before", "before"), ("scoring.after", "one"))
    for key, tone in entries:
        yield Rect(x, 2, 12, 12, tone)
        yield Label(x + 18, 12, words(key), "quiet", 11)
        x += 120
