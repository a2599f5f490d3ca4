"""What a report says, before it is written down in any language or form. Every renderer shows these cells, so that all show
the same figures.

Texts are keys of the catalogue (`reports.<key>`) with values for their gaps. Invariant: a figure that nothing is known of
has no value, which is not zero; what a section leaves out stands in its notes, with the number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from alignment.periods import Period

Unit = Literal["count", "share", "days", "minutes", "money"]
Kind = Literal["week", "month", "period"]
Shape = Literal["bars", "lines", "intervals", "progress"]
Better = Literal["more", "less", ""]


@dataclass(frozen=True, slots=True)
class Figure:
    """`before`: the same of the period before. `low`, `high`: where the true share lies, with a certainty of 95 %. `of`: out
    of how many. `currency`: of money, ISO 4217; empty where none is known. Shares are 0 to 1."""

    value: float | None
    unit: Unit = "count"
    before: float | None = None
    low: float | None = None
    high: float | None = None
    of: int | None = None
    currency: str = ""
    better: Better = ""


@dataclass(frozen=True, slots=True)
class Term:
    """A stage; its entry in the glossary has this name as its anchor."""

    stage: str

    @property
    def anchor(self) -> str:
        return f"glossary-{self.stage}"


@dataclass(frozen=True, slots=True)
class Name:
    """What is called by somebody's own words: a source, a person, a reason. May hold anything. `told`: language -> the
    same in that language, where they wrote it in several."""

    text: str
    told: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Say:
    """A text of the catalogue. Of the values, cells are written as they are elsewhere."""

    key: str
    values: Mapping[str, Cell | int | float | str | date | datetime] = field(default_factory=dict)


Cell = Figure | Term | Name | Say


@dataclass(frozen=True, slots=True)
class Table:
    """`columns`: keys of their headings; the first is what a row is about."""

    key: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing on a chart. `target`: of an objective; `forecast`: what it will come to. `url`: of whoever stands behind it, on a
    page that has that."""

    label: Cell
    value: float | None
    unit: Unit = "count"
    before: float | None = None
    low: float | None = None
    high: float | None = None
    target: float | None = None
    forecast: float | None = None
    currency: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """`urls`: of each value, as of a mark."""

    label: Cell
    values: tuple[float, ...]
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Chart:
    """`marks` of bars, intervals and progress; `series` over `days` of lines."""

    key: str
    shape: Shape
    marks: tuple[Mark, ...] = ()
    series: tuple[Series, ...] = ()
    days: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class Section:
    """`points`: what its figures come to, in sentences. `notes`: what was left out, and how it is counted."""

    key: str
    points: tuple[Say, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[Say, ...] = ()


@dataclass(frozen=True, slots=True)
class Explained:
    """A stage in the teams' own words, in one language."""

    stage: str
    means: str
    entry: str
    criteria: str
    called: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Report:
    """`glossary`: language -> entries. `empty`: there is no lead to count."""

    kind: Kind
    period: Period
    before: Period
    as_of: datetime
    language: str
    leads: int
    sections: tuple[Section, ...]
    glossary: Mapping[str, tuple[Explained, ...]]

    @property
    def empty(self) -> bool:
        return self.leads == 0

    def section(self, key: str) -> Section:
        """Raises KeyError."""
        return {one.key: one for one in self.sections}[key]
