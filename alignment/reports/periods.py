"""Which days a report is about. Pure.

A week is the seven days up to a day; a month is the calendar month where that day is its last, else the days since the
same day of the month before. Without a day: the last whole week (Monday to Sunday) or calendar month.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from alignment.periods import Period, month_on
from alignment.reports.model import Kind

DAY = timedelta(days=1)


def period_of(kind: Kind, now: datetime, zone: str = "UTC", until: date | None = None) -> Period:
    """`until`: the last day. Raises ValueError for another kind than `week` and `month`."""
    today = now.astimezone(ZoneInfo(zone)).date()
    if kind == "week":
        last = until or today - timedelta(days=today.weekday() + 1)
        return Period(last - 6 * DAY, last, zone)
    if kind != "month":
        raise ValueError(kind)
    last = until or today.replace(day=1) - DAY
    if (last + DAY).day == 1:
        return Period(last.replace(day=1), last, zone)
    month = month_on(last, -1)
    day = min(last.day, monthrange(month.year, month.month)[1])
    return Period(month.replace(day=day) + DAY, last, zone)


def kind_of(period: Period) -> Kind:
    days = (period.last - period.first).days + 1
    return "week" if days == 7 else "month" if 28 <= days <= 31 else "period"


def shifted(period: Period, days: int) -> Period:
    """As long, and so many days earlier."""
    return Period(period.first - days * DAY, period.last - days * DAY, period.zone)


def weeks(period: Period, count: int) -> list[date]:
    """The first days of so many weeks, the last of which ends with the period; and the day after it."""
    end = period.last + DAY
    return [end - 7 * (count - n) * DAY for n in range(count + 1)]
