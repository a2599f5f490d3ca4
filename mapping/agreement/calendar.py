"""When a team works, as an admin writes it: hours of each weekday, public holidays, days off, absences.

Not here: counting with it (`alignment.sla.calendar`). Invariant: what is accepted here can be counted with; spans of one
day neither overlap nor end before they begin.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from mapping.conditions import Model
from mapping.options import Word

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Day = Annotated[date, Field(examples=["2026-01-31"])]
_SPAN = re.compile(r"([01]?\d|2[0-3]):([0-5]\d) ?[-–] ?([01]?\d|2[0-4]):([0-5]\d)")
_DURATION = re.compile(r"(\d{1,5}) ?(min|h)")


def span_of(text: str) -> tuple[int, int]:
    """ "09:00-14:00" as minutes of the day. Raises ValueError."""
    found = _SPAN.fullmatch(text.strip())
    if found is None:
        raise ValueError("hours are written as 09:00-17:30")
    start, end = int(found[1]) * 60 + int(found[2]), int(found[3]) * 60 + int(found[4])
    if end <= start or end > 24 * 60:
        raise ValueError(f"{text} ends before it begins" if end <= start else "a day ends at 24:00")
    return start, end


def minutes_of(text: str) -> int:
    """ "90 min" or "4 h" in minutes. Raises ValueError."""
    found = _DURATION.fullmatch(text.strip())
    if found is None or not int(found[1]):
        raise ValueError("a time is written as 15 min or 4 h")
    return int(found[1]) * (60 if found[2] == "h" else 1)


def days_of(text: str) -> tuple[date, date]:
    """ "2026-12-24", or "2026-08-10..2026-08-21" with both ends in it. Raises ValueError."""
    first, dots, last = text.partition("..")
    try:
        start = date.fromisoformat(first.strip())
        end = date.fromisoformat(last.strip()) if dots else start
    except ValueError:
        raise ValueError("a day off is written as 2026-12-24, several as 2026-08-10..2026-08-21") from None
    if end < start:
        raise ValueError(f"{text} ends before it begins")
    return start, end


def _spans(spans: tuple[str, ...]) -> tuple[str, ...]:
    edges = sorted(map(span_of, spans))
    if any(after[0] < before[1] for before, after in pairwise(edges)):
        raise ValueError("hours of one day overlap")
    return spans


def _several(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _checked(check: Any) -> AfterValidator:
    def same(text: str) -> str:
        check(text)
        return text

    return AfterValidator(same)


Spans = Annotated[
    tuple[str, ...], AfterValidator(_spans), BeforeValidator(_several, json_schema_input_type=str | list[str])
]
Duration = Annotated[str, _checked(minutes_of), Field(examples=["4 h"])]
DaysOff = Annotated[str, _checked(days_of)]


class PublicHolidays(Model):
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    """ISO 3166: ES, BR."""
    subdivision: Word | None = None
    """Region whose holidays count as well, by its ISO 3166-2 code without the country: MD, SP."""


class Calendar(Model):
    """Business hours are wall time in the zone: nine o'clock stays nine o'clock when the clocks change."""

    zone: Word
    """IANA name: Europe/Madrid."""
    hours: dict[Weekday, Spans] = Field(min_length=1)
    """Weekday -> when work is done, "09:00-14:00" or a list of such. A weekday that is not said is free."""
    holidays: PublicHolidays | None = None
    """Public holidays, which are free."""
    days_off: tuple[DaysOff, ...] = ()
    """More free days: "2026-12-24", or a stretch "2026-08-10..2026-08-21". May be added to at any time."""
    regions: tuple[Word, ...] = ()
    """Values of the field `calendar_by`: leads with one of them are worked by this calendar."""

    def off(self) -> Iterator[date]:
        for text in self.days_off:
            day, last = days_of(text)
            while day <= last:
                yield day
                day += timedelta(days=1)


class Absence(Model):
    """The clocks of this person's leads stand still."""

    owner: Word
    """E-mail address of the owner, as in the shared field `email` of owners."""
    from_: Day = Field(alias="from")
    """First day."""
    to: Day
    """Last day."""

    @model_validator(mode="after")
    def _in_order(self) -> Absence:
        if self.to < self.from_:
            raise ValueError("the absence ends before it begins")
        return self
