"""Months, quarters, halves and years of the calendar, and any other stretch of whole days in a time zone. Pure.

Invariant: `period_named(label_of(unit, day))` is the period that holds the day.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from mapping.agreement.objectives import MONTHS, Unit


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days: from the beginning of `first` to the end of `last`, in a time zone."""

    first: date
    last: date
    zone: str = "UTC"

    @property
    def start(self) -> datetime:
        return midnight(self.first, self.zone)

    @property
    def end(self) -> datetime:
        """The first moment that is no more part of it."""
        return midnight(self.last + timedelta(days=1), self.zone)

    @property
    def before(self) -> Period:
        """As many whole months before where it is whole months; as many days where it is not."""
        after = self.last + timedelta(days=1)
        if self.first.day == after.day == 1:
            months = (after.year - self.first.year) * 12 + after.month - self.first.month
            return Period(month_on(self.first, -months), self.first - timedelta(days=1), self.zone)
        days = (after - self.first).days
        return Period(self.first - timedelta(days=days), self.first - timedelta(days=1), self.zone)

    @property
    def months(self) -> list[date]:
        """The first day of every month that it touches."""
        found = [self.first.replace(day=1)]
        while (following := month_on(found[-1], 1)) <= self.last:
            found.append(following)
        return found


def month_on(day: date, months: int) -> date:
    """The first day of the month so many months later."""
    number = day.year * 12 + day.month - 1 + months
    return date(number // 12, number % 12 + 1, 1)


def midnight(day: date, zone: str) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone))


def local_day(at: datetime, zone: str) -> date:
    """The day that the calendar shows in the zone."""
    return at.astimezone(ZoneInfo(zone)).date()


def label_of(unit: Unit, day: date) -> str:
    """2026-03, 2026-Q1, 2026-H1 or 2026."""
    if unit == "month":
        return f"{day:%Y-%m}"
    number = (day.month - 1) // MONTHS[unit] + 1
    return {"quarter": f"{day.year}-Q{number}", "half": f"{day.year}-H{number}", "year": f"{day.year}"}[unit]


def period_named(label: str, zone: str = "UTC") -> tuple[Unit, Period]:
    """The period of the calendar with this label. Raises ValueError where it is none."""
    found = re.fullmatch(r"(\d{4})(?:-(?:Q([1-4])|H([12])|(0[1-9]|1[0-2])))?", label)
    if not found:
        raise ValueError(label)
    year, quarter, half, month = found.groups()
    unit: Unit = "quarter" if quarter else "half" if half else "month" if month else "year"
    first = date(int(year), (int(quarter or half or month or 1) - 1) * MONTHS[unit] + 1, 1)
    return unit, Period(first, month_on(first, MONTHS[unit]) - timedelta(days=1), zone)


def current(unit: Unit, at: datetime, zone: str) -> Period:
    """The one that a moment falls in."""
    return period_named(label_of(unit, local_day(at, zone)), zone)[1]
